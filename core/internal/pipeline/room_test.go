// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"slices"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

const (
	theRoom = "friends@rooms.example.org"
	closed  = pipeline.RoomMembersOnly | pipeline.RoomNonAnonymous | pipeline.RoomArchive | pipeline.RoomStanzaIDs
)

// inRoom makes s know a room with these members.
func (s *side) inRoom(features uint64, members ...string) int64 {
	s.t.Helper()
	row, err := s.WantRoom(s.t.Context(), theRoom, func(r *storage.Room) { r.Nick = "me" })
	require.NoError(s.t, err)
	_, err = s.DescribeRoom(s.t.Context(), row.ConversationID, features, "Friends", "")
	require.NoError(s.t, err)
	s.members(row.ConversationID, members...)
	return row.ConversationID
}

func (s *side) members(room int64, members ...string) {
	s.t.Helper()
	var list []storage.Member
	for _, jid := range members {
		list = append(list, storage.Member{JID: jid, Affiliation: pipeline.AffiliationMember})
	}
	require.NoError(s.t, s.SetMembers(s.t.Context(), room, list))
}

// shown is a message as the room shows it to all.
func shown(p packet, nick, jid, archive string) *pipeline.Incoming {
	in := &pipeline.Incoming{
		Peer: theRoom, Room: true, Nick: nick, RealJID: jid, Sender: jid, ArchiveID: archive, RemoteID: p.ID,
		At: time.Now(), Content: p.Content, Envelopes: p.Envs,
	}
	if jid == "" {
		in.Sender = theRoom + "/" + nick
	}
	return in
}

func codes(rows []storage.Message) (list []string) {
	for _, r := range rows {
		if r.Kind == pipeline.KindEvent {
			list = append(list, r.Reason)
		}
	}
	return list
}

func said(rows []storage.Message) []string {
	return bodies(slices.DeleteFunc(slices.Clone(rows), func(r storage.Message) bool { return r.Kind == pipeline.KindEvent }))
}

// A message is encrypted to all who belong to the room, and to nobody who does
// not any more; it is sent once the room shows it.
func TestRoomRecipients(t *testing.T) {
	alice, bob, carol := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true), newSide(t, "carol@example.org", true)
	alice.know(bob)
	alice.know(carol)
	room := alice.inRoom(closed, alice.JID, bob.JID, carol.JID)
	first := alice.send(room, "id1", "for both")
	out := alice.prepare("s1")
	require.Len(t, out, 1)
	require.Equal(t, theRoom, out[0].To)
	require.Len(t, out[0].Envs[0].Keys, 2)

	// The server counts it, the room has not shown it.
	alice.deliver(pipeline.Update{Ack: &pipeline.Ack{StreamID: "s1", Upto: 1}})
	require.Equal(t, pipeline.StateQueued, alice.history(room)[0].State)
	require.Empty(t, alice.prepare("s1"))
	alice.deliver(pipeline.Update{Message: shown(out[0], "me", "", "a1")})
	rows := alice.history(room)
	require.Len(t, rows, 1)
	require.Equal(t, first, rows[0].ID)
	require.Equal(t, pipeline.StateSent, rows[0].State)
	require.Equal(t, "a1", rows[0].ArchiveID)
	n, err := alice.Resend(t.Context(), room)
	require.NoError(t, err)
	require.Zero(t, n)

	for _, other := range []*side{bob, carol} {
		r := other.inRoom(closed, alice.JID, bob.JID, carol.JID)
		other.deliver(pipeline.Update{Message: shown(out[0], "alice", alice.JID, "a1")})
		require.Equal(t, []string{"for both"}, bodies(other.history(r)))
		require.Equal(t, alice.JID, other.history(r)[0].Sender)
	}

	alice.members(room, alice.JID, bob.JID)
	require.Equal(t, []string{pipeline.EventMemberRemoved}, codes(alice.history(room)))
	alice.send(room, "id2", "for bob")
	out = alice.prepare("s1")
	require.Len(t, out[0].Envs[0].Keys, 1)
	bobs, _ := bob.device()
	require.Equal(t, bobs.Device, out[0].Envs[0].Keys[0].RID)
}

// A message that the room never shows goes out again, a few times.
func TestRoomSwallows(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	room := alice.inRoom(0)
	alice.send(room, "id1", "hello?")
	first := alice.prepare("s")
	for i := range 4 {
		alice.deliver(pipeline.Update{Ack: &pipeline.Ack{StreamID: "s", Upto: alice.next}})
		require.Empty(t, alice.prepare("s"))
		n, err := alice.Resend(t.Context(), room)
		require.NoError(t, err)
		require.Equal(t, 1, n, i)
		require.Equal(t, first, alice.prepare("s"))
	}
	alice.deliver(pipeline.Update{Ack: &pipeline.Ack{StreamID: "s", Upto: alice.next}})
	n, err := alice.Resend(t.Context(), room)
	require.NoError(t, err)
	require.Zero(t, n)
	row := alice.history(room)[0]
	require.Equal(t, pipeline.StateFailed, row.State)
	require.Equal(t, pipeline.ReasonNotShown, row.Reason)
}

