// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/confab-im/confab/storage/backend"
	"github.com/confab-im/confab/storage/sqlcipher"
)

// Options says which database to open and how. Path and Key are required.
type Options struct {
	// Path names the database file. Its directory must exist. Beside it live
	// Path-wal and Path-shm while it is open, Path.lock, and Path.key when the
	// key is a passphrase or the header is plain.
	Path string
	Key  Key
	// PlaintextHeader leaves SQLite's header, the first 32 bytes, readable when
	// the file is created, and keeps the salt in Path.key. iOS needs it for a
	// file in the container of an app group: it recognises the file as a
	// database and does not end a suspended process that has it open. The
	// header holds no content. A file that exists keeps the form it has.
	PlaintextHeader bool
	// LockPath is where the lock file lives; empty means Path.lock. The lock is
	// held as long as the DB is open, so in an app group it must lie outside of
	// the shared container, and the host must see to it that the app and its
	// extensions do not open the database at once.
	LockPath string
	// ReadConns is how many Views can run at once; 0 means 3.
	ReadConns int
	// Logger gets what the DB does by itself; nil discards it.
	Logger *slog.Logger
	// Backend is the driver; nil means SQLCipher.
	Backend backend.Backend
	// Now is the clock for rows that are stamped here; nil means time.Now.
	Now func() time.Time

	argon argonParams // the cost of a passphrase; zero means defaultArgon
}

const defaultReadConns = 3

