// SPDX-License-Identifier: MPL-2.0

// XEP-0199: XMPP Ping

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/ping"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Ping returns once an entity has answered; the zero JID is our server. An
// entity that does not know the extension says so, which is an answer as well.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) Ping(ctx context.Context, to jid.JID) error {
	_, err := c.get(ctx, to, element.New(ping.NS, "ping"))
	switch Condition(err) {
	case stanza.FeatureNotImplemented:
		return nil
	case stanza.ServiceUnavailable:
		// From a client it may also mean that there is none.
		if to.Resourcepart() == "" {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

func (c *Client) answerPing(context.Context, request) (payload, refusal *element.Element) {
	return nil, nil
}
