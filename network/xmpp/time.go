// SPDX-License-Identifier: MPL-2.0

// XEP-0202: Entity Time

package xmpp

import (
	"context"
	"encoding/xml"
	"fmt"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/xtime"

	"github.com/confab-im/confab/network/xmpp/element"
)

const nsTime = xtime.NS

// FetchTime asks an entity for its time; the location is that of its offset.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchTime(ctx context.Context, to jid.JID) (time.Time, error) {
	answer, err := c.fetch(ctx, to, element.New(nsTime, "time"))
	if err != nil {
		return time.Time{}, fmt.Errorf("fetch time: %w", err)
	}
	var t xtime.Time
	if err := xml.NewTokenDecoder(answer.TokenReader()).Decode(&t); err != nil {
		return time.Time{}, fmt.Errorf("fetch time: %w: unreadable", ErrAnswer)
	}
	return t.Time, nil
}

// answerTime tells whom Config.Trusts allows, because an offset says where
// somebody is; to others it looks as if nobody were there.
func (c *Client) answerTime(ctx context.Context, r request) (payload, refusal *element.Element) {
	if !c.cfg.Trusts(ctx, r.from) {
		return nil, unavailable()
	}
	answer, err := element.FromTokens(xtime.Time{Time: c.cfg.Now()}.TokenReader())
	if err != nil {
		return nil, unavailable()
	}
	return answer, nil
}
