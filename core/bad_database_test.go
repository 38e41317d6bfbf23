// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	sqlite3 "github.com/mutecomm/go-sqlcipher/v4"
	"github.com/stretchr/testify/require"
)

var databaseKey = []byte("0123456789abcdef0123456789abcdef")

func databaseConfig(path string) core.Config {
	return core.Config{Path: path, Key: databaseKey}
}

// closedDatabase makes a database with some messages and closes it.
func closedDatabase(t *testing.T) string {
	t.Helper()
	s := newScript(t)
	cfg := databaseConfig(filepath.Join(t.TempDir(), "bad.db"))
	cfg.RootCAs, cfg.AllowPlain = s.roots, true
	c, err := core.Open(t.Context(), cfg)
	require.NoError(t, err)
	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	for i := range 50 {
		sendPlain(t, a, fmt.Sprint(i, strings.Repeat(" body", 200)))
	}
	require.NoError(t, c.Close())
	return cfg.Path
}

// opens returns the code with which a database cannot be opened, or is found
// damaged by Check.
func opens(t *testing.T, cfg core.Config) string {
	t.Helper()
	before, err := os.ReadFile(cfg.Path)
	require.NoError(t, err)
	c, err := core.Open(t.Context(), cfg)
	if err != nil {
		after, rerr := os.ReadFile(cfg.Path)
		require.NoError(t, rerr)
		require.Equal(t, before, after, "a file that cannot be opened is left as it is")
		return core.ErrorCode(err)
	}
	err = c.Check(t.Context())
	require.NoError(t, c.Close())
	return core.ErrorCode(err)
}

// A database that cannot be opened is told apart from one that is damaged as
// far as that is possible, and never touched.
func TestBadDatabase(t *testing.T) {
	settles(t)
	path := closedDatabase(t)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	restore := func() { require.NoError(t, os.WriteFile(path, good, 0o600)) }
	require.Empty(t, opens(t, databaseConfig(path)))

	cfg := databaseConfig(path)
	cfg.Key = bytes.Repeat([]byte{7}, 32)
	require.Equal(t, "storage.key.wrong", opens(t, cfg))
	cfg.Key = []byte("short")
	require.Equal(t, "storage.key.length", opens(t, cfg))
	cfg.Key = nil
	require.Equal(t, "core.no-key", opens(t, cfg))
	cfg.Passphrase = []byte("no key file")
	require.Equal(t, "storage.key.file", opens(t, cfg))

	c, err := core.Open(t.Context(), databaseConfig(path))
	require.NoError(t, err)
	_, err = core.Open(t.Context(), databaseConfig(path))
	require.Equal(t, "storage.in-use", core.ErrorCode(err), "%v", err)
	require.NoError(t, c.Close())
	_, err = c.Unread(t.Context())
	require.Equal(t, "core.closed", core.ErrorCode(err), "%v", err)

	_, err = core.Open(t.Context(), databaseConfig(filepath.Join(t.TempDir(), "none", "bad.db")))
	require.Equal(t, "storage.unavailable", core.ErrorCode(err), "%v", err)
	_, err = core.Open(t.Context(), databaseConfig(t.TempDir()))
	require.Equal(t, "storage.unavailable", core.ErrorCode(err), "%v", err)
	_, err = core.Open(t.Context(), core.Config{Key: databaseKey})
	require.NotEqual(t, "internal", core.ErrorCode(err), "%v", err)
	require.Error(t, err)

	const page = 4096
	good, err = os.ReadFile(path)
	require.NoError(t, err)
	for at := 7; at < len(good); at += page/2 + 1 {
		bad := bytes.Clone(good)
		bad[at] ^= 0x20
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		want := []string{"storage.corrupt"}
		if at < page {
			want = []string{"storage.key.wrong"}
		}
		require.Contains(t, want, opens(t, databaseConfig(path)), "byte %d", at)
	}
	for _, n := range []int{1, 100, page - 1, page, page + 1, len(good) / 2, len(good) - page, len(good) - 1} {
		require.NoError(t, os.WriteFile(path, good[:n], 0o600))
		code := opens(t, databaseConfig(path))
		require.Contains(t, []string{"storage.corrupt", "storage.key.wrong"}, code, "%d bytes", n)
	}
	for name, content := range map[string]string{
		"text": strings.Repeat("this is no database\n", 1000), "SQLite": "SQLite format 3\x00" + strings.Repeat("\x00", 8176),
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.Contains(t, []string{"storage.key.wrong", "storage.plaintext"}, opens(t, databaseConfig(path)), name)
	}

	restore()
	foreign(t, path, "PRAGMA user_version = 4711")
	require.Equal(t, "storage.schema.newer", opens(t, databaseConfig(path)))
	restore()
	foreign(t, path, "PRAGMA application_id = 4711")
	require.Equal(t, "storage.schema.foreign", opens(t, databaseConfig(path)))
	restore()
	require.Empty(t, opens(t, databaseConfig(path)))
}

// foreign runs a statement as another program would that has the key.
func foreign(t *testing.T, path, statement string) {
	t.Helper()
	conn, err := (&sqlite3.SQLiteDriver{}).Open(fmt.Sprintf("%s?_pragma_key=x'%x'", path, databaseKey))
	require.NoError(t, err)
	_, err = conn.(*sqlite3.SQLiteConn).Exec(statement, nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// A passphrase that is wrong is told from one whose key file is damaged.
func TestBadPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.db")
	cfg := core.Config{Path: path, Passphrase: []byte("open sesame")}
	c, err := core.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Empty(t, opens(t, cfg))
	cfg.Passphrase = []byte("open barley")
	require.Equal(t, "storage.key.wrong", opens(t, cfg))
	cfg.Passphrase = []byte("open sesame")
	file, err := os.ReadFile(path + ".key")
	require.NoError(t, err)
	for _, bad := range [][]byte{nil, []byte("garbage"), file[:len(file)/2], bytes.Repeat([]byte{0xff}, len(file))} {
		require.NoError(t, os.WriteFile(path+".key", bad, 0o600))
		require.Contains(t, []string{"storage.key.file", "storage.key.wrong"}, opens(t, cfg))
	}
	require.NoError(t, os.WriteFile(path+".key", file, 0o600))
	require.Empty(t, opens(t, cfg))
}
