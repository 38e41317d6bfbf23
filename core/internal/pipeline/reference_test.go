// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

const bobJID = "bob@example.org"

// says is a message of bob's that came in the clear.
func says(id string, c pipeline.Content) pipeline.Update {
	return pipeline.Update{Message: &pipeline.Incoming{
		Peer: bobJID, Sender: bobJID, RemoteID: id, ArchiveID: "a" + id, At: time.Now(), Content: c,
	}}
}

func text(body string) pipeline.Content { return pipeline.Content{Body: body} }

func (s *side) extra(row storage.Message) pipeline.Extra {
	s.t.Helper()
	e, err := pipeline.ExtraOf(&row)
	require.NoError(s.t, err)
	return e
}

// kinds returns the kinds of the events since the last call.
func (s *side) kinds() (list []event.Kind) {
	for _, e := range s.heard() {
		list = append(list, e.Kind)
	}
	return list
}

// Whoever may not say a thing about a message does not: a correction is shown
// as a message of its own then, so that no text is lost.
func TestReferencesOfOthers(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	c := s.conversation(bobJID, pipeline.EncryptionNone)
	s.deliver(says("1", text("one")))
	mine := s.send(c, "m1", "mine")
	s.prepare("s1")
	s.deliver(
		says("2", pipeline.Content{Body: "not yours", Corrects: "m1"}),
		says("3", pipeline.Content{Retracts: "m1"}),
		says("4", pipeline.Content{Body: "of nothing", Corrects: "later"}),
	)
	require.Equal(t, []string{"one", "mine", "not yours", "of nothing"}, bodies(s.history(c)))
	s.kinds()
	s.deliver(says("later", text("later")))
	require.Contains(t, s.kinds(), event.MessageRemoved)
	rows := s.history(c)
	require.Equal(t, []string{"one", "mine", "not yours", "of nothing"}, bodies(rows))
	require.Equal(t, "later", rows[3].RemoteID, "the correction has found what it corrects")
	require.Equal(t, 3, s.info(c).Unread)
	row := rows[1]
	require.Equal(t, mine, row.ID)
	require.Nil(t, s.extra(row).Retracted)

	s.deliver(says("5", pipeline.Content{Retracts: "1"}), says("6", pipeline.Content{Body: "too late", Corrects: "1"}))
	rows = s.history(c)
	require.Equal(t, []string{"", "mine", "not yours", "of nothing"}, bodies(rows))
	require.Equal(t, bobJID, s.extra(rows[0]).Retracted.By)
	require.NoError(t, s.DB.View(t.Context(), func(r *storage.Reader) error {
		edits, err := r.Edits(rows[0].ID)
		require.Empty(t, edits)
		return err
	}))
	require.Len(t, s.history(c), 4)
}