// What was written for a closed group never goes out when it is none any more.
func TestRoomIsOpened(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	room := alice.inRoom(closed, alice.JID, bob.JID)
	for _, features := range []uint64{0, pipeline.RoomMembersOnly, pipeline.RoomNonAnonymous} {
		_, err := alice.DescribeRoom(t.Context(), room, features, "Friends", "")
		require.NoError(t, err)
		id := alice.send(room, "id", "secret")
		require.Empty(t, alice.prepare("s1"))
		rows := alice.history(room)
		i := slices.IndexFunc(rows, func(r storage.Message) bool { return r.ID == id })
		require.Equal(t, pipeline.StateBlocked, rows[i].State)
		require.Equal(t, pipeline.ReasonNotEncryptable, rows[i].Reason)
		require.NoError(t, alice.DB.Update(t.Context(), func(tx *storage.Tx) error { return tx.DeleteMessage(id) }))
	}
	require.Contains(t, codes(alice.history(room)), pipeline.EventRoomOpened)

	// A room that was always open is written to in the clear, until somebody
	// decides otherwise.
	open := newSide(t, "open@example.org", true)
	room = open.inRoom(0)
	open.send(room, "id1", "hello world")
	require.Equal(t, "hello world", open.prepare("s1")[0].Content.Body)
}

// A member without devices holds messages up; to leave them out is a decision,
// which ends when they have one.
func TestRoomLeaveOut(t *testing.T) {
	alice, bob, carol := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true), newSide(t, "carol@example.org", true)
	alice.know(bob)
	room := alice.inRoom(closed, alice.JID, bob.JID, carol.JID)
	alice.send(room, "id1", "for whom?")
	require.Empty(t, alice.prepare("s1"))
	require.Equal(t, pipeline.ReasonNoDevices, alice.history(room)[0].Reason)
	who, err := alice.WithoutDevices(t.Context(), room)
	require.NoError(t, err)
	require.Equal(t, []string{carol.JID}, who)
	require.NoError(t, alice.LeaveOut(t.Context(), room, []string{"somebody@else.example"}))
	require.Empty(t, alice.prepare("s1"))
	require.NoError(t, alice.LeaveOut(t.Context(), room, who))
	require.Len(t, alice.prepare("s1")[0].Envs[0].Keys, 1)
	alice.know(carol)
	alice.send(room, "id2", "for both")
	require.Len(t, alice.prepare("s1")[0].Envs[0].Keys, 2)
}

// Nothing goes to a room that we are not in, and it holds nothing else up.
func TestRoomNotEntered(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	room, direct := alice.inRoom(0), alice.conversation("bob@example.org", pipeline.EncryptionNone)
	alice.send(room, "id1", "to the room")
	alice.send(direct, "id2", "to bob")
	p, err := alice.Prepare(t.Context(), pipeline.Position{StreamID: "s1", Next: 1}, func(peer string) bool { return peer != theRoom })
	require.NoError(t, err)
	require.Len(t, p.Stanzas, 1)
}

// What comes live and from the archive, with another idea of who wrote it each
// time, is one message; what others repeat of ours is not ours.
func TestRoomDuplicates(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	room := alice.inRoom(pipeline.RoomArchive)
	hers := shown(packet{ID: "x", Content: pipeline.Content{Body: "hello"}}, "bob", "bob@example.org", "")
	alice.deliver(pipeline.Update{Message: hers})
	run, err := alice.BeginCatchUp(t.Context(), theRoom, time.Now())
	require.NoError(t, err)
	again := shown(packet{ID: "x", Content: pipeline.Content{Body: "hello"}}, "bob", "", "a1")
	same := shown(packet{ID: "x", Content: pipeline.Content{Body: "hello"}}, "eve", "", "a2")
	require.NoError(t, alice.StorePage(t.Context(), run, pipeline.Page{
		Messages: []pipeline.Incoming{*again, *same}, First: "a1", Last: "a2", Complete: true,
	}))
	require.NoError(t, alice.EndCatchUp(t.Context(), run))
	require.Equal(t, []string{"hello", "hello"}, bodies(alice.history(room)))

	alice.send(room, "mine", "yes")
	out := alice.prepare("s1")[0]
	alice.deliver(pipeline.Update{Message: shown(out, "me", "", "a3")})
	alice.deliver(pipeline.Update{Message: shown(out, "me_", "", "a3")})
	require.Len(t, alice.history(room), 3)
	alice.deliver(pipeline.Update{Message: shown(out, "eve", "eve@example.org", "a4")})
	rows := alice.history(room)
	require.Len(t, rows, 4)
	require.False(t, rows[3].Outgoing)
	require.Equal(t, "eve@example.org", rows[3].Sender)
}

