// SPDX-License-Identifier: MPL-2.0

//go:build servers

package xmpp_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
)

func TestModerationOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		info := alice.makeRoom(xmpp.PublicRoom("Talk", true))
		bob.enter("Bob")
		bob.say("spam")
		_, rm := alice.hearBody("spam")
		if s.Kind == testserver.Ejabberd { // 23.01 has none
			require.ErrorIs(t, alice.Moderate(ctx, info, rm.StanzaID, ""), xmpp.ErrRoomRefused)
			return
		}
		require.True(t, info.Info.Has(xmpp.NSModeration0), "mod_muc_moderation is in the Debian package prosody-modules")
		require.ErrorIs(t, bob.Moderate(ctx, info, rm.StanzaID, ""), xmpp.ErrRoomForbidden)
		require.NoError(t, alice.Moderate(ctx, info, rm.StanzaID, "no <spam>"))
		_, gone := bob.hear(func(_ xmpp.Message, rm xmpp.RoomMessage) bool { return rm.Moderation != nil })
		require.Equal(t, rm.StanzaID, gone.Moderation.ID)
		require.Equal(t, "no <spam>", gone.Moderation.Reason)
		require.Equal(t, "Founder", gone.Moderation.By.Resourcepart())

		// An occupant cannot say the same.
		bob.say("mine")
		_, mine := alice.hearBody("mine")
		forged := element.New("urn:xmpp:fasten:0", "apply-to").With("id", mine.StanzaID).Add(
			element.New(xmpp.NSModeration0, "moderated").With("by", gone.Moderation.By.String()).Add(element.New("urn:xmpp:message-retract:0", "retract")))
		require.NoError(t, bob.Send(ctx, xmpp.Message{To: room, Type: "groupchat", ID: "forged", Body: "forged"}.Build().Add(forged)))
		_, heard := alice.hearBody("forged")
		require.Nil(t, heard.Moderation)

		// What is left in the archive.
		page, err := alice.QueryArchive(ctx, xmpp.ArchiveQuery{Archive: room, Max: 20})
		require.NoError(t, err)
		tombstones := 0
		for _, item := range page.Items {
			archived, err := xmpp.ParseArchivedRoomMessage(item, room, alice.room.Trust())
			require.NoError(t, err)
			if item.ID == rm.StanzaID {
				require.NotNil(t, archived.Moderation)
				require.Equal(t, "no <spam>", archived.Moderation.Reason)
				require.Empty(t, item.Message.Body)
				tombstones++
			}
		}
		require.Equal(t, 1, tombstones)
		proves(t, s, "0425")
	})
}

func TestSelfPingOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		alice.makeRoom(xmpp.PublicRoom("Talk", true))
		ping := func(g *guest, nick string) xmpp.SelfPing {
			me, err := xmpp.OccupantJID(g.room.JID(), nick)
			require.NoError(t, err)
			outcome, err := g.SelfPing(ctx, me)
			require.NoError(t, err)
			return outcome
		}
		require.Equal(t, xmpp.SelfPingJoined, ping(alice, "Founder"))
		require.Equal(t, xmpp.SelfPingRenamed, ping(alice, "Before"))
		require.Equal(t, xmpp.SelfPingNotJoined, ping(bob, "Bob"))
		nowhere := &guest{user: alice.user, room: xmpp.NewRoom(newRoomJID(t, s), xmpp.RoomTrust{}, 0)}
		require.Equal(t, xmpp.SelfPingNotJoined, ping(nowhere, "Founder"))
		_, err := alice.SelfPing(ctx, room)
		require.ErrorIs(t, err, xmpp.ErrConfig)
		proves(t, s, "0410")
	})
}

func TestInvitationsOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		alice.makeRoom(xmpp.PrivateRoom("Closed"))
		invited := func(direct bool) xmpp.Invite {
			var in *xmpp.Invite
			bob.message(func(m xmpp.Message) bool {
				in = xmpp.ParseInvite(m)
				return in != nil && in.Direct == direct
			})
			return *in
		}
		_, err := alice.Invite(ctx, bob.Self(), xmpp.Invite{Room: room, Reason: "come <in>"})
		require.NoError(t, err)
		in := invited(false)
		require.True(t, in.Room.Equal(room))
		require.True(t, in.From.Bare().Equal(alice.Self()))
		require.Equal(t, "come <in>", in.Reason)
		require.NoError(t, bob.Decline(ctx, in, "not now"))
		var declined *xmpp.Declined
		alice.message(func(m xmpp.Message) bool {
			declined = xmpp.ParseDeclined(m)
			return declined != nil
		})
		require.True(t, declined.From.Bare().Equal(bob.Self()))
		require.Equal(t, "not now", declined.Reason)

		_, err = alice.SetAffiliations(ctx, room, xmpp.RoomItem{JID: bob.Self(), Affiliation: xmpp.AffiliationMember})
		require.NoError(t, err)
		_, err = alice.InviteDirectly(ctx, bob.Self(), xmpp.Invite{Room: room, Reason: "once more", Thread: "t1"})
		require.NoError(t, err)
		in = invited(true)
		require.True(t, in.From.Equal(alice.full))
		require.Equal(t, xmpp.Invite{Room: room, From: in.From, Direct: true, Reason: "once more", Thread: "t1"}, in)
		require.ErrorIs(t, bob.Decline(ctx, in, ""), xmpp.ErrConfig)
		bob.enter("Bob")
		proves(t, s, "0045", "0249")
	})
}

func TestVoiceOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		settings := xmpp.PublicRoom("Lecture", false)
		settings.Moderated = new(true)
		alice.makeRoom(settings)
		bob.enter("Bob")
		_, err := alice.SetRoles(ctx, room, xmpp.RoomItem{Nick: "Bob", Role: xmpp.RoleVisitor})
		require.NoError(t, err)
		if self, _ := bob.room.Self(); self.Role != xmpp.RoleVisitor { // Prosody lets nobody speak who is new
			changed := bob.untilKind(xmpp.OccupantChanged)
			require.True(t, changed.Self)
			require.Equal(t, []xmpp.Role{xmpp.RoleParticipant, xmpp.RoleVisitor}, []xmpp.Role{changed.Was.Role, changed.Occupant.Role})
		}
		bob.say("may I?")
		m, _ := bob.hear(func(m xmpp.Message, _ xmpp.RoomMessage) bool { return m.Type == "error" })
		require.ErrorIs(t, xmpp.RoomMessageError(m), xmpp.ErrRoomForbidden)

		_, err = bob.RequestVoice(ctx, room)
		require.NoError(t, err)
		var wish *xmpp.VoiceRequest
		alice.message(func(m xmpp.Message) bool {
			wish = xmpp.ParseVoiceRequest(m)
			return wish != nil
		})
		require.Equal(t, "Bob", wish.Nick)
		require.True(t, wish.JID.Bare().Equal(bob.Self()))
		require.NoError(t, alice.AnswerVoice(ctx, *wish, true))
		changed := bob.until(func(c xmpp.RoomChange) bool {
			return c.Kind == xmpp.OccupantChanged && c.Self && c.Occupant.Role == xmpp.RoleParticipant
		})
		require.Equal(t, xmpp.RoleVisitor, changed.Was.Role)
		visitors, err := alice.FetchRoles(ctx, room, xmpp.RoleVisitor)
		require.NoError(t, err)
		require.Empty(t, visitors)
		participants, err := alice.FetchRoles(ctx, room, xmpp.RoleParticipant)
		require.NoError(t, err)
		require.Len(t, participants, 1)
		require.Equal(t, "Bob", participants[0].Nick)
	})
}

func TestRoomRegistrationOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		info := alice.makeRoom(xmpp.PublicRoom("Talk", true))
		at := room
		if s.Kind == testserver.Ejabberd {
			at = roomService(s)
			_, err := bob.FetchRoomRegistration(ctx, room)
			require.ErrorIs(t, err, xmpp.ErrRoomRefused)
		}
		require.Equal(t, at.Equal(room), info.Info.Has(xmpp.NSRegister))
		if s.Kind == testserver.Prosody { // only for whom an owner has made a member
			_, err := bob.FetchRoomRegistration(ctx, room)
			require.ErrorIs(t, err, xmpp.ErrRoomMembersOnly)
			_, err = alice.SetAffiliations(ctx, room, xmpp.RoomItem{JID: bob.Self(), Affiliation: xmpp.AffiliationMember})
			require.NoError(t, err)
		}
		r, err := bob.FetchRoomRegistration(ctx, at)
		require.NoError(t, err)
		require.False(t, r.Registered)
		nick := "Bob" + xmpp.NewID()[:6] // the nick is reserved on the whole service
		require.NoError(t, bob.RegisterWithRoom(ctx, at, nick))
		r, err = bob.FetchRoomRegistration(ctx, at)
		require.NoError(t, err)
		require.True(t, r.Registered)
		require.Equal(t, nick, r.Nick)
		reserved, err := bob.FetchReservedNick(ctx, room)
		require.NoError(t, err)
		if s.Kind == testserver.Prosody {
			require.Equal(t, nick, reserved)
			members, err := alice.FetchAffiliations(ctx, room, xmpp.AffiliationMember)
			require.NoError(t, err)
			require.Len(t, members, 1)
		}
		require.ErrorIs(t, alice.RegisterWithRoom(ctx, at, nick), xmpp.ErrRoomNickTaken)
		eve := newGuest(t, s, "eve", room)
		require.ErrorIs(t, eve.join(xmpp.JoinOptions{Nick: nick}).Err, xmpp.ErrRoomNickTaken)
		require.NoError(t, bob.UnregisterFromRoom(ctx, at))
		require.NoError(t, eve.join(xmpp.JoinOptions{Nick: nick}).Err)
	})
}

func TestRoomAvatarOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		alice.makeRoom(xmpp.PublicRoom("Talk", true))
		bob.enter("Bob")
		none, err := bob.FetchRoomAvatar(ctx, room)
		require.NoError(t, err)
		require.Empty(t, none.Data)
		picture := bytes.Repeat([]byte("\x89PNG...."), 4<<10)
		require.ErrorIs(t, bob.SetRoomAvatar(ctx, room, xmpp.RoomAvatar{Type: "image/png", Data: picture}), xmpp.ErrRoomForbidden)
		require.NoError(t, alice.SetRoomAvatar(ctx, room, xmpp.RoomAvatar{Type: "image/png", Data: picture}))
		bob.untilKind(xmpp.RoomConfigured)
		hashes := append(bob.learn().AvatarHashes, bob.room.AvatarHash())
		require.Len(t, hashes[0], 40)
		got, err := bob.FetchRoomAvatar(ctx, room, hashes...)
		require.NoError(t, err)
		require.Equal(t, picture, got.Data)
		require.Equal(t, "image/png", got.Type)
		require.Contains(t, hashes, got.Hash)
		other, err := bob.FetchRoomAvatar(ctx, room, "0000000000000000000000000000000000000000")
		require.NoError(t, err)
		require.Empty(t, other.Data)
		require.NoError(t, alice.SetRoomAvatar(ctx, room, xmpp.RoomAvatar{}))
		gone, err := bob.FetchRoomAvatar(ctx, room)
		require.NoError(t, err)
		require.Empty(t, gone.Data)
		proves(t, s, "0486")
	})
}
