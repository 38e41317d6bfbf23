// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/storage/backend"
	"github.com/confab-im/confab/storage/sqlcipher"
)

// With -update the golden files are written anew. Fixtures and sums of versions
// that were released must stay as they are.
var updateGolden = flag.Bool("update", false, "write the golden files")

const (
	fixtureV1    = "testdata/v1.db" // encrypted with testKey
	goldenSchema = "testdata/schema.golden"
	goldenSums   = "testdata/migrations.golden"
)

// rawSession opens a database without migrating it.
func rawSession(t *testing.T, path string) *session {
	t.Helper()
	_, err := createFile(path)
	require.NoError(t, err)
	key, _ := backend.NewKey(testKey)
	b := sqlcipher.New()
	w, _, err := b.Connectors(backend.Config{Path: path, Key: key})
	require.NoError(t, err)
	p := pool(w, 1)
	s, err := openSession(ctx, b, p)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.close())
		require.NoError(t, p.Close())
	})
	return s
}

func migrations(t *testing.T) []migration {
	t.Helper()
	list, err := loadMigrations(migrationFiles)
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

// schema lists everything that the database consists of.
func schema(t *testing.T, s *session) string {
	t.Helper()
	rows, err := s.conn.QueryContext(ctx, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name")
	require.NoError(t, err)
	defer rows.Close()
	var sb strings.Builder
	for rows.Next() {
		var kind, name, table, text string
		require.NoError(t, rows.Scan(&kind, &name, &table, &text))
		fmt.Fprintf(&sb, "%s %s on %s\n%s\n\n", kind, name, table, text)
	}
	require.NoError(t, rows.Err())
	for _, p := range []string{"application_id", "user_version", "page_size", "auto_vacuum", "encoding"} {
		var v string
		require.NoError(t, s.conn.QueryRowContext(ctx, "PRAGMA "+p).Scan(&v))
		fmt.Fprintf(&sb, "%s %s\n", p, v)
	}
	return sb.String()
}

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *updateGolden {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestSchemaGolden(t *testing.T) {
	s := rawSession(t, filepath.Join(t.TempDir(), "a.db"))
	require.NoError(t, s.migrate(ctx, migrations(t)))
	golden(t, goldenSchema, schema(t, s))
}

// A migration that was released is never edited.
func TestMigrationsAreFrozen(t *testing.T) {
	var sb strings.Builder
	for _, m := range migrations(t) {
		fmt.Fprintf(&sb, "%04d %x\n", m.version, sha256.Sum256([]byte(m.sql)))
	}
	golden(t, goldenSums, sb.String())
}

// writeFixture makes a database of version 1 with two messages.
func writeFixture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := rawSession(t, path)
	require.NoError(t, s.migrate(ctx, migrations(t)[:1]))
	for _, q := range []string{
		`INSERT INTO account VALUES (1, 'xmpp', 'a@b', '', 1, x'7077', x'', '', x'', 5)`,
		`INSERT INTO conversation VALUES (1, 1, 'c@d', 1, '', 2, 20, 20, 'second text', 0, 0, 2, 0, 0, 0, 0, '', 0, 0, 3)`,
		`INSERT INTO message VALUES (1, 10, 1, 1, 0, 'c@d', '', '', 'xmpp', 1, 'first text', 10, 10, 0, 0, 0, x'', 0, '', x'', 1)`,
		`INSERT INTO message VALUES (1, 20, 2, 1, 0, 'c@d', '', '', 'xmpp', 1, 'second text', 20, 20, 0, 0, 0, x'', 0, '', x'', 1)`,
		`UPDATE counter SET value = 2 WHERE name = 'message'`,
	} {
		_, err := s.conn.ExecContext(ctx, q)
		require.NoError(t, err)
	}
	require.NoError(t, s.empty())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(fixtureV1, b, 0o644))
}

// A file that the first version wrote becomes what a fresh one is, and keeps
// its content.
func TestMigrateFixture(t *testing.T) {
	if *updateGolden {
		writeFixture(t)
	}
	b, err := os.ReadFile(fixtureV1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "a.db")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	db := openAt(t, path)
	view(t, db, func(r *Reader) {
		got, err := r.Search(SearchQuery{Text: "text", ConversationID: 1})
		require.NoError(t, err)
		require.Len(t, got, 2)
		a, err := r.Account(1)
		require.NoError(t, err)
		require.Equal(t, "pw", string(a.Secret))
	})
	requireSummaries(t, db)
	require.NoError(t, db.Check(ctx))
	update(t, db, func(tx *Tx) {
		require.EqualValues(t, 3, newMessage(t, tx, Message{ConversationID: 1}).ID)
	})
	s, err := db.take(ctx, db.conns.writers)
	require.NoError(t, err)
	defer func() { db.conns.writers <- s }()
	want, err := os.ReadFile(goldenSchema)
	require.NoError(t, err)
	require.Equal(t, string(want), schema(t, s))
}

// A script that fails half way leaves the version before, whole.
func TestMigrationFails(t *testing.T) {
	s := rawSession(t, filepath.Join(t.TempDir(), "a.db"))
	list := migrations(t)
	require.NoError(t, s.migrate(ctx, list))
	before := schema(t, s)
	for _, script := range []string{
		"CREATE TABLE one (a); CREATE TABLE two (",
		"CREATE TABLE one (a); INSERT INTO counter (name, value) VALUES ('message', 1);",
		"CREATE TABLE one (a); INSERT INTO no_such_table VALUES (1);",
	} {
		bad := append(list[:len(list):len(list)], migration{len(list) + 1, script})
		require.Error(t, s.migrate(ctx, bad))
		require.Equal(t, before, schema(t, s))
	}
	good := append(list[:len(list):len(list)], migration{len(list) + 1, "CREATE TABLE one (a) -- end"})
	require.NoError(t, s.migrate(ctx, good))
	require.NoError(t, s.migrate(ctx, good))
	require.ErrorIs(t, s.migrate(ctx, list), ErrNewerSchema)
}

func TestLoadMigrations(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("SELECT 1")}
	for name, fsys := range map[string]fstest.MapFS{
		"gap":      {"migrations/0001_a.sql": file, "migrations/0003_b.sql": file},
		"twice":    {"migrations/0001_a.sql": file, "migrations/0001_b.sql": file},
		"zero":     {"migrations/0000_a.sql": file},
		"short":    {"migrations/1_a.sql": file},
		"nameless": {"migrations/0001.sql": file},
	} {
		_, err := loadMigrations(fsys)
		require.Error(t, err, name)
	}
	list, err := loadMigrations(fstest.MapFS{"migrations/0001_a.sql": file, "migrations/0002_b.sql": file, "migrations/x.txt": file})
	require.NoError(t, err)
	require.Len(t, list, 2)
}

