// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"database/sql"

	"github.com/confab-im/confab/storage/backend"
)

// session is one connection and the statements prepared on it. It is used by
// one goroutine at a time: whoever took it from its pool.
//
// Statements run without the caller's context: a statement that is interrupted
// in a transaction makes SQLite roll back all of it, and the driver would start
// a goroutine for each row. Cancellation is looked at between statements and
// rows instead.
type session struct {
	backend backend.Backend
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt
	opening bool // the key has not been seen to fit
}

// openSession opens a connection of db. db must have no other.
func openSession(ctx context.Context, b backend.Backend, pool *sql.DB) (*session, error) {
	s := &session{backend: b, stmts: make(map[string]*sql.Stmt), opening: true}
	conn, err := pool.Conn(context.WithoutCancel(ctx))
	if err != nil {
		return nil, s.wrap("open database", err)
	}
	s.conn, s.opening = conn, false
	return s, nil
}

func (s *session) wrap(verb string, err error) error {
	return wrapDriver(s.backend, verb, err, s.opening)
}

func (s *session) stmt(query string) (*sql.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

func (s *session) exec(query string, args ...any) (sql.Result, error) {
	st, err := s.stmt(query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(context.Background(), args...)
}

func (s *session) query(query string, args ...any) (*sql.Rows, error) {
	st, err := s.stmt(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(context.Background(), args...)
}

// forget closes the prepared statements, which hold on to pages and to the
// values they were last given.
func (s *session) forget() {
	for q, st := range s.stmts {
		_ = st.Close()
		delete(s.stmts, q)
	}
}

func (s *session) close() error {
	s.forget()
	return s.wrap("close connection", s.conn.Close())
}
