// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"

	"github.com/confab-im/confab/storage/backend"
)

// codedError is a sentinel with a code that stays the same across releases.
type codedError struct{ code, msg string }

func (e *codedError) Error() string { return e.msg }

// Code returns the stable code.
func (e *codedError) Code() string { return e.code }

func sentinel(code, msg string) error { return &codedError{"storage." + code, "storage: " + msg} }

// The errors of this package, found with errors.Is. Each has a method
// Code() string that returns a stable code.
var (
	// ErrKey: the key is wrong or the file is not a database of this kind or
	// its first page is damaged; these cannot be told apart.
	ErrKey = sentinel("key.wrong", "wrong key, or not a database")
	// ErrKeyLength: a raw key is not 32 bytes, a passphrase is empty, or no key was given.
	ErrKeyLength = sentinel("key.length", "the key has the wrong length")
	// ErrKeyFile: the file beside the database that holds the wrapped key or
	// the salt is missing, damaged or of another kind.
	ErrKeyFile = sentinel("key.file", "the key file is missing or unusable")
	// ErrPlaintext: the file is an unencrypted SQLite database.
	ErrPlaintext = sentinel("plaintext", "the database is not encrypted")
	// ErrNotEncrypting: the SQLite that was linked does not encrypt.
	ErrNotEncrypting = sentinel("backend", "the linked SQLite does not encrypt")
	// ErrCorrupt: the file is damaged.
	ErrCorrupt = sentinel("corrupt", "the database is damaged")
	// ErrNewerSchema: a newer release of this package wrote the file.
	ErrNewerSchema = sentinel("schema.newer", "the database was written by a newer version")
	// ErrForeignSchema: the key fits, and the tables are not those of this package.
	ErrForeignSchema = sentinel("schema.foreign", "the database belongs to another program")
	// ErrFull: no space is left, or a quota or a limit was reached.
	ErrFull = sentinel("full", "no space left for the database")
	// ErrLocked: another connection held a lock for longer than the time allowed.
	ErrLocked = sentinel("locked", "the database is locked")
	// ErrInUse: another process or another DB has the database open.
	ErrInUse = sentinel("in-use", "the database is open elsewhere")
	// ErrUnavailable: the file or its directory cannot be opened, read or written.
	ErrUnavailable = sentinel("unavailable", "the database file cannot be used")
	// ErrClosed: the DB was closed.
	ErrClosed = sentinel("closed", "the database is closed")
	// ErrTransaction: an Update or View inside of another, or the use of a
	// transaction that has ended or that can only be rolled back.
	ErrTransaction = sentinel("transaction", "not possible in this transaction")
	// ErrNotFound: there is no such row.
	ErrNotFound = sentinel("not-found", "not found")
	// ErrExists: there is such a row or such a file already.
	ErrExists = sentinel("exists", "exists already")
	// ErrInvalid: an argument is out of its range.
	ErrInvalid = sentinel("invalid", "invalid argument")
)

// driverError is a failure of the driver: one of the sentinels and a
// description that holds nothing a user typed. The driver's own error is not
// kept, since its text may quote a key, a search or a statement.
type driverError struct {
	kind   error // nil when none of the sentinels fits
	detail string
}

func (e *driverError) Error() string {
	if e.kind == nil {
		return "storage: " + e.detail
	}
	return e.kind.Error() + ": " + e.detail
}

// Unwrap returns the sentinel.
func (e *driverError) Unwrap() error { return e.kind }

// Code returns the code of the sentinel, or the code of an unexpected failure.
func (e *driverError) Code() string {
	if c, ok := e.kind.(*codedError); ok {
		return c.code
	}
	return "storage.failure"
}

// wrapDriver turns an error of the driver into one of this package. opening
// says that the key has not been seen to fit yet.
func wrapDriver(b backend.Backend, verb string, err error, opening bool) error {
	if err == nil {
		return nil
	}
	e := &driverError{detail: b.Describe(err)}
	switch b.Classify(err) {
	case backend.NotADB:
		e.kind = ErrCorrupt
		if opening {
			e.kind = ErrKey
		}
	case backend.Corrupt:
		e.kind = ErrCorrupt
	case backend.Full:
		e.kind = ErrFull
	case backend.Busy:
		e.kind = ErrLocked
	case backend.Constraint:
		e.kind = ErrExists
	case backend.Unavailable:
		e.kind = ErrUnavailable
	case backend.NotCipher:
		e.kind = ErrNotEncrypting
	}
	return fmt.Errorf("%s: %w", verb, e)
}
