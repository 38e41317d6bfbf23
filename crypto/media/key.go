// SPDX-License-Identifier: MPL-2.0

package media

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Sizes in bytes.
const (
	keySize      = 32
	shortKeySize = 16 // of AES-128, XEP-0448 only
	shortIV      = 12
	longIV       = 16 // sent by older clients
)

// A Key opens one encrypted file: an AES key with its initialisation vector. The
// zero Key opens none.
type Key struct {
	key             [keySize]byte
	iv              [longIV]byte
	keySize, ivSize int
}

// newKey returns a fresh Key. It is not exported so that no key encrypts twice.
func newKey() Key {
	k := Key{keySize: keySize, ivSize: shortIV}
	_, _ = rand.Read(k.key[:]) // never fails
	_, _ = rand.Read(k.iv[:shortIV])
	return k
}

// NewKey returns the Key of somebody else's file, as XEP-0448 names it: 32 or 16
// bytes with an initialisation vector of 12 or 16.
//
// Errors: [ErrKey].
func NewKey(key, iv []byte) (Key, error) {
	k := Key{keySize: len(key), ivSize: len(iv)}
	if len(key) != keySize && len(key) != shortKeySize || len(iv) != shortIV && len(iv) != longIV {
		return Key{}, fmt.Errorf("read media key: %w", ErrKey)
	}
	copy(k.key[:], key)
	copy(k.iv[:], iv)
	return k, nil
}

// Parts returns copies of the key and the initialisation vector, for XEP-0448.
func (k Key) Parts() (key, iv []byte) {
	return append([]byte(nil), k.key[:k.keySize]...), append([]byte(nil), k.iv[:k.ivSize]...)
}

// parseKey reads the fragment of an aesgcm: address: hex(IV ‖ key).
func parseKey(s string) (Key, error) {
	ivSize := len(s)/2 - keySize
	if ivSize != shortIV && ivSize != longIV {
		return Key{}, ErrNotMedia
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return Key{}, ErrNotMedia // the decoder's error would show a part of it
	}
	return NewKey(b[ivSize:], b[:ivSize])
}

// text writes what parseKey reads; XEP-0454 knows only AES-256.
func (k Key) text() string {
	return hex.EncodeToString(k.iv[:k.ivSize]) + hex.EncodeToString(k.key[:k.keySize])
}

// usable reports whether k is a Key for AES-256.
func (k Key) usable() bool { return k.keySize == keySize && k.ivSize != 0 }

const redactedKey = "media key [redacted]"

// Format writes what k is, without its content.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedKey) }

// LogValue is what k is, without its content.
func (k Key) LogValue() slog.Value { return slog.StringValue(redactedKey) }

// MarshalText returns what k is, without its content.
func (k Key) MarshalText() ([]byte, error) { return []byte(redactedKey), nil }
