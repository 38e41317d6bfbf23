// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "github.com/mutecomm/go-sqlcipher/v4"
	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/storage/backend"
)

// A driver that keys a connection too late works on a new file and fails on
// every one after.
func TestReopen(t *testing.T) {
	for name, o := range map[string]func(*Options){
		"raw":               func(*Options) {},
		"passphrase":        func(o *Options) { o.Key = Passphrase([]byte("pass")) },
		"raw, header":       func(o *Options) { o.PlaintextHeader = true },
		"passphrase,header": func(o *Options) { o.PlaintextHeader, o.Key = true, Passphrase([]byte("pass")) },
	} {
		t.Run(name, func(t *testing.T) {
			opt := testOptions(filepath.Join(t.TempDir(), "a.db"))
			o(&opt)
			for i := range 3 {
				db, err := Open(ctx, opt)
				require.NoError(t, err)
				if i == 0 {
					fill(t, db, 3)
				}
				require.Equal(t, 3, count(t, db, "SELECT count(*) FROM message WHERE body = 'canary body'"))
				require.NoError(t, db.Check(ctx))
				require.NoError(t, db.Close())
				require.NoError(t, db.Close())
				b, err := os.ReadFile(opt.Path)
				require.NoError(t, err)
				require.Equal(t, opt.PlaintextHeader, bytes.HasPrefix(b, []byte(sqliteMagic)))
				require.NotContains(t, string(b), "canary")
				require.NotContains(t, string(b), "conversation")
				require.NoFileExists(t, opt.Path+suffixWAL)
			}
			// The form of a file is its own: the option only matters at birth.
			opt.PlaintextHeader = !opt.PlaintextHeader
			db := openWith(t, opt)
			require.Equal(t, 3, count(t, db, "SELECT count(*) FROM message"))
		})
	}
}

// closedDB makes a database with some pages and closes it.
func closedDB(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a.db")
	db, err := Open(ctx, testOptions(path))
	require.NoError(t, err)
	fill(t, db, 500)
	require.NoError(t, db.Close())
	return path
}

// openFails opens the database, expects kind, and checks that no byte changed.
func openFails(t *testing.T, o Options, kind error) {
	t.Helper()
	before, err := os.ReadFile(o.Path)
	require.NoError(t, err)
	_, err = Open(ctx, o)
	require.ErrorIs(t, err, kind)
	after, err := os.ReadFile(o.Path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	// The lock was let go of: the same failure again, not ErrInUse.
	_, err = Open(ctx, o)
	require.ErrorIs(t, err, kind)
}

func TestWrongKey(t *testing.T) {
	path := closedDB(t)
	o := testOptions(path)
	o.Key = RawKey(otherKey)
	openFails(t, o, ErrKey)
	o.Key = Passphrase(testKey) // no key file
	openFails(t, o, ErrKeyFile)
	db := openAt(t, path)
	require.Equal(t, 500, count(t, db, "SELECT count(*) FROM message"))
}

func TestWrongPassphrase(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "a.db"))
	o.Key = Passphrase([]byte("right"))
	db, err := Open(ctx, o)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	env, err := os.ReadFile(o.Path + suffixKey)
	require.NoError(t, err)

	wrong := o
	wrong.Key = Passphrase([]byte("wrong"))
	openFails(t, wrong, ErrKey)

	require.NoError(t, os.WriteFile(o.Path+suffixKey, env[:len(env)-1], 0o600))
	openFails(t, o, ErrKeyFile)
	flipped := bytes.Clone(env)
	flipped[len(flipped)-1] ^= 1
	require.NoError(t, os.WriteFile(o.Path+suffixKey, flipped, 0o600))
	openFails(t, o, ErrKey)
	require.NoError(t, os.Remove(o.Path+suffixKey))
	openFails(t, o, ErrKeyFile)

	require.NoError(t, os.WriteFile(o.Path+suffixKey, env, 0o600))
	openWith(t, o)
}

