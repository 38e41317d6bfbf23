// SPDX-License-Identifier: MPL-2.0

// Package sqlcipher is the storage backend on SQLCipher 4
// (github.com/mutecomm/go-sqlcipher/v4: SQLCipher 4.4.2, SQLite 3.33.0).
//
// It needs cgo. With CGO_ENABLED=0 a program builds, and opening a database
// fails with storage.ErrNotEncrypting. It cannot be linked together with another
// driver that carries its own copy of SQLite, such as github.com/mattn/go-sqlite3.
//
// Files are those of SQLCipher 4 with its default settings: AES-256-CBC and
// HMAC-SHA512 per page of 4096 bytes, keyed with 32 raw bytes, so that no key
// derivation runs when a connection is opened. Any SQLCipher 4 opens them.
//
// The authentication code covers each page by itself. That an old page was put
// back in its own place is not detected; a host that fears this needs a counter
// outside of the file.
package sqlcipher
