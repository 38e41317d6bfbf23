// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"slices"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// room returns a user's handle on a room.
func (u *user) room(address string) *core.Room {
	u.t.Helper()
	r, err := u.account.Room(u.t.Context(), address)
	require.NoError(u.t, err)
	return r
}

// inRoom waits until the user is in a room.
func (u *user) inRoom(address string) *core.Room {
	u.t.Helper()
	u.until("being in the room", func() bool {
		r, err := u.account.Room(u.t.Context(), address)
		if err != nil {
			return false
		}
		info, err := r.Info(u.t.Context())
		return err == nil && info.Joined
	})
	return u.room(address)
}

// saysIn sends a text in a room and waits until the room has shown it.
func (u *user) saysIn(r *core.Room, text string) core.MessageID {
	u.t.Helper()
	id, err := r.Send(u.t.Context(), core.Draft{Body: text})
	require.NoError(u.t, err)
	u.until("message shown by the room: "+text, func() bool {
		m, err := u.client.Message(u.t.Context(), id)
		require.NoError(u.t, err)
		require.NotEqual(u.t, core.MessageFailed, m.State, m.Reason)
		return m.State == core.MessageSent
	})
	return id
}

// textsIn are what a room has said, the oldest first, notices left out.
func (u *user) textsIn(r *core.Room) (list []string) {
	u.t.Helper()
	rows, err := r.HistoryAfter(u.t.Context(), 0, 0)
	require.NoError(u.t, err)
	for _, m := range rows {
		switch m.Kind {
		case core.Text:
			list = append(list, m.Body)
		case core.Unreadable:
			list = append(list, "unreadable: "+m.Reason)
		}
	}
	return list
}

func (u *user) readsIn(r *core.Room, want ...string) {
	u.t.Helper()
	u.until("messages in the room", func() bool { return slices.Equal(want, u.textsIn(r)) || len(u.textsIn(r)) > len(want) })
	require.Equal(u.t, want, u.textsIn(r))
}

// notices are the codes of what happened in a room.
func (u *user) notices(r *core.Room) (list []string) {
	u.t.Helper()
	rows, err := r.HistoryAfter(u.t.Context(), 0, 0)
	require.NoError(u.t, err)
	for _, m := range rows {
		if m.Kind == core.Notice {
			require.False(u.t, m.Outgoing)
			list = append(list, m.Notice.Code)
		}
	}
	return list
}

// accepts waits for an invitation and accepts it.
func (u *user) accepts(address string) *core.Room {
	u.t.Helper()
	u.until("invitation", func() bool {
		list, err := u.account.Invitations(u.t.Context())
		require.NoError(u.t, err)
		return slices.ContainsFunc(list, func(v core.Invitation) bool { return v.Room == address })
	})
	r, err := u.account.AcceptInvitation(withPatience(u.t), address, "")
	require.NoError(u.t, err)
	list, err := u.account.Invitations(u.t.Context())
	require.NoError(u.t, err)
	require.Empty(u.t, list)
	return r
}

// Three people talk in a closed group: who is away reads later, who was removed
// reads no more.
func TestClosedGroup(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ann, bob, cid := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil), newUser(t, s, "cid", nil)
		atAnn, err := ann.account.CreateRoom(withPatience(t), core.RoomOptions{
			Name: "Friends", Members: []string{bob.account.JID(), cid.account.JID()},
		})
		require.NoError(t, err)
		address := atAnn.Peer()
		info, err := atAnn.Info(t.Context())
		require.NoError(t, err)
		require.True(t, info.Encryptable)
		require.True(t, info.MembersOnly && info.NonAnonymous && info.Hidden && info.Persistent)
		require.Equal(t, core.OMEMO, info.Encryption)
		require.Equal(t, core.Owner, info.Affiliation)

		atBob, atCid := bob.accepts(address), cid.accepts(address)
		ann.saysIn(atAnn, "hello all")
		bob.readsIn(atBob, "hello all")
		cid.readsIn(atCid, "hello all")
		bob.saysIn(atBob, "hello ann")
		cid.saysIn(atCid, "hello both")
		ann.readsIn(atAnn, "hello all", "hello ann", "hello both")

		rows, err := atBob.HistoryAfter(t.Context(), 0, 0)
		require.NoError(t, err)
		for _, m := range rows {
			if m.Kind == core.Text {
				require.NotEqual(t, core.Plain, m.Encryption)
				require.NotContains(t, m.Sender, "/")
			}
		}

		// Cid is away, and reads what was said meanwhile.
		require.NoError(t, cid.account.SignOut(t.Context()))
		ann.saysIn(atAnn, "while cid is away")
		bob.saysIn(atBob, "so it is")
		require.NoError(t, cid.account.SignIn(t.Context()))
		cid.readsIn(atCid, "hello all", "hello ann", "hello both", "while cid is away", "so it is")

		// Cid is removed, and reads no more, whatever is sent.
		require.NoError(t, atAnn.Remove(withPatience(t), cid.account.JID(), "enough"))
		cid.until("notice of the removal", func() bool {
			return slices.Contains(cid.notices(atCid), core.NoticeMemberRemoved)
		})
		bob.until("notice of the removal", func() bool {
			return slices.Contains(bob.notices(atBob), core.NoticeMemberRemoved)
		})
		ann.saysIn(atAnn, "among us")
		bob.saysIn(atBob, "indeed")
		ann.readsIn(atAnn, "hello all", "hello ann", "hello both", "while cid is away", "so it is", "among us", "indeed")
		members, err := atBob.Members(t.Context())
		require.NoError(t, err)
		require.Len(t, members, 2)
		require.Len(t, cid.textsIn(atCid), 5)
		infoCid, err := atCid.Info(t.Context())
		require.NoError(t, err)
		require.False(t, infoCid.Wanted)
		require.Equal(t, core.NoticeMemberRemoved, infoCid.Reason)
		proves(t, s, "0045", "0249", "0313", "0384")
	})
}
