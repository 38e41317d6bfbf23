// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/storage/backend"
	"github.com/confab-im/confab/storage/sqlcipher"
)

func TestChangeKey(t *testing.T) {
	raw, raw2 := RawKey(testKey), RawKey(otherKey)
	pass, pass2 := Passphrase([]byte("one")), Passphrase([]byte("two \"'"))
	for _, header := range []bool{false, true} {
		for i, keys := range [][2]Key{{raw, raw2}, {raw, pass}, {pass, pass2}, {pass, raw}, {raw, raw}, {pass, pass}} {
			t.Run(fmt.Sprint(i, header), func(t *testing.T) {
				o := testOptions(filepath.Join(t.TempDir(), "a.db"))
				o.Key, o.PlaintextHeader = keys[0], header
				db, err := Open(ctx, o)
				require.NoError(t, err)
				fill(t, db, 100)
				require.NoError(t, db.Close())
				// What a crash has left of an earlier attempt is no obstacle.
				require.NoError(t, os.WriteFile(o.Path+suffixRekey, []byte("half a copy"), 0o600))
				wrong := o
				wrong.Key = RawKey(make([]byte, 32))
				_, err = Open(ctx, wrong)
				require.Error(t, err)
				require.FileExists(t, o.Path+suffixRekey)
				db, err = Open(ctx, o)
				require.NoError(t, err)
				require.NoFileExists(t, o.Path+suffixRekey)
				require.NoError(t, os.WriteFile(o.Path+suffixRekey, []byte("half a copy"), 0o600))
				require.NoError(t, db.Checkpoint(ctx))
				before, err := os.ReadFile(o.Path)
				require.NoError(t, err)
				require.NoError(t, db.ChangeKey(ctx, keys[1]))
				update(t, db, func(tx *Tx) { newMessage(t, tx, Message{ConversationID: 1}) })
				require.Equal(t, 101, count(t, db, "SELECT count(*) FROM message"))
				require.NoError(t, db.Check(ctx))
				require.NoError(t, db.Close())
				if i != 2 && i != 5 { // these only wrap the key anew
					require.NoFileExists(t, o.Path+suffixRekey)
					after, err := os.ReadFile(o.Path)
					require.NoError(t, err)
					require.NotEqual(t, before[4096:8192], after[4096:8192], "page 2 is encrypted as before")
				}
				if i != 4 && i != 5 {
					_, err = Open(ctx, o)
					require.Error(t, err)
				}
				o.Key = keys[1]
				for range 2 {
					db, err = Open(ctx, o)
					require.NoError(t, err)
					require.Equal(t, 101, count(t, db, "SELECT count(*) FROM message"))
					require.NoError(t, db.Check(ctx))
					require.NoError(t, db.Close())
				}
				if keyFile := header || keys[1].k.passphrase; keyFile {
					require.FileExists(t, o.Path+suffixKey)
				} else {
					require.NoFileExists(t, o.Path+suffixKey)
				}
				for _, suffix := range []string{suffixRekey, suffixRekey + suffixWAL, suffixRekey + suffixJournal, suffixKey + suffixTemp} {
					require.NoFileExists(t, o.Path+suffix)
				}
				requireMode(t, o.Path)
			})
		}
	}
}

func TestChangeKeyLength(t *testing.T) {
	db := openTemp(t)
	require.ErrorIs(t, db.ChangeKey(ctx, Key{}), ErrKeyLength)
	require.ErrorIs(t, db.ChangeKey(ctx, RawKey(testKey[1:])), ErrKeyLength)
	require.ErrorIs(t, db.Backup(ctx, filepath.Join(t.TempDir(), "b"), Passphrase(nil)), ErrKeyLength)
}

// failing is a backend whose copies fail or come out damaged.
type failing struct {
	*sqlcipher.Backend
	damage bool
}

func (f failing) Copy(ctx context.Context, from *sql.Conn, to backend.Config) error {
	if !f.damage {
		return errTest
	}
	if err := f.Backend.Copy(ctx, from, to); err != nil {
		return err
	}
	b, err := os.ReadFile(to.Path)
	if err != nil {
		return err
	}
	b[len(b)-2000] ^= 1
	return os.WriteFile(to.Path, b, 0o600)
}

