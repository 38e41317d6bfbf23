// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/confab-im/confab/storage/backend"
)

// DB is an open database. Its methods may be called from several goroutines.
type DB struct {
	backend backend.Backend
	path    string
	logger  *slog.Logger
	now     func() time.Time
	key     *backend.Key
	wrapped bool   // the key is in the key file, under a passphrase
	salt    []byte // nil unless the header is plain
	lock    *os.File
	conns   conns
	wal     walBound    // owned by the holder of the writer
	argon   argonParams // the cost of a passphrase
	closing sync.Once
	closed  error // the result of the first Close
}

// conns are the connections, each waiting in a channel until it is taken. The
// order is fixed against deadlock: the writer first, then readers.
type conns struct {
	writerPool, readerPool *sql.DB
	writers                chan *session // one
	readers                chan *session
	closed                 chan struct{}
}

// String returns a fixed text: a DB holds a key.
func (*DB) String() string { return "storage database " + redacted }

// Format writes a fixed text for every verb.
func (db *DB) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, db.String()) }

// LogValue returns a fixed text.
func (db *DB) LogValue() slog.Value { return slog.StringValue(db.String()) }

// take waits for a session until ctx ends or the DB is closed.
func (db *DB) take(ctx context.Context, from chan *session) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-db.conns.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case s := <-from:
		return s, nil
	case <-db.conns.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// takeAll waits until nobody else uses the database. On an error it has taken
// nothing.
func (db *DB) takeAll(ctx context.Context) (writer *session, readers []*session, err error) {
	if writer, err = db.take(ctx, db.conns.writers); err != nil {
		return nil, nil, err
	}
	for range cap(db.conns.readers) {
		r, err := db.take(ctx, db.conns.readers)
		if err != nil {
			db.giveBack(writer, readers)
			return nil, nil, err
		}
		readers = append(readers, r)
	}
	return writer, readers, nil
}

func (db *DB) giveBack(writer *session, readers []*session) {
	for _, r := range readers {
		db.conns.readers <- r
	}
	db.conns.writers <- writer
}

// Update runs fn in the one write transaction there is at a time and commits
// it. An error or a panic of fn rolls everything back; the error is returned
// as it is. A nil error means that the commit is on the disk.
//
// fn must use only tx, and must not wait for anything that waits for this
// database. An Update or View with tx.Context() fails with ErrTransaction;
// with a context from outside it would wait for ever. After the commit, and
// after the next Update may begin, the functions given to [Tx.OnCommit] run.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	if InTransaction(ctx) {
		return fmt.Errorf("begin update: %w: inside of another", ErrTransaction)
	}
	s, err := db.take(ctx, db.conns.writers)
	if err != nil {
		return err
	}
	hooks, err := db.update(ctx, s, fn)
	if err != nil {
		return err
	}
	for _, h := range hooks {
		h()
	}
	return nil
}

func (db *DB) update(ctx context.Context, s *session, fn func(*Tx) error) (_ []func(), err error) {
	defer func() { db.conns.writers <- s }()
	if _, err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, s.wrap("begin transaction", err)
	}
	tx := newTx(ctx, db, s)
	committed := false
	defer func() {
		tx.ended = true
		if !committed { // an error, a panic, or the goroutine's exit
			_, _ = s.exec("ROLLBACK") // fails if SQLite rolled back already
		}
	}()
	if err := fn(tx); err != nil {
		return nil, err
	}
	if err := tx.finish(); err != nil {
		return nil, err
	}
	if _, err := s.exec("COMMIT"); err != nil {
		return nil, s.wrap("commit transaction", err)
	}
	committed = true
	db.boundWAL(ctx, s)
	return tx.hooks, nil
}

// View runs fn on a snapshot that no commit changes. Several may run at once,
// beside an Update. A View that stays open keeps the write-ahead log from being
// emptied.
func (db *DB) View(ctx context.Context, fn func(*Reader) error) error {
	if InTransaction(ctx) {
		return fmt.Errorf("begin view: %w: inside of another", ErrTransaction)
	}
	s, err := db.take(ctx, db.conns.readers)
	if err != nil {
		return err
	}
	defer func() { db.conns.readers <- s }()
	if _, err := s.exec("BEGIN DEFERRED"); err != nil {
		return s.wrap("begin transaction", err)
	}
	r := newReader(ctx, s)
	defer func() {
		r.ended = true
		_, _ = s.exec("ROLLBACK")
	}()
	// The snapshot is taken by the first read, not by BEGIN.
	if err := r.one([]any{new(int64)}, "SELECT count(*) FROM sqlite_master"); err != nil {
		return err
	}
	return fn(r)
}

// Close waits for running transactions, empties the write-ahead log, closes
// the file, overwrites the key in memory and lets go of the lock. Calls made
// meanwhile and afterwards fail with ErrClosed. It may be called again and
// returns the same. It must not be called in a transaction. After an error, such
// as ErrFull, all is closed too, and what was committed is in the log, where the
// next Open finds it.
func (db *DB) Close() error {
	db.closing.Do(func() {
		writer, readers, err := db.takeAll(context.Background())
		if err == nil { // else a change of key has closed the connections
			close(db.conns.closed)
			err = db.disconnect(writer, readers)
		} else if errors.Is(err, ErrClosed) {
			err = nil
		}
		if err = errors.Join(err, db.release()); err != nil {
			db.closed = fmt.Errorf("close database: %w", err)
		}
	})
	return db.closed
}

// disconnect closes all connections, readers first, so that the last one is
// the writer's, which checkpoints.
func (db *DB) disconnect(writer *session, readers []*session) error {
	var errs []error
	for _, r := range readers {
		errs = append(errs, r.close())
	}
	errs = append(errs, wrapDriver(db.backend, "close readers", db.conns.readerPool.Close(), false))
	if writer != nil {
		if _, err := writer.checkpoint(); err != nil {
			errs = append(errs, err)
		}
		errs = append(errs, writer.close())
	}
	errs = append(errs, wrapDriver(db.backend, "close writer", db.conns.writerPool.Close(), false))
	return errors.Join(errs...)
}

// release overwrites the key and lets go of the lock.
func (db *DB) release() error {
	if db.key != nil {
		db.key.Wipe()
	}
	return fileError("unlock database", db.lock.Close())
}
