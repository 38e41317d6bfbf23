// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/confab-im/confab/storage/backend"
)

type transactionMark struct{}

// InTransaction reports whether ctx belongs to a running Update or View. Code
// that talks to the network uses it as a guard.
func InTransaction(ctx context.Context) bool { return ctx.Value(transactionMark{}) != nil }

// Reader reads from one consistent state of the database. It belongs to the
// goroutine of its View or Update and ends with it; a later call gives
// ErrTransaction. Methods that look for one row give ErrNotFound.
type Reader struct {
	ctx    context.Context
	s      *session
	ended  bool
	broken error // why nothing more may be done
}

func newReader(ctx context.Context, s *session) *Reader {
	return &Reader{ctx: context.WithValue(ctx, transactionMark{}, true), s: s}
}

// Context returns the context of the transaction, marked for [InTransaction].
func (r *Reader) Context() context.Context { return r.ctx }

// usable is looked at before each statement.
func (r *Reader) usable() error {
	switch {
	case r.ended:
		return fmt.Errorf("%w: it has ended", ErrTransaction)
	case r.broken != nil:
		return r.broken
	}
	return r.ctx.Err()
}

// fail keeps a transaction from going on after a failure that may have undone
// all or a part of it: SQLite rolls everything back when the disk is full, and
// the statements that follow would each commit by themselves. Only a violated
// constraint leaves the transaction as it was.
func (r *Reader) fail(verb string, err error) error {
	werr := r.s.wrap(verb, err)
	if r.broken == nil && r.s.backend.Classify(err) != backend.Constraint {
		r.broken = werr
	}
	return werr
}

// one runs a query for a single row. Its absence is ErrNotFound.
func (r *Reader) one(dest []any, query string, args ...any) error {
	if err := r.usable(); err != nil {
		return err
	}
	st, err := r.s.stmt(query)
	if err != nil {
		return r.fail("prepare statement", err)
	}
	err = st.QueryRowContext(context.Background(), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return r.fail("read row", err)
	}
	return nil
}

// each calls fn for each row. fn scans the row and runs no statement: it would
// share this one's cursor.
func (r *Reader) each(fn func(*sql.Rows) error, query string, args ...any) error {
	if err := r.usable(); err != nil {
		return err
	}
	rows, err := r.s.query(query, args...)
	if err != nil {
		return r.fail("read rows", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := fn(rows); err != nil {
			return r.fail("read row", err)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return r.fail("read rows", err)
	}
	return nil
}

// Tx is a write transaction: all that a Reader can, and changes. It belongs to
// the goroutine of its Update.
type Tx struct {
	*Reader
	now      func() time.Time
	hooks    []func()
	counters map[string]int64 // values handed out and not yet stored
	depth    int              // of savepoints
}

func newTx(ctx context.Context, db *DB, s *session) *Tx {
	return &Tx{Reader: newReader(ctx, s), now: db.now}
}

// OnCommit has fn called after the commit, outside of the lock and in the order
// of the calls. It is forgotten when the transaction or the savepoint around
// the call is rolled back.
func (tx *Tx) OnCommit(fn func()) { tx.hooks = append(tx.hooks, fn) }

// exec changes rows and returns how many.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := tx.usable(); err != nil {
		return 0, err
	}
	res, err := tx.s.exec(query, args...)
	if err != nil {
		return 0, tx.fail("write row", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.fail("write row", err)
	}
	return n, nil
}

// must is exec for a change of exactly one row that has to exist.
func (tx *Tx) must(query string, args ...any) error {
	n, err := tx.exec(query, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// insert is exec for a table with an INTEGER PRIMARY KEY and returns the new key.
func (tx *Tx) insert(query string, args ...any) (int64, error) {
	if err := tx.usable(); err != nil {
		return 0, err
	}
	res, err := tx.s.exec(query, args...)
	if err != nil {
		return 0, tx.fail("insert row", err)
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, tx.fail("insert row", err)
	}
	return id, nil
}

// next hands out a number that was never handed out before. The counters are
// stored once, before the commit.
func (tx *Tx) next(counter string) (int64, error) {
	v, ok := tx.counters[counter]
	if !ok {
		if err := tx.one([]any{&v}, "SELECT value FROM counter WHERE name = ?", counter); err != nil {
			return 0, err
		}
	}
	if tx.counters == nil {
		tx.counters = make(map[string]int64, 2)
	}
	v++
	tx.counters[counter] = v
	return v, nil
}

// finish does what is left before the commit. A transaction that SQLite may have
// rolled back, or of which a part was not done for a context that ended, is not
// committed, even if fn did not pass the error on.
func (tx *Tx) finish() error {
	if err := tx.usable(); err != nil {
		return err
	}
	for name, v := range tx.counters {
		if err := tx.must("UPDATE counter SET value = ? WHERE name = ?", v, name); err != nil {
			return err
		}
	}
	return nil
}

// Savepoint runs fn and undoes its changes if it returns an error, which is
// returned; the transaction goes on. Savepoints nest.
func (tx *Tx) Savepoint(fn func() error) error {
	tx.depth++
	defer func() { tx.depth-- }()
	name := fmt.Sprintf("sp%d", tx.depth)
	if _, err := tx.exec("SAVEPOINT " + name); err != nil {
		return fmt.Errorf("begin savepoint: %w", err)
	}
	hooks := len(tx.hooks)
	err := fn()
	if err == nil {
		err = tx.broken
	}
	if err == nil {
		_, err = tx.exec("RELEASE " + name)
		return err
	}
	tx.hooks = tx.hooks[:hooks]
	for _, q := range []string{"ROLLBACK TO " + name, "RELEASE " + name} {
		// Not exec: the transaction may be marked as broken. If SQLite has
		// rolled all of it back the savepoint is gone, and it stays so.
		if _, rerr := tx.s.exec(q); rerr != nil {
			if tx.broken == nil {
				tx.broken = tx.s.wrap("undo savepoint", rerr)
			}
			return errors.Join(err, tx.broken)
		}
	}
	tx.broken = nil
	return err
}
