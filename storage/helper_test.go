// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How long to wait for a state, and how often to look.
const (
	wait = 20 * time.Second
	tick = time.Millisecond
)

var (
	ctx      = context.Background()
	testKey  = bytes.Repeat([]byte{0x5a}, 32)
	otherKey = bytes.Repeat([]byte{0xa5}, 32)
	epoch    = time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
	cheap    = argonParams{passes: 1, memory: 8, lanes: 1}
)

func testOptions(path string) Options {
	return Options{Path: path, Key: RawKey(testKey), ReadConns: 2, argon: cheap, Now: func() time.Time { return epoch }}
}

// openAt opens the database at path and closes it at the end of the test.
func openAt(t testing.TB, path string) *DB {
	t.Helper()
	return openWith(t, testOptions(path))
}

func openWith(t testing.TB, o Options) *DB {
	t.Helper()
	db, err := Open(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func openTemp(t testing.TB) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "a.db"))
}

func update(t testing.TB, db *DB, fn func(*Tx)) {
	t.Helper()
	require.NoError(t, db.Update(ctx, func(tx *Tx) error { fn(tx); return nil }))
}

func view(t testing.TB, db *DB, fn func(*Reader)) {
	t.Helper()
	require.NoError(t, db.View(ctx, func(r *Reader) error { fn(r); return nil }))
}

// newAccount stores an account and returns its id.
func newAccount(t testing.TB, tx *Tx, address string) int64 {
	t.Helper()
	a := Account{Kind: "xmpp", Address: address, Enabled: true}
	require.NoError(t, tx.CreateAccount(&a))
	return a.ID
}

func newConversation(t testing.TB, tx *Tx, account int64, peer string) int64 {
	t.Helper()
	c, created, err := tx.EnsureConversation(account, peer, 1)
	require.NoError(t, err)
	require.True(t, created)
	return c.ID
}

func newMessage(t testing.TB, tx *Tx, m Message) Message {
	t.Helper()
	require.NoError(t, tx.InsertMessage(&m))
	return m
}

// fill makes an account with one conversation of n messages.
func fill(t testing.TB, db *DB, n int) (account, conv int64) {
	t.Helper()
	update(t, db, func(tx *Tx) {
		account = newAccount(t, tx, "me@example.org")
		conv = newConversation(t, tx, account, "you@example.org")
		for i := range n {
			newMessage(t, tx, Message{ConversationID: conv, Body: "canary body", At: epoch.Add(time.Duration(i) * time.Second)})
		}
	})
	return account, conv
}

// count returns the result of a query for one number.
func count(t testing.TB, db *DB, query string, args ...any) (n int) {
	t.Helper()
	view(t, db, func(r *Reader) { require.NoError(t, r.one([]any{&n}, query, args...)) })
	return n
}

// writerExec runs a statement on the writer's connection.
func writerExec(t testing.TB, db *DB, query string) {
	t.Helper()
	s, err := db.take(ctx, db.conns.writers)
	require.NoError(t, err)
	defer func() { db.conns.writers <- s }()
	_, err = s.conn.ExecContext(ctx, query)
	require.NoError(t, err)
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	require.NoError(t, err)
	return st.Size()
}
