// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Presence types of RFC 6121 §4.7.1. Available presence has none.
const (
	PresenceUnavailable  = "unavailable"
	PresenceSubscribe    = "subscribe"
	PresenceSubscribed   = "subscribed"
	PresenceUnsubscribe  = "unsubscribe"
	PresenceUnsubscribed = "unsubscribed"
	PresenceError        = "error"
)

// A Presence is a presence stanza, RFC 6121 §4.
type Presence struct {
	From, To jid.JID // an absent address is that of the own account
	ID       string
	Type     string // "" or one of the constants
	Show     string // away, chat, dnd, xa, or "" for plainly available
	Status   string
	Priority int8
	Delay    time.Time // XEP-0203, zero when it is not said
	Caps     *Caps     // XEP-0115
	Nick     string    // XEP-0172, in subscription requests
	Preauth  string    // XEP-0379, likewise: the token of an invitation
	// Photo is the hash of the sender's picture, XEP-0153, if SaysPhoto; empty
	// when there is none.
	Photo     string
	SaysPhoto bool
	Error     *stanza.Error
	Element   *element.Element
}

// ParsePresence decodes a presence that account self received.
//
// Errors: [ErrMalformed], also for a type that does not exist.
func ParsePresence(e *element.Element, self jid.JID) (Presence, error) {
	self = self.Bare()
	p, err := parsePresence(e, self)
	if err != nil {
		return Presence{}, fmt.Errorf("parse presence: %w", err)
	}
	return p, nil
}

func parsePresence(e *element.Element, self jid.JID) (Presence, error) {
	p := Presence{ID: e.AttrValue("id"), Type: e.AttrValue("type"), Element: e}
	if !e.Is(element.NSClient, "presence") {
		return p, fmt.Errorf("%w: not a presence", ErrMalformed)
	}
	switch p.Type {
	case "", PresenceUnavailable, PresenceSubscribe, PresenceSubscribed, PresenceUnsubscribe, PresenceUnsubscribed, PresenceError:
	default:
		return p, fmt.Errorf("%w: type", ErrMalformed)
	}
	var err error
	if p.From, err = addressOr(e.AttrValue("from"), self); err != nil {
		return p, fmt.Errorf("sender: %w", err)
	}
	if p.To, err = addressOr(e.AttrValue("to"), self); err != nil {
		return p, fmt.Errorf("recipient: %w", err)
	}
	if p.Type == PresenceError {
		p.Error = parseError(e)
		return p, nil
	}
	switch show := e.ChildText(element.NSClient, "show"); show {
	case "away", "chat", "dnd", "xa":
		p.Show = show
	}
	p.Status = textOf(e, "status")
	if n, err := strconv.ParseInt(e.ChildText(element.NSClient, "priority"), 10, 8); err == nil {
		p.Priority = int8(n)
	}
	p.Nick = nickOf(e.Child(NSNick, "nick"))
	p.Preauth = preauthOf(e)
	p.Photo, p.SaysPhoto = ParsePhotoHash(e)
	p.Delay = delayOf(e, p.From.Bare(), p.From.Domain(), self.Domain())
	p.Caps = ParseCaps(e)
	return p, nil
}

// Build makes the stanza that sends p: every field but From, Delay, the photo,
// Error and Element.
func (p Presence) Build() *element.Element {
	e := element.New(element.NSClient, "presence").
		WithOptional("to", p.To.String()).
		WithOptional("type", p.Type).
		WithOptional("id", p.ID)
	if p.Show != "" {
		e.Add(element.New(element.NSClient, "show").WithText(p.Show))
	}
	if p.Status != "" {
		e.Add(element.New(element.NSClient, "status").WithText(p.Status))
	}
	if p.Priority != 0 {
		e.Add(element.New(element.NSClient, "priority").WithText(strconv.Itoa(int(p.Priority))))
	}
	if p.Nick != "" {
		e.Add(element.New(NSNick, "nick").WithText(p.Nick))
	}
	if p.Preauth != "" {
		e.Add(preauthElement(p.Preauth))
	}
	if p.Caps != nil {
		e.Add(p.Caps.Element())
	}
	return e
}

// SendPresence sends p; to available presence it adds our capabilities.
//
// Errors: those of [stream.Stream.Send].
func (c *Client) SendPresence(ctx context.Context, p Presence) error {
	if p.Type == "" && p.Caps == nil {
		p.Caps = &c.caps
	}
	if err := c.conn.Send(ctx, p.Build()); err != nil {
		return fmt.Errorf("send presence: %w", err)
	}
	return nil
}

// Subscribe asks for the presence of a contact, RFC 6121 §3.1. A nick, our own
// name, may go with it.
//
// Errors: those of [stream.Stream.Send], for this and the next four.
func (c *Client) Subscribe(ctx context.Context, contact jid.JID, nick string) error {
	return c.SendPresence(ctx, Presence{To: contact.Bare(), Type: PresenceSubscribe, ID: NewID(), Nick: nick})
}

// Subscribed lets a contact who asked see our presence, RFC 6121 §3.1.
func (c *Client) Subscribed(ctx context.Context, contact jid.JID) error {
	return c.SendPresence(ctx, Presence{To: contact.Bare(), Type: PresenceSubscribed, ID: NewID()})
}

// Unsubscribe gives up seeing the presence of a contact, RFC 6121 §3.3.
func (c *Client) Unsubscribe(ctx context.Context, contact jid.JID) error {
	return c.SendPresence(ctx, Presence{To: contact.Bare(), Type: PresenceUnsubscribe, ID: NewID()})
}

// Unsubscribed refuses a contact who asked, or no longer lets them see our
// presence, RFC 6121 §3.2.
func (c *Client) Unsubscribed(ctx context.Context, contact jid.JID) error {
	return c.SendPresence(ctx, Presence{To: contact.Bare(), Type: PresenceUnsubscribed, ID: NewID()})
}

// NSPreApproval is the stream feature of a server that keeps approvals given
// in advance, RFC 6121 §3.4.
const NSPreApproval = "urn:xmpp:features:pre-approval"

// PreApprove lets a contact see our presence who has not asked yet. Call it
// only when the server announced [NSPreApproval]; others may ignore it.
func (c *Client) PreApprove(ctx context.Context, contact jid.JID) error {
	return c.Subscribed(ctx, contact)
}
