// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/sha512"
	"crypto/subtle"
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
	scalar := a.Bytes()
	subtle.ConstantTimeCopy(int(form[31]>>7), scalar, new(edwards25519.Scalar).Negate(a).Bytes())
	if _, err := a.SetCanonicalBytes(scalar); err != nil {
		return nil, fmt.Errorf("negate own key: %w", engine.ErrEngine)
	}
	form[31] &= 0x7f

	// hash1 is SHA-512 behind 32 bytes that no encoding of a point begins with.
	h := sha512.New()
	prefix := [32]byte{0: 0xfe}
	for i := 1; i < len(prefix); i++ {
		prefix[i] = 0xff
	}
	h.Write(prefix[:])
	h.Write(scalar)
	h.Write(msg)
	h.Write(z[:])
	digest := h.Sum(nil)
	clear(scalar)
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
