// SPDX-License-Identifier: MPL-2.0

// XEP-0280: Message Carbons

package xmpp

import (
	"context"
	"fmt"
	"time"

	"mellium.im/xmpp/carbons"
	"mellium.im/xmpp/forward"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Carbon says whether a message is a copy of one that another client of the
// account received or sent.
type Carbon uint8

// What a message can be a copy of.
const (
	NotCarbon Carbon = iota
	CarbonReceived
	CarbonSent
)

// EnableCarbons asks the server for copies of what our other clients send and
// receive. It holds for the session; a resumed one still has it.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) EnableCarbons(ctx context.Context) error {
	if _, err := c.set(ctx, jid.JID{}, element.New(carbons.NS, "enable")); err != nil {
		return fmt.Errorf("enable carbons: %w", err)
	}
	return nil
}

// unwrapCarbon returns the message inside a carbon, or nil when the message is
// none. Only the own account may send one, and only about itself: anything
// else is the forgery of CVE-2017-5589. The types of mellium decode carbons,
// but its handler takes them from anybody.
func unwrapCarbon(message *element.Element, from, self jid.JID) (inner *element.Element, kind Carbon, stamp time.Time, err error) {
	received, sent := message.Child(carbons.NS, "received"), message.Child(carbons.NS, "sent")
	wrapper := received
	switch {
	case received == nil && sent == nil:
		return nil, NotCarbon, time.Time{}, nil
	case received != nil && sent != nil:
		return nil, NotCarbon, time.Time{}, fmt.Errorf("%w: two carbons", ErrMalformed)
	case !from.Equal(self):
		return nil, NotCarbon, time.Time{}, fmt.Errorf("%w: carbon", ErrForged)
	case received != nil:
		kind = CarbonReceived
	default:
		kind, wrapper = CarbonSent, sent
	}
	inner, stamp, err = ParseForwarded(wrapper.Child(forward.NS, "forwarded"))
	return inner, kind, stamp, err
}

// checkCarbon makes sure that the copy is about the own account.
func (m *Message) checkCarbon(self jid.JID) error {
	party := m.To
	if m.Carbon == CarbonSent {
		party = m.From
	}
	if !party.Bare().Equal(self) {
		return fmt.Errorf("%w: carbon of another account", ErrForged)
	}
	return nil
}