// What concerns an encrypted message must be encrypted too, or it is shown for
// what it is.
func TestUnprovenReferences(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, bobJID, true)
	bob.know(alice)
	alice.know(bob)
	cb := bob.conversation(alice.JID, pipeline.EncryptionDefault)
	c := alice.conversation(bobJID, pipeline.EncryptionDefault)
	id := bob.send(cb, "1", "secret")
	for _, p := range bob.prepare("s") {
		alice.deliver(pipeline.Update{Message: incoming(bobJID, p)})
	}
	alice.deliver(says("2", pipeline.Content{Body: "forged", Corrects: "1"}), says("3", pipeline.Content{Retracts: "1"}))
	rows := alice.history(c)
	require.Equal(t, []string{"secret", "forged"}, bodies(rows))
	require.True(t, alice.extra(rows[0]).Retracted.Unproven)
	require.Equal(t, pipeline.EncryptionNone, rows[1].Encryption)

	require.NoError(t, bob.Correct(t.Context(), id, "4", "better"))
	require.NoError(t, bob.React(t.Context(), id, "5", []string{"👍"}))
	deliver := func() {
		for _, p := range bob.prepare("s") {
			require.NotEmpty(t, p.Envs)
			require.Empty(t, p.Content)
			alice.deliver(pipeline.Update{Message: incoming(bobJID, p)})
		}
	}
	deliver()
	rows = alice.history(c)
	require.Equal(t, []string{"better", "forged"}, bodies(rows))
	require.NoError(t, alice.DB.View(t.Context(), func(r *storage.Reader) error {
		found, err := r.ReactionsTo([]int64{rows[0].ID})
		require.Equal(t, []string{"👍"}, found[rows[0].ID][0].Emojis)
		return err
	}))
	require.NoError(t, bob.Retract(t.Context(), id, "6"))
	require.ErrorIs(t, bob.Retract(t.Context(), id, "7"), pipeline.ErrRetracted)
	require.ErrorIs(t, bob.React(t.Context(), id, "7", nil), pipeline.ErrRetracted)
	deliver()
	rows = alice.history(c)
	require.Equal(t, []string{"", "forged"}, bodies(rows))
	require.False(t, alice.extra(rows[0]).Retracted.Unproven)
	require.ErrorIs(t, alice.Correct(t.Context(), rows[0].ID, "8", "x"), pipeline.ErrNotOwn)
}

// A message of which nothing went out is changed or gone, and nobody hears of it.
func TestEditUnsent(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	c := s.conversation(bobJID, pipeline.EncryptionNone)
	first, second := s.send(c, "1", "frist"), s.send(c, "2", "second")
	require.NoError(t, s.Correct(t.Context(), first, "x1", "first"))
	require.NoError(t, s.Retract(t.Context(), second, "x2"))
	out := s.prepare("s1")
	require.Len(t, out, 1)
	require.Equal(t, "first", out[0].Content.Body)
	// The archive's copy is known by the text that went out.
	s.deliver(pipeline.Update{Message: &pipeline.Incoming{
		Peer: bobJID, Sender: s.JID, Outgoing: true, RemoteID: "1", ArchiveID: "a1", At: time.Now(), Content: text("first"),
	}})
	require.Equal(t, []string{"first"}, bodies(s.history(c)))

	require.NoError(t, s.Correct(t.Context(), first, "x3", "1st"))
	out = s.prepare("s1")
	require.Len(t, out, 1)
	require.Equal(t, pipeline.Content{Body: "1st", Corrects: "1"}, out[0].Content)
	again := &pipeline.Incoming{
		Peer: bobJID, Sender: s.JID, Outgoing: true, RemoteID: "x3", ArchiveID: "a3", At: time.Now().Add(-time.Hour), Content: out[0].Content,
	}
	s.deliver(pipeline.Update{Message: again})
	require.Equal(t, []string{"1st"}, bodies(s.history(c)))

	// A clock that was put back does not make the newest text an older one.
	s.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	require.NoError(t, s.Correct(t.Context(), first, "x4", "I"))
	require.Equal(t, []string{"I"}, bodies(s.history(c)))
}

// Marks of the peer make our messages read, whenever they come.
func TestMarksOfOthers(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	c := s.conversation(bobJID, pipeline.EncryptionNone)
	for i := range 3 {
		s.send(c, fmt.Sprint("m", i), fmt.Sprint(i))
	}
	s.prepare("s1")
	s.deliver(pipeline.Update{Ack: &pipeline.Ack{StreamID: "s1", Upto: 1}}, says("1", pipeline.Content{Displayed: "m1"}))
	states := func() (list []uint8) {
		for _, row := range s.history(c) {
			list = append(list, row.State)
		}
		return list
	}
	require.Equal(t, []uint8{pipeline.StateRead, pipeline.StateRead, pipeline.StateQueued}, states())
	s.deliver(says("2", pipeline.Content{Displayed: "m2"}), says("3", pipeline.Content{Displayed: "m0"}))
	require.Equal(t, []uint8{pipeline.StateRead, pipeline.StateRead, pipeline.StateRead}, states())
	// A message with a mark is a message.
	s.deliver(says("4", pipeline.Content{Body: "text", Displayed: "m2"}))
	require.Len(t, s.history(c), 4)
	// Strangers do not get a conversation by marks.
	stranger := says("5", pipeline.Content{Displayed: "m2"})
	stranger.Message.Peer, stranger.Message.Sender = "eve@example.org", "eve@example.org"
	s.deliver(stranger)
	require.NoError(t, s.DB.View(t.Context(), func(r *storage.Reader) error {
		_, err := r.ConversationByPeer(s.ID, "eve@example.org")
		require.ErrorIs(t, err, storage.ErrNotFound)
		return nil
	}))
}

