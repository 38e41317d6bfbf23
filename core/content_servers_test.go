// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// gets waits for the message with that text or, if it is empty, the newest one,
// to be as wanted.
func (u *user) gets(peer *user, what, body string, ok func(core.Message) bool) (found core.Message) {
	u.t.Helper()
	u.until(what, func() bool {
		for _, m := range u.history(peer) {
			if (body == "" || m.Body == body) && ok(m) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func anything(core.Message) bool { return true }

func shows(emojis ...string) func(core.Message) bool {
	return func(m core.Message) bool {
		if len(m.Reactions) != len(emojis) {
			return false
		}
		for i, r := range m.Reactions {
			if r.Emoji != emojis[i] {
				return false
			}
		}
		return true
	}
}

// Corrections, reactions, answers and retractions reach the other side and our
// other device, encrypted in either version of OMEMO or not at all.
func TestContent(t *testing.T) {
	for _, way := range []struct {
		name       string
		encryption core.Encryption
	}{{"encrypted", core.OMEMO}, {"plain", core.Plain}} {
		t.Run(way.name, func(t *testing.T) {
			onServers(t, func(t *testing.T, s *testserver.Server) { talkOfAll(t, s, way.encryption) })
		})
	}
}

func talkOfAll(t *testing.T, s *testserver.Server, e core.Encryption) {
	ctx := withPatience(t)
	alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
	befriend(alice, bob)
	bob2 := bob.another("bob2")
	for _, u := range []*user{alice, bob, bob2} {
		peer := bob
		if u != alice {
			peer = alice
		}
		require.NoError(t, u.with(peer).SetEncryption(ctx, e))
	}
	alice.knows(bob)
	alice.knows(bob2)
	bob.knows(bob2)
	bob2.knows(bob)
	bob2.knows(alice)
	alice.send(bob, "hello")

	first := alice.send(bob, "frist")
	for _, b := range []*user{bob, bob2} {
		b.gets(alice, "text", "frist", anything)
	}
	require.NoError(t, alice.with(bob).Correct(ctx, first, "first"))
	for _, b := range []*user{bob, bob2} {
		m := b.gets(alice, "correction", "first", func(m core.Message) bool { return !m.Edited.IsZero() })
		edits, err := b.client.Edits(ctx, m.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"frist", "first"}, []string{edits[0].Body, edits[1].Body})
		found, err := b.client.Search(ctx, core.Search{Text: "frist"})
		require.NoError(t, err)
		require.Empty(t, found)
	}

	m := bob.gets(alice, "text", "first", anything)
	require.NoError(t, bob.with(alice).React(ctx, m.ID, "👍", "🎉"))
	at := alice.gets(bob, "reactions", "first", shows("👍", "🎉"))
	require.Equal(t, bob.account.JID(), at.Reactions[0].By[0].Person)
	require.False(t, at.Reactions[0].Own)
	require.True(t, bob2.gets(alice, "reactions", "first", shows("👍", "🎉")).Reactions[0].Own)
	require.NoError(t, alice.with(bob).React(ctx, first, "🎉"))
	require.Len(t, bob.gets(alice, "both", "first", func(m core.Message) bool {
		return len(m.Reactions) == 2 && len(m.Reactions[1].By) == 2
	}).Reactions[1].By, 2)
	require.NoError(t, bob.with(alice).React(ctx, m.ID))
	alice.gets(bob, "no reactions of others", "first", shows("🎉"))

	_, err := bob2.with(alice).Send(ctx, core.Draft{Body: "an answer", ReplyTo: bob2.gets(alice, "text", "first", anything).ID})
	require.NoError(t, err)
	answer := alice.gets(bob, "answer", "an answer", anything)
	require.Equal(t, &core.Reply{Message: first, Author: alice.account.JID(), Quote: "first"}, answer.Reply)
	require.Equal(t, m.ID, bob.gets(alice, "own answer", "an answer", anything).Reply.Message)

	// One is away for the rest.
	require.NoError(t, bob2.account.SignOut(ctx))
	second := alice.send(bob, "second")
	m = bob.gets(alice, "text", "second", anything)
	require.NoError(t, alice.with(bob).Retract(ctx, second))
	require.NoError(t, bob.with(alice).React(ctx, bob.gets(alice, "text", "hello", anything).ID, "😀"))
	require.NoError(t, bob2.account.SignIn(ctx))
	for _, b := range []*user{bob, bob2} {
		gone := b.gets(alice, "retraction", "", func(m core.Message) bool { return m.Retracted != nil })
		require.False(t, gone.Retracted.Unproven)
		require.Empty(t, gone.Body)
	}
	bob2.gets(alice, "reaction of the other device", "hello", shows("😀"))
	require.ErrorIs(t, alice.with(bob).Retract(ctx, second), core.ErrRetracted)
	require.ErrorIs(t, bob.with(alice).Correct(ctx, m.ID, "x"), core.ErrNotOwn)
	for _, u := range []*user{alice, bob, bob2} {
		peer := bob
		if u != alice {
			peer = alice
		}
		all := u.history(peer)
		require.Len(t, all, 4)
		for _, m := range all {
			require.Equal(t, e == core.Plain, m.Encryption == core.Plain)
		}
	}
	proves(t, s, "0308", "0424", "0428", "0444", "0461", "0280", "0313")
}

// In a group, encrypted or not, everybody sees the same.
func TestContentInRooms(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
		atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{Name: "Friends", Members: []string{bob.account.JID()}})
		require.NoError(t, err)
		atBob := bob.accepts(atAnn.Peer())
		in := func(u *user, r *core.Room, what string, ok func(core.Message) bool) (found core.Message) {
			t.Helper()
			u.until(what, func() bool {
				rows, err := r.HistoryAfter(ctx, 0, 0)
				require.NoError(t, err)
				for _, m := range rows {
					if m.Kind == core.Text && ok(m) {
						found = m
						return true
					}
				}
				return false
			})
			return found
		}
		says := func(body string) func(core.Message) bool {
			return func(m core.Message) bool { return m.Body == body }
		}
		both := func(what string, ok func(core.Message) bool) {
			t.Helper()
			in(ann, atAnn, what, ok)
			in(bob, atBob, what, ok)
		}
		first := ann.saysIn(atAnn, "frist")
		m := in(bob, atBob, "text", says("frist"))
		require.NoError(t, atAnn.Correct(ctx, first, "first"))
		both("correction", says("first"))
		require.NoError(t, atBob.React(ctx, m.ID, "👍"))
		both("reaction", func(m core.Message) bool { return m.Body == "first" && shows("👍")(m) })
		require.NoError(t, atBob.React(ctx, m.ID, "🎉"))
		both("reaction", func(m core.Message) bool { return m.Body == "first" && shows("🎉")(m) })
		_, err = atBob.Send(ctx, core.Draft{Body: "an answer", ReplyTo: m.ID})
		require.NoError(t, err)
		require.Equal(t, first, in(ann, atAnn, "answer", says("an answer")).Reply.Message)

		require.NoError(t, atBob.MarkRead(ctx, 0))
		ann.until("mark", func() bool {
			marks, err := atAnn.ReadBy(ctx, first)
			require.NoError(t, err)
			return len(marks) == 1 && marks[0].Nick != ""
		})
		events := ann.client.Subscribe(core.Filter{Kinds: []core.EventKind{core.EventTyping}})
		defer events.Close()
		require.NoError(t, atBob.SetTyping(ctx, core.TypingComposing))
		e, err := events.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, atAnn.ID(), e.Conversation)
		require.NotEmpty(t, e.Nick)

		require.NoError(t, atAnn.Retract(ctx, first))
		both("retraction", func(m core.Message) bool { return m.Retracted != nil && m.Body == "" && !m.Retracted.Unproven })
		for u, r := range map[*user]*core.Room{ann: atAnn, bob: atBob} {
			require.Equal(t, []string{"", "an answer"}, u.textsIn(r))
			edits, err := u.client.Edits(ctx, in(u, r, "answer", says("an answer")).ID)
			require.NoError(t, err)
			require.Empty(t, edits)
		}
		proves(t, s, "0308/muc", "0424/muc", "0444/muc", "0461/muc", "0333/muc", "0085/muc")
	})
}

