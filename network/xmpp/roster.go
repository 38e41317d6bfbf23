// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/roster"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSRosterVersioning is the stream feature, named "ver", of a server that has
// roster versions, RFC 6121 §2.6.
const NSRosterVersioning = "urn:xmpp:features:rosterver"

// Subscription states, RFC 6121 §2.1.2.5.
const (
	SubscriptionNone   = "none"
	SubscriptionTo     = "to"     // we see the contact's presence
	SubscriptionFrom   = "from"   // the contact sees ours
	SubscriptionBoth   = "both"   //
	SubscriptionRemove = "remove" // in pushes: the contact is gone
)

// A RosterItem is one contact, RFC 6121 §2.1.2. roster.Item of mellium is not
// used, because it drops ask and approved.
type RosterItem struct {
	JID          jid.JID // bare
	Name         string
	Subscription string
	Ask          bool // our request to see the contact's presence is pending
	Approved     bool // the contact may see ours without asking
	Groups       []string
}

// A Roster is the contact list on the server.
type Roster struct {
	Version string // empty when the server has no versions
	// Unchanged: the version asked about is current or will be made so by
	// pushes; Items is empty and means nothing.
	Unchanged bool
	Items     []RosterItem
}

// FetchRoster fetches the contact list. With versioned, which requires
// [NSRosterVersioning], version is that of the copy at hand, or empty when there
// is none.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchRoster(ctx context.Context, versioned bool, version string) (Roster, error) {
	query := element.New(roster.NS, "query")
	if versioned {
		query.With("ver", version)
	}
	answer, err := c.get(ctx, jid.JID{}, query)
	switch {
	case err != nil:
		return Roster{}, fmt.Errorf("fetch roster: %w", err)
	case answer == nil && versioned && version != "":
		return Roster{Version: version, Unchanged: true}, nil
	case answer == nil:
		return Roster{}, nil
	case !answer.Is(roster.NS, "query"):
		return Roster{}, fmt.Errorf("fetch roster: %w", ErrAnswer)
	}
	r := Roster{Version: answer.AttrValue("ver")}
	for x := range answer.All(roster.NS, "item") {
		item, err := parseRosterItem(x)
		if err != nil || item.Subscription == SubscriptionRemove {
			continue // one bad entry must not hide all contacts
		}
		r.Items = append(r.Items, item)
	}
	return r, nil
}

// A RosterPush is a change of the contact list, RFC 6121 §2.1.6.
type RosterPush struct {
	Version string
	Item    RosterItem
}

// ParseRosterPush reads a roster push that account self received. Answer it
// with [Client.AnswerPush] once it is durable.
//
// Errors: [ErrForged] when it is not from the own account, which only that
// account's server can be; [ErrMalformed] when it is no roster push.
func ParseRosterPush(iq *element.Element, self jid.JID) (RosterPush, error) {
	p, err := parseRosterPush(iq, self.Bare())
	if err != nil {
		return RosterPush{}, fmt.Errorf("parse roster push: %w", err)
	}
	return p, nil
}

func parseRosterPush(iq *element.Element, self jid.JID) (RosterPush, error) {
	query := iq.Child(roster.NS, "query")
	if query == nil || stanza.IQType(iq.AttrValue("type")) != stanza.SetIQ {
		return RosterPush{}, ErrMalformed
	}
	from, err := addressOr(iq.AttrValue("from"), self)
	if err != nil {
		return RosterPush{}, err
	}
	if !from.Equal(self) {
		return RosterPush{}, ErrForged
	}
	p := RosterPush{Version: query.AttrValue("ver")}
	if len(query.Children) != 1 || !query.Children[0].Is(roster.NS, "item") {
		return RosterPush{}, fmt.Errorf("%w: not one item", ErrMalformed)
	}
	p.Item, err = parseRosterItem(query.Children[0])
	return p, err
}

func parseRosterItem(x *element.Element) (RosterItem, error) {
	j, err := parseJID(x.AttrValue("jid"))
	if err != nil {
		return RosterItem{}, err
	}
	if j.Equal(jid.JID{}) {
		return RosterItem{}, fmt.Errorf("%w: no address", ErrMalformed)
	}
	item := RosterItem{
		JID: j.Bare(), Name: x.AttrValue("name"),
		Ask: x.AttrValue("ask") == PresenceSubscribe, Approved: isTrue(x.AttrValue("approved")),
	}
	switch s := x.AttrValue("subscription"); s {
	case SubscriptionNone, SubscriptionTo, SubscriptionFrom, SubscriptionBoth, SubscriptionRemove:
		item.Subscription = s
	case "":
		item.Subscription = SubscriptionNone
	default:
		return RosterItem{}, fmt.Errorf("%w: subscription", ErrMalformed)
	}
	for g := range x.All(roster.NS, "group") {
		if g.Text != "" {
			item.Groups = append(item.Groups, g.Text)
		}
	}
	return item, nil
}

// SetContact adds a contact or changes its name and groups, RFC 6121 §2.3 and
// §2.4. The result arrives as a push.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) SetContact(ctx context.Context, contact jid.JID, name string, groups ...string) error {
	item := element.New(roster.NS, "item").With("jid", contact.Bare().String()).WithOptional("name", name)
	for _, g := range groups {
		item.Add(element.New(roster.NS, "group").WithText(g))
	}
	if _, err := c.set(ctx, jid.JID{}, element.New(roster.NS, "query").Add(item)); err != nil {
		return fmt.Errorf("set contact: %w", err)
	}
	return nil
}

// RemoveContact removes a contact and the subscriptions in both directions,
// RFC 6121 §2.5. The result arrives as a push.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) RemoveContact(ctx context.Context, contact jid.JID) error {
	item := element.New(roster.NS, "item").With("jid", contact.Bare().String()).With("subscription", SubscriptionRemove)
	if _, err := c.set(ctx, jid.JID{}, element.New(roster.NS, "query").Add(item)); err != nil {
		return fmt.Errorf("remove contact: %w", err)
	}
	return nil
}
