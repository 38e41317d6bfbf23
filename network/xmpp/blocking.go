// SPDX-License-Identifier: MPL-2.0

// XEP-0191: Blocking Command, XEP-0377: Spam Reporting

package xmpp

import (
	"context"
	"fmt"
	"slices"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Namespaces of blocking and of reports, which are also the features by which
// a server announces them.
const (
	NSBlocking  = "urn:xmpp:blocking"
	NSReporting = "urn:xmpp:reporting:1"
)

// maxBlocked bounds a list of blocked addresses.
const maxBlocked = 20_000

// FetchBlocked fetches the blocked addresses and makes the server push their
// changes for as long as the session lasts, XEP-0191 §3.2 and §3.3. Entries that
// are no addresses are left out.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchBlocked(ctx context.Context) ([]jid.JID, error) {
	answer, err := c.fetch(ctx, jid.JID{}, element.New(NSBlocking, "blocklist"))
	if err != nil {
		return nil, fmt.Errorf("fetch blocked addresses: %w", err)
	}
	list, err := blockedItems(answer)
	if err != nil {
		return nil, fmt.Errorf("fetch blocked addresses: %w", ErrAnswer)
	}
	return list, nil
}

func blockedItems(x *element.Element) ([]jid.JID, error) {
	var list []jid.JID
	for item := range x.All(NSBlocking, "item") {
		j, err := parseJID(item.AttrValue("jid"))
		if err != nil || j.Equal(jid.JID{}) {
			continue
		}
		if len(list) == maxBlocked {
			return nil, fmt.Errorf("%w: too many addresses", ErrMalformed)
		}
		list = append(list, j)
	}
	return list, nil
}

// Reasons of a report, XEP-0377 §4.
const (
	ReportSpam  = "urn:xmpp:reporting:spam"
	ReportAbuse = "urn:xmpp:reporting:abuse"
)

// A Report tells the own server why somebody is blocked, XEP-0377. It says
// nothing of what may be passed on to others, so nothing may.
type Report struct {
	Reason   string // one of the constants
	Text     string // a person's own words
	Messages []StanzaID
}

// Element builds the report.
func (r Report) Element() *element.Element {
	x := element.New(NSReporting, "report").With("reason", r.Reason)
	for _, id := range r.Messages {
		x.Add(element.New(NSStanzaID, "stanza-id").With("by", id.By.String()).With("id", id.ID))
	}
	if r.Text != "" {
		x.Add(element.New(NSReporting, "text").WithText(r.Text))
	}
	return x
}

// Block has the server let nothing through from an address any more, nor to it,
// XEP-0191 §3.4: a bare address stands for all clients of an account, a domain
// for all accounts there. A report may go along, which the server must have
// announced with [NSReporting]. The result arrives as a push.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) Block(ctx context.Context, address jid.JID, report *Report) error {
	item := element.New(NSBlocking, "item").With("jid", address.String())
	if report != nil {
		item.Add(report.Element())
	}
	if _, err := c.set(ctx, jid.JID{}, element.New(NSBlocking, "block").Add(item)); err != nil {
		return fmt.Errorf("block address: %w", err)
	}
	return nil
}

// Unblock takes addresses off the list, XEP-0191 §3.5. None at all is an error:
// to the server it would mean every one.
//
// Errors: [ErrConfig] and those of [stream.Stream.IQ].
func (c *Client) Unblock(ctx context.Context, addresses ...jid.JID) error {
	if len(addresses) == 0 {
		return fmt.Errorf("unblock: %w: no address", ErrConfig)
	}
	return c.unblock(ctx, addresses)
}

// UnblockAll empties the list, XEP-0191 §3.6.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) UnblockAll(ctx context.Context) error { return c.unblock(ctx, nil) }

func (c *Client) unblock(ctx context.Context, addresses []jid.JID) error {
	x := element.New(NSBlocking, "unblock")
	for _, j := range addresses {
		x.Add(element.New(NSBlocking, "item").With("jid", j.String()))
	}
	if _, err := c.set(ctx, jid.JID{}, x); err != nil {
		return fmt.Errorf("unblock: %w", err)
	}
	return nil
}

// A BlockPush is a change of the list of blocked addresses, XEP-0191 §3.4 to §3.6.
type BlockPush struct {
	Blocked, Unblocked []jid.JID
	UnblockedAll       bool // the list is empty
}

// ParseBlockPush reads a push of blocked addresses that account self received.
// Answer it with [Client.AnswerPush] once it is durable.
//
// Errors: [ErrForged] when it is not from the own account; [ErrMalformed] when
// it is no such push.
func ParseBlockPush(iq *element.Element, self jid.JID) (BlockPush, error) {
	p, err := parseBlockPush(iq, self.Bare())
	if err != nil {
		return BlockPush{}, fmt.Errorf("parse push of blocked addresses: %w", err)
	}
	return p, nil
}

func parseBlockPush(iq *element.Element, self jid.JID) (p BlockPush, err error) {
	if stanza.IQType(iq.AttrValue("type")) != stanza.SetIQ {
		return p, ErrMalformed
	}
	i := slices.IndexFunc(iq.Children, func(x *element.Element) bool { return x.Name.Space == NSBlocking })
	if i < 0 {
		return p, ErrMalformed
	}
	from, err := addressOr(iq.AttrValue("from"), self)
	if err != nil {
		return p, err
	}
	if !from.Equal(self) {
		return p, ErrForged
	}
	x := iq.Children[i]
	switch x.Name.Local {
	case "block":
		if p.Blocked, err = blockedItems(x); err == nil && len(p.Blocked) == 0 {
			err = fmt.Errorf("%w: no address", ErrMalformed)
		}
	case "unblock":
		p.UnblockedAll = len(x.Children) == 0
		if p.Unblocked, err = blockedItems(x); err == nil && !p.UnblockedAll && len(p.Unblocked) == 0 {
			err = fmt.Errorf("%w: no address", ErrMalformed)
		}
	default:
		err = ErrMalformed
	}
	return p, err
}
