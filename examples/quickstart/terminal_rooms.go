// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/confab-im/confab/core"
)

var roomSlashes = []slash{
	{name: "/group", arguments: "NAME", help: "make a closed group and talk in it", do: (*terminal).group},
	{name: "/join", arguments: "ROOM [NICK]", help: "enter a room and talk in it", do: (*terminal).join},
	{name: "/rooms", help: "the rooms you are in, and invitations", do: (*terminal).rooms},
	{name: "/invite", arguments: "JID", help: "ask somebody into the room", inChat: true, do: (*terminal).invite},
	{name: "/members", help: "who is in the room, or belongs to it", inChat: true, do: (*terminal).members},
	{name: "/leave", help: "leave the room for good", inChat: true, do: (*terminal).leave},
}

func (t *terminal) group(ctx context.Context, name string) error {
	room, err := t.account.CreateRoom(ctx, core.RoomOptions{Name: name})
	return t.enter(room, err)
}

func (t *terminal) join(ctx context.Context, arguments string) error {
	address, nick, _ := strings.Cut(arguments, " ")
	room, err := t.account.JoinRoom(ctx, address, strings.TrimSpace(nick), "")
	return t.enter(room, err)
}

// enter makes a room the open chat.
func (t *terminal) enter(room *core.Room, err error) error {
	if room != nil {
		t.chat = room.Conversation
		fmt.Fprintln(t.out, "* in", visible(room.Peer()))
	}
	return err
}

func (t *terminal) rooms(ctx context.Context, _ string) error {
	list, err := t.account.Rooms(ctx)
	if err != nil {
		return err
	}
	for _, r := range list {
		state := "in it"
		switch {
		case !r.Wanted:
			state = "left" + inBrackets(r.Reason)
		case !r.Joined:
			state = "trying to enter" + inBrackets(r.Reason)
		}
		fmt.Fprintf(t.out, "%-30s %s  %s\n", visible(r.Address), state, visible(r.Name))
	}
	invitations, err := t.account.Invitations(ctx)
	for _, i := range invitations {
		fmt.Fprintf(t.out, "%-30s %s invites you  %s\n", visible(i.Room), visible(i.From), visible(i.Reason))
	}
	return err
}

// room returns the open chat as a room.
func (t *terminal) room(ctx context.Context) (*core.Room, error) {
	room, ok, err := t.chat.Room(ctx)
	if err == nil && !ok {
		err = errNoRoom
	}
	return room, err
}

func (t *terminal) invite(ctx context.Context, who string) error {
	room, err := t.room(ctx)
	if err != nil {
		return err
	}
	return room.Invite(ctx, who, "")
}

func (t *terminal) members(ctx context.Context, _ string) error {
	room, err := t.room(ctx)
	if err != nil {
		return err
	}
	members, err := room.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range members {
		fmt.Fprintf(t.out, "%-30s %s\n", visible(m.JID), m.Affiliation)
	}
	here, err := room.Occupants(ctx)
	for _, o := range here {
		fmt.Fprintf(t.out, "  %-28s %s, %s\n", visible(o.Nick), o.Role, o.Presence.Availability)
	}
	return err
}

func (t *terminal) leave(ctx context.Context, _ string) error {
	room, err := t.room(ctx)
	if err != nil {
		return err
	}
	t.chat = nil
	return room.Leave(ctx)
}