// We tell of what was read who asks, is no stranger, and may know; our other
// devices always.
func TestMarkRead(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	ask := func(id string, markable bool) {
		s.deliver(says(id, pipeline.Content{Body: id, Markable: markable}))
	}
	c := s.conversation(bobJID, pipeline.EncryptionNone)
	marks := func() (list []string) {
		_, err := s.MarkRead(t.Context(), c, 0)
		require.NoError(t, err)
		for _, p := range s.prepare("s1") {
			list = append(list, p.Content.Displayed)
		}
		return list
	}
	elsewhere := func(want ...pipeline.ReadState) {
		t.Helper()
		list, err := s.ReadElsewhere(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, list)
	}
	ask("1", true)
	require.Empty(t, marks(), "a stranger")
	elsewhere(pipeline.ReadState{Peer: bobJID, ArchiveID: "a1"})
	s.send(c, "m1", "hello")
	s.prepare("s1")
	ask("2", true)
	ask("3", false)
	require.Equal(t, []string{"2"}, marks())
	require.Empty(t, marks(), "nothing new")
	elsewhere(pipeline.ReadState{Peer: bobJID, ArchiveID: "a3"})
	require.NoError(t, s.ToldElsewhere(t.Context(), pipeline.ReadState{Peer: bobJID, ArchiveID: "a2"}))
	elsewhere(pipeline.ReadState{Peer: bobJID, ArchiveID: "a3"})
	require.NoError(t, s.ToldElsewhere(t.Context(), pipeline.ReadState{Peer: bobJID, ArchiveID: "a3"}))
	elsewhere()

	// Of several that did not go out the last is enough.
	for _, id := range []string{"4", "5"} {
		ask(id, true)
		_, err := s.MarkRead(t.Context(), c, 0)
		require.NoError(t, err)
	}
	ask("6", true)
	require.Equal(t, []string{"6"}, marks())

	choose := func(conversation int64, d *pipeline.Disclosure) {
		require.NoError(t, s.DB.Update(t.Context(), func(tx *storage.Tx) error { return s.SetDisclosure(tx, conversation, d) }))
	}
	choose(0, &pipeline.Disclosure{})
	ask("7", true)
	require.Empty(t, marks())
	choose(c, &pipeline.Disclosure{Marks: true})
	ask("8", true)
	require.Equal(t, []string{"8"}, marks())
	choose(c, nil)
	ask("9", true)
	require.Empty(t, marks())
}

// What another device of ours has read is read here, also if it comes later.
func TestReadByOther(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	c := s.conversation(bobJID, pipeline.EncryptionNone)
	read := func(id string) {
		s.deliver(pipeline.Update{Apply: func(tx *storage.Tx, emit func(event.Event)) error {
			return s.ReadByOther(tx, emit, pipeline.ReadState{Peer: bobJID, ArchiveID: id})
		}})
	}
	s.deliver(says("1", text("one")), says("2", text("two")))
	read("a1")
	require.Equal(t, 1, s.info(c).Unread)
	read("a3")
	require.Equal(t, 1, s.info(c).Unread)
	s.deliver(says("3", text("three")), says("4", text("four")))
	require.Equal(t, 1, s.info(c).Unread)
	own := says("5", pipeline.Content{Displayed: "4"}) // a mark of ours, sent by that device
	own.Message.Sender, own.Message.Outgoing = s.JID, true
	s.deliver(own)
	require.Zero(t, s.info(c).Unread)
	list, err := s.ReadElsewhere(t.Context())
	require.NoError(t, err)
	require.Empty(t, list, "they know")
}

