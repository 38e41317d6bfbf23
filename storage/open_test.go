// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

var testKey = bytes.Repeat([]byte{0x5a}, 32)

func TestReopen(t *testing.T) {
	ctx := context.Background()
	path := t.TempDir() + "/a.db"
	for i := range 3 {
		db, err := Open(ctx, Options{Path: path, Key: RawKey(testKey)})
		require.NoError(t, err)
		require.NoError(t, db.Update(ctx, func(tx *Tx) error {
			if i == 0 {
				require.NoError(t, tx.CreateAccount(&Account{Kind: "xmpp", Address: "a@b"}))
			}
			c, _, err := tx.EnsureConversation(1, "x@y", 1)
			require.NoError(t, err)
			require.NoError(t, tx.InsertMessage(&Message{ConversationID: c.ID, Body: "Hällo wörld"}))
			got, err := tx.Search(SearchQuery{Text: "hal WOR", ConversationID: c.ID})
			require.NoError(t, err)
			require.Len(t, got, i+1)
			return nil
		}))
		require.NoError(t, db.Check(ctx))
		require.NoError(t, db.Close())
	}
}
