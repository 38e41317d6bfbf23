// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Many messages are asked for at once, by more ids than one statement takes.
func TestReadsForManyMessages(t *testing.T) {
	db := openTemp(t)
	const n = 3*idBatch + 7
	update(t, db, func(tx *Tx) {
		conv := newConversation(t, tx, newAccount(t, tx, "a"), "p")
		other := newConversation(t, tx, newAccount(t, tx, "b"), "p")
		var ids []int64
		var names []string
		want, reacted := make(map[string]int64), 0
		for i := range n {
			name := fmt.Sprint("r", i)
			newMessage(t, tx, Message{ConversationID: other, RemoteID: name, ArchiveID: name})
			newMessage(t, tx, Message{ConversationID: conv, RemoteID: name, Outgoing: true}) // the newer one counts
			m := newMessage(t, tx, Message{ConversationID: conv, RemoteID: name, ArchiveID: "a" + name})
			ids, names = append(ids, m.ID), append(names, name)
			want[name] = m.ID
			if i%3 == 0 {
				reacted++
				for _, sender := range []string{"x", "y"} {
					_, err := tx.PutReaction(Reaction{MessageID: m.ID, Sender: sender, Emojis: []string{"👍"}, At: epoch})
					require.NoError(t, err)
				}
			}
		}
		found, err := tx.MessageIDs(conv, append(names, "", "nothing"), false)
		require.NoError(t, err)
		require.Equal(t, want, found)
		found, err = tx.MessageIDs(conv, []string{"ar0", "r0", ""}, true)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"ar0": want["r0"]}, found)
		found, err = tx.MessageIDs(conv, nil, true)
		require.NoError(t, err)
		require.Empty(t, found)

		reactions, err := tx.ReactionsTo(ids)
		require.NoError(t, err)
		require.Len(t, reactions, reacted)
		for id, list := range reactions {
			alone, err := tx.Reactions(id)
			require.NoError(t, err)
			require.Equal(t, alone, list)
		}
		for query, index := range map[string]string{
			messagesWithRemoteID: "message_remote", messagesWithArchiveID: "message_archive", reactionsTo: "PRIMARY KEY",
		} {
			var plan string
			args := make([]any, strings.Count(query, "?"))
			require.NoError(t, tx.one([]any{new(int), new(int), new(int), &plan}, "EXPLAIN QUERY PLAN "+query, args...))
			require.Contains(t, plan, index)
		}
	})
}

// Marks stay with the message they are at.
func TestMarksMoveAlong(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		var last Message
		for _, k := range []int64{50, 100, 101, 200} {
			last = newMessage(t, tx, Message{ConversationID: conv, SortKey: k, Body: "x"})
			_, err := tx.AdvanceDisplayed(Displayed{ConversationID: conv, Sender: fmt.Sprint("at ", k), SortKey: k, At: epoch})
			require.NoError(t, err)
		}
		require.NoError(t, tx.LowerMessages(conv, 100, 101, 10))
		_, err := tx.MoveMessage(last.ID, 300)
		require.NoError(t, err)
		got, err := tx.Displayed(conv)
		require.NoError(t, err)
		marks := make(map[string]int64)
		for _, d := range got {
			marks[d.Sender] = d.SortKey
		}
		require.Equal(t, map[string]int64{"at 50": 50, "at 100": 90, "at 101": 91, "at 200": 300}, marks)
	})
}
