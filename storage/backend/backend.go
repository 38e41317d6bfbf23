// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the size of a database key in bytes.
const KeySize = 32

// SaltSize is the size of a database salt in bytes.
const SaltSize = 16

// Backend is one driver.
type Backend interface {
	// Name names the driver, for logs.
	Name() string
	// Caps says what the driver can do.
	Caps() Caps
	// Connectors returns the ways to open the writer's connection and the
	// query-only readers' connections. Nothing is opened yet. The file must
	// exist before a connection is made, so that its mode is the caller's.
	Connectors(Config) (writer, reader driver.Connector, err error)
	// Copy writes a snapshot of the database behind from into the empty file
	// named by to, encrypted with to's key. The snapshot does not change while
	// it is copied, and a writer is not held up.
	Copy(ctx context.Context, from *sql.Conn, to Config) error
	// Check verifies the authentication code of every page and the structure
	// of every table and index. The write-ahead log must be empty. The error
	// is classified as Corrupt if the file is damaged.
	Check(ctx context.Context, conn *sql.Conn) error
	// Classify says what an error of the driver means.
	Classify(error) Class
	// Describe renders an error of the driver without anything that a user
	// typed: no key, no text, no value.
	Describe(error) string
}

// Caps says what a driver can do.
type Caps struct {
	PlaintextHeader bool // the first 32 bytes of the file can be left readable
}

// Config names one database file and its key.
type Config struct {
	Path string // absolute
	Key  *Key
	// Salt is nil, or the SaltSize bytes kept outside a file whose header is
	// left in plain text.
	Salt []byte
}

// Class is the meaning of a driver's error.
type Class uint8

// The classes of errors.
const (
	Other       Class = iota // anything else; the transaction may be gone
	NotADB                   // wrong key, or damaged first page, or not a database
	Corrupt                  // damaged
	Full                     // no space left, quota or size limit reached
	Busy                     // locked by another connection for too long
	Constraint               // a constraint refused the statement; the transaction goes on
	Unavailable              // the file cannot be opened, read or written
	NotCipher                // the linked SQLite does not encrypt
)

// Key is a 32-byte database key. It is always handled by pointer and redacts
// itself.
type Key struct{ b [KeySize]byte }

// NewKey copies b, which must be KeySize bytes long; ok is false otherwise.
func NewKey(b []byte) (k *Key, ok bool) {
	if len(b) != KeySize {
		return nil, false
	}
	k = new(Key)
	copy(k.b[:], b)
	return k, true
}

// Bytes returns the key itself, not a copy.
func (k *Key) Bytes() []byte { return k.b[:] }

// Clone returns a copy that is wiped on its own.
func (k *Key) Clone() *Key { c := *k; return &c }

// Wipe overwrites the key with zeros.
func (k *Key) Wipe() { clear(k.b[:]) }

const redacted = "[redacted]"

// String returns a fixed text.
func (k *Key) String() string { return redacted }

// GoString returns a fixed text.
func (k *Key) GoString() string { return redacted }

// Format writes a fixed text for every verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a fixed text.
func (k *Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a fixed text.
func (k *Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
