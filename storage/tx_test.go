// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var errTest = errors.New("test")

func TestUpdateRollsBack(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) { newAccount(t, tx, "a") })
	hook := func() { t.Error("hook of a rolled back transaction") }
	insert := func(tx *Tx) {
		newAccount(t, tx, "b")
		tx.OnCommit(hook)
	}

	require.ErrorIs(t, db.Update(ctx, func(tx *Tx) error { insert(tx); return errTest }), errTest)
	require.PanicsWithValue(t, "boom", func() {
		_ = db.Update(ctx, func(tx *Tx) error { insert(tx); panic("boom") })
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = db.Update(ctx, func(tx *Tx) error { insert(tx); runtime.Goexit(); return nil })
	})
	wg.Wait()
	require.Equal(t, 1, count(t, db, "SELECT count(*) FROM account"))
	update(t, db, func(tx *Tx) { newAccount(t, tx, "b") })
}

func TestViewPanics(t *testing.T) {
	db := openTemp(t)
	for range 5 { // more than there are readers
		require.Panics(t, func() { _ = db.View(ctx, func(*Reader) error { panic("boom") }) })
		require.ErrorIs(t, db.View(ctx, func(*Reader) error { return errTest }), errTest)
	}
	require.Zero(t, count(t, db, "SELECT count(*) FROM account"))
}

func TestNested(t *testing.T) {
	db := openTemp(t)
	require.False(t, InTransaction(ctx))
	nested := func(in context.Context) {
		require.True(t, InTransaction(in))
		require.ErrorIs(t, db.Update(in, func(*Tx) error { return nil }), ErrTransaction)
		require.ErrorIs(t, db.View(in, func(*Reader) error { return nil }), ErrTransaction)
		require.ErrorIs(t, db.Check(in), ErrTransaction)
		require.ErrorIs(t, db.Checkpoint(in), ErrTransaction)
		require.ErrorIs(t, db.Optimize(in), ErrTransaction)
		require.ErrorIs(t, db.ChangeKey(in, RawKey(testKey)), ErrTransaction)
		require.ErrorIs(t, db.Backup(in, "x", RawKey(testKey)), ErrTransaction)
	}
	update(t, db, func(tx *Tx) { nested(tx.Context()) })
	view(t, db, func(r *Reader) { nested(r.Context()) })
}

func TestOnCommit(t *testing.T) {
	db := openTemp(t)
	var got []int
	update(t, db, func(tx *Tx) {
		tx.OnCommit(func() { got = append(got, 1) })
		tx.OnCommit(func() {
			got = append(got, 2)
			// The lock is free and the commit is visible.
			update(t, db, func(tx *Tx) { newAccount(t, tx, "b") })
			require.Equal(t, 2, count(t, db, "SELECT count(*) FROM account"))
		})
		newAccount(t, tx, "a")
		require.Empty(t, got)
	})
	require.Equal(t, []int{1, 2}, got)
}

func TestSavepoint(t *testing.T) {
	db := openTemp(t)
	var hooks []string
	hook := func(tx *Tx, name string) { tx.OnCommit(func() { hooks = append(hooks, name) }) }
	update(t, db, func(tx *Tx) {
		newAccount(t, tx, "a")
		hook(tx, "a")
		require.NoError(t, tx.Savepoint(func() error {
			newAccount(t, tx, "b")
			hook(tx, "b")
			require.ErrorIs(t, tx.Savepoint(func() error {
				newAccount(t, tx, "c")
				hook(tx, "c")
				return tx.Savepoint(func() error { newAccount(t, tx, "d"); return errTest })
			}), errTest)
			return nil
		}))
		require.ErrorIs(t, tx.Savepoint(func() error {
			newAccount(t, tx, "e")
			return errTest
		}), errTest)
		newAccount(t, tx, "f")
	})
	view(t, db, func(r *Reader) {
		list, err := r.Accounts()
		require.NoError(t, err)
		var names []string
		for _, a := range list {
			names = append(names, a.Address)
		}
		require.Equal(t, []string{"a", "b", "f"}, names)
	})
	require.Equal(t, []string{"a", "b"}, hooks)
}

// A savepoint that is undone does not give ids out a second time.
func TestSavepointKeepsIDs(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 0)
	var first, second Message
	update(t, db, func(tx *Tx) {
		require.Error(t, tx.Savepoint(func() error {
			first = newMessage(t, tx, Message{ConversationID: conv})
			return errTest
		}))
		second = newMessage(t, tx, Message{ConversationID: conv})
	})
	require.Greater(t, second.ID, first.ID)
}

func TestEnded(t *testing.T) {
	db := openTemp(t)
	var tx *Tx
	var r *Reader
	update(t, db, func(x *Tx) { tx = x })
	view(t, db, func(x *Reader) { r = x })
	_, err := tx.Accounts()
	require.ErrorIs(t, err, ErrTransaction)
	require.ErrorIs(t, tx.CreateAccount(&Account{}), ErrTransaction)
	require.ErrorIs(t, tx.Savepoint(func() error { return nil }), ErrTransaction)
	_, err = r.Account(1)
	require.ErrorIs(t, err, ErrTransaction)
	_, err = r.Search(SearchQuery{Text: "!"})
	require.ErrorIs(t, err, ErrTransaction)
}