// A field that a later version has added to a message outlives this one.
func TestExtraKeepsFields(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	c := s.conversation(bobJID, pipeline.EncryptionNone)
	s.deliver(says("1", text("one")))
	row := s.history(c)[0]
	require.Empty(t, row.Extra)
	require.NoError(t, s.DB.Update(t.Context(), func(tx *storage.Tx) error {
		return tx.SetMessageExtra(row.ID, []byte(`{"new":{"a":[1]},"nick":"Bob"}`))
	}))
	s.deliver(says("2", pipeline.Content{Body: "1", Corrects: "1"}))
	row = s.history(c)[0]
	var all map[string]any
	require.NoError(t, json.Unmarshal(row.Extra, &all))
	require.Equal(t, map[string]any{"a": []any{1.0}}, all["new"])
	require.Equal(t, "Bob", all["nick"])
	require.Contains(t, all, "edited")
}

// In a room only who is surely the author counts.
func TestAuthorsInRooms(t *testing.T) {
	const room = "room@rooms.example.org"
	for name, test := range map[string]struct {
		first, then pipeline.Incoming
		ok          bool
	}{
		"same occupant":             {pipeline.Incoming{Occupant: "o1", Sender: room + "/a"}, pipeline.Incoming{Occupant: "o1", Sender: room + "/b"}, true},
		"other occupant, same nick": {pipeline.Incoming{Occupant: "o1", Sender: room + "/a"}, pipeline.Incoming{Occupant: "o2", Sender: room + "/a"}, false},
		"same person":               {pipeline.Incoming{Sender: bobJID}, pipeline.Incoming{Sender: bobJID, RealJID: bobJID}, true},
		"other person":              {pipeline.Incoming{Sender: bobJID}, pipeline.Incoming{Sender: "eve@example.org", RealJID: "eve@example.org"}, false},
		"unknowable":                {pipeline.Incoming{Sender: room + "/a"}, pipeline.Incoming{Sender: room + "/a"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSide(t, "alice@example.org", false)
			for i, in := range []*pipeline.Incoming{&test.first, &test.then} {
				in.Peer, in.Room, in.At = room, true, time.Now()
				in.RemoteID, in.ArchiveID = fmt.Sprint(i), fmt.Sprint("a", i)
			}
			test.first.Content = text("text")
			test.then.Content = pipeline.Content{Retracts: "a0"}
			s.deliver(pipeline.Update{Message: &test.first})
			s.deliver(pipeline.Update{Message: &test.then})
			var rows []storage.Message
			require.NoError(t, s.DB.View(t.Context(), func(r *storage.Reader) error {
				c, err := r.ConversationByPeer(s.ID, room)
				require.NoError(t, err)
				rows, err = r.MessagesAfter(c.ID, 0, 0)
				return err
			}))
			require.Len(t, rows, 1)
			require.Equal(t, test.ok, rows[0].Body == "")
			moderation := test.then
			moderation.RemoteID, moderation.ArchiveID = "2", "a2"
			moderation.Content = pipeline.Content{Moderates: &pipeline.Moderation{ID: "a0", By: "mod", Reason: "spam"}}
			s.deliver(pipeline.Update{Message: &moderation})
			require.NoError(t, s.DB.View(t.Context(), func(r *storage.Reader) error {
				row, err := r.Message(rows[0].ID)
				require.Empty(t, row.Body)
				require.NotNil(t, s.extra(row).Retracted)
				return err
			}))
		})
	}
}
