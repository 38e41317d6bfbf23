// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Names of the files beside a database.
const (
	suffixKey     = ".key"
	suffixLock    = ".lock"
	suffixWAL     = "-wal"
	suffixSHM     = "-shm"
	suffixJournal = "-journal"
	suffixRekey   = ".rekey" // a copy under a new key, before it takes the database's place
	suffixTemp    = ".new"
)

// pageSize is the smallest size of a database that holds anything.
const pageSize = 4096

const fileMode fs.FileMode = 0o600

// sqliteMagic starts every file whose header is not encrypted.
const sqliteMagic = "SQLite format 3\x00"

// headSize is how much of a file's head tells its kind; at headReserved stands
// how many bytes at the end of each page SQLite leaves to others.
const (
	headSize     = 32
	headReserved = 20
)

// createFile creates an empty file that only its owner may use. An existing
// file is left alone; created says which it was.
func createFile(path string) (created bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fileError("create file", err)
	}
	return true, fileError("create file", f.Close())
}

// writeFile replaces a small file so that after a crash there is either the
// old or the new one.
func writeFile(path string, b []byte) error {
	temp := path + suffixTemp
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return fileError("write file", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fileError("write file", err)
	}
	return syncDir(path)
}

// readFile reads a small file; ok is false if it does not exist.
func readFile(path string) (b []byte, ok bool, err error) {
	b, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return b, err == nil, fileError("read file", err)
}

// readHead returns the size of a file and up to headSize of its first bytes. A
// file that does not exist has size -1.
func readHead(path string) (size int64, head []byte, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil, nil
	}
	if err != nil {
		return 0, nil, fileError("read file", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, nil, fileError("read file", err)
	}
	if !st.Mode().IsRegular() {
		return 0, nil, fmt.Errorf("read file: %w: not a regular file", ErrUnavailable)
	}
	head = make([]byte, headSize)
	n, _ := f.ReadAt(head, 0)
	return st.Size(), head[:n], nil
}

// recognizable refuses what SQLite would take for an empty database and write
// over: a file shorter than a page, and a write-ahead log whose database is
// gone, which it would delete. size is as readHead returns it.
func recognizable(path string, size int64) error {
	if size >= pageSize {
		return nil
	}
	log, journal := !missing(path+suffixWAL), !missing(path+suffixJournal)
	switch {
	case size <= 0 && log:
		return fmt.Errorf("%w: there is a write-ahead log without its database", ErrCorrupt)
	case size > 0 && !log && !journal:
		return ErrKey
	}
	return nil
}

// missing reports whether a file is absent or empty.
func missing(path string) bool {
	st, err := os.Stat(path)
	return err != nil || st.Size() == 0
}

// syncDir makes a rename or a removal in the directory of path durable.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fileError("sync directory", err)
	}
	// Some systems cannot sync a directory; then there is nothing more to do.
	_ = d.Sync()
	return fileError("sync directory", d.Close())
}

// fileError wraps an error of the file system without the path, which may name
// a person.
func fileError(verb string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	kind := ErrUnavailable
	if noSpace(err) {
		kind = ErrFull
	}
	return fmt.Errorf("%s: %w: %w", verb, kind, err)
}

// noSpace reports whether the system refused a write for want of space.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
