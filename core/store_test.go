// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// The rooms do not import each other; here their interfaces meet.
var _ omemo.Store = (*storage.OMEMO)(nil)

// storage's OMEMO tables behave as crypto/omemo expects of a Store.
func TestStorageIsAnOMEMOStore(t *testing.T) {
	omemotest.RunStore(t, func(t *testing.T) omemo.Store {
		db, err := storage.Open(t.Context(), storage.Options{
			Path: filepath.Join(t.TempDir(), "store.db"), Key: storage.RawKey(make([]byte, 32)),
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		account := storage.Account{Kind: "xmpp", Address: "alice@example.org", Created: time.Now()}
		require.NoError(t, db.Update(t.Context(), func(tx *storage.Tx) error { return tx.CreateAccount(&account) }))
		return inTransaction(t, db, account.ID)
	})
}

// inTransaction opens a transaction that lasts as long as the test.
func inTransaction(t *testing.T, db *storage.DB, account int64) omemo.Store {
	store, done := make(chan omemo.Store), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- db.Update(context.WithoutCancel(t.Context()), func(tx *storage.Tx) error {
			store <- tx.OMEMO(account)
			<-done
			return nil
		})
	}()
	t.Cleanup(func() {
		close(done)
		require.NoError(t, <-ended)
	})
	return <-store
}
