// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto/ed25519"
	"fmt"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// EdwardsKey is an identity key in its Ed25519 form (RFC 8032 §5.1.2), which is
// the one Profile2 puts on the wire and authenticates. Two of them, which differ
// in the top bit of the last byte, the sign, belong to one [PublicKey]. A device
// whose identity is a Curve25519 key publishes the one with sign 0 (XEdDSA §2.3);
// one whose identity was made for Ed25519 publishes either.
type EdwardsKey [32]byte

// Edwards is the Ed25519 form with sign 0, by the map of RFC 7748 §4.1. The
// error is ErrBadKey for a key that [PublicKey.Check] refuses and for one that
// lies on the twist of the curve, which no private key has.
func (k PublicKey) Edwards() (EdwardsKey, error) {
	if err := k.Check(); err != nil {
		return EdwardsKey{}, err
	}
	e, err := k.edwards()
	if err != nil {
		return EdwardsKey{}, err
	}
	if _, err := new(edwards25519.Point).SetBytes(e[:]); err != nil {
		return EdwardsKey{}, fmt.Errorf("convert public key: not on the curve: %w", ErrBadKey)
	}
	return e, nil
}

// edwards computes y = (u-1)/(u+1) without asking whether it is on the curve.
func (k PublicKey) edwards() (EdwardsKey, error) {
	u, err := new(field.Element).SetBytes(k[:])
	if err != nil {
		return EdwardsKey{}, fmt.Errorf("convert public key: %w", ErrBadKey)
	}
	one := new(field.Element).One()
	y := new(field.Element).Invert(new(field.Element).Add(u, one))
	y.Multiply(y, new(field.Element).Subtract(u, one))
	return EdwardsKey(y.Bytes()), nil
}

// Montgomery is the key as a Curve25519 public key: what sessions are bound to,
// trust is decided on and fingerprints are shown of. The error is ErrBadKey for
// what is not the canonical encoding of a point, or one of low order.
func (e EdwardsKey) Montgomery() (PublicKey, error) {
	p, err := new(edwards25519.Point).SetBytes(e[:])
	if err != nil || EdwardsKey(p.Bytes()) != e {
		return PublicKey{}, fmt.Errorf("convert identity key: not a point: %w", ErrBadKey)
	}
	k := PublicKey(p.BytesMontgomery())
	if err := k.Check(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}

// ParseIdentity reads an identity key as a bundle publishes it: 33 bytes with
// the type byte for Profile03, the 32 bytes of the Ed25519 form, with either
// sign, for Profile2. Both forms of one identity give the same PublicKey. Errors:
// ErrMalformed, ErrBadKey, ErrUnsupported.
func ParseIdentity(p Profile, b []byte) (PublicKey, error) {
	if p != Profile2 {
		return ParsePublicKey(p, b)
	}
	if len(b) != 32 {
		return PublicKey{}, fmt.Errorf("parse identity key: %w", ErrMalformed)
	}
	return EdwardsKey(b).Montgomery()
}

// IdentityBytes is the own identity key as a bundle publishes it: 33 bytes with
// the type byte for Profile03, the Ed25519 form with sign 0 for Profile2. Errors:
// ErrBadKey, ErrUnsupported.
func IdentityBytes(p Profile, k PublicKey) ([]byte, error) {
	switch p {
	case Profile03:
		return append([]byte{TypeByte}, k[:]...), nil
	case Profile2:
		e, err := k.Edwards()
		if err != nil {
			return nil, err
		}
		return e[:], nil
	default:
		return nil, ErrUnsupported
	}
}

// VerifySignature checks the signature of an identity key over exactly msg:
// that of a signed prekey (see [SignedBytes]) or of a device label. It is an
// Ed25519 signature (RFC 8032 §5.1.7, without cofactor, the scalar below the
// group order) by one of the two Ed25519 forms of the identity, and that form is
// returned: in Profile2 it is the one the other device published, as the
// signature covers it.
//
// For Profile03 the sign of the form rides in the top bit of the signature. For
// Profile2 that bit must be 0, and both forms are tried; nobody can sign for one
// of them who could not sign for the other. Errors: ErrBadSignature, ErrBadKey,
// ErrUnsupported.
func VerifySignature(p Profile, identity PublicKey, msg, sig []byte) (EdwardsKey, error) {
	if p != Profile03 && p != Profile2 {
		return EdwardsKey{}, ErrUnsupported
	}
	if err := identity.Check(); err != nil {
		return EdwardsKey{}, err
	}
	bad := fmt.Errorf("verify signature: %w", ErrBadSignature)
	if len(sig) != ed25519.SignatureSize {
		return EdwardsKey{}, bad
	}
	e, err := identity.edwards()
	if err != nil {
		return EdwardsKey{}, err
	}
	plain := [ed25519.SignatureSize]byte(sig)
	if p == Profile03 {
		e[31] |= plain[63] & 0x80
		plain[63] &= 0x7f
	}
	if ed25519.Verify(e[:], msg, plain[:]) {
		return e, nil
	}
	if p == Profile2 {
		e[31] |= 0x80
		if ed25519.Verify(e[:], msg, plain[:]) {
			return e, nil
		}
	}
	return EdwardsKey{}, bad
}
