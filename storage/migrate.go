// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks a database of this package, "Cnfb" in ASCII.
const applicationID = 0x436e6662

// migration is one numbered file, which is never edited after a release.
type migration struct {
	version int
	sql     string
}

// loadMigrations reads NNNN_name.sql files, which must be numbered from 1
// without a gap.
func loadMigrations(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "migrations/*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var list []migration
	for i, name := range names {
		number, _, ok := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		if n, err := strconv.Atoi(number); !ok || err != nil || n != i+1 || len(number) != 4 {
			return nil, fmt.Errorf("list migrations: %s is not number %d", name, i+1)
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		list = append(list, migration{i + 1, string(b)})
	}
	return list, nil
}

// migrate brings the schema to the newest version, each step in a transaction
// of its own. A schema from the future or of another program is left alone.
func (s *session) migrate(ctx context.Context, list []migration) error {
	var app, version, tables int64
	for q, dst := range map[string]*int64{
		"PRAGMA application_id":              &app,
		"PRAGMA user_version":                &version,
		"SELECT count(*) FROM sqlite_master": &tables,
	} {
		if err := s.conn.QueryRowContext(ctx, q).Scan(dst); err != nil {
			return s.wrap("read schema version", err)
		}
	}
	switch {
	case app != applicationID && (app != 0 || version != 0 || tables != 0):
		return ErrForeignSchema
	case version > int64(len(list)):
		return fmt.Errorf("%w: schema %d, known %d", ErrNewerSchema, version, len(list))
	}
	for _, m := range list[version:] {
		if err := s.apply(ctx, m); err != nil {
			return fmt.Errorf("migrate schema to %d: %w", m.version, err)
		}
	}
	return nil
}

func (s *session) apply(ctx context.Context, m migration) error {
	script := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\n;PRAGMA application_id = %d;\nPRAGMA user_version = %d;\nCOMMIT",
		m.sql, applicationID, m.version)
	if _, err := s.conn.ExecContext(ctx, script); err != nil {
		err = s.wrap("run script", err)
		_, _ = s.conn.ExecContext(ctx, "ROLLBACK") // fails if SQLite rolled back already
		return err
	}
	return nil
}
