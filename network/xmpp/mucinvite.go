// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, invitations; XEP-0249: Direct MUC Invitations

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSDirectInvite is the feature of who takes direct invitations.
const NSDirectInvite = "jabber:x:conference"

// An Invite is an invitation to a room. Whoever sends one can write anything
// into it: that somebody is invited does not mean that there is such a room, or
// that one wants to be in it.
type Invite struct {
	Room jid.JID
	// From is who invites: for a direct invitation its sender; for one by way
	// of the room who the room says it was, which may be an occupant or zero.
	From jid.JID
	// Direct: it came from the person and not from the room.
	Direct   bool
	Reason   string
	Password string // of the room
	Thread   string // of the conversation that goes on in the room
}

// ParseInvite reads the invitation in a message, nil when there is none that
// its sender may send: the room itself, not its occupants, or for a direct one
// anybody. The copy of one that we sent is none.
func ParseInvite(m Message) *Invite {
	if m.Type == "error" || m.Type == "groupchat" || m.Carbon == CarbonSent || m.Element == nil {
		return nil
	}
	if user := m.Element.Child(nsMUCUser, "x"); user.Child(nsMUCUser, "invite") != nil {
		return parseMediated(m, user)
	}
	x := m.Element.Child(NSDirectInvite, "x")
	room, err := parseRoomJID(x.AttrValue("jid"))
	if err != nil {
		return nil
	}
	return &Invite{
		Room: room, From: m.From, Direct: true, Reason: clip(x.AttrValue("reason"), maxRoomText),
		Password: x.AttrValue("password"), Thread: x.AttrValue("thread"),
	}
}

func parseMediated(m Message, user *element.Element) *Invite {
	if !isRoomJID(m.From) || m.From.Resourcepart() != "" {
		return nil
	}
	x := user.Child(nsMUCUser, "invite")
	in := &Invite{
		Room: m.From, Reason: clip(x.ChildText(nsMUCUser, "reason"), maxRoomText),
		Password: user.ChildText(nsMUCUser, "password"), Thread: x.Child(nsMUCUser, "continue").AttrValue("thread"),
	}
	in.From, _ = parseJID(x.AttrValue("from"))
	return in
}

// A Declined is the answer of somebody whom we invited by way of the room, and
// who does not come.
type Declined struct {
	Room, From jid.JID
	Reason     string
}

// ParseDeclined reads such an answer, nil when there is none. Only the room can
// pass it on.
func ParseDeclined(m Message) *Declined {
	if m.Type == "error" || m.Type == "groupchat" || m.Element == nil || !isRoomJID(m.From) || m.From.Resourcepart() != "" {
		return nil
	}
	x := m.Element.Child(nsMUCUser, "x").Child(nsMUCUser, "decline")
	if x == nil {
		return nil
	}
	d := &Declined{Room: m.From, Reason: clip(x.ChildText(nsMUCUser, "reason"), maxRoomText)}
	d.From, _ = parseJID(x.AttrValue("from"))
	return d
}

// element is the part of a message that invites directly, XEP-0249 §2.
// Such a message goes to the person, by itself, as type normal.
func (i Invite) element() *element.Element {
	x := element.New(NSDirectInvite, "x").With("jid", i.Room.Bare().String()).
		WithOptional("password", i.Password).WithOptional("reason", i.Reason).WithOptional("thread", i.Thread)
	if i.Thread != "" {
		x.With("continue", "true")
	}
	return x
}

// InviteDirectly invites somebody with a message from us, XEP-0249. In a room
// for members they have to be made members first, [Client.SetAffiliations]. It
// reaches people who are not online, which one by way of the room may not. A
// refusal comes back as a message of type error with the id returned.
//
// Errors: [ErrConfig]; those of [stream.Stream.Send].
func (c *Client) InviteDirectly(ctx context.Context, to jid.JID, i Invite) (id string, err error) {
	if !isRoomJID(i.Room) {
		return "", fmt.Errorf("invite: %w: no room", ErrConfig)
	}
	id = NewID()
	e := Message{To: to, Type: "normal", ID: id, Hints: HintStore}.Build().Add(i.element())
	if err := c.conn.Send(ctx, e); err != nil {
		return "", fmt.Errorf("invite: %w", err)
	}
	return id, nil
}

// Invite invites somebody by way of the room, XEP-0045 §7.8.2, of which i says
// which, and why. Many rooms for members make them members with it. A refusal
// comes back as a message of type error with the id returned.
//
// Errors: [ErrConfig]; those of [stream.Stream.Send].
func (c *Client) Invite(ctx context.Context, to jid.JID, i Invite) (id string, err error) {
	if !isRoomJID(i.Room) || to.Equal(jid.JID{}) {
		return "", fmt.Errorf("invite: %w: no room or nobody", ErrConfig)
	}
	x := element.New(nsMUCUser, "invite").With("to", to.String())
	if i.Reason != "" {
		x.Add(element.New(nsMUCUser, "reason").WithText(i.Reason))
	}
	if i.Thread != "" {
		x.Add(element.New(nsMUCUser, "continue").With("thread", i.Thread))
	}
	if id, err = c.sendToRoom(ctx, i.Room, element.New(nsMUCUser, "x").Add(x)); err != nil {
		return "", fmt.Errorf("invite: %w", err)
	}
	return id, nil
}

// Decline answers an invitation that came by way of a room; a direct one is
// just not followed. That somebody is there to decline is told by it.
//
// Errors: [ErrConfig] for a direct invitation; those of [stream.Stream.Send].
func (c *Client) Decline(ctx context.Context, i Invite, reason string) error {
	if i.Direct || i.From.Equal(jid.JID{}) {
		return fmt.Errorf("decline invitation: %w: nobody to tell", ErrConfig)
	}
	x := element.New(nsMUCUser, "decline").With("to", i.From.String())
	if reason != "" {
		x.Add(element.New(nsMUCUser, "reason").WithText(reason))
	}
	if _, err := c.sendToRoom(ctx, i.Room, element.New(nsMUCUser, "x").Add(x)); err != nil {
		return fmt.Errorf("decline invitation: %w", err)
	}
	return nil
}

// sendToRoom sends a message to the room itself.
func (c *Client) sendToRoom(ctx context.Context, room jid.JID, payload *element.Element) (id string, err error) {
	id = NewID()
	return id, c.conn.Send(ctx, Message{To: room.Bare(), ID: id}.Build().Add(payload))
}
