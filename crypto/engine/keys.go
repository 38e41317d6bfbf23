// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
)

// PublicKey is a Curve25519 u-coordinate (RFC 7748), little endian, without the
// 0x05 type byte it has on the wire of Profile03.
type PublicKey [32]byte

// String is the key in 64 lower case hexadecimal digits.
func (k PublicKey) String() string { return hex.EncodeToString(k[:]) }

// Check refuses keys nobody honest has: points of low order, with which every
// shared secret is zero, and encodings that are not canonical, by which one key
// would have several names. The error is ErrBadKey.
func (k PublicKey) Check() error {
	if k[31]&0x80 != 0 || !belowPrime(k) {
		return fmt.Errorf("check public key: not canonical: %w", ErrBadKey)
	}
	for i := range lowOrder {
		if k == lowOrder[i] {
			return fmt.Errorf("check public key: low order: %w", ErrBadKey)
		}
	}
	return nil
}

// belowPrime tells whether k is less than 2^255 - 19. The top bit is clear.
func belowPrime(k PublicKey) bool {
	if k[31] != 0x7f {
		return true
	}
	for i := 30; i > 0; i-- {
		if k[i] != 0xff {
			return true
		}
	}
	return k[0] < 0xed
}

// lowOrder holds the canonical u-coordinates of the points whose order divides
// 8, on the curve and on its twist (RFC 7748 §6.1 and §7).
var lowOrder = [5]PublicKey{
	{},
	{1},
	{
		0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
	},
	{
		0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
	},
	{
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	},
}

// LowOrderKeys returns the canonical public keys of low order, for tests of
// what refuses them.
func LowOrderKeys() []PublicKey { return append([]PublicKey(nil), lowOrder[:]...) }

// PrivateKey is an X25519 private key, clamped. It redacts itself in fmt, slog
// and json.
type PrivateKey [32]byte

// NewPrivateKey makes a private key from 32 bytes of random; nil means the
// system's source.
func NewPrivateKey(random io.Reader) (PrivateKey, error) {
	if random == nil {
		random = rand.Reader
	}
	var k PrivateKey
	if _, err := io.ReadFull(random, k[:]); err != nil {
		return PrivateKey{}, fmt.Errorf("make private key: %w", err)
	}
	k[0] &= 248
	k[31] = k[31]&127 | 64
	return k, nil
}

// Public computes the public key. It costs one scalar multiplication.
func (k PrivateKey) Public() (PublicKey, error) {
	priv, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		return PublicKey{}, fmt.Errorf("compute public key: %w", ErrBadKey)
	}
	return PublicKey(priv.PublicKey().Bytes()), nil
}

// NewIdentityKey makes an identity for the device id; nil random means the
// system's source.
func NewIdentityKey(random io.Reader, device uint32) (IdentityKey, error) {
	priv, err := NewPrivateKey(random)
	if err != nil {
		return IdentityKey{}, err
	}
	pub, err := priv.Public()
	if err != nil {
		return IdentityKey{}, err
	}
	return IdentityKey{Public: pub, Private: priv, RegistrationID: device}, nil
}

// NewPreKey makes a prekey with this id, which must not be 0; nil random means
// the system's source.
func NewPreKey(random io.Reader, id uint32) (PreKey, error) {
	if id == 0 {
		return PreKey{}, fmt.Errorf("make prekey: id 0: %w", ErrBadKey)
	}
	priv, err := NewPrivateKey(random)
	if err != nil {
		return PreKey{}, err
	}
	pub, err := priv.Public()
	if err != nil {
		return PreKey{}, err
	}
	return PreKey{ID: id, Public: pub, Private: priv}, nil
}

// SignedBytes are the bytes of a signed prekey that its signature covers: 33
// with the type byte 0x05 in front for Profile03, the bare 32 for Profile2.
func SignedBytes(p Profile, k PublicKey) ([]byte, error) {
	switch p {
	case Profile03:
		return append([]byte{TypeByte}, k[:]...), nil
	case Profile2:
		return append([]byte(nil), k[:]...), nil
	default:
		return nil, ErrUnsupported
	}
}

// TypeByte stands before every public key on the wire of Profile03.
const TypeByte = 0x05

// ParsePublicKey reads a public key as it is published: 33 bytes with the type
// byte for Profile03, 32 without it for Profile2. The key is checked. Errors:
// ErrMalformed, ErrBadKey, ErrUnsupported.
func ParsePublicKey(p Profile, b []byte) (PublicKey, error) {
	switch p {
	case Profile03:
		if len(b) != 33 || b[0] != TypeByte {
			return PublicKey{}, fmt.Errorf("parse public key: %w", ErrMalformed)
		}
		b = b[1:]
	case Profile2:
		if len(b) != 32 {
			return PublicKey{}, fmt.Errorf("parse public key: %w", ErrMalformed)
		}
	default:
		return PublicKey{}, ErrUnsupported
	}
	k := PublicKey(b)
	if err := k.Check(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}
