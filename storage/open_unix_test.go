// SPDX-License-Identifier: MPL-2.0

//go:build unix

package storage

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireMode checks that only the owner may use a file.
func requireMode(t *testing.T, path string) {
	t.Helper()
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fileMode, st.Mode().Perm(), filepath.Ext(path))
}

func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := t.TempDir()
	o := testOptions(filepath.Join(dir, "a.db"))
	o.Key = Passphrase([]byte("p"))
	db := openWith(t, o)
	fill(t, db, 10)
	require.NoError(t, db.Backup(ctx, filepath.Join(dir, "b.db"), Passphrase([]byte("q"))))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, f := range files {
		requireMode(t, filepath.Join(dir, f.Name()))
		names[f.Name()] = true
	}
	for _, n := range []string{"a.db", "a.db-wal", "a.db-shm", "a.db.key", "a.db.lock", "b.db", "b.db.key"} {
		require.True(t, names[n], n)
	}
	require.Len(t, names, 7)
}
