// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
	"slices"
	"testing"

	"github.com/confab-im/confab/internal/proof"
	"github.com/stretchr/testify/require"
)

// until gives a command until its reply is as it should be, after each line.
func (m *member) until(what string, c command, ok func(line) bool) (reply line) {
	m.t.Helper()
	m.screen.until(m.t, what, func(string) bool {
		reply = m.asks(c)
		return ok(reply)
	})
	return reply
}

func TestJSONRooms(t *testing.T) {
	s := prosody.Server(t)
	ann, ben, eve := newMember(t, s, "ann"), newMember(t, s, "ben"), newMember(t, s, "eve")
	befriend(ann, ben)
	room := ann.ok(command{Cmd: "create-room", Name: "Friends", Nick: "Ann", Members: []string{ben.jid}}).Room
	require.Equal(t, "Friends", room.Name)
	require.Equal(t, []any{"Ann", "owner", true, true}, []any{room.Nick, room.Affiliation, room.Joined, room.Encryptable})

	ben.event("room-invitation", room.Peer)
	invitations := ben.ok(command{Cmd: "invitations"}).Invitations
	require.Len(t, invitations, 1)
	require.Equal(t, []string{room.Peer, ann.jid}, []string{invitations[0].Peer, invitations[0].From})
	joined := ben.ok(command{Cmd: "join", Peer: room.Peer, Nick: "Ben"}).Room
	require.True(t, joined.Joined && joined.Encryptable)
	require.Empty(t, ben.ok(command{Cmd: "invitations"}).Invitations)
	eve.refused("xmpp.room.members-only", command{Cmd: "join", Peer: room.Peer})
	require.Len(t, ann.ok(command{Cmd: "members", Peer: room.Peer}).Members, 2)
	here := ann.ok(command{Cmd: "occupants", Peer: room.Peer}).Members
	require.True(t, slices.ContainsFunc(here, func(m jsonMember) bool { return m.Nick == "Ben" && m.JID == ben.jid && !m.Self }))

	sent := ann.sends(room.Peer, "hello all")
	got := ben.gets("hello all")
	require.Equal(t, []string{room.Peer, ann.jid, "Ann"}, []string{got.Peer, got.Sender, got.Nick})
	require.NotEqual(t, "plain", got.Encryption)
	ben.ok(command{Cmd: "react", Peer: room.Peer, Message: got.ID, Emojis: []string{"🎉"}})
	ann.becomes("reaction", func(j jsonMessage) bool { return j.ID == sent.ID && len(j.Reactions) == 1 })
	require.Empty(t, ann.ok(command{Cmd: "without-devices", Peer: room.Peer}).Peers)
	ann.ok(command{Cmd: "leave-out", Peer: room.Peer})

	ann.ok(command{Cmd: "subject", Peer: room.Peer, Body: "Tonight"})
	ben.until("subject", command{Cmd: "room", Peer: room.Peer}, func(l line) bool { return l.Room.Subject == "Tonight" })
	ben.becomes("notice", func(j jsonMessage) bool { return j.Notice != nil && j.Notice.Text == "Tonight" })
	ben.ok(command{Cmd: "nick", Peer: room.Peer, Nick: "Benny"})
	ann.until("nick", command{Cmd: "occupants", Peer: room.Peer}, func(l line) bool {
		return slices.ContainsFunc(l.Members, func(m jsonMember) bool { return m.Nick == "Benny" })
	})
	ann.ok(command{Cmd: "role", Peer: room.Peer, Nick: "Benny", State: "moderator"})
	ann.refused("quickstart.unknown-state", command{Cmd: "role", Peer: room.Peer, Nick: "Benny", State: "king"})
	ann.refused("quickstart.unknown-state", command{Cmd: "affiliation", Peer: room.Peer, Who: ben.jid, State: "king"})

	ann.ok(command{Cmd: "invite", Peer: room.Peer, Who: eve.jid, Reason: "come in"})
	eve.event("room-invitation", room.Peer)
	eve.ok(command{Cmd: "decline-invitation", Peer: room.Peer, Reason: "not now"})
	require.Empty(t, eve.ok(command{Cmd: "invitations"}).Invitations)

	ann.ok(command{Cmd: "kick", Peer: room.Peer, Nick: "Benny", Reason: "noise"})
	ben.until("kicked", command{Cmd: "room", Peer: room.Peer}, func(l line) bool { return !l.Room.Joined && l.Room.Reason == "room.kicked" })
	ben.ok(command{Cmd: "join", Peer: room.Peer, Nick: "Ben"})
	ann.ok(command{Cmd: "affiliation", Peer: room.Peer, Who: ben.jid, State: "outcast"})
	ben.until("banned", command{Cmd: "room", Peer: room.Peer}, func(l line) bool { return !l.Room.Joined })

	open := ann.ok(command{Cmd: "create-room", Name: "Square", Public: true}).Room
	require.False(t, open.Encryptable)
	list := eve.ok(command{Cmd: "public-rooms"}).Rooms
	require.True(t, slices.ContainsFunc(list, func(r jsonRoom) bool { return r.Peer == open.Peer }))
	eve.ok(command{Cmd: "join", Peer: open.Peer, Nick: "Eve"})
	eve.sends(open.Peer, "buy now")
	spam := ann.gets("buy now")
	ann.ok(command{Cmd: "moderate", Peer: open.Peer, Message: spam.ID, Reason: "spam"})
	gone := ann.becomes("moderated", func(j jsonMessage) bool { return j.ID == spam.ID && j.Retracted != nil })
	require.Equal(t, "spam", gone.Retracted.Reason)
	eve.ok(command{Cmd: "leave", Peer: open.Peer})
	eve.until("left", command{Cmd: "rooms"}, func(l line) bool {
		i := slices.IndexFunc(l.Rooms, func(r jsonRoom) bool { return r.Peer == open.Peer })
		return i >= 0 && !l.Rooms[i].Joined
	})
	ann.ok(command{Cmd: "destroy-room", Peer: open.Peer, Reason: "over"})
	ann.refused("core.no-conversation", command{Cmd: "room", Peer: ben.jid})
	proof.Record(t, string(s.Kind), "0045", "0249", "0425")
}
