// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLowerMessages(t *testing.T) {
	for read, unread := range map[int64]int{1: 6, 50: 5, 80: 5, 100: 4, 102: 2, 200: 1, 201: 0} {
		db := openTemp(t)
		_, conv := fill(t, db, 0)
		var ids []int64
		update(t, db, func(tx *Tx) {
			for _, k := range []int64{50, 100, 101, 102, 200, 201} {
				ids = append(ids, newMessage(t, tx, Message{ConversationID: conv, SortKey: k, Body: "x"}).ID)
			}
			_, err := tx.MarkRead(conv, read)
			require.NoError(t, err)
			for _, bad := range [][3]int64{{100, 102, 50}, {100, 102, 0}, {100, 99, 1}, {50, 102, 50}} {
				require.ErrorIs(t, tx.LowerMessages(conv, bad[0], bad[1], bad[2]), ErrInvalid)
			}
			require.NoError(t, tx.LowerMessages(conv, 100, 102, 49))
			require.NoError(t, tx.LowerMessages(conv, 300, 400, 9), "nothing there")
		})
		requireSummaries(t, db)
		view(t, db, func(r *Reader) {
			c, err := r.Conversation(conv)
			require.NoError(t, err)
			require.Equal(t, unread, c.Unread, read)
			list, err := r.MessagesAfter(conv, 0, 0)
			require.NoError(t, err)
			for i, k := range []int64{50, 51, 52, 53, 200, 201} {
				require.Equal(t, k, list[i].SortKey)
				require.Equal(t, ids[i], list[i].ID)
			}
		})
		update(t, db, func(tx *Tx) { require.NoError(t, tx.LowerMessages(conv, 50, 201, 1)) })
		requireSummaries(t, db)
		view(t, db, func(r *Reader) {
			c, err := r.Conversation(conv)
			require.NoError(t, err)
			require.Equal(t, unread, c.Unread)
			require.EqualValues(t, 200, c.LastKey)
		})
	}
}