// An encrypted message of which the room does not say who wrote it is recognised
// by the device it is from, and otherwise not attributed to anybody.
func TestRoomRecognises(t *testing.T) {
	alice, bob, eve := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true), newSide(t, "eve@example.org", true)
	rb := bob.inRoom(closed, alice.JID, bob.JID)
	bob.know(alice)
	bob.send(rb, "id1", "from bob")
	out := bob.prepare("s1")[0]
	ra := alice.inRoom(closed, alice.JID, bob.JID)
	alice.deliver(pipeline.Update{Message: shown(out, "bob", "", "a1")})
	require.Equal(t, pipeline.ReasonUnknownSender, alice.history(ra)[0].Reason)
	require.Equal(t, theRoom+"/bob", alice.history(ra)[0].Sender)

	alice.know(bob)
	bob.send(rb, "id2", "from bob again")
	alice.deliver(pipeline.Update{Message: shown(bob.prepare("s1")[0], "robert", "", "a2")})
	rows := alice.history(ra)
	require.Equal(t, "from bob again", rows[1].Body)
	require.Equal(t, bob.JID, rows[1].Sender)

	// Eve is no member: her keys say nothing, whatever nick she takes.
	re := eve.inRoom(closed, alice.JID, eve.JID)
	eve.know(alice)
	alice.know(eve)
	eve.send(re, "id3", "from eve")
	alice.deliver(pipeline.Update{Message: shown(eve.prepare("s1")[0], "bob", "", "a3")})
	require.Equal(t, pipeline.ReasonUnknownSender, alice.history(ra)[2].Reason)
}

// Notices tell what matters, once, and count as unread for nobody.
func TestRoomNotices(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	room := alice.inRoom(closed, alice.JID, "bob@example.org")
	require.Empty(t, codes(alice.history(room)), "what was so when we came is no news")
	alice.members(room, alice.JID, "bob@example.org", "carol@example.org")
	alice.members(room, alice.JID, "bob@example.org", "carol@example.org")
	change := func(jid string, affiliation uint8) {
		require.NoError(t, alice.NowMember(t.Context(), storage.Member{ConversationID: room, JID: jid, Affiliation: affiliation},
			pipeline.RoomEvent{By: "bob"}))
	}
	change("carol@example.org", pipeline.AffiliationAdmin)
	change("carol@example.org", pipeline.AffiliationOutcast)
	change("carol@example.org", pipeline.AffiliationOutcast)
	change("dave@example.org", pipeline.AffiliationNone)
	_, err := alice.DescribeRoom(t.Context(), room, closed, "Foes", "")
	require.NoError(t, err)
	for _, subject := range []string{"tea", "tea", "coffee"} {
		require.NoError(t, alice.DB.Update(t.Context(), func(tx *storage.Tx) error {
			return alice.SetSubject(tx, func(event.Event) {}, room, subject, "")
		}))
	}
	rows := alice.history(room)
	require.Equal(t, []string{
		pipeline.EventMemberAdded, pipeline.EventBanned, pipeline.EventRoomRenamed, pipeline.EventSubject,
	}, codes(rows))
	e, err := pipeline.ExtraOf(&rows[1])
	require.NoError(t, err)
	require.Equal(t, "carol@example.org", e.Event.Who)
	require.Equal(t, "bob", e.Event.By)
	require.NoError(t, alice.DB.View(t.Context(), func(r *storage.Reader) error {
		c, err := r.Conversation(room)
		require.Zero(t, c.Unread)
		return err
	}))
	require.Empty(t, said(rows))
}

// What waits for a room that we were made to leave says so, and goes out when we
// are back.
func TestRoomBlocks(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	room := alice.inRoom(0)
	alice.send(room, "id1", "too late")
	require.NoError(t, alice.BlockRoom(t.Context(), room, pipeline.EventKicked))
	require.Empty(t, alice.prepare("s1"))
	row := alice.history(room)[0]
	require.Equal(t, pipeline.StateBlocked, row.State)
	require.Equal(t, pipeline.EventKicked, row.Reason)
	n, err := alice.Unblock(t.Context(), theRoom)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Len(t, alice.prepare("s1"), 1)
}
