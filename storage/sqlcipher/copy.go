// SPDX-License-Identifier: MPL-2.0

//go:build cgo

package sqlcipher

import (
	"context"
	"database/sql"
	"fmt"

	sqlite3 "github.com/mutecomm/go-sqlcipher/v4"

	"github.com/confab-im/confab/storage/backend"
)

// copyPages is how many pages are copied between two looks at the context.
const copyPages = 512

// Copy writes a snapshot of the database behind from into the file of to. The
// snapshot is held by a read transaction, so that commits made meanwhile
// neither show up in the copy nor make it start again.
func (*Backend) Copy(ctx context.Context, from *sql.Conn, to backend.Config) error {
	c, err := newConnector(to, pragmasCopy)
	if err != nil {
		return err
	}
	return from.Raw(func(dc any) (err error) {
		src, ok := dc.(*sqlite3.SQLiteConn)
		if !ok {
			return errNotCipher
		}
		for _, q := range []string{"BEGIN DEFERRED", "SELECT count(*) FROM sqlite_master"} {
			if _, err := rows(src, q); err != nil {
				return err
			}
		}
		defer func() {
			if _, rerr := rows(src, "ROLLBACK"); err == nil {
				err = rerr
			}
		}()
		dc2, err := c.Connect(ctx)
		if err != nil {
			return err
		}
		dst := dc2.(*sqlite3.SQLiteConn)
		defer func() {
			if cerr := dst.Close(); err == nil {
				err = cerr
			}
		}()
		return copyAll(ctx, dst, src)
	})
}

func copyAll(ctx context.Context, dst, src *sqlite3.SQLiteConn) error {
	b, err := dst.Backup("main", src, "main")
	if err != nil {
		return err
	}
	for done := false; !done && err == nil; {
		if err = ctx.Err(); err == nil {
			done, err = b.Step(copyPages)
		}
	}
	if ferr := b.Finish(); err == nil {
		err = ferr
	}
	return err
}

// Check verifies every page and every index.
func (*Backend) Check(_ context.Context, conn *sql.Conn) error {
	return conn.Raw(func(dc any) error {
		c, ok := dc.(*sqlite3.SQLiteConn)
		if !ok {
			return errNotCipher
		}
		// One row per page whose authentication code is wrong.
		bad, err := rows(c, "PRAGMA cipher_integrity_check")
		if err != nil {
			return err
		}
		if len(bad) > 0 {
			return errDamaged{fmt.Sprintf("%d pages fail authentication", len(bad))}
		}
		got, err := rows(c, "PRAGMA integrity_check(1)")
		if err != nil {
			return err
		}
		if len(got) != 1 || got[0] != "ok" {
			return errDamaged{"the structure of a table or an index is damaged"}
		}
		return nil
	})
}
