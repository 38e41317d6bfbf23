// SPDX-License-Identifier: MPL-2.0

// XEP-0092: Software Version

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/version"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Software names a program.
type Software struct{ Name, Version, OS string }

// FetchVersion asks an entity which program it is.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchVersion(ctx context.Context, to jid.JID) (Software, error) {
	answer, err := c.fetch(ctx, to, element.New(version.NS, "query"))
	if err != nil {
		return Software{}, fmt.Errorf("fetch version: %w", err)
	}
	return Software{
		Name:    answer.ChildText(version.NS, "name"),
		Version: answer.ChildText(version.NS, "version"),
		OS:      answer.ChildText(version.NS, "os"),
	}, nil
}

// answerVersion tells whom Config.Trusts allows; to others it looks as if
// nobody were there.
func (c *Client) answerVersion(ctx context.Context, r request) (payload, refusal *element.Element) {
	s := c.cfg.Software
	if s.Name == "" || !c.cfg.Trusts(ctx, r.from) {
		return nil, unavailable()
	}
	query := element.New(version.NS, "query").
		Add(element.New(version.NS, "name").WithText(s.Name), element.New(version.NS, "version").WithText(s.Version))
	if s.OS != "" {
		query.Add(element.New(version.NS, "os").WithText(s.OS))
	}
	return query, nil
}
