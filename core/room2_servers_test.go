// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// second signs another device of u in.
func (u *user) second(name string) *user {
	u.t.Helper()
	v := &user{t: u.t, config: u.config, where: u.where}
	v.config.Path = filepath.Join(u.t.TempDir(), name+".db")
	v.config.Logger = testLogger(u.t, name)
	v.open()
	var err error
	v.account, err = v.client.AddAccount(withPatience(u.t), v.where)
	require.NoError(u.t, err)
	u.t.Cleanup(func() { require.NoError(u.t, v.client.Close()) })
	v.online()
	return v
}

// What is written while the line is cut again and again arrives once, and in
// order; who was away for good is in the room again.
func TestRoomThroughCuts(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		proxy := cutproxy.Start(t, s.Addr)
		ann, bob := newUser(t, s, "ann", proxy), newUser(t, s, "bob", nil)
		atAnn, err := ann.account.CreateRoom(withPatience(t), core.RoomOptions{Members: []string{bob.account.JID()}})
		require.NoError(t, err)
		atBob := bob.accepts(atAnn.Peer())
		var want []string
		for i := range 12 {
			text := numbered("cut", i)
			want = append(want, text)
			if i%3 == 0 {
				proxy.Cut(cutproxy.Reset)
				ann.client.NetworkChanged()
			}
			_, err := atAnn.Send(t.Context(), core.Draft{Body: text})
			require.NoError(t, err)
		}
		ann.client.NetworkChanged()
		bob.readsIn(atBob, want...)
		// A new process, and a new session.
		ann.restart()
		atAnn = ann.inRoom(atBob.Peer())
		bob.saysIn(atBob, "are you there?")
		want = append(want, "are you there?")
		ann.readsIn(atAnn, want...)
		require.NoError(t, ann.account.SignOut(t.Context()))
		id, err := atAnn.Send(t.Context(), core.Draft{Body: "written offline"})
		require.NoError(t, err)
		bob.saysIn(atBob, "said meanwhile")
		require.NoError(t, ann.account.SignIn(t.Context()))
		ann.until("message shown", func() bool {
			m, err := ann.client.Message(t.Context(), id)
			require.NoError(t, err)
			return m.State == core.MessageSent
		})
		bob.readsIn(atBob, append(want, "said meanwhile", "written offline")...)
		require.Len(t, ann.textsIn(atAnn), len(want)+2)
		proves(t, s, "0045", "0198", "0313/muc")
	})
}

// Another device of the account is where the first one is, and leaves with it.
func TestRoomsFollowBookmarks(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
		atBob, err := bob.account.CreateRoom(withPatience(t), core.RoomOptions{Members: []string{ann.account.JID()}})
		require.NoError(t, err)
		atAnn := ann.accepts(atBob.Peer())
		other := ann.second("other")
		atOther := other.inRoom(atBob.Peer())
		bob.saysIn(atBob, "to both devices")
		ann.readsIn(atAnn, "to both devices")
		other.readsIn(atOther, "to both devices")
		other.saysIn(atOther, "from the other")
		ann.readsIn(atAnn, "to both devices", "from the other")
		rows, err := atAnn.History(t.Context(), 0, 1)
		require.NoError(t, err)
		require.True(t, rows[0].Outgoing)
		require.NoError(t, atAnn.Leave(withPatience(t)))
		other.until("left", func() bool {
			info, err := atOther.Info(t.Context())
			require.NoError(t, err)
			return !info.Wanted && !info.Joined
		})
		proves(t, s, "0402")
	})
}

// An open room: nothing is encrypted, unless somebody insists, and then nothing
// is sent.
func TestOpenRoom(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
		address := "open-" + ann.account.JID()[:8] + "@conference." + s.Domain
		_, err := bob.account.JoinRoom(ctx, address, "bob", "")
		require.Error(t, err)
		require.Equal(t, "xmpp.room.not-found", core.ErrorCode(err))
		atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{Name: "Open", Public: true, Address: address, Nick: "Ann"})
		require.NoError(t, err)
		atBob, err := bob.account.JoinRoom(ctx, address, "Ann", "")
		require.NoError(t, err)
		info, err := atBob.Info(ctx)
		require.NoError(t, err)
		require.False(t, info.Encryptable)
		require.Equal(t, core.Plain, info.Encryption)
		require.Equal(t, "Ann_", info.Nick, "the nick was taken")
		require.NoError(t, atBob.SetNick(ctx, "Bob"))
		ann.saysIn(atAnn, "hello, Bob!")
		bob.readsIn(atBob, "hello, Bob!")
		rows, err := atBob.History(ctx, 0, 1)
		require.NoError(t, err)
		require.True(t, rows[0].Mentioned)
		require.Equal(t, "Ann", rows[0].Nick)
		require.Equal(t, core.Plain, rows[0].Encryption)
		require.NoError(t, atAnn.SetSubject(ctx, "Tea"))
		bob.until("subject", func() bool {
			info, err := atBob.Info(ctx)
			require.NoError(t, err)
			return info.Subject == "Tea"
		})
		require.Contains(t, bob.notices(atBob), core.NoticeSubject)
		require.NoError(t, atBob.SetEncryption(ctx, core.OMEMO))
		id, err := atBob.Send(ctx, core.Draft{Body: "a secret"})
		require.NoError(t, err)
		bob.until("blocked message", func() bool {
			m, err := bob.client.Message(ctx, id)
			require.NoError(t, err)
			return m.State == core.MessageBlocked && m.Reason == "room.not-encryptable"
		})
		list, _, err := bob.account.PublicRooms(ctx, "conference."+s.Domain, "", 100)
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(list, func(r core.PublicRoom) bool { return r.Address == address }))
		require.NoError(t, atAnn.Ban(ctx, bob.account.JID(), "no secrets"))
		bob.until("banned", func() bool {
			info, err := atBob.Info(ctx)
			require.NoError(t, err)
			return info.Reason == core.NoticeBanned && !info.Wanted
		})
		require.NoError(t, atAnn.Destroy(ctx, "over"))
		ann.until("destroyed", func() bool { return slices.Contains(ann.notices(atAnn), core.NoticeDestroyed) })
		proves(t, s, "0045")
	})
}