// A copy that failed or cannot be read does not take the place of the database.
func TestChangeKeyFails(t *testing.T) {
	for _, damage := range []bool{false, true} {
		o := testOptions(filepath.Join(t.TempDir(), "a.db"))
		o.Backend = failing{sqlcipher.New(), damage}
		db, err := Open(ctx, o)
		require.NoError(t, err)
		fill(t, db, 300)
		for _, k := range []Key{RawKey(otherKey), Passphrase([]byte("p"))} {
			require.Error(t, db.ChangeKey(ctx, k))
			require.Equal(t, 300, count(t, db, "SELECT count(*) FROM message"))
		}
		target := filepath.Join(t.TempDir(), "b.db")
		err = db.Backup(ctx, target, Passphrase([]byte("p")))
		require.Error(t, err)
		if damage {
			require.ErrorIs(t, err, ErrCorrupt)
		}
		require.NoFileExists(t, target)
		require.NoFileExists(t, target+suffixKey)
		require.NoFileExists(t, o.Path+suffixRekey)
		require.NoError(t, db.Close())
		db = openAt(t, o.Path)
		require.Equal(t, 300, count(t, db, "SELECT count(*) FROM message"))
	}
}

// lost is a backend that cannot open the database again after a copy.
type lost struct {
	*sqlcipher.Backend
	path   string
	copied bool
}

func (l *lost) Copy(ctx context.Context, from *sql.Conn, to backend.Config) error {
	l.copied = true
	return l.Backend.Copy(ctx, from, to)
}

func (l *lost) Connectors(c backend.Config) (writer, reader driver.Connector, err error) {
	if l.copied && c.Path == l.path {
		return nil, nil, errTest
	}
	return l.Backend.Connectors(c)
}

// A DB that cannot be opened again is closed and lets go of the lock.
func TestChangeKeyCloses(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "a.db"))
	plain := o
	o.Backend = &lost{Backend: sqlcipher.New(), path: o.Path}
	db, err := Open(ctx, o)
	require.NoError(t, err)
	fill(t, db, 3)
	require.Error(t, db.ChangeKey(ctx, RawKey(otherKey)))
	require.ErrorIs(t, db.Update(ctx, func(*Tx) error { return nil }), ErrClosed)
	require.ErrorIs(t, db.View(ctx, func(*Reader) error { return nil }), ErrClosed)
	require.NoError(t, db.Close())
	plain.Key = RawKey(otherKey)
	require.Equal(t, 3, count(t, openWith(t, plain), "SELECT count(*) FROM message"))
}

func TestBackup(t *testing.T) {
	db := openTemp(t)
	account, conv := fill(t, db, 200)
	dir := t.TempDir()
	for i, key := range []Key{RawKey(testKey), RawKey(otherKey), Passphrase([]byte("p"))} {
		path := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, db.Backup(ctx, path, key))
		require.ErrorIs(t, db.Backup(ctx, path, key), ErrExists)
		o := testOptions(path)
		o.Key = key
		copied := openWith(t, o)
		require.NoError(t, copied.Check(ctx))
		view(t, copied, func(r *Reader) {
			list, err := r.MessagesBefore(conv, 0, 0)
			require.NoError(t, err)
			require.Len(t, list, 200)
			_, err = r.Account(account)
			require.NoError(t, err)
			found, err := r.Search(SearchQuery{Text: "canary"})
			require.NoError(t, err)
			require.NotEmpty(t, found)
		})
	}
	// Nothing that is there already is touched.
	for _, suffix := range []string{suffixKey, suffixWAL, suffixJournal} {
		path := filepath.Join(dir, "x"+suffix)
		require.NoError(t, os.WriteFile(path+suffix, []byte("mine"), 0o600))
		require.ErrorIs(t, db.Backup(ctx, path, Passphrase([]byte("p"))), ErrExists)
		require.NoFileExists(t, path)
	}
	require.ErrorIs(t, db.Backup(ctx, "a?b", RawKey(testKey)), ErrInvalid)
	cctx, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, db.Backup(cctx, filepath.Join(dir, "y"), RawKey(testKey)), context.Canceled)
}

// A backup that runs beside commits holds one state: for each account its
// conversation, which is made in the same transaction.
func TestBackupOnline(t *testing.T) {
	db := openTemp(t)
	fill(t, db, 2000)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			update(t, db, func(tx *Tx) {
				newConversation(t, tx, newAccount(t, tx, fmt.Sprint("a", i)), "peer")
			})
		}
	})
	dir := t.TempDir()
	for i := range 5 {
		path := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, db.Backup(ctx, path, RawKey(otherKey)))
		o := testOptions(path)
		o.Key = RawKey(otherKey)
		copied := openWith(t, o)
		require.NoError(t, copied.Check(ctx))
		n := count(t, copied, "SELECT count(*) FROM account")
		require.Equal(t, n, count(t, copied, "SELECT count(*) FROM conversation"))
	}
	close(stop)
	wg.Wait()
}
