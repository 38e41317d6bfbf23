// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/sha512"
	"fmt"
	"io"

	"filippo.io/edwards25519"

	"github.com/confab-im/confab/crypto/engine"
)

// sign makes an XEdDSA signature (XEdDSA §3) with 64 bytes of random. It is an
// Ed25519 signature by the form of the key with sign 0, and therefore valid in
// both profiles: where the sign of the form rides in the signature, it is 0.
func sign(random io.Reader, private engine.PrivateKey, msg []byte) ([]byte, error) {
	var z [64]byte
	if _, err := io.ReadFull(random, z[:]); err != nil {
		return nil, fmt.Errorf("read random: %w", engine.ErrEngine)
	}
	a, err := new(edwards25519.Scalar).SetBytesWithClamping(private[:])
	if err != nil {
		return nil, fmt.Errorf("read own key: %w", engine.ErrBadKey)
	}
	form := new(edwards25519.Point).ScalarBaseMult(a).Bytes()
	negated := new(edwards25519.Scalar).Negate(a)
	choose(a, negated, form[31]>>7)
	form[31] &= 0x7f

	// hash1 is SHA-512 behind 32 bytes that no encoding of a point begins with.
	h := sha512.New()
	prefix := [32]byte{0: 0xfe}
	for i := 1; i < len(prefix); i++ {
		prefix[i] = 0xff
	}
	secret := a.Bytes()
	h.Write(prefix[:])
	h.Write(secret)
	h.Write(msg)
	h.Write(z[:])
	digest := h.Sum(nil)
	clear(secret)
	clear(z[:])
	r, err := new(edwards25519.Scalar).SetUniformBytes(digest)
	clear(digest)
	if err != nil {
		return nil, fmt.Errorf("make nonce: %w", engine.ErrEngine)
	}
	sig := make([]byte, 0, 64)
	sig = append(sig, new(edwards25519.Point).ScalarBaseMult(r).Bytes()...)

	h.Reset()
	h.Write(sig)
	h.Write(form)
	h.Write(msg)
	challenge, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(nil))
	if err != nil {
		return nil, fmt.Errorf("make challenge: %w", engine.ErrEngine)
	}
	return append(sig, new(edwards25519.Scalar).MultiplyAdd(challenge, a, r).Bytes()...), nil
}

// choose sets a to b if bit is 1, in constant time: a + bit*(b-a).
func choose(a, b *edwards25519.Scalar, bit byte) {
	var buf [32]byte
	buf[0] = bit
	factor, err := new(edwards25519.Scalar).SetCanonicalBytes(buf[:])
	if err != nil { // 0 and 1 are below the order
		return
	}
	a.MultiplyAdd(factor, new(edwards25519.Scalar).Subtract(b, a), a)
}
