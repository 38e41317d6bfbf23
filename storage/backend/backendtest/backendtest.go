// SPDX-License-Identifier: MPL-2.0

package backendtest

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/storage/backend"
)

// Run tests a backend.
func Run(t *testing.T, b backend.Backend) {
	s := suite{b}
	for name, fn := range map[string]func(*testing.T){
		"config": s.config, "redaction": s.redaction, "describe": s.describe, "classify": s.classify,
	} {
		t.Run(name, fn)
	}
	for _, salted := range []bool{false, true} {
		if salted && !b.Caps().PlaintextHeader {
			continue
		}
		for name, fn := range map[string]func(*testing.T, bool){
			"reopen": s.reopen, "wrong key": s.wrongKey, "encrypted": s.encrypted, "damage": s.damage,
			"reader": s.reader, "checkpoint": s.checkpoint, "copy": s.copies, "cancelled copy": s.cancelledCopy, "full": s.full,
		} {
			t.Run(fmt.Sprintf("%s/salt=%t", name, salted), func(t *testing.T) { fn(t, salted) })
		}
	}
}

type suite struct{ backend.Backend }

var ctx = context.Background()

const canary = "TheCanaryText"

// newConfig names a new empty file and a random-looking key made of text.
func newConfig(t *testing.T, salted bool, key byte) backend.Config {
	t.Helper()
	c := backend.Config{Path: filepath.Join(t.TempDir(), "a.db")}
	c.Key, _ = backend.NewKey(bytes.Repeat([]byte{key}, backend.KeySize))
	if salted {
		c.Salt = []byte("sixteen bytes ..")
	}
	require.NoError(t, os.WriteFile(c.Path, nil, 0o600))
	return c
}

// open returns a connection that is closed at the end of the test.
func open(t *testing.T, c driver.Connector) (*sql.Conn, func()) {
	t.Helper()
	conn, closeConn, err := tryOpen(c)
	require.NoError(t, err)
	t.Cleanup(closeConn)
	return conn, closeConn
}

func tryOpen(c driver.Connector) (*sql.Conn, func(), error) {
	p := sql.OpenDB(c)
	conn, err := p.Conn(ctx)
	if err != nil {
		_ = p.Close()
		return nil, nil, err
	}
	return conn, func() { _ = conn.Close(); _ = p.Close() }, nil
}

func exec(t *testing.T, conn *sql.Conn, query string, args ...any) {
	t.Helper()
	_, err := conn.ExecContext(ctx, query, args...)
	require.NoError(t, err)
}

func number(t *testing.T, conn *sql.Conn, query string) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRowContext(ctx, query).Scan(&n))
	return n
}

// create makes a database with some pages and leaves its log empty.
func (s suite) create(t *testing.T, c backend.Config) {
	t.Helper()
	w, _, err := s.Connectors(c)
	require.NoError(t, err)
	conn, closeConn := open(t, w)
	exec(t, conn, "CREATE TABLE x (id INTEGER PRIMARY KEY, y TEXT NOT NULL)")
	for range 300 {
		exec(t, conn, "INSERT INTO x (y) VALUES (?)", canary+strings.Repeat("x", 200))
	}
	exec(t, conn, "PRAGMA wal_checkpoint(TRUNCATE)")
	closeConn()
}

func (s suite) config(t *testing.T) {
	good := newConfig(t, false, 'k')
	for name, change := range map[string]func(*backend.Config){
		"relative": func(c *backend.Config) { c.Path = "a.db" },
		"no key":   func(c *backend.Config) { c.Key = nil },
		"salt":     func(c *backend.Config) { c.Salt = []byte("short") },
		"no path":  func(c *backend.Config) { c.Path = "" },
		"zero":     func(c *backend.Config) { c.Path += "\x00" },
	} {
		c := good
		change(&c)
		_, _, err := s.Connectors(c)
		require.Error(t, err, name)
	}
	require.NotEmpty(t, s.Name())
}

func (s suite) reopen(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	for range 2 {
		w, r, err := s.Connectors(c)
		require.NoError(t, err)
		for _, conn := range []driver.Connector{w, r, w, r} {
			db, _ := open(t, conn)
			require.Equal(t, 300, number(t, db, "SELECT count(*) FROM x"))
		}
	}
}

