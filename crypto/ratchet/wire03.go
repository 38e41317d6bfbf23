// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/aes"
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
)

// header is the front of a ratchet message.
type header struct {
	ratchet     engine.PublicKey
	number      uint32 // in its chain
	previousLen uint32 // messages in the chain before
}

// message is a ratchet message. Its slices are parts of what was parsed.
type message struct {
	header
	ciphertext []byte
	covered    []byte // what the MAC covers besides the identities
	mac        []byte
}

// keyExchange is a key exchange message. The identity is in the form the profile
// puts on the wire, without a type byte.
type keyExchange struct {
	engine.KeyExchange
	identity [32]byte
}

// wire03 is the form of OMEMO 0.3. A message is a version byte, protocol buffers
// and the MAC, a key exchange a version byte and protocol buffers; keys have a
// type byte.
type wire03 struct{}

const version03 = 0x33

func (wire03) isKeyExchange(b []byte) bool {
	return len(b) > 1 && b[0] == version03 && b[1] == 1<<3|wireVarint
}

func (w wire03) parseKeyExchange(b []byte) (keyExchange, error) {
	bad := fmt.Errorf("parse key exchange: %w", engine.ErrMalformed)
	if len(b) < 2 || len(b) > engine.MaxWire || b[0] != version03 {
		return keyExchange{}, bad
	}
	f := fields{rest: b[1:]}
	var k keyExchange
	if f.has(1, wireVarint) {
		k.PreKeyID = f.uint32(1)
	}
	base, identity := f.bytes(2), f.bytes(3)
	k.Message = f.bytes(4)
	if f.has(5, wireVarint) {
		k.RegistrationID = f.uint32(5)
	}
	k.SignedPreKeyID = f.uint32(6)
	if f.end() != nil || len(k.Message) == 0 {
		return keyExchange{}, bad
	}
	if k.PreKeyID == 0 {
		return keyExchange{}, fmt.Errorf("parse key exchange: %w", engine.ErrNoOneTimePreKey)
	}
	var err error
	if k.Base, err = engine.ParsePublicKey(engine.Profile03, base); err != nil {
		return keyExchange{}, err
	}
	if k.Identity, err = engine.ParsePublicKey(engine.Profile03, identity); err != nil {
		return keyExchange{}, err
	}
	k.identity = k.Identity
	return k, nil
}

func (wire03) wrap(k keyExchange) []byte {
	b := make([]byte, 0, len(k.Message)+2*36+24)
	b = append(b, version03)
	b = appendUint32(b, 1, k.PreKeyID)
	b = appendTyped(b, 2, k.Base)
	b = appendTyped(b, 3, k.identity)
	b = appendBytes(b, 4, k.Message)
	b = appendUint32(b, 5, k.RegistrationID)
	return appendUint32(b, 6, k.SignedPreKeyID)
}

func (wire03) parseMessage(b []byte) (message, error) {
	size := suite03.macSize
	if len(b) < 1+size || len(b) > engine.MaxWire || b[0] != version03 {
		return message{}, fmt.Errorf("parse message: %w", engine.ErrMalformed)
	}
	m := message{covered: b[:len(b)-size], mac: b[len(b)-size:]}
	f := fields{rest: m.covered[1:]}
	key := f.bytes(1)
	m.number, m.previousLen = f.uint32(2), f.uint32(3)
	m.ciphertext = f.bytes(4)
	if err := f.end(); err != nil {
		return message{}, err
	}
	var err error
	m.ratchet, err = engine.ParsePublicKey(engine.Profile03, key)
	if err != nil {
		return message{}, err
	}
	return m, m.checkSize()
}

func (wire03) appendHeader(b []byte, h header, size int) ([]byte, int) {
	start := len(b)
	b = append(b, version03)
	b = appendTyped(b, 1, h.ratchet)
	b = appendUint32(b, 2, h.number)
	b = appendUint32(b, 3, h.previousLen)
	return appendLength(b, 4, size), start
}

func (wire03) finish(b []byte, _ int, mac []byte) []byte { return append(b, mac...) }

// In 0.3 the sender's identity goes first.
func (wire03) associated(s *session, sending bool) [2][32]byte {
	if sending {
		return [2][32]byte{s.local.identity, s.remote.identity}
	}
	return [2][32]byte{s.remote.identity, s.local.identity}
}

// appendTyped appends a key with its type byte.
func appendTyped(b []byte, field byte, key [32]byte) []byte {
	b = append(appendLength(b, field, 1+len(key)), engine.TypeByte)
	return append(b, key[:]...)
}

// checkSize refuses what is no ciphertext of a plaintext that may be.
func (m *message) checkSize() error {
	n := len(m.ciphertext)
	if n == 0 || n%aes.BlockSize != 0 || n > paddedSize(engine.MaxPlaintext) {
		return fmt.Errorf("parse ciphertext: %w", engine.ErrMalformed)
	}
	return nil
}
