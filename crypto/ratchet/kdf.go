// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/ecdh"
	"crypto/sha256"
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
)

// suite is what sets the profiles apart: labels, sizes and, in the files
// wire03.go and wire2.go, the messages.
type suite struct {
	profile engine.Profile
	x3dh    string // HKDF info of the key agreement
	root    string // HKDF info of the root chain
	message string // HKDF info of the message key
	macSize int
	// typeByte stands before the identities in what the MAC covers.
	typeByte []byte
	wire     wire
}

// wire is the form of the messages of a profile.
type wire interface {
	// isKeyExchange tells a key exchange from a ratchet message.
	isKeyExchange(b []byte) bool
	parseKeyExchange(b []byte) (keyExchange, error)
	parseMessage(b []byte) (message, error)
	// appendHeader appends a ratchet message up to its ciphertext of size bytes,
	// which follows. start is where what the MAC covers begins.
	appendHeader(b []byte, h header, size int) (out []byte, start int)
	// finish puts the MAC to the message that covers b[start:].
	finish(b []byte, start int, mac []byte) []byte
	// wrap makes a key exchange of a finished message.
	wrap(k keyExchange) []byte
	// associated is what is authenticated besides the message. sending tells
	// whether the message is an own one.
	associated(s *session, sending bool) [2][32]byte
}

var (
	suite03 = &suite{
		profile: engine.Profile03, macSize: 8, typeByte: []byte{engine.TypeByte}, wire: wire03{},
		x3dh: "WhisperText", root: "WhisperRatchet", message: "WhisperMessageKeys",
	}
	suite2 = &suite{
		profile: engine.Profile2, macSize: 16, wire: wire2{},
		x3dh: "OMEMO X3DH", root: "OMEMO Root Chain", message: "OMEMO Message Key Material",
	}
)

func suiteOf(p engine.Profile) (*suite, error) {
	switch p {
	case engine.Profile03:
		return suite03, nil
	case engine.Profile2:
		return suite2, nil
	default:
		return nil, engine.ErrUnsupported
	}
}

// secret is a root key, a chain key or a shared secret.
type secret [32]byte

const (
	blockSize  = sha256.BlockSize
	maxInfo    = 32
	innerPad   = 0x36
	outerPad   = 0x5c
	chainInput = 0x02
	keyInput   = 0x01
)

// hmac256 sets out to HMAC-SHA256 of the parts in a row (RFC 2104). For what is
// not longer than an ordinary message it makes nothing that the garbage
// collector would have to take away, which is what a message far ahead in a
// chain costs most of otherwise. out may be key.
func hmac256(out, key *secret, parts ...[]byte) {
	var front [blockSize + 256]byte
	for i := range blockSize {
		front[i] = innerPad
	}
	for i, k := range key {
		front[i] ^= k
	}
	b := front[:blockSize]
	for _, p := range parts {
		b = append(b, p...)
	}
	inner := sha256.Sum256(b)
	clear(b)
	for i := range blockSize {
		front[i] = outerPad
	}
	for i, k := range key {
		front[i] ^= k
	}
	b = append(front[:blockSize], inner[:]...)
	*out = sha256.Sum256(b)
	clear(b)
}

// hkdf256 fills out with HKDF-SHA256 (RFC 5869). info is at most maxInfo bytes.
func hkdf256(out []byte, salt *secret, ikm []byte, info string) {
	var prk, t secret
	var label [maxInfo + 1]byte
	n := copy(label[:maxInfo], info)
	hmac256(&prk, salt, ikm)
	previous := t[:0]
	for i := byte(1); len(out) > 0; i++ {
		label[n] = i
		hmac256(&t, &prk, previous, label[:n+1])
		previous = t[:]
		out = out[copy(out, previous):]
	}
	clear(prk[:])
	clear(t[:])
}

// agree is the key agreement's KDF: HKDF over 32 bytes of FF and the four shared
// secrets (X3DH §2.2).
func (s *suite) agree(dh1, dh2, dh3, dh4 []byte) (root secret) {
	var ikm [5 * 32]byte
	for i := range 32 {
		ikm[i] = 0xff
	}
	for i, dh := range [...][]byte{dh1, dh2, dh3, dh4} {
		copy(ikm[32*(i+1):], dh)
		clear(dh)
	}
	hkdf256(root[:], &secret{}, ikm[:], s.x3dh)
	clear(ikm[:])
	return root
}

// turn is KDF_RK (Double Ratchet §5.2): the next root key and a chain key.
func (s *suite) turn(root *secret, own *ecdh.PrivateKey, remote engine.PublicKey) (next, chain secret, err error) {
	dh, err := sharedSecret(own, remote)
	if err != nil {
		return secret{}, secret{}, err
	}
	var out [64]byte
	hkdf256(out[:], root, dh, s.root)
	next, chain = secret(out[:32]), secret(out[32:])
	clear(out[:])
	clear(dh)
	return next, chain, nil
}

// step makes a chain key the next one, the second half of KDF_CK.
func (k *secret) step() { hmac256(k, k, []byte{chainInput}) }

// keysOf derives the keys of one message from its chain key: the first half of
// KDF_CK and what ENCRYPT makes of the message key (XEP-0384 §4.3).
func (s *suite) keysOf(chain *secret) (keys messageKeys) {
	var mk secret
	hmac256(&mk, chain, []byte{keyInput})
	hkdf256(keys[:], &secret{}, mk[:], s.message)
	clear(mk[:])
	return keys
}

// sharedSecret is X25519 (RFC 7748 §6.1); a shared secret of zero is refused.
func sharedSecret(own *ecdh.PrivateKey, remote engine.PublicKey) ([]byte, error) {
	pub, err := ecdh.X25519().NewPublicKey(remote[:])
	if err != nil {
		return nil, fmt.Errorf("agree on secret: %w", engine.ErrBadKey)
	}
	dh, err := own.ECDH(pub)
	if err != nil {
		return nil, fmt.Errorf("agree on secret: %w", engine.ErrBadKey)
	}
	return dh, nil
}

// openKey reads a private key and compares its public one, which the standard
// library computes in any case.
func openKey(private engine.PrivateKey, public engine.PublicKey) (*ecdh.PrivateKey, error) {
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil || engine.PublicKey(k.PublicKey().Bytes()) != public {
		return nil, fmt.Errorf("read own key: %w", engine.ErrBadKey)
	}
	return k, nil
}
