// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireSummaries computes what the conversations say of their messages.
func requireSummaries(t testing.TB, db *DB) {
	t.Helper()
	view(t, db, func(r *Reader) {
		convs, err := r.Conversations(ConversationQuery{})
		require.NoError(t, err)
		total := 0
		for _, c := range convs {
			list, err := r.MessagesAfter(c.ID, 0, 0)
			require.NoError(t, err)
			want := c
			var last Message
			want.Unread = 0
			for _, m := range list {
				last = m
				if !m.Outgoing && m.SortKey > c.ReadKey {
					want.Unread++
				}
			}
			want.LastMessageID, want.LastKey, want.LastAt = last.ID, last.SortKey, last.At
			want.LastOutgoing, want.LastState = last.Outgoing, last.State
			want.LastPreview = ""
			for i, x := range []rune(last.Body) {
				if i < PreviewRunes {
					want.LastPreview += strings.NewReplacer("\n", " ", "\t", " ").Replace(string(x))
				}
			}
			if want != c {
				t.Fatalf("conversation %d says unread %d, last %d, key %d, state %d; its %d messages say unread %d, last %d, key %d, state %d",
					c.ID, c.Unread, c.LastMessageID, c.LastKey, c.LastState,
					len(list), want.Unread, want.LastMessageID, want.LastKey, want.LastState)
			}
			total += c.Unread
		}
		n, err := r.UnreadTotal()
		require.NoError(t, err)
		require.Equal(t, total, n)
	})
}

// chaos does random things to the messages of a database.
type chaos struct {
	t     *testing.T
	rnd   *rand.Rand
	convs []int64
	ids   []int64
	done  map[string]int
}

func (c *chaos) id() int64 { return c.ids[c.rnd.IntN(len(c.ids))] }

func (c *chaos) step(tx *Tx) {
	t := c.t
	words := []string{"alpha", "beta", "gamma", "delta\n", "", strings.Repeat("ж", 300)}
	body := words[c.rnd.IntN(len(words))] + words[c.rnd.IntN(len(words))]
	ops := map[string]func() error{
		"insert": func() error {
			m := Message{ConversationID: c.convs[c.rnd.IntN(len(c.convs))], Outgoing: c.rnd.IntN(2) == 0, Body: body,
				At: epoch.Add(time.Duration(c.rnd.IntN(50)) * time.Microsecond), State: uint8(c.rnd.IntN(5))}
			if c.rnd.IntN(2) == 0 {
				m.SortKey = 1 + c.rnd.Int64N(60)
			}
			if err := tx.InsertMessage(&m); err != nil {
				return err
			}
			if m.Outgoing && c.rnd.IntN(2) == 0 {
				require.NoError(t, tx.Enqueue(&OutboxRow{AccountID: m.AccountID, ConversationID: m.ConversationID, MessageID: m.ID}))
			}
			c.ids = append(c.ids, m.ID)
			return nil
		},
		"state":   func() error { return tx.SetMessageState(c.id(), uint8(c.rnd.IntN(5)), "x") },
		"advance": func() error { _, err := tx.AdvanceMessageState(c.id(), uint8(c.rnd.IntN(5))); return err },
		"body":    func() error { return tx.UpdateMessageBody(c.id(), body, 2) },
		"move": func() error {
			key := 1 + c.rnd.Int64N(60)
			got, err := tx.MoveMessage(c.id(), key)
			if err == nil {
				require.GreaterOrEqual(t, got, key)
			}
			return err
		},
		"delete": func() error { return tx.DeleteMessage(c.id()) },
		"read": func() error {
			m, err := tx.Message(c.id())
			if err != nil {
				return err
			}
			_, err = tx.MarkRead(m.ConversationID, m.SortKey+c.rnd.Int64N(3)-1)
			return err
		},
		"conversation": func() error {
			v, err := tx.Conversation(c.convs[c.rnd.IntN(len(c.convs))])
			require.NoError(t, err)
			v.Unread, v.LastKey, v.Pinned = 77, 88, !v.Pinned // the first two must not matter
			return tx.UpdateConversation(v)
		},
		"undo": func() error {
			ids := len(c.ids)
			err := tx.Savepoint(func() error { c.step(tx); return errTest })
			c.ids = c.ids[:ids]
			require.ErrorIs(t, err, errTest)
			return nil
		},
	}
	names := []string{"insert", "insert", "insert", "insert", "state", "advance", "body", "move", "delete", "delete", "read", "conversation", "undo"}
	name := names[c.rnd.IntN(len(names))]
	if len(c.ids) == 0 {
		name = "insert"
	}
	err := ops[name]()
	if err != nil { // a message that was deleted before
		require.ErrorIs(t, err, ErrNotFound, name)
		return
	}
	c.done[name]++
}

// The summary of a conversation is what its messages say, after any operations
// in any order, and so is the search index.
func TestSummaryProperty(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := &chaos{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), done: map[string]int{}}
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		account := newAccount(t, tx, "me")
		for i := range 3 {
			c.convs = append(c.convs, newConversation(t, tx, account, fmt.Sprint("p", i)))
		}
	})
	for range 400 {
		ids := len(c.ids)
		fail := c.rnd.IntN(8) == 0
		err := db.Update(ctx, func(tx *Tx) error {
			for range 1 + c.rnd.IntN(5) {
				c.step(tx)
			}
			if fail {
				return errTest
			}
			return nil
		})
		if fail {
			require.ErrorIs(t, err, errTest)
			c.ids = c.ids[:ids]
		} else {
			require.NoError(t, err)
		}
		requireSummaries(t, db)
	}
	for _, name := range []string{"insert", "state", "advance", "body", "delete", "read", "conversation", "undo"} {
		require.Greater(t, c.done[name], 10, name)
	}
	require.NoError(t, db.Check(ctx)) // compares the search index with the texts
	seen := map[int64]bool{}
	view(t, db, func(r *Reader) {
		for _, conv := range c.convs {
			list, err := r.MessagesBefore(conv, 0, 0)
			require.NoError(t, err)
			for _, m := range list {
				require.False(t, seen[m.ID])
				seen[m.ID] = true
			}
		}
		want := count(t, db, "SELECT count(*) FROM message WHERE body LIKE '%alpha%' AND body NOT LIKE '%betaalpha%' AND body NOT LIKE '%gammaalpha%' AND body NOT LIKE '%жalpha%'")
		got, err := r.Search(SearchQuery{Text: "alpha", Limit: 10000})
		require.NoError(t, err)
		require.Len(t, got, want)
		require.NotEmpty(t, got)
	})
}