// Every column says NOT NULL, and rows that are handed out have ids of their own.
func TestSchemaStyle(t *testing.T) {
	s := rawSession(t, filepath.Join(t.TempDir(), "a.db"))
	require.NoError(t, s.migrate(ctx, migrations(t)))
	rows, err := s.conn.QueryContext(ctx, `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'message_fts%' AND c."notnull" = 0`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var table, column string
		require.NoError(t, rows.Scan(&table, &column))
		t.Errorf("column %s.%s may be NULL", table, column)
	}
	require.NoError(t, rows.Err())
}

// Every query of a page walks an index in the order that is wanted.
func TestQueryPlans(t *testing.T) {
	s := rawSession(t, filepath.Join(t.TempDir(), "a.db"))
	require.NoError(t, s.migrate(ctx, migrations(t)))
	plans := map[string]string{
		"SELECT * FROM message m WHERE m.conversation_id = ? AND m.sort_key < ? ORDER BY m.sort_key DESC LIMIT 50": "PRIMARY KEY",
		"SELECT * FROM message m WHERE m.id = ?": "message_id",
		"SELECT * FROM message m INDEXED BY message_remote WHERE m.conversation_id = ? AND m.remote_id = ? AND m.remote_id <> '' AND m.outgoing = ? ORDER BY m.sort_key DESC": "message_remote",
		"SELECT * FROM outbox o WHERE o.message_id = ? AND o.message_id <> 0":                                                                                                 "outbox_message",
		"SELECT sum(unread) FROM conversation WHERE unread > 0":                                                                                                               "conversation_unread",
		"SELECT * FROM outbox WHERE account_id = ? AND id > ? ORDER BY id LIMIT ?":                                                                                            "outbox_account",
	}
	args := map[string][]any{}
	yes, no := true, false
	for _, archived := range []*bool{nil, &yes, &no} {
		for _, account := range []int64{0, 1} {
			for _, before := range []int64{0, 5} {
				q, a := ConversationQuery{Archived: archived, AccountID: account, BeforeID: before, BeforeKey: before, Limit: 9}.sql()
				plans[q], args[q] = "conversation_newest", a
				if archived == &yes {
					plans[q] = "conversation_archived"
				}
			}
		}
	}
	for query, want := range plans {
		a, ok := args[query]
		for range strings.Count(query, "?") {
			if !ok {
				a = append(a, 1)
			}
		}
		detail := ""
		r, err := s.conn.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, a...)
		require.NoError(t, err)
		for r.Next() {
			var plan string
			require.NoError(t, r.Scan(new(int), new(int), new(int), &plan))
			detail += plan + "; "
		}
		require.NoError(t, r.Close())
		require.Contains(t, detail, want, query)
		require.NotContains(t, detail, "TEMP B-TREE", query)
		require.NotContains(t, detail, "SCAN TABLE message", query)
	}
}