// A database that was deleted while its key file stayed is made anew under the
// same key, and only with the right passphrase.
func TestKeyFileWithoutDatabase(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "a.db"))
	o.Key = Passphrase([]byte("right"))
	db, err := Open(ctx, o)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.NoError(t, os.Remove(o.Path))
	wrong := o
	wrong.Key = Passphrase([]byte("wrong"))
	_, err = Open(ctx, wrong)
	require.ErrorIs(t, err, ErrKey)
	require.NoFileExists(t, o.Path)
	openWith(t, o)
}

// A key file that belongs to another database is neither used nor lost.
func TestForeignKeyFile(t *testing.T) {
	dir := t.TempDir()
	file := func(e *envelope, err error) []byte {
		require.NoError(t, err)
		return e.encode()
	}
	key, _ := backend.NewKey(otherKey)
	for name, content := range map[string][]byte{
		"wrapped": file(sealEnvelope([]byte("p"), key, nil, cheap)),
		"salted":  file(sealEnvelope([]byte("p"), key, make([]byte, 16), cheap)),
		"salt":    file(&envelope{salt: make([]byte, 16)}, nil),
		"garbage": []byte("garbage"),
	} {
		t.Run(name, func(t *testing.T) {
			for i, header := range []bool{false, true} {
				o := testOptions(filepath.Join(dir, fmt.Sprint(name, i)))
				o.PlaintextHeader = header
				require.NoError(t, os.WriteFile(o.Path+suffixKey, content, 0o600))
				db, err := Open(ctx, o)
				if header && (name == "wrapped" || name == "garbage") {
					require.ErrorIs(t, err, ErrKeyFile)
					require.NoFileExists(t, o.Path)
				} else {
					require.NoError(t, err)
					fill(t, db, 1)
					require.NoError(t, db.Close())
					_, head, err := readHead(o.Path)
					require.NoError(t, err)
					require.Equal(t, header, bytes.HasPrefix(head, []byte(sqliteMagic)))
					openWith(t, o)
				}
				got, err := os.ReadFile(o.Path + suffixKey)
				require.NoError(t, err)
				require.Equal(t, content, got)
			}
		})
	}
}

func TestKeyLength(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	keys := []Key{{}, RawKey(nil), Passphrase(nil), Passphrase([]byte{})}
	for _, n := range []int{1, 16, 31, 33, 48, 64, 96} {
		keys = append(keys, RawKey(make([]byte, n)))
	}
	for _, k := range keys {
		o := testOptions(path)
		o.Key = k
		_, err := Open(ctx, o)
		require.ErrorIs(t, err, ErrKeyLength)
		require.NoFileExists(t, path)
	}
	wiped := RawKey(testKey)
	wiped.Wipe()
	o := testOptions(path)
	o.Key = wiped
	_, err := Open(ctx, o)
	require.ErrorIs(t, err, ErrKeyLength)
}

func TestBadPath(t *testing.T) {
	for _, path := range []string{"", "a?b", "a\x00b"} {
		o := testOptions(path)
		_, err := Open(ctx, o)
		require.ErrorIs(t, err, ErrInvalid)
	}
	o := testOptions(filepath.Join(t.TempDir(), "absent", "a.db"))
	_, err := Open(ctx, o)
	require.ErrorIs(t, err, ErrUnavailable)
	o = testOptions(t.TempDir())
	o.LockPath = filepath.Join(t.TempDir(), "lock")
	_, err = Open(ctx, o)
	require.ErrorIs(t, err, ErrUnavailable)
	// A path that looks like a URI or has other odd characters is just a path.
	t.Chdir(t.TempDir())
	for _, path := range []string{"file:a.db", "a b%20c&mode=ro#x;'\".db"} {
		db := openAt(t, path)
		fill(t, db, 1)
		require.FileExists(t, path)
	}
}

func TestPlaintextFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	conn, err := (&sqlite3.SQLiteDriver{}).Open(path)
	require.NoError(t, err)
	_, err = conn.(*sqlite3.SQLiteConn).Exec("CREATE TABLE x (y)", nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	o := testOptions(path)
	openFails(t, o, ErrPlaintext)
	o.Key = Passphrase([]byte("p"))
	openFails(t, o, ErrPlaintext)
	o.PlaintextHeader = true
	openFails(t, o, ErrPlaintext)
}

