// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/confab-im/confab/core"
)

// roomCommands are about group chats. What is said in one is sent and read as
// with a person.
var roomCommands = map[string]handler{
	"create-room":        withAccount(createRoom),
	"join":               withAccount(joinRoom),
	"rooms":              withAccount(listRooms),
	"public-rooms":       withAccount(publicRooms),
	"invitations":        withAccount(listInvitations),
	"decline-invitation": withAccount(declineInvitation),

	"room":            withRoom(roomInfo),
	"members":         withRoom(members),
	"occupants":       withRoom(occupants),
	"without-devices": withRoom(withoutDevices),
	"affiliation":     withRoom(setAffiliation),
	"role":            withRoom(setRole),

	"invite":       inRoom(func(ctx context.Context, r *core.Room, c command) error { return r.Invite(ctx, c.Who, c.Reason) }),
	"leave":        inRoom(func(ctx context.Context, r *core.Room, _ command) error { return r.Leave(ctx) }),
	"kick":         inRoom(func(ctx context.Context, r *core.Room, c command) error { return r.Kick(ctx, c.Nick, c.Reason) }),
	"moderate":     inRoom(func(ctx context.Context, r *core.Room, c command) error { return r.Moderate(ctx, c.Message, c.Reason) }),
	"nick":         inRoom(func(ctx context.Context, r *core.Room, c command) error { return r.SetNick(ctx, c.Nick) }),
	"subject":      inRoom(func(ctx context.Context, r *core.Room, c command) error { return r.SetSubject(ctx, c.Body) }),
	"leave-out":    inRoom(func(ctx context.Context, r *core.Room, c command) error { return r.LeaveOut(ctx, c.Members...) }),
	"destroy-room": inRoom(func(ctx context.Context, r *core.Room, c command) error { return r.Destroy(ctx, c.Reason) }),
}

// withRoom finds the room of an account that "peer" is.
func withRoom(do func(ctx context.Context, r *core.Room, c command) (line, error)) handler {
	return withAccount(func(ctx context.Context, a *core.Account, c command) (line, error) {
		r, err := a.Room(ctx, c.Peer)
		if err != nil {
			return line{}, err
		}
		return do(ctx, r, c)
	})
}

// inRoom is withRoom for what has no answer but that it is done.
func inRoom(do func(ctx context.Context, r *core.Room, c command) error) handler {
	return withRoom(func(ctx context.Context, r *core.Room, c command) (line, error) { return line{}, do(ctx, r, c) })
}

func createRoom(ctx context.Context, a *core.Account, c command) (line, error) {
	r, err := a.CreateRoom(ctx, core.RoomOptions{
		Name: c.Name, Nick: c.Nick, Members: c.Members, Public: c.Public, Address: c.Peer,
	})
	return entered(ctx, r, err)
}

func joinRoom(ctx context.Context, a *core.Account, c command) (line, error) {
	r, err := a.JoinRoom(ctx, c.Peer, c.Nick, c.Password)
	return entered(ctx, r, err)
}

// entered describes the room that was entered, which may come with an error.
func entered(ctx context.Context, r *core.Room, err error) (line, error) {
	if r == nil {
		return line{}, err
	}
	reply, infoErr := roomInfo(ctx, r, command{})
	if err == nil {
		err = infoErr
	}
	return reply, err
}

func roomInfo(ctx context.Context, r *core.Room, _ command) (line, error) {
	info, err := r.Info(ctx)
	if err != nil {
		return line{}, err
	}
	return line{Room: new(roomOf(info))}, nil
}

func listRooms(ctx context.Context, a *core.Account, _ command) (reply line, err error) {
	list, err := a.Rooms(ctx)
	for _, info := range list {
		reply.Rooms = append(reply.Rooms, roomOf(info))
	}
	return reply, err
}

// publicRooms lists those of a service, without one of the first of the server.
func publicRooms(ctx context.Context, a *core.Account, c command) (reply line, err error) {
	if c.Peer == "" {
		services, err := a.RoomServices(ctx)
		if err != nil {
			return reply, err
		}
		if len(services) == 0 {
			return reply, core.ErrNoRoomService
		}
		c.Peer = services[0]
	}
	list, next, err := a.PublicRooms(ctx, c.Peer, "", c.Limit)
	for _, r := range list {
		reply.Rooms = append(reply.Rooms, jsonRoom{Peer: r.Address, Name: r.Name})
	}
	reply.More = next != ""
	return reply, err
}

func listInvitations(ctx context.Context, a *core.Account, _ command) (reply line, err error) {
	list, err := a.Invitations(ctx)
	for _, v := range list {
		reply.Invitations = append(reply.Invitations, jsonInvitation{v.Room, v.From, v.Reason, v.At.UTC()})
	}
	return reply, err
}

func declineInvitation(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.DeclineInvitation(ctx, c.Peer, c.Reason)
}

func members(ctx context.Context, r *core.Room, _ command) (reply line, err error) {
	list, err := r.Members(ctx)
	for _, m := range list {
		reply.Members = append(reply.Members, jsonMember{JID: m.JID, Nick: m.Nick, Affiliation: m.Affiliation.String()})
	}
	return reply, err
}

func occupants(ctx context.Context, r *core.Room, _ command) (reply line, err error) {
	list, err := r.Occupants(ctx)
	for _, o := range list {
		reply.Members = append(reply.Members, jsonMember{o.JID, o.Nick, o.Affiliation.String(), o.Role.String(), o.Self})
	}
	return reply, err
}

func withoutDevices(ctx context.Context, r *core.Room, _ command) (line, error) {
	list, err := r.WithoutDevices(ctx)
	return line{Peers: list}, err
}

func setAffiliation(ctx context.Context, r *core.Room, c command) (line, error) {
	for _, a := range []core.Affiliation{core.NoAffiliation, core.Member, core.Admin, core.Owner, core.Banned} {
		if c.State == a.String() {
			return line{}, r.SetAffiliation(ctx, c.Who, a, c.Reason)
		}
	}
	return line{}, errUnknownState
}

func setRole(ctx context.Context, r *core.Room, c command) (line, error) {
	for _, role := range []core.Role{core.NoRole, core.Visitor, core.Participant, core.Moderator} {
		if c.State == role.String() {
			return line{}, r.SetRole(ctx, c.Nick, role, c.Reason)
		}
	}
	return line{}, errUnknownState
}
