// SPDX-License-Identifier: MPL-2.0

//go:build cgo

package sqlcipher

import (
	"errors"
	"fmt"
	"syscall"

	sqlite3 "github.com/mutecomm/go-sqlcipher/v4"

	"github.com/confab-im/confab/storage/backend"
)

// errDamaged is what Check returns; it carries no content of the file.
type errDamaged struct{ what string }

func (e errDamaged) Error() string { return e.what }

// Classify says what an error of the driver means.
func (*Backend) Classify(err error) backend.Class {
	if errors.Is(err, errNotCipher) {
		return backend.NotCipher
	}
	if errors.Is(err, errKey) {
		return backend.NotADB
	}
	if errors.As(err, new(errDamaged)) {
		return backend.Corrupt
	}
	e, ok := sqliteError(err)
	if !ok {
		return backend.Other
	}
	switch e.Code {
	case sqlite3.ErrNotADB:
		return backend.NotADB
	case sqlite3.ErrCorrupt, sqlite3.ErrFormat:
		return backend.Corrupt
	case sqlite3.ErrFull:
		return backend.Full
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return backend.Busy
	case sqlite3.ErrConstraint:
		return backend.Constraint
	case sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrReadonly, sqlite3.ErrIoErr:
		if full(e.SystemErrno) {
			return backend.Full
		}
		if e.ExtendedCode == sqlite3.ErrIoErrShortRead {
			return backend.Corrupt
		}
		return backend.Unavailable
	}
	return backend.Other
}

// full reports whether the system refused a write for want of space: SQLite
// itself only knows ENOSPC, not a quota or a limit on the size of a file.
func full(errno syscall.Errno) bool {
	return errno == syscall.ENOSPC || errno == syscall.EDQUOT || errno == syscall.EFBIG
}

// Describe renders the result codes of an error. SQLite's own message is kept
// only for a constraint, where it is made of names of the schema; elsewhere it
// may quote a search text or a statement.
func (*Backend) Describe(err error) string {
	if errors.Is(err, errNotCipher) || errors.Is(err, errConfig) || errors.Is(err, errKey) || errors.As(err, new(errDamaged)) {
		return err.Error()
	}
	e, ok := sqliteError(err)
	if !ok {
		return fmt.Sprintf("%T", err)
	}
	s := fmt.Sprintf("sqlite %d/%d: ", int(e.Code), int(e.ExtendedCode))
	if e.Code == sqlite3.ErrConstraint {
		s += e.Error()
	} else {
		s += e.Code.Error()
	}
	if e.SystemErrno != 0 {
		s += ": " + e.SystemErrno.Error()
	}
	return s
}

func sqliteError(err error) (sqlite3.Error, bool) {
	var e sqlite3.Error
	ok := errors.As(err, &e)
	return e, ok
}
