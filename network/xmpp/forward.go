// SPDX-License-Identifier: MPL-2.0

// XEP-0297: Stanza Forwarding

package xmpp

import (
	"fmt"
	"time"

	"mellium.im/xmpp/delay"
	"mellium.im/xmpp/forward"

	"github.com/confab-im/confab/network/xmpp/element"
)

// ParseForwarded returns the message in a <forwarded/> and the time at which
// it was first received, zero when that is not said. Whoever forwards it vouches
// for it: look at that address before anything else.
//
// Errors: [ErrMalformed].
func ParseForwarded(e *element.Element) (message *element.Element, stamp time.Time, err error) {
	if !e.Is(forward.NS, "forwarded") {
		return nil, time.Time{}, fmt.Errorf("parse forwarded: %w", ErrMalformed)
	}
	message = e.Child(element.NSClient, "message")
	if message == nil {
		return nil, time.Time{}, fmt.Errorf("parse forwarded: %w: no message", ErrMalformed)
	}
	if d := e.Child(delay.NS, "delay"); d != nil {
		if _, stamp, err = ParseDelay(d); err != nil {
			return nil, time.Time{}, fmt.Errorf("parse forwarded: %w", err)
		}
	}
	return message, stamp, nil
}