// How far was read is told to who wrote it, as far as one likes, and always to
// our other devices.
func TestReadState(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		bob2 := bob.another("bob2")
		unread := func(u *user) int {
			n, err := u.client.Unread(ctx)
			require.NoError(t, err)
			return n
		}
		require.NoError(t, alice.with(bob).SetEncryption(ctx, core.Plain))
		first := alice.send(bob, "one")
		for _, b := range []*user{bob, bob2} {
			b.until("unread", func() bool { return unread(b) == 1 })
		}
		require.NoError(t, bob.with(alice).MarkRead(ctx, 0))
		alice.until("read", func() bool { return alice.state(first) == core.MessageRead })
		marks, err := alice.with(bob).ReadBy(ctx, first)
		require.NoError(t, err)
		require.Len(t, marks, 1)
		require.Equal(t, bob.account.JID(), marks[0].Person)
		bob2.until("read there too", func() bool { return unread(bob2) == 0 })

		// Without telling the author, and with the other device away.
		require.NoError(t, bob.with(alice).SetDisclosure(ctx, &core.Disclosure{}))
		require.NoError(t, bob2.client.Close())
		second := alice.send(bob, "two")
		bob.until("unread", func() bool { return unread(bob) == 1 })
		require.NoError(t, bob.with(alice).MarkRead(ctx, 0))
		bob2.open()
		bob2.until("read there too", func() bool { return len(bob2.received(alice)) == 2 && unread(bob2) == 0 })
		id := bob.send(alice, "three") // comes after what was not said
		alice.until("text", func() bool { return len(alice.received(bob)) == 1 })
		bob.until("delivered", func() bool { return bob.state(id) == core.MessageDelivered })
		require.Equal(t, core.MessageDelivered, alice.state(second))
		proves(t, s, "0333", "0490", "0184")
	})
}