func TestCancelled(t *testing.T) {
	db := openTemp(t)
	cctx, cancel := context.WithCancel(ctx)
	// Not even what was done before the end is committed, whatever fn returns.
	err := db.Update(cctx, func(tx *Tx) error {
		newAccount(t, tx, "a")
		cancel()
		require.ErrorIs(t, tx.CreateAccount(&Account{Address: "b"}), context.Canceled)
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, count(t, db, "SELECT count(*) FROM account"))
	require.ErrorIs(t, db.Update(cctx, func(*Tx) error { return nil }), context.Canceled)
	require.ErrorIs(t, db.View(cctx, func(*Reader) error { return nil }), context.Canceled)
}

// Whoever waits for the writer stops waiting when its context ends.
func TestCancelledWait(t *testing.T) {
	db := openTemp(t)
	cctx, cancel := context.WithCancel(ctx)
	update(t, db, func(*Tx) {
		done := make(chan error)
		go func() { done <- db.Update(cctx, func(*Tx) error { return nil }) }()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

// A View is one state of the database, whatever is committed meanwhile.
func TestSnapshot(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 3)
	view(t, db, func(r *Reader) {
		for range 3 {
			update(t, db, func(tx *Tx) { newMessage(t, tx, Message{ConversationID: conv}) })
			list, err := r.MessagesBefore(conv, 0, 0)
			require.NoError(t, err)
			require.Len(t, list, 3)
		}
		// Another one sees it.
		require.Equal(t, 6, count(t, db, "SELECT count(*) FROM message"))
	})
}

func TestReaderCannotWrite(t *testing.T) {
	db := openTemp(t)
	view(t, db, func(r *Reader) {
		_, err := r.s.exec("INSERT INTO caps (ver, info) VALUES ('a', x'')")
		require.ErrorIs(t, r.s.wrap("write", err), ErrUnavailable)
	})
}

func TestClosed(t *testing.T) {
	db := openTemp(t)
	release, closed := make(chan struct{}), make(chan error)
	running := make(chan error)
	started := make(chan struct{})
	go func() {
		running <- db.Update(ctx, func(tx *Tx) error {
			close(started)
			<-release
			return tx.CreateAccount(&Account{Address: "a"})
		})
	}()
	<-started
	go func() { closed <- db.Close() }()
	close(release)
	require.NoError(t, <-running) // Close waits
	require.NoError(t, <-closed)
	require.ErrorIs(t, db.Update(ctx, func(*Tx) error { return nil }), ErrClosed)
	require.ErrorIs(t, db.View(ctx, func(*Reader) error { return nil }), ErrClosed)
	require.ErrorIs(t, db.Check(ctx), ErrClosed)
	require.ErrorIs(t, db.Checkpoint(ctx), ErrClosed)
	require.ErrorIs(t, db.Optimize(ctx), ErrClosed)
	require.ErrorIs(t, db.ChangeKey(ctx, RawKey(testKey)), ErrClosed)
	require.ErrorIs(t, db.Backup(ctx, t.TempDir()+"/b", RawKey(testKey)), ErrClosed)
	require.NoError(t, db.Close())
	require.Equal(t, 1, count(t, openAt(t, db.path), "SELECT count(*) FROM account"))
}

// Close while many work: each call ends well or with ErrClosed.
func TestCloseUnderLoad(t *testing.T) {
	db := openTemp(t)
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 8 {
		wg.Go(func() {
			var err error
			for err == nil {
				if i%2 == 0 {
					err = db.Update(ctx, func(tx *Tx) error { return tx.PutCaps("a", nil) })
				} else {
					err = db.View(ctx, func(r *Reader) error { _, _, err := r.Caps("a"); return err })
				}
			}
			errs <- err
		})
	}
	require.Eventually(t, func() bool {
		return db.View(ctx, func(r *Reader) error { return r.one([]any{new(int)}, "SELECT 1 FROM caps") }) == nil
	}, wait, tick)
	require.NoError(t, db.Close())
	wg.Wait()
	close(errs)
	for err := range errs {
		require.ErrorIs(t, err, ErrClosed)
	}
}

// A View that is open for long does not make the log grow for ever after it.
func TestBoundedLog(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 0)
	write := func() {
		update(t, db, func(tx *Tx) {
			for range 100 {
				newMessage(t, tx, Message{ConversationID: conv, Extra: make([]byte, 1000)})
			}
		})
	}
	size := func() int64 { return fileSize(t, db.path+suffixWAL) }
	top := int64(0)
	for range 60 {
		write()
		top = max(top, size())
	}
	require.Greater(t, fileSize(t, db.path), int64(walLimit))
	require.Less(t, top, int64(2*walLimit))

	view(t, db, func(*Reader) {
		for size() < 2*walLimit {
			write()
		}
	})
	for range 10 { // the next attempt comes within walStep
		write()
	}
	require.Less(t, size(), int64(walLimit))

	write()
	require.NotZero(t, size())
	require.NoError(t, db.Checkpoint(ctx))
	require.Zero(t, size())
	require.NoError(t, db.Optimize(ctx))
	require.NoError(t, db.Check(ctx))
}
