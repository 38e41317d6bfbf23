// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/network/xmpp"
	"mellium.im/xmpp/jid"
)

// RoomOptions say what a new room is to be.
type RoomOptions struct {
	Name        string
	Description string
	Nick        string   // ours; empty: the local part of the account's address
	Members     []string // to be invited
	// Public makes a room that anybody can find and enter, where nothing is
	// encrypted. Otherwise it is a closed group: for its members, who see each
	// other's addresses, in no list, encrypted.
	Public bool
	// Address is that of the room; empty: one that nobody can guess, on Service,
	// or the first service that the account's server has.
	Address, Service string
}

// CreateRoom makes a room, enters it and invites its members. A closed group is
// checked to be one before anybody is let in.
//
// Errors: ErrBadAddress, ErrSignedOut; ErrNoRoomService; "xmpp.room.creation",
// "xmpp.room.config" if the service does not make such rooms; the network's. An
// error of an invitation comes with the room.
func (a *Account) CreateRoom(ctx context.Context, o RoomOptions) (*Room, error) {
	for _, text := range []string{o.Name, o.Description, o.Nick} {
		if err := checkRoomText(text); err != nil {
			return nil, err
		}
	}
	l, err := a.online()
	if err != nil {
		return nil, err
	}
	address, err := newRoomAddress(ctx, l, &o)
	if err != nil {
		return nil, err
	}
	settings := xmpp.PrivateRoom(o.Name)
	if o.Public {
		settings = xmpp.PublicRoom(o.Name, false)
	}
	if o.Description != "" {
		settings.Description = &o.Description
	}
	id, err := l.CreateRoom(ctx, address, o.Nick, settings)
	if err != nil {
		return nil, failed("create room", err)
	}
	r := a.room(id, address)
	for _, who := range o.Members {
		if err := r.Invite(ctx, who, ""); err != nil {
			return r, err
		}
	}
	return r, nil
}

func newRoomAddress(ctx context.Context, l link, o *RoomOptions) (string, error) {
	if o.Address != "" {
		return roomAddress(o.Address)
	}
	service := o.Service
	if service == "" {
		list, err := l.RoomServices(ctx)
		if err != nil {
			return "", failed("look for a service of rooms", err)
		}
		if len(list) == 0 {
			return "", ErrNoRoomService
		}
		service = list[0]
	}
	domain, err := jid.Parse(service)
	if err != nil {
		return "", ErrBadAddress
	}
	address, err := xmpp.NewRoomJID(domain)
	if err != nil {
		return "", ErrBadAddress
	}
	return address.String(), nil
}

func roomAddress(s string) (string, error) {
	j, err := jid.Parse(s)
	if err != nil || j.Localpart() == "" {
		return "", ErrBadAddress
	}
	return j.Bare().String(), nil
}

// JoinRoom enters a room and keeps it: the account is in it from now on whenever
// it is online, and so are its other devices (XEP-0402). A nick that is taken
// gets a mark at its end; an empty one is the local part of the account's
// address. It waits until the room has let us in, or ctx ends; in that case it
// goes on trying.
//
// Errors: ErrBadAddress, ErrSignedOut; what the room says: "xmpp.room.password",
// "xmpp.room.banned", "xmpp.room.members-only", "xmpp.room.not-found",
// "xmpp.room.full", "xmpp.room.no-room"; the network's.
func (a *Account) JoinRoom(ctx context.Context, address, nick, password string) (*Room, error) {
	bare, err := roomAddress(address)
	if err != nil {
		return nil, err
	}
	l, err := a.online()
	if err != nil {
		return nil, err
	}
	id, err := l.JoinRoom(ctx, bare, nick, password)
	if err != nil {
		return nil, failed("join room", err)
	}
	return a.room(id, bare), nil
}

// Leave leaves the room for good, on all devices of the account. What was said
// in it stays here; Delete removes it.
func (r *Room) Leave(ctx context.Context) error {
	return r.do("leave room", func(l link) error { return l.LeaveRoom(ctx, r.peer) })
}