func (s suite) wrongKey(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	before, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	wrong := c
	wrong.Key = newConfig(t, false, 'w').Key
	w, r, err := s.Connectors(wrong)
	require.NoError(t, err)
	for _, conn := range []driver.Connector{w, r} {
		_, _, err := tryOpen(conn)
		require.Error(t, err)
		require.Equal(t, backend.NotADB, s.Classify(err))
	}
	after, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func (s suite) encrypted(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	w, _, err := s.Connectors(c)
	require.NoError(t, err)
	conn, _ := open(t, w)
	exec(t, conn, "CREATE TABLE "+canary+" (y); INSERT INTO "+canary+" VALUES ('"+canary+"')")
	files, err := os.ReadDir(filepath.Dir(c.Path))
	require.NoError(t, err)
	require.Greater(t, len(files), 1) // a log
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(c.Path), f.Name()))
		require.NoError(t, err)
		require.NotContains(t, string(b), canary, f.Name())
		require.NotContains(t, string(b), string(c.Key.Bytes()))
		if f.Name() == "a.db" {
			require.Equal(t, salted, bytes.HasPrefix(b, []byte("SQLite format 3\x00")))
		}
	}
}

func (s suite) damage(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	b, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	check := func() error {
		w, _, err := s.Connectors(c)
		require.NoError(t, err)
		conn, closeConn, err := tryOpen(w)
		if err != nil {
			return err
		}
		defer closeConn()
		return s.Check(ctx, conn)
	}
	require.NoError(t, check())
	for _, at := range []int{4096 * 3, len(b) / 2, len(b) - 1} {
		b[at] ^= 1
		require.NoError(t, os.WriteFile(c.Path, b, 0o600))
		err := check()
		require.Error(t, err)
		require.Equal(t, backend.Corrupt, s.Classify(err), s.Describe(err))
		b[at] ^= 1
	}
	b[100] ^= 1
	require.NoError(t, os.WriteFile(c.Path, b, 0o600))
	require.Equal(t, backend.NotADB, s.Classify(check()))
}

func (s suite) reader(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	w, r, err := s.Connectors(c)
	require.NoError(t, err)
	writer, _ := open(t, w)
	reader, _ := open(t, r)
	_, err = reader.ExecContext(ctx, "DELETE FROM x")
	require.Error(t, err)
	// A reader keeps its snapshot, and neither waits for the writer nor the other way.
	exec(t, reader, "BEGIN")
	require.Equal(t, 300, number(t, reader, "SELECT count(*) FROM x"))
	exec(t, writer, "BEGIN IMMEDIATE; DELETE FROM x WHERE id = 1")
	require.Equal(t, 300, number(t, reader, "SELECT count(*) FROM x"))
	exec(t, writer, "COMMIT")
	require.Equal(t, 300, number(t, reader, "SELECT count(*) FROM x"))
	exec(t, reader, "ROLLBACK")
	require.Equal(t, 299, number(t, reader, "SELECT count(*) FROM x"))
	require.Equal(t, 1, number(t, writer, "PRAGMA foreign_keys"))
	require.GreaterOrEqual(t, number(t, writer, "PRAGMA synchronous"), 2)
}

// checkpoint: no connection runs one by itself, and none is run when a reader
// closes.
func (s suite) checkpoint(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	w, r, err := s.Connectors(c)
	require.NoError(t, err)
	writer, _ := open(t, w)
	_, closeReader := open(t, r)
	before, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	for range 30 { // more than SQLite's own 1000 pages
		exec(t, writer, "UPDATE x SET y = y || 'z'")
		exec(t, writer, "UPDATE x SET y = y || randomblob(500)")
	}
	closeReader()
	after, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	exec(t, writer, "PRAGMA wal_checkpoint(TRUNCATE)")
	st, err := os.Stat(c.Path + "-wal")
	require.NoError(t, err)
	require.Zero(t, st.Size())
}