func TestLostSalt(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "a.db"))
	o.PlaintextHeader = true
	db, err := Open(ctx, o)
	require.NoError(t, err)
	fill(t, db, 1)
	require.NoError(t, db.Close())
	require.NoError(t, os.Rename(o.Path+suffixKey, o.Path+".away"))
	openFails(t, o, ErrKeyFile)
	require.NoError(t, os.Rename(o.Path+".away", o.Path+suffixKey))
	wrong := o
	wrong.Key = RawKey(otherKey)
	openFails(t, wrong, ErrKey)
	openWith(t, o)
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for _, content := range []string{"x", strings.Repeat("hello ", 5000)} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		openFails(t, testOptions(path), ErrKey)
	}
}

func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	db := openAt(t, path)
	fill(t, db, 1)
	requireMode(t, path)
}

// SQLite deletes a log whose database has no page.
func TestLogWithoutDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	require.NoError(t, os.WriteFile(path+suffixWAL, []byte("all that is left"), 0o600))
	_, err := Open(ctx, testOptions(path))
	require.ErrorIs(t, err, ErrCorrupt)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = Open(ctx, testOptions(path))
	require.ErrorIs(t, err, ErrCorrupt)
	require.FileExists(t, path+suffixWAL)
}

func TestOtherSchemas(t *testing.T) {
	path := closedDB(t)
	db, err := Open(ctx, testOptions(path))
	require.NoError(t, err)
	writerExec(t, db, "PRAGMA user_version = 4711")
	require.NoError(t, db.Close())
	openFails(t, testOptions(path), ErrNewerSchema)

	foreign := filepath.Join(t.TempDir(), "b.db")
	conn, err := (&sqlite3.SQLiteDriver{}).Open(fmt.Sprintf("%s?_pragma_key=x'%x'", foreign, testKey))
	require.NoError(t, err)
	_, err = conn.(*sqlite3.SQLiteConn).Exec("PRAGMA journal_mode = WAL; CREATE TABLE x (y)", nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	openFails(t, testOptions(foreign), ErrForeignSchema)
}

// A log that was left behind is neither replayed with a wrong key nor lost.
func TestWrongKeyWithLog(t *testing.T) {
	dir := t.TempDir()
	db := openAt(t, filepath.Join(dir, "a.db"))
	fill(t, db, 50)
	copied := filepath.Join(dir, "b.db")
	for _, suffix := range []string{"", suffixWAL} {
		b, err := os.ReadFile(filepath.Join(dir, "a.db") + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, b)
		require.NoError(t, os.WriteFile(copied+suffix, b, 0o600))
	}
	wrong := testOptions(copied)
	wrong.Key = RawKey(otherKey)
	_, err := Open(ctx, wrong)
	require.ErrorIs(t, err, ErrKey)
	require.Equal(t, 50, count(t, openAt(t, copied), "SELECT count(*) FROM message"))
}

func TestInUse(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "a.db"))
	db, err := Open(ctx, o)
	require.NoError(t, err)
	_, err = Open(ctx, o)
	require.ErrorIs(t, err, ErrInUse)
	require.NoError(t, db.Close())
	openWith(t, o)
}

func TestCancelledOpen(t *testing.T) {
	cctx, cancel := context.WithCancel(ctx)
	cancel()
	o := testOptions(filepath.Join(t.TempDir(), "a.db"))
	_, err := Open(cctx, o)
	require.ErrorIs(t, err, context.Canceled)
	openWith(t, o)
}

func TestRegisteredErrorsHaveCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{ErrKey, ErrKeyLength, ErrKeyFile, ErrPlaintext, ErrNotEncrypting, ErrCorrupt,
		ErrNewerSchema, ErrForeignSchema, ErrFull, ErrLocked, ErrInUse, ErrUnavailable, ErrClosed, ErrTransaction,
		ErrNotFound, ErrExists, ErrInvalid} {
		c, ok := err.(interface{ Code() string })
		require.True(t, ok)
		require.True(t, strings.HasPrefix(c.Code(), "storage."))
		require.False(t, seen[c.Code()], c.Code())
		seen[c.Code()] = true
	}
}
