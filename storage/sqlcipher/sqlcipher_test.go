// SPDX-License-Identifier: MPL-2.0

//go:build cgo

package sqlcipher

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	sqlite3 "github.com/mutecomm/go-sqlcipher/v4"
	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/storage/backend"
	"github.com/confab-im/confab/storage/backend/backendtest"
)

func TestConformance(t *testing.T) { backendtest.Run(t, New()) }

func testConfig(t *testing.T) backend.Config {
	t.Helper()
	key, ok := backend.NewKey(bytes.Repeat([]byte{'"'}, backend.KeySize)) // quotes, if it were spliced as it is
	require.True(t, ok)
	return backend.Config{Path: filepath.Join(t.TempDir(), "a.db"), Key: key}
}

func connect(t *testing.T, c driver.Connector) *sqlite3.SQLiteConn {
	t.Helper()
	conn, err := c.Connect(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn.(*sqlite3.SQLiteConn)
}

// The settings that everything else relies on are in force.
func TestSettings(t *testing.T) {
	b := New()
	for _, salt := range [][]byte{nil, []byte("sixteen bytes ..")} {
		c := testConfig(t)
		c.Salt = salt
		w, r, err := b.Connectors(c)
		require.NoError(t, err)
		writer, reader := connect(t, w), connect(t, r)
		for _, s := range []struct {
			conn         *sqlite3.SQLiteConn
			pragma, want string
		}{
			{writer, "journal_mode", "wal"}, {writer, "synchronous", "2"}, {writer, "fullfsync", "1"},
			{writer, "checkpoint_fullfsync", "1"}, {writer, "wal_autocheckpoint", "0"}, {writer, "foreign_keys", "1"},
			{writer, "secure_delete", "2"}, {writer, "temp_store", "2"}, {writer, "page_size", "4096"},
			{writer, "cipher_memory_security", "0"}, {writer, "cipher_use_hmac", "1"}, {writer, "busy_timeout", "5000"},
			{writer, "query_only", "0"}, {reader, "query_only", "1"}, {reader, "wal_autocheckpoint", "0"},
			{reader, "journal_mode", "wal"}, {reader, "cipher_memory_security", "0"},
		} {
			got, err := rows(s.conn, "PRAGMA "+s.pragma)
			require.NoError(t, err)
			require.Equal(t, []string{s.want}, got, s.pragma)
		}
		if salt != nil {
			got, err := rows(writer, "PRAGMA cipher_salt")
			require.NoError(t, err)
			require.Equal(t, []string{fmt.Sprintf("%x", salt)}, got)
		}
	}
}

// Each connection is keyed with the raw bytes: no derivation from a passphrase,
// which would take a third of a second each.
func TestRawKey(t *testing.T) {
	c := testConfig(t)
	w, _, err := New().Connectors(c)
	require.NoError(t, err)
	got, err := rows(connect(t, w), "PRAGMA cipher_settings")
	require.NoError(t, err)
	require.NotEmpty(t, got)
	conn, err := (&sqlite3.SQLiteDriver{}).Open(fmt.Sprintf("%s?_pragma_key=x'%x'", c.Path, c.Key.Bytes()))
	require.NoError(t, err)
	_, err = rows(conn.(*sqlite3.SQLiteConn), "SELECT count(*) FROM sqlite_master")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestQuestionMark(t *testing.T) {
	c := testConfig(t)
	c.Path += "?x=y"
	_, _, err := New().Connectors(c)
	require.Error(t, err)
	require.NotContains(t, New().Describe(err), "x=y")
}

func TestClassifyCodes(t *testing.T) {
	b := New()
	for _, c := range []struct {
		err  error
		want backend.Class
	}{
		{sqlite3.Error{Code: sqlite3.ErrNotADB}, backend.NotADB},
		{errKey, backend.NotADB},
		{sqlite3.Error{Code: sqlite3.ErrCorrupt}, backend.Corrupt},
		{errDamaged{"x"}, backend.Corrupt},
		{sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrShortRead}, backend.Corrupt},
		{sqlite3.Error{Code: sqlite3.ErrFull}, backend.Full},
		{sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.ENOSPC}, backend.Full},
		{sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EDQUOT}, backend.Full},
		{sqlite3.Error{Code: sqlite3.ErrCantOpen, SystemErrno: syscall.ENOSPC}, backend.Full},
		{sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EIO}, backend.Unavailable},
		{sqlite3.Error{Code: sqlite3.ErrReadonly}, backend.Unavailable},
		{sqlite3.Error{Code: sqlite3.ErrBusy}, backend.Busy},
		{sqlite3.Error{Code: sqlite3.ErrLocked}, backend.Busy},
		{sqlite3.Error{Code: sqlite3.ErrConstraint}, backend.Constraint},
		{sqlite3.Error{Code: sqlite3.ErrError}, backend.Other},
		{errNotCipher, backend.NotCipher},
		{fmt.Errorf("x: %w", sqlite3.Error{Code: sqlite3.ErrFull}), backend.Full},
	} {
		require.Equal(t, c.want, b.Classify(c.err), "%#v", c.err)
	}
}