func (s suite) copies(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	w, r, err := s.Connectors(c)
	require.NoError(t, err)
	writer, _ := open(t, w)
	reader, _ := open(t, r)
	exec(t, writer, "PRAGMA user_version = 42; INSERT INTO x (y) VALUES ('in the log')")
	for _, salt := range []bool{false, true} {
		if salt && !s.Caps().PlaintextHeader {
			continue
		}
		to := newConfig(t, salt, 'n')
		require.NoError(t, s.Copy(ctx, reader, to))
		exec(t, reader, "SELECT 1") // the snapshot was let go of
		cw, _, err := s.Connectors(to)
		require.NoError(t, err)
		conn, _ := open(t, cw)
		require.Equal(t, 301, number(t, conn, "SELECT count(*) FROM x"))
		require.Equal(t, 42, number(t, conn, "PRAGMA user_version"))
		require.NoError(t, s.Check(ctx, conn))
		exec(t, conn, "DELETE FROM x")
		require.Equal(t, 301, number(t, reader, "SELECT count(*) FROM x"))
	}
	// The writer can be copied from, too, and goes on.
	require.NoError(t, s.Copy(ctx, writer, newConfig(t, salted, 'm')))
	exec(t, writer, "BEGIN IMMEDIATE; DELETE FROM x; COMMIT")
}

func (s suite) cancelledCopy(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	_, r, err := s.Connectors(c)
	require.NoError(t, err)
	reader, _ := open(t, r)
	cctx, cancel := context.WithCancel(ctx)
	cancel()
	require.Error(t, s.Copy(cctx, reader, newConfig(t, salted, 'n')))
	require.Equal(t, 300, number(t, reader, "SELECT count(*) FROM x"))
	require.NoError(t, s.Copy(ctx, reader, newConfig(t, salted, 'n')))
}

func (s suite) full(t *testing.T, salted bool) {
	c := newConfig(t, salted, 'k')
	s.create(t, c)
	w, _, err := s.Connectors(c)
	require.NoError(t, err)
	conn, _ := open(t, w)
	exec(t, conn, fmt.Sprintf("PRAGMA max_page_count = %d", number(t, conn, "PRAGMA page_count")+1))
	_, err = conn.ExecContext(ctx, "INSERT INTO x (y) VALUES (randomblob(100000))")
	require.Error(t, err)
	require.Equal(t, backend.Full, s.Classify(err))
}

func (s suite) classify(t *testing.T) {
	require.Equal(t, backend.Other, s.Classify(os.ErrClosed))
	c := newConfig(t, false, 'k')
	s.create(t, c)
	w, _, err := s.Connectors(c)
	require.NoError(t, err)
	a, _ := open(t, w)
	b, _ := open(t, w)
	_, err = a.ExecContext(ctx, "INSERT INTO x (id, y) VALUES (1, 'taken')")
	require.Equal(t, backend.Constraint, s.Classify(err))
	_, err = a.ExecContext(ctx, "no such statement")
	require.Equal(t, backend.Other, s.Classify(err))
	exec(t, a, "BEGIN IMMEDIATE")
	exec(t, b, "PRAGMA busy_timeout = 1")
	_, err = b.ExecContext(ctx, "BEGIN IMMEDIATE")
	require.Equal(t, backend.Busy, s.Classify(err))
	c.Path = filepath.Join(t.TempDir(), "absent", "a.db")
	w, _, err = s.Connectors(c)
	require.NoError(t, err)
	_, _, err = tryOpen(w)
	require.Equal(t, backend.Unavailable, s.Classify(err))
}

func (s suite) describe(t *testing.T) {
	c := newConfig(t, false, 'k')
	s.create(t, c)
	w, _, err := s.Connectors(c)
	require.NoError(t, err)
	conn, _ := open(t, w)
	for _, q := range []string{canary, "SELECT '" + canary, "SELECT " + canary + "()", "INSERT INTO x (id, y) VALUES (1, '" + canary + "')"} {
		_, err := conn.ExecContext(ctx, q)
		require.Error(t, err)
		require.NotContains(t, s.Describe(err), canary)
		require.NotEmpty(t, s.Describe(err))
	}
	require.NotContains(t, s.Describe(fmt.Errorf("wrapped: %w", os.NewSyscallError(canary, os.ErrClosed))), canary)
}

func (s suite) redaction(t *testing.T) {
	c := newConfig(t, false, 'k')
	w, r, err := s.Connectors(c)
	require.NoError(t, err)
	pool := sql.OpenDB(w)
	defer pool.Close()
	require.NoError(t, pool.PingContext(ctx))
	for _, v := range []any{w, r, w.Driver(), pool, c, &c, c.Key, []any{w}, map[string]any{"w": w}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out := fmt.Sprintf(verb, v)
			for _, secret := range []string{strings.Repeat("k", 8), hex.EncodeToString([]byte("kkkkkkkk")), "107 107 107", "0x6b, 0x6b, 0x6b"} {
				require.NotContains(t, out, secret)
			}
		}
	}
}
