// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"

	"github.com/confab-im/confab/storage/backend"
)

const redacted = "[redacted]"

// Key opens a database. Make one with [RawKey] or [Passphrase]; the zero value
// is refused with ErrKeyLength. A Key holds a copy of the secret until Wipe and
// redacts itself in every rendering. It may be used for several calls.
type Key struct{ k *keyMaterial }

type keyMaterial struct {
	passphrase bool
	secret     []byte
}

// RawKey takes exactly 32 random bytes, usually from the key store of the
// system. Any other length is refused by Open with ErrKeyLength.
func RawKey(k []byte) Key { return Key{&keyMaterial{secret: bytes.Clone(k)}} }

// Passphrase takes what a person typed: any bytes, at least one. It is
// stretched with Argon2id and unwraps a random data key that is stored beside
// the database in Path+".key".
func Passphrase(p []byte) Key {
	return Key{&keyMaterial{passphrase: true, secret: bytes.Clone(p)}}
}

// Wipe overwrites the copy of the secret. The key cannot be used afterwards.
func (k Key) Wipe() {
	if k.k != nil {
		clear(k.k.secret)
		k.k.secret = nil
	}
}

func (k Key) check() error {
	switch {
	case k.k == nil || len(k.k.secret) == 0,
		!k.k.passphrase && len(k.k.secret) != backend.KeySize:
		return ErrKeyLength
	}
	return nil
}

// String returns a fixed text.
func (Key) String() string { return redacted }

// GoString returns a fixed text.
func (Key) GoString() string { return redacted }

// Format writes a fixed text for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a fixed text.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a fixed text.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Secret is a password or the like in a row. It redacts itself in every
// rendering; convert it to []byte to use it.
type Secret []byte

// String returns a fixed text.
func (Secret) String() string { return redacted }

// GoString returns a fixed text.
func (Secret) GoString() string { return redacted }

// Format writes a fixed text for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a fixed text.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a fixed text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
