// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"testing"

	sqlite3 "github.com/mutecomm/go-sqlcipher/v4"
	"github.com/stretchr/testify/require"
)

// limitPages lets the database grow by a few pages only.
func limitPages(t *testing.T, db *DB) (undo func()) {
	t.Helper()
	pages := count(t, db, "SELECT page_count FROM pragma_page_count")
	writerExec(t, db, fmt.Sprintf("PRAGMA max_page_count = %d", pages+20))
	return func() { writerExec(t, db, "PRAGMA max_page_count = 1000000000") }
}

func TestFull(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 10)
	undo := limitPages(t, db)
	big := Message{ConversationID: conv, Body: "big", Extra: make([]byte, 20000)}
	store := func(tx *Tx) (err error) {
		for err == nil {
			m := big
			err = tx.InsertMessage(&m)
		}
		return err
	}
	require.ErrorIs(t, db.Update(ctx, store), ErrFull)
	require.Equal(t, 10, count(t, db, "SELECT count(*) FROM message"))

	// SQLite has rolled the transaction back. What follows in it would be
	// committed by itself, and the end would look well.
	err := db.Update(ctx, func(tx *Tx) error {
		require.ErrorIs(t, store(tx), ErrFull)
		require.ErrorIs(t, tx.PutValue(0, "after", []byte("x")), ErrFull)
		_, err := tx.Account(1)
		require.ErrorIs(t, err, ErrFull)
		return nil
	})
	require.ErrorIs(t, err, ErrFull)
	require.Equal(t, 10, count(t, db, "SELECT count(*) FROM message"))
	require.Zero(t, count(t, db, "SELECT count(*) FROM value"))

	// The same inside of a savepoint, whose error is swallowed.
	err = db.Update(ctx, func(tx *Tx) error {
		newAccount(t, tx, "before")
		require.ErrorIs(t, tx.Savepoint(func() error { return store(tx) }), ErrFull)
		_ = tx.PutValue(0, "after", []byte("x"))
		return nil
	})
	n := count(t, db, "SELECT count(*) FROM account WHERE address = 'before'")
	if err != nil { // all was rolled back
		require.ErrorIs(t, err, ErrFull)
		require.Zero(t, n)
		require.Zero(t, count(t, db, "SELECT count(*) FROM value"))
	} else { // only the savepoint was
		require.Equal(t, 1, n)
		require.Equal(t, 1, count(t, db, "SELECT count(*) FROM value"))
	}
	require.Equal(t, 10, count(t, db, "SELECT count(*) FROM message"))

	undo()
	update(t, db, func(tx *Tx) { newMessage(t, tx, big) })
	requireSummaries(t, db)
	require.NoError(t, db.Check(ctx))
}

// A failure inside of a savepoint that its function does not pass on still
// undoes the savepoint.
func TestSwallowedFailure(t *testing.T) {
	db := openTemp(t)
	err := db.Update(ctx, func(tx *Tx) error {
		newAccount(t, tx, "a")
		require.Error(t, tx.Savepoint(func() error {
			newAccount(t, tx, "b")
			_, _ = tx.exec("SELECT no_such_function()")
			return nil
		}))
		newAccount(t, tx, "c")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, count(t, db, "SELECT count(*) FROM account WHERE address IN ('a', 'c')"))
	require.Zero(t, count(t, db, "SELECT count(*) FROM account WHERE address = 'b'"))

	require.Error(t, db.Update(ctx, func(tx *Tx) error {
		newAccount(t, tx, "d")
		_, _ = tx.exec("SELECT no_such_function()")
		return nil
	}))
	require.Zero(t, count(t, db, "SELECT count(*) FROM account WHERE address = 'd'"))
}

// Another program that holds SQLite's own lock.
func TestLocked(t *testing.T) {
	db := openTemp(t)
	fill(t, db, 1)
	other, err := (&sqlite3.SQLiteDriver{}).Open(fmt.Sprintf("%s?_pragma_key=x'%x'", db.path, testKey))
	require.NoError(t, err)
	conn := other.(*sqlite3.SQLiteConn)
	_, err = conn.Exec("BEGIN IMMEDIATE", nil)
	require.NoError(t, err)
	writerExec(t, db, "PRAGMA busy_timeout = 1")
	require.ErrorIs(t, db.Update(ctx, func(*Tx) error { return nil }), ErrLocked)
	require.Equal(t, 1, count(t, db, "SELECT count(*) FROM message"))
	_, err = conn.Exec("ROLLBACK", nil)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	update(t, db, func(tx *Tx) { newAccount(t, tx, "b") })
}