// A member without any device holds messages up until it is decided to write
// without them.
func TestMemberWithoutDevice(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
		none := s.NewAccount(t, "none").JID()
		atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{Members: []string{bob.account.JID(), none}})
		require.NoError(t, err)
		atBob := bob.accepts(atAnn.Peer())
		id, err := atAnn.Send(ctx, core.Draft{Body: "for all"})
		require.NoError(t, err)
		ann.until("blocked message", func() bool {
			m, err := ann.client.Message(ctx, id)
			require.NoError(t, err)
			return m.State == core.MessageBlocked && m.Reason == "omemo.no-devices"
		})
		list, err := atAnn.WithoutDevices(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{none}, list)
		require.NoError(t, atAnn.LeaveOut(ctx, none))
		bob.readsIn(atBob, "for all")
		proves(t, s, "0384")
	})
}

// Who comes later reads the newest of what was said, and the rest on demand.
func TestRoomHistory(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
		atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{Name: "Long", Public: true})
		require.NoError(t, err)
		var want []string
		for i := range 130 {
			want = append(want, numbered("long", i))
			_, err := atAnn.Send(ctx, core.Draft{Body: want[i]})
			require.NoError(t, err)
		}
		ann.until("all shown", func() bool {
			rows, err := atAnn.History(ctx, 0, 1)
			require.NoError(t, err)
			return rows[0].State == core.MessageSent
		})
		atBob, err := bob.account.JoinRoom(ctx, atAnn.Peer(), "", "")
		require.NoError(t, err)
		bob.until("newest message", func() bool {
			list := bob.textsIn(atBob)
			return len(list) > 0 && list[len(list)-1] == want[len(want)-1]
		})
		for more := true; more; {
			_, more, err = atBob.LoadOlder(ctx, 50)
			require.NoError(t, err)
		}
		require.Equal(t, want, bob.textsIn(atBob))
		require.Equal(t, want, ann.textsIn(atAnn))
		proves(t, s, "0313/muc")
	})
}

// A moderator takes a message back, for everybody.
func TestRoomModeration(t *testing.T) {
	s := prosody.Server(t) // ejabberd 23.01 has no such thing
	ctx := withPatience(t)
	ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
	atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{Name: "Moderated", Public: true})
	require.NoError(t, err)
	info, err := atAnn.Info(ctx)
	require.NoError(t, err)
	require.True(t, info.Moderation)
	atBob, err := bob.account.JoinRoom(ctx, atAnn.Peer(), "", "")
	require.NoError(t, err)
	mine := bob.saysIn(atBob, "buy my tea")
	ann.readsIn(atAnn, "buy my tea")
	rows, err := atAnn.History(ctx, 0, 1)
	require.NoError(t, err)
	require.Error(t, atBob.Moderate(ctx, mine, ""), "he is no moderator")
	require.NoError(t, atAnn.Moderate(ctx, rows[0].ID, "no tea"))
	for _, who := range []struct {
		*user
		id core.MessageID
	}{{ann, rows[0].ID}, {bob, mine}} {
		who.until("taken back", func() bool {
			m, err := who.client.Message(ctx, who.id)
			require.NoError(t, err)
			return m.Retracted != nil && m.Body == "" && m.Retracted.Reason == "no tea"
		})
	}
	proves(t, s, "0425")
}

// What one occupant says to another is apart from what all can read; an
// invitation can be declined.
func TestRoomPrivately(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
		atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{Name: "Open", Public: true, Nick: "Ann"})
		require.NoError(t, err)
		require.NoError(t, atAnn.Invite(ctx, bob.account.JID(), "come"))
		bob.until("invitation", func() bool {
			list, err := bob.account.Invitations(ctx)
			require.NoError(t, err)
			return len(list) == 1 && list[0].Room == atAnn.Peer() && list[0].Reason == "come"
		})
		require.NoError(t, bob.account.DeclineInvitation(ctx, atAnn.Peer(), "no time"))
		list, err := bob.account.Invitations(ctx)
		require.NoError(t, err)
		require.Empty(t, list)

		atBob, err := bob.account.JoinRoom(ctx, atAnn.Peer(), "Bob", "")
		require.NoError(t, err)
		private, err := atAnn.Private(ctx, "Bob")
		require.NoError(t, err)
		id, err := private.Send(ctx, core.Draft{Body: "between us"})
		require.NoError(t, err)
		ann.until("blocked message", func() bool {
			m, err := ann.client.Message(ctx, id)
			require.NoError(t, err)
			return m.State == core.MessageBlocked && m.Reason == "room.not-encryptable"
		})
		require.NoError(t, private.SetEncryption(ctx, core.Plain))
		_, err = private.Send(ctx, core.Draft{Body: "in the clear"})
		require.NoError(t, err)
		bob.until("private message", func() bool {
			cv, err := atBob.Private(ctx, "Ann")
			require.NoError(t, err)
			rows, err := cv.History(ctx, 0, 1)
			require.NoError(t, err)
			return len(rows) == 1 && rows[0].Body == "in the clear"
		})
		require.Empty(t, bob.textsIn(atBob))
		proves(t, s, "0045", "0249")
	})
}