// leave leaves the room that a conversation may be, if there is a connection to
// do that with.
func (cv *Conversation) leave(ctx context.Context) {
	if _, ok, err := cv.Room(ctx); !ok || err != nil {
		return
	}
	cv.account.withLink(func(l link) {
		if err := l.LeaveRoom(ctx, cv.peer); err != nil {
			cv.client.log.Info("deleted room not left", "code", ErrorCode(err))
		}
	})
}

// Invite asks somebody to come into the room. In a room for members they become
// one, if we may say so.
//
// Errors: ErrBadAddress; those of Kick.
func (r *Room) Invite(ctx context.Context, who, reason string) error {
	bare, err := bareJID(who)
	if err != nil {
		return err
	}
	if err := checkRoomText(reason); err != nil {
		return err
	}
	return r.do("invite", func(l link) error { return l.Invite(ctx, r.peer, bare, reason) })
}

// Invitation is a request to come into a room. Whoever sends one can write
// anything into it.
type Invitation struct {
	Room   string
	From   string // who invites, as they or the room say; may be empty
	Reason string
	At     time.Time
}

// Format keeps it out of whatever is printed.
func (v Invitation) Format(f fmt.State, _ rune) { fmt.Fprint(f, "invitation") }

// LogValue keeps it out of logs.
func (v Invitation) LogValue() slog.Value { return slog.StringValue("invitation") }

// Invitations returns those that wait for an answer, the oldest first.
func (a *Account) Invitations(ctx context.Context) ([]Invitation, error) {
	found, err := xmpplink.Invitations(ctx, a.pipe)
	if err != nil {
		return nil, failed("list invitations", err)
	}
	list := make([]Invitation, len(found))
	for i, v := range found {
		list[i] = Invitation{Room: v.Room, From: v.From, Reason: v.Reason, At: v.At}
	}
	return list, nil
}

// AcceptInvitation is JoinRoom with what the invitation says.
func (a *Account) AcceptInvitation(ctx context.Context, room, nick string) (*Room, error) {
	bare, err := roomAddress(room)
	if err != nil {
		return nil, err
	}
	list, err := xmpplink.Invitations(ctx, a.pipe)
	if err != nil {
		return nil, failed("read invitation", err)
	}
	password := ""
	for _, v := range list {
		if v.Room == bare {
			password = v.Password
		}
	}
	return a.JoinRoom(ctx, bare, nick, password)
}

// DeclineInvitation removes an invitation. Who invited by way of the room is
// told, with the reason.
func (a *Account) DeclineInvitation(ctx context.Context, room, reason string) error {
	bare, err := roomAddress(room)
	if err != nil {
		return err
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.DeclineInvitation(ctx, bare, reason); err != nil {
		return failed("decline invitation", err)
	}
	return nil
}

// RoomServices returns the services of the account's own server that have rooms.
func (a *Account) RoomServices(ctx context.Context) ([]string, error) {
	l, err := a.online()
	if err != nil {
		return nil, err
	}
	list, err := l.RoomServices(ctx)
	if err != nil {
		return nil, failed("list services of rooms", err)
	}
	return list, nil
}

// PublicRoom is a room in the list of a service.
type PublicRoom struct {
	Address string
	Name    string // as the service says; some add how many are in it
}

// PublicRooms returns up to limit public rooms of a service, from the first on or
// after the one where next of the page before says that it ends. next is empty
// at the end of the list.
func (a *Account) PublicRooms(ctx context.Context, service, after string, limit int) (list []PublicRoom, next string, err error) {
	l, err := a.online()
	if err != nil {
		return nil, "", err
	}
	found, err := l.PublicRooms(ctx, service, after, limit)
	if err != nil {
		return nil, "", failed("list public rooms", err)
	}
	for _, r := range found.Rooms {
		list = append(list, PublicRoom{Address: r.JID.String(), Name: r.Name})
	}
	return list, found.Next, nil
}
