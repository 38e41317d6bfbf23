// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/confab-im/confab/storage/backend"
)

// ChangeKey makes key the one that opens the database.
//
// From one passphrase to another only the data key is wrapped anew, which takes
// one key derivation; whoever had both the old key file and the old passphrase
// can still read the database. Any other change writes a copy under a new key,
// verifies it, and puts it in the database's place in one step; it needs free
// space of the size of the database, and keeps all other calls waiting. From a
// raw key to a passphrase the data key is new, too.
//
// A crash or an error leaves a database that either the old or the new key
// opens, so keep both until ChangeKey has returned nil. After an error the DB
// goes on, unless it could not be opened again: then it is closed.
func (db *DB) ChangeKey(ctx context.Context, key Key) error {
	err := key.check()
	if err == nil && InTransaction(ctx) {
		err = ErrTransaction
	}
	if err == nil {
		err = db.changeKey(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	return nil
}

func (db *DB) changeKey(ctx context.Context, key Key) error {
	writer, readers, err := db.takeAll(ctx)
	if err != nil {
		return err
	}
	if db.wrapped && key.k.passphrase {
		defer db.giveBack(writer, readers)
		return db.writeKeyFile(db.path, key, db.key, db.salt)
	}
	next := newDataKey(key)
	temp := db.path + suffixRekey
	err = removeCopy(temp) // left behind by a crash
	if err == nil {
		err = db.writeCopy(ctx, writer, backend.Config{Path: temp, Key: next, Salt: db.salt})
	}
	// The key file of a passphrase comes before its database; a raw key does
	// not look at it.
	if err == nil && key.k.passphrase {
		err = db.writeKeyFile(db.path, key, next, db.salt)
	}
	if err != nil {
		next.Wipe()
		db.giveBack(writer, readers)
		return errors.Join(err, removeCopy(temp))
	}
	return db.swap(ctx, writer, readers, temp, key, next)
}

// swap puts the copy in the database's place and opens it.
func (db *DB) swap(ctx context.Context, writer *session, readers []*session, temp string, key Key, next *backend.Key) error {
	err := db.disconnect(writer, readers)
	if err == nil {
		err = noLog(db.path)
	}
	if err == nil {
		err = fileError("replace database", os.Rename(temp, db.path))
	}
	if err == nil {
		db.key.Wipe()
		db.key, db.wrapped = next, key.k.passphrase
		err = errors.Join(syncDir(db.path), db.settleKeyFile(key))
	} else {
		next.Wipe()
		err = errors.Join(err, removeCopy(temp))
	}
	writer, readers, cerr := db.connect(context.WithoutCancel(ctx))
	if cerr != nil {
		close(db.conns.closed)
		return errors.Join(err, cerr)
	}
	db.giveBack(writer, readers)
	return err
}

// settleKeyFile removes a wrapped key that opens nothing any more.
func (db *DB) settleKeyFile(key Key) error {
	if key.k.passphrase {
		return nil
	}
	if db.salt != nil {
		return db.writeKeyFile(db.path, key, db.key, db.salt)
	}
	return remove(db.path + suffixKey)
}

// Backup writes a copy of the database, as it is now, to path, encrypted with
// key, and verifies it. Other calls go on meanwhile. If path or a file that
// belongs to it exists, Backup fails with ErrExists and touches nothing.
func (db *DB) Backup(ctx context.Context, path string, key Key) error {
	err := key.check()
	if err == nil && InTransaction(ctx) {
		err = ErrTransaction
	}
	if err == nil {
		err = db.backup(ctx, path, key)
	}
	if err != nil {
		return fmt.Errorf("back up database: %w", err)
	}
	return nil
}

func (db *DB) backup(ctx context.Context, path string, key Key) (err error) {
	if path == "" || strings.ContainsAny(path, "?\x00") {
		return ErrInvalid
	}
	if path, err = filepath.Abs(path); err != nil {
		return fileError("find path", err)
	}
	for _, suffix := range []string{"", suffixKey, suffixWAL, suffixSHM, suffixJournal} {
		if _, err := os.Lstat(path + suffix); err == nil {
			return ErrExists
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fileError("look for file", err)
		}
	}
	s, err := db.take(ctx, db.conns.readers)
	if err != nil {
		return err
	}
	defer func() { db.conns.readers <- s }()
	data := newDataKey(key)
	defer data.Wipe()
	to := backend.Config{Path: path, Key: data}
	if db.salt != nil {
		to.Salt = newSalt()
	}
	if err := db.writeCopy(ctx, s, to); err != nil {
		return errors.Join(err, removeCopy(path))
	}
	if err := db.writeKeyFile(path, key, data, to.Salt); err != nil {
		return errors.Join(err, removeCopy(path))
	}
	return syncDir(path)
}

// writeCopy copies the database and verifies the copy.
func (db *DB) writeCopy(ctx context.Context, s *session, to backend.Config) error {
	if created, err := createFile(to.Path); err != nil {
		return err
	} else if !created {
		return ErrExists
	}
	if err := db.backend.Copy(ctx, s.conn, to); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.wrap("copy database", err)
	}
	w, _, err := db.backend.Connectors(to)
	if err != nil {
		return s.wrap("open copy", err)
	}
	p := pool(w, 1)
	defer p.Close()
	c, err := openSession(ctx, db.backend, p)
	if err != nil {
		return err
	}
	if err := db.backend.Check(ctx, c.conn); err != nil {
		return errors.Join(c.wrap("verify copy", err), c.close())
	}
	return errors.Join(c.close(), wrapDriver(db.backend, "close copy", p.Close(), false))
}

// newDataKey returns the key of the file that key opens: a raw key itself, or a
// random one to be wrapped.
func newDataKey(key Key) *backend.Key {
	b := key.k.secret
	if key.k.passphrase {
		b = make([]byte, backend.KeySize)
		_, _ = rand.Read(b)
		defer clear(b)
	}
	k, _ := backend.NewKey(b) // the length was checked
	return k
}

// noLog makes sure that no write-ahead log is left: it would be replayed into
// whatever takes the place of the database.
func noLog(path string) error {
	st, err := os.Stat(path + suffixWAL)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && st.Size() == 0) {
		return nil
	}
	if err != nil {
		return fileError("look for log", err)
	}
	return fmt.Errorf("%w: the write-ahead log is not empty", ErrLocked)
}

// removeCopy removes a copy that this package has made, and what SQLite put
// beside it.
func removeCopy(path string) error {
	var errs []error
	for _, suffix := range []string{"", suffixWAL, suffixSHM, suffixJournal} {
		errs = append(errs, remove(path+suffix))
	}
	return errors.Join(errs...)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError("remove file", err)
	}
	return nil
}