func (o Options) complete() (Options, error) {
	if err := o.Key.check(); err != nil {
		return o, err
	}
	if o.Path == "" || strings.ContainsAny(o.Path, "?\x00") || o.ReadConns < 0 {
		return o, fmt.Errorf("%w: path or number of connections", ErrInvalid)
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return o, fileError("find path", err)
	}
	o.Path = path
	if o.LockPath == "" {
		o.LockPath = path + suffixLock
	}
	if o.ReadConns == 0 {
		o.ReadConns = defaultReadConns
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Backend == nil {
		o.Backend = sqlcipher.New()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.argon == (argonParams{}) {
		o.argon = defaultArgon
	}
	if o.PlaintextHeader && !o.Backend.Caps().PlaintextHeader {
		return o, fmt.Errorf("%w: no plaintext header with this backend", ErrInvalid)
	}
	return o, nil
}

// Open opens the database and brings its schema up to date; it creates the
// database with mode 0600 if the file is absent or empty. A file that cannot be
// read is never changed, moved or removed.
//
// The errors are ErrKeyLength, ErrKeyFile, ErrKey, ErrPlaintext, ErrInUse,
// ErrNewerSchema, ErrForeignSchema, ErrCorrupt, ErrFull and ErrUnavailable.
func Open(ctx context.Context, o Options) (_ *DB, err error) {
	if o, err = o.complete(); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	lock, err := lockFile(o.LockPath)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{
		backend: o.Backend, path: o.Path, logger: o.Logger, now: o.Now, argon: o.argon, wal: walBound{limit: walLimit},
		conns: conns{writers: make(chan *session, 1), readers: make(chan *session, o.ReadConns), closed: make(chan struct{})},
		lock:  lock,
	}
	var writer *session
	var readers []*session
	if err = db.unlock(o); err == nil {
		writer, readers, err = db.connect(ctx)
	}
	if err != nil {
		_ = db.release()
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.giveBack(writer, readers)
	// The database is readable, so a copy that a crash has left is not needed.
	if err := removeCopy(db.path + suffixRekey); err != nil {
		db.logger.WarnContext(ctx, "removing an unfinished copy failed", "error", err)
	}
	db.logger.DebugContext(ctx, "database opened", "backend", o.Backend.Name(), "readers", o.ReadConns)
	return db, nil
}

// unlock finds the data key and the salt, and makes them for a new database.
func (db *DB) unlock(o Options) error {
	size, head, err := readHead(db.path)
	if err != nil {
		return err
	}
	if err := recognizable(db.path, size); err != nil {
		return err
	}
	fresh := size <= 0
	plain := bytes.HasPrefix(head, []byte(sqliteMagic))
	salted := plain || fresh && o.PlaintextHeader
	var env *envelope
	if o.Key.k.passphrase || salted { // a raw key needs the file for the salt only
		if env, err = db.readKeyFile(); err != nil {
			return err
		}
	}
	if plain && (env == nil || env.salt == nil) {
		// A page of an encrypted file ends in reserved bytes.
		if len(head) > headReserved && head[headReserved] != 0 {
			return ErrKeyFile
		}
		return ErrPlaintext
	}
	if err := db.findKey(o.Key, env, fresh); err != nil {
		return err
	}
	if salted && env != nil {
		db.salt = env.salt
	}
	if !fresh {
		return nil
	}
	return db.prepareFiles(o, env)
}

// readKeyFile returns nil if there is no key file.
func (db *DB) readKeyFile() (*envelope, error) {
	raw, ok, err := readFile(db.path + suffixKey)
	if err != nil || !ok {
		return nil, err
	}
	return decodeEnvelope(raw)
}

// findKey sets the data key: the raw key itself, the one that the passphrase
// unwraps, or a random one for a fresh database.
func (db *DB) findKey(key Key, env *envelope, fresh bool) (err error) {
	switch {
	case key.k.passphrase && env != nil:
		db.key, err = env.open(key.k.secret)
	case key.k.passphrase && !fresh:
		err = ErrKeyFile
	default:
		db.key = newDataKey(key)
	}
	db.wrapped = key.k.passphrase
	return err
}

// prepareFiles makes the files of a new database: first the key file, so that
// there is never a database without its key.
func (db *DB) prepareFiles(o Options, env *envelope) error {
	if o.PlaintextHeader && db.salt == nil {
		if env != nil && !o.Key.k.passphrase {
			return ErrKeyFile // it holds another database's key, which would be lost
		}
		db.salt = newSalt()
		env = nil
	}
	if env == nil {
		if err := db.writeKeyFile(db.path, o.Key, db.key, db.salt); err != nil {
			return err
		}
	}
	if _, err := createFile(db.path); err != nil {
		return err
	}
	return syncDir(db.path)
}

func newSalt() []byte {
	salt := make([]byte, backend.SaltSize)
	_, _ = rand.Read(salt)
	return salt
}

// writeKeyFile writes the key file of the database at path, if key and salt
// call for one.
func (db *DB) writeKeyFile(path string, key Key, data *backend.Key, salt []byte) error {
	env := &envelope{salt: salt}
	switch {
	case key.k.passphrase:
		var err error
		if env, err = sealEnvelope(key.k.secret, data, salt, db.argon); err != nil {
			return err
		}
	case salt == nil:
		return nil
	}
	return writeFile(path+suffixKey, env.encode())
}

// connect opens the writer, migrates, and opens the readers. On an error it has
// closed what it opened.
func (db *DB) connect(ctx context.Context) (writer *session, readers []*session, err error) {
	if err := tighten(db.path); err != nil {
		return nil, nil, err
	}
	w, r, err := db.backend.Connectors(db.config())
	if err != nil {
		return nil, nil, wrapDriver(db.backend, "make connectors", err, true)
	}
	db.conns.writerPool, db.conns.readerPool = pool(w, 1), pool(r, cap(db.conns.readers))
	defer func() {
		if err != nil {
			_ = db.disconnect(writer, readers)
		}
	}()
	if writer, err = openSession(ctx, db.backend, db.conns.writerPool); err != nil {
		return nil, nil, err
	}
	list, err := loadMigrations(migrationFiles)
	if err != nil {
		return writer, nil, err
	}
	if err := writer.migrate(context.WithoutCancel(ctx), list); err != nil {
		return writer, nil, err
	}
	for range cap(db.conns.readers) {
		r, err := openSession(ctx, db.backend, db.conns.readerPool)
		if err != nil {
			return writer, readers, err
		}
		readers = append(readers, r)
	}
	return writer, readers, nil
}

func (db *DB) config() backend.Config {
	return backend.Config{Path: db.path, Key: db.key, Salt: db.salt}
}

func pool(c driver.Connector, n int) *sql.DB {
	p := sql.OpenDB(c)
	p.SetMaxOpenConns(n)
	p.SetMaxIdleConns(n)
	return p
}

// tighten takes the rights of others away from a file.
func tighten(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fileError("read mode", err)
	}
	if st.Mode().Perm()&^fileMode == 0 {
		return nil
	}
	return fileError("change mode", os.Chmod(path, st.Mode().Perm()&fileMode))
}