func TestTyping(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		conversation := alice.with(bob)
		events := alice.client.Subscribe(core.Filter{Kinds: []core.EventKind{core.EventTyping}})
		defer events.Close()
		next := func() core.Event {
			e, err := events.Next(ctx)
			require.NoError(t, err)
			require.Equal(t, conversation.ID(), e.Conversation)
			require.Equal(t, bob.account.JID(), e.Peer)
			return e
		}
		for range 3 { // said once
			require.NoError(t, bob.with(alice).SetTyping(ctx, core.TypingComposing))
		}
		require.Equal(t, core.TypingComposing, next().Typing)
		require.NoError(t, bob.with(alice).SetTyping(ctx, core.TypingPaused))
		require.Equal(t, core.TypingPaused, next().Typing)
		require.NoError(t, bob.with(alice).SetTyping(ctx, core.TypingComposing))
		require.Equal(t, core.TypingComposing, next().Typing)
		bob.send(alice, "text")
		require.Equal(t, core.TypingActive, next().Typing)
		for _, m := range alice.history(bob) {
			require.Equal(t, "text", m.Body)
		}
		proves(t, s, "0085")
	})
}

// To devices that encrypt nothing but texts, reactions are answers, or go out in
// the clear if one likes that better.
func TestReactionsToOldDevices(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice := newUserOn(t, s, "alice", nil, libsignal.New())
		bob := newUser(t, s, "bob", nil)
		befriend(alice, bob)
		bob.knows(alice)
		first := alice.send(bob, "first")
		m := bob.gets(alice, "text", "first", anything)
		require.NoError(t, bob.with(alice).React(ctx, m.ID, "👍"))
		answer := alice.gets(bob, "answer", "👍", anything)
		require.Equal(t, first, answer.Reply.Message)
		bob.gets(alice, "reaction here", "first", shows("👍"))
		require.NoError(t, bob.with(alice).React(ctx, m.ID, "🎉"))
		require.Equal(t, answer.ID, alice.gets(bob, "other answer", "🎉", anything).ID)
		require.NoError(t, bob.with(alice).React(ctx, m.ID))
		alice.gets(bob, "no answer", "", func(m core.Message) bool { return m.ID == answer.ID && m.Retracted != nil })
		require.Len(t, alice.history(bob), 2)

		bob.config.ClearReactions = true
		bob.restart()
		bob.online()
		require.NoError(t, bob.with(alice).React(ctx, m.ID, "😀"))
		alice.gets(bob, "reaction", "first", shows("😀"))
		require.Len(t, alice.history(bob), 2)
	})
}
