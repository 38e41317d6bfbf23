// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, registration with a room (XEP-0077)

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

const fieldRoomNick = "muc#register_roomnick"

// A RoomRegistration is what a room, or a service for all of its rooms, knows
// of us.
type RoomRegistration struct {
	Registered bool
	Nick       string // the one we have reserved
	Form       *Form  // what it wants to know; nil when we are registered already
}

// FetchRoomRegistration asks for our registration, XEP-0045 §7.10. Rooms that
// have it announce [NSRegister]. Prosody lets its members reserve a nick with a
// room, ejabberd everybody with the service, whose domain at then is.
//
// Errors: [ErrRoomRefused] where there is no registration, [ErrRoomMembersOnly]
// when it is for members; [ErrRoomForbidden],
// [ErrRoomNotFound], [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchRoomRegistration(ctx context.Context, at jid.JID) (RoomRegistration, error) {
	answer, err := c.fetch(ctx, at.Bare(), element.New(NSRegister, "query"))
	if err != nil {
		return RoomRegistration{}, fmt.Errorf("fetch room registration: %w", roomRefusal(err, registerRefusals))
	}
	r := RoomRegistration{Registered: answer.Child(NSRegister, "registered") != nil, Form: ParseForm(answer)}
	if r.Nick = answer.ChildText(NSRegister, "username"); r.Nick == "" {
		r.Nick = answer.ChildText(NSRegister, "nick")
	}
	if r.Nick == "" {
		r.Nick = r.Form.Value(fieldRoomNick)
	}
	return r, nil
}

// RegisterWithRoom registers us with a nick, which nobody else can have then.
// Where members have to be let in by an admin, this asks for it.
//
// Errors: [ErrRoomNickTaken]; [ErrRegisterForm] when more than a nick is asked
// for; [ErrRoomNick] and those of [Client.FetchRoomRegistration].
func (c *Client) RegisterWithRoom(ctx context.Context, at jid.JID, nick string) error {
	r, err := c.FetchRoomRegistration(ctx, at)
	if err != nil {
		return err
	}
	query := element.New(NSRegister, "query")
	switch {
	case r.Form != nil:
		next := Form{Type: string(form.TypeSubmit)}
		for _, x := range r.Form.Fields {
			switch {
			case x.Var == "" || x.Type == string(form.TypeFixed):
				continue
			case x.Var == fieldRoomNick:
				x.Values = []string{nick}
			case x.Required && len(x.Values) == 0:
				return fmt.Errorf("register with room: %w", ErrRegisterForm)
			}
			next.Fields = append(next.Fields, Field{Var: x.Var, Type: x.Type, Values: x.Values})
		}
		if next.Field(fieldRoomNick) == nil {
			return fmt.Errorf("register with room: %w", ErrRegisterForm)
		}
		query.Add(next.Element())
	case r.Registered && r.Nick == nick:
		return nil
	default:
		query.Add(Form{Type: string(form.TypeSubmit), Fields: []Field{
			hiddenType(NSMUC + "#register"), {Var: fieldRoomNick, Values: []string{nick}},
		}}.Element())
	}
	if _, err := c.set(ctx, at.Bare(), query); err != nil {
		return fmt.Errorf("register with room: %w", roomRefusal(err, registerRefusals))
	}
	return nil
}

// UnregisterFromRoom takes the registration back.
//
// Errors: those of [Client.FetchRoomRegistration].
func (c *Client) UnregisterFromRoom(ctx context.Context, at jid.JID) error {
	query := element.New(NSRegister, "query").Add(element.New(NSRegister, "remove"))
	if _, err := c.set(ctx, at.Bare(), query); err != nil {
		return fmt.Errorf("unregister from room: %w", roomRefusal(err, requestRefusals))
	}
	return nil
}
