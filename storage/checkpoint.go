// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"fmt"
	"os"
)

// The write-ahead log is emptied when a commit leaves it larger than walLimit
// bytes. If a View is in the way, the next attempt is made when it has grown by
// another walStep.
const (
	walLimit = 4 << 20
	walStep  = 1 << 20
)

// walBound says how large the log may be before it is emptied.
type walBound struct {
	limit int64
	next  int64 // larger than limit after an attempt that failed
}

// checkpoint moves what it can from the write-ahead log into the database,
// without waiting for readers. done says that the log is empty now.
func (s *session) checkpoint() (done bool, err error) {
	if err := s.pragma("PRAGMA busy_timeout = 0"); err != nil {
		return false, err
	}
	defer func() {
		if perr := s.pragma("PRAGMA busy_timeout = 5000"); err == nil {
			err = perr
		}
	}()
	var busy, pages, moved int64
	row := s.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := row.Scan(&busy, &pages, &moved); err != nil {
		return false, s.wrap("checkpoint", err)
	}
	return busy == 0, nil
}

// empty makes sure that the write-ahead log is empty. Nobody may be reading.
func (s *session) empty() error {
	done, err := s.checkpoint()
	if err == nil && !done {
		err = ErrLocked
	}
	return err
}

func (s *session) pragma(p string) error {
	_, err := s.conn.ExecContext(context.Background(), p)
	return s.wrap("set pragma", err)
}

// boundWAL runs after a commit and before the writer is given back. The commit
// is durable already, so a failure is logged and not returned.
func (db *DB) boundWAL(ctx context.Context, s *session) {
	st, err := os.Stat(db.path + suffixWAL)
	if err != nil || st.Size() < max(db.wal.limit, db.wal.next) {
		return
	}
	done, err := s.checkpoint()
	switch {
	case err != nil:
		db.logger.WarnContext(ctx, "checkpoint failed", "error", err)
		db.wal.next = st.Size() + walStep
	case done:
		db.wal.next = 0
	default:
		db.wal.next = st.Size() + walStep
	}
}

// Checkpoint moves the write-ahead log into the database file. It waits for
// running Views. An app may call it before it goes to the background.
func (db *DB) Checkpoint(ctx context.Context) error {
	err := db.alone(ctx, (*session).empty)
	if err != nil {
		return fmt.Errorf("checkpoint database: %w", err)
	}
	return nil
}

// Check verifies the authentication code of every page, the structure of every
// table and index, the references between tables and the search index. It reads
// the whole file and keeps all other calls waiting. A damaged database gives
// ErrCorrupt.
func (db *DB) Check(ctx context.Context) error {
	err := db.alone(ctx, func(s *session) error {
		// Pages in the log are not looked at by the cipher's own check.
		if err := s.empty(); err != nil {
			return err
		}
		if err := db.backend.Check(ctx, s.conn); err != nil {
			return s.wrap("verify pages", err)
		}
		var broken int64
		if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&broken); err != nil {
			return s.wrap("verify references", err)
		}
		if broken > 0 {
			return fmt.Errorf("%w: %d rows without their owner", ErrCorrupt, broken)
		}
		if _, err := s.conn.ExecContext(ctx, "INSERT INTO message_fts (message_fts) VALUES ('integrity-check')"); err != nil {
			return s.wrap("verify search index", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check database: %w", err)
	}
	return nil
}

// Optimize does upkeep for which no call should have to wait: it merges a part
// of the search index and refreshes the planner's statistics. An app may call
// it once a day when it is idle.
func (db *DB) Optimize(ctx context.Context) error {
	if InTransaction(ctx) {
		return fmt.Errorf("optimize database: %w", ErrTransaction)
	}
	s, err := db.take(ctx, db.conns.writers)
	if err != nil {
		return err
	}
	defer func() { db.conns.writers <- s }()
	for _, q := range []string{
		"INSERT INTO message_fts (message_fts) VALUES ('merge=500,4')",
		"PRAGMA analysis_limit = 400",
		"PRAGMA optimize",
	} {
		if err := s.pragma(q); err != nil {
			return fmt.Errorf("optimize database: %w", err)
		}
	}
	db.boundWAL(ctx, s)
	return nil
}

// alone runs fn with the writer while nobody else uses the database.
func (db *DB) alone(ctx context.Context, fn func(*session) error) error {
	if InTransaction(ctx) {
		return fmt.Errorf("%w: inside of another", ErrTransaction)
	}
	writer, readers, err := db.takeAll(ctx)
	if err != nil {
		return err
	}
	defer db.giveBack(writer, readers)
	return fn(writer)
}
