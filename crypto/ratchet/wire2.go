// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"fmt"
	"math"

	"github.com/confab-im/confab/crypto/engine"
)

// wire2 is the form of urn:xmpp:omemo:2 (XEP-0384 §12): OMEMOKeyExchange around
// OMEMOAuthenticatedMessage around OMEMOMessage. The identity is in Ed25519 form.
type wire2 struct{}

// maxID is the largest id of a key (XEP-0384 §5.3.2).
const maxID = math.MaxInt32

func (wire2) isKeyExchange(b []byte) bool { return len(b) > 0 && b[0] == 1<<3|wireVarint }

func (wire2) parseKeyExchange(b []byte) (keyExchange, error) {
	bad := fmt.Errorf("parse key exchange: %w", engine.ErrMalformed)
	if len(b) == 0 || len(b) > engine.MaxWire {
		return keyExchange{}, bad
	}
	f := fields{rest: b}
	var k keyExchange
	if f.has(1, wireVarint) {
		k.PreKeyID = f.uint32(1)
	}
	k.SignedPreKeyID = f.uint32(2)
	identity, base := f.bytes(3), f.bytes(4)
	k.Message = f.bytes(5)
	if f.end() != nil || len(identity) != 32 || len(k.Message) == 0 {
		return keyExchange{}, bad
	}
	if k.PreKeyID == 0 {
		return keyExchange{}, fmt.Errorf("parse key exchange: %w", engine.ErrNoOneTimePreKey)
	}
	if k.PreKeyID > maxID || k.SignedPreKeyID == 0 || k.SignedPreKeyID > maxID {
		return keyExchange{}, bad
	}
	var err error
	if k.Base, err = engine.ParsePublicKey(engine.Profile2, base); err != nil {
		return keyExchange{}, err
	}
	if k.Identity, err = engine.ParseIdentity(engine.Profile2, identity); err != nil {
		return keyExchange{}, err
	}
	k.identity = [32]byte(identity)
	return k, nil
}

func (wire2) wrap(k keyExchange) []byte {
	b := make([]byte, 0, len(k.Message)+2*34+16)
	b = appendUint32(b, 1, k.PreKeyID)
	b = appendUint32(b, 2, k.SignedPreKeyID)
	b = appendBytes(b, 3, k.identity[:])
	b = appendBytes(b, 4, k.Base[:])
	return appendBytes(b, 5, k.Message)
}

func (wire2) parseMessage(b []byte) (message, error) {
	if len(b) == 0 || len(b) > engine.MaxWire {
		return message{}, fmt.Errorf("parse message: %w", engine.ErrMalformed)
	}
	f := fields{rest: b}
	m := message{mac: f.bytes(1), covered: f.bytes(2)}
	if err := f.end(); err != nil {
		return message{}, err
	}
	if len(m.mac) != suite2.macSize {
		return message{}, fmt.Errorf("parse message: %w", engine.ErrMalformed)
	}
	f = fields{rest: m.covered}
	m.number, m.previousLen = f.uint32(1), f.uint32(2)
	key := f.bytes(3)
	m.ciphertext = f.bytes(4)
	if err := f.end(); err != nil {
		return message{}, err
	}
	var err error
	m.ratchet, err = engine.ParsePublicKey(engine.Profile2, key)
	if err != nil {
		return message{}, err
	}
	return m, m.checkSize()
}

// appendHeader leaves room for the MAC, which stands before the message.
func (wire2) appendHeader(b []byte, h header, size int) ([]byte, int) {
	var front [64]byte
	inner := appendUint32(front[:0], 1, h.number)
	inner = appendUint32(inner, 2, h.previousLen)
	inner = appendBytes(inner, 3, h.ratchet[:])
	inner = appendLength(inner, 4, size)

	b = appendLength(b, 1, suite2.macSize)
	b = append(b, make([]byte, suite2.macSize)...)
	b = appendLength(b, 2, len(inner)+size)
	start := len(b)
	return append(b, inner...), start
}

func (wire2) finish(b []byte, _ int, mac []byte) []byte {
	copy(b[2:], mac)
	return b
}

// In omemo:2 the identity of the side that began the session goes first.
func (wire2) associated(s *session, _ bool) [2][32]byte {
	if s.initiator {
		return [2][32]byte{s.local.identity, s.remote.identity}
	}
	return [2][32]byte{s.remote.identity, s.local.identity}
}
