// SPDX-License-Identifier: MPL-2.0

//go:build cgo

package sqlcipher

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	sqlite3 "github.com/mutecomm/go-sqlcipher/v4"

	"github.com/confab-im/confab/storage/backend"
)

// PlaintextHeaderSize is how many bytes stay readable in a file with a
// plaintext header: the part of SQLite's own header that never holds content.
const PlaintextHeaderSize = 32

// busyTimeout bounds the wait for another connection's lock, in milliseconds.
const busyTimeout = 5000

var (
	errConfig    = errors.New("the path, key or salt is unusable")
	errKey       = errors.New("the first page fails authentication")
	errNotCipher = errors.New("the linked SQLite does not encrypt")
)

// Backend implements [backend.Backend]. Its zero value is ready to use.
type Backend struct{}

// New returns the backend.
func New() *Backend { return &Backend{} }

// Name names the driver.
func (*Backend) Name() string { return "sqlcipher" }

// Caps says what the driver can do.
func (*Backend) Caps() backend.Caps { return backend.Caps{PlaintextHeader: true} }

// Pragmas of each kind of connection, run in this order after it is keyed. The
// first statement that reads the file is the one that finds a wrong key.
var (
	pragmasCommon = []string{
		"PRAGMA cipher_memory_security = OFF", // costs up to five times as much and leaves the same residue
		"PRAGMA foreign_keys = ON",
		"PRAGMA mmap_size = 0",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA wal_autocheckpoint = 0",
	}
	pragmasWriter = []string{
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",
		"PRAGMA fullfsync = ON",
		"PRAGMA checkpoint_fullfsync = ON",
		"PRAGMA secure_delete = FAST",
		"PRAGMA cache_size = -8192",
	}
	pragmasReader = []string{
		"PRAGMA cache_size = -4096",
		"PRAGMA query_only = ON",
	}
	pragmasCopy = []string{
		"PRAGMA synchronous = FULL",
		"PRAGMA fullfsync = ON",
	}
)

// Connectors returns the connectors for the writer and for readers.
func (*Backend) Connectors(c backend.Config) (writer, reader driver.Connector, err error) {
	w, err := newConnector(c, pragmasWriter)
	if err != nil {
		return nil, nil, err
	}
	r, err := newConnector(c, pragmasReader)
	if err != nil {
		return nil, nil, err
	}
	return w, r, nil
}

// connector opens keyed connections. It is only handled by pointer, so that a
// rendering of whatever holds it shows an address, and it redacts itself.
type connector struct {
	path    string
	key     *backend.Key
	salt    []byte
	pragmas []string
}

func newConnector(c backend.Config, pragmas []string) (*connector, error) {
	// The driver cuts the path at the first question mark, and reads a path
	// that starts with "file:" as a URI; C cuts it at a zero byte.
	if !filepath.IsAbs(c.Path) || strings.ContainsAny(c.Path, "?\x00") || c.Key == nil ||
		(c.Salt != nil && len(c.Salt) != backend.SaltSize) {
		return nil, errConfig
	}
	return &connector{path: c.Path, key: c.Key, salt: c.Salt, pragmas: pragmas}, nil
}

// Connect opens and keys one connection and applies the pragmas. The driver
// runs pragmas of its own that read the file before any hook is called, so the
// key must go in with the data source name, which lives no longer than this
// call.
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	drv := &sqlite3.SQLiteDriver{}
	conn, err := drv.Open(c.path + "?_busy_timeout=" + fmt.Sprint(busyTimeout) +
		"&_txlock=immediate&_pragma_key=" + url.QueryEscape(c.keyPragma()))
	if err != nil {
		return nil, keyError(err)
	}
	sc, ok := conn.(*sqlite3.SQLiteConn)
	if !ok {
		_ = conn.Close()
		return nil, errNotCipher
	}
	if err := c.prepare(sc); err != nil {
		_ = conn.Close()
		return nil, keyError(err)
	}
	return sc, nil
}

// keyError finds a wrong key where the file's header is in plain text: the
// first page then looks right, and SQLCipher fails with SQLITE_ERROR. No
// statement that is run here is wrong in itself.
func keyError(err error) error {
	if e, ok := sqliteError(err); ok && e.Code == sqlite3.ErrError {
		return errKey
	}
	return err
}

func (c *connector) prepare(conn *sqlite3.SQLiteConn) error {
	// A plain SQLite ignores the key and would write everything in the clear.
	version, err := rows(conn, "PRAGMA cipher_version")
	if err != nil {
		return err
	}
	if len(version) != 1 || version[0] == "" {
		return errNotCipher
	}
	for _, list := range [][]string{pragmasCommon, c.pragmas} {
		for _, p := range list {
			if _, err := rows(conn, p); err != nil {
				return err
			}
		}
	}
	_, err = rows(conn, "SELECT count(*) FROM sqlite_master")
	return err
}

// keyPragma is what the driver splices between the quotes of
// `PRAGMA key = "…";`. It is made of hexadecimal digits and fixed text only.
func (c *connector) keyPragma() string {
	key := hex.EncodeToString(c.key.Bytes())
	if c.salt == nil {
		return "x'" + key + "'"
	}
	return fmt.Sprintf(`x'%s%x'"; PRAGMA cipher_plaintext_header_size = %d; --`, key, c.salt, PlaintextHeaderSize)
}

// Driver returns the driver, which holds no key.
func (*connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

const redacted = "sqlcipher connector [redacted]"

func (*connector) String() string               { return redacted }
func (*connector) GoString() string             { return redacted }
func (*connector) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (*connector) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (*connector) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// rows runs a statement to its end and returns the first column as text.
func rows(conn *sqlite3.SQLiteConn, query string) ([]string, error) {
	r, err := conn.Query(query, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	dest := make([]driver.Value, len(r.Columns()))
	for {
		if err = r.Next(dest); err != nil {
			break
		}
		if len(dest) > 0 {
			if b, ok := dest[0].([]byte); ok {
				dest[0] = string(b)
			}
			out = append(out, fmt.Sprint(dest[0]))
		}
	}
	if cerr := r.Close(); err == io.EOF {
		err = cerr
	}
	return out, err
}
