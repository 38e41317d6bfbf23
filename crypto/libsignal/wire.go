// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"crypto/aes"
	"fmt"
	"math"

	"github.com/confab-im/confab/crypto/engine"
)

const (
	versionByte = 0x33 // version 3, minimum version 3
	macSize     = 8
	keyLen      = 33 // type byte and u-coordinate
)

// ratchetMessage is a parsed message of an existing chain. Its slices alias the
// wire bytes.
type ratchetMessage struct {
	ratchet    engine.PublicKey
	counter    uint32
	previous   uint32
	ciphertext []byte
	signed     []byte // version byte and protobuf: what the MAC covers
	mac        []byte
}

// parseMessage reads version ‖ protobuf ‖ mac. The protobuf has to be
// canonical: dh=1 n=2 pn=3 ciphertext=4, each once, in this order, nothing else.
func parseMessage(wire []byte) (ratchetMessage, error) {
	if len(wire) > engine.MaxWire || len(wire) < 1+macSize || wire[0] != versionByte {
		return ratchetMessage{}, malformed("message frame")
	}
	m := ratchetMessage{signed: wire[:len(wire)-macSize], mac: wire[len(wire)-macSize:]}
	r := reader{b: m.signed[1:]}
	key := r.bytes(1)
	m.counter = r.uint32(2)
	m.previous = r.uint32(3)
	m.ciphertext = r.bytes(4)
	if r.bad || len(r.b) != 0 {
		return ratchetMessage{}, malformed("message fields")
	}
	if n := len(m.ciphertext); n == 0 || n%aes.BlockSize != 0 || n > engine.MaxPlaintext+aes.BlockSize {
		return ratchetMessage{}, malformed("ciphertext length")
	}
	var err error
	if m.ratchet, err = engine.ParsePublicKey(engine.Profile03, key); err != nil {
		return ratchetMessage{}, fmt.Errorf("parse ratchet key: %w", err)
	}
	return m, nil
}

// isKeyExchange tells the two kinds of message apart by their first field: the
// ratchet key in one, the prekey id (or the base key) in the other.
func isKeyExchange(wire []byte) bool {
	return len(wire) > 1 && wire[0] == versionByte && wire[1] != tag(1, wireBytes)
}

// parseKeyExchange reads version ‖ protobuf: prekey=1 base=2 identity=3
// message=4 registration=5 signed prekey=6. The registration id may be missing.
func parseKeyExchange(wire []byte) (engine.KeyExchange, error) {
	if len(wire) > engine.MaxWire || len(wire) < 2 || wire[0] != versionByte {
		return engine.KeyExchange{}, malformed("key exchange frame")
	}
	var kex engine.KeyExchange
	r := reader{b: wire[1:]}
	if r.next(1, wireVarint) {
		kex.PreKeyID = r.uint32(1)
	}
	base := r.bytes(2)
	identity := r.bytes(3)
	kex.Message = r.bytes(4)
	if r.next(5, wireVarint) {
		kex.RegistrationID = r.uint32(5)
	}
	kex.SignedPreKeyID = r.uint32(6)
	if r.bad || len(r.b) != 0 || len(kex.Message) == 0 {
		return engine.KeyExchange{}, malformed("key exchange fields")
	}
	var err error
	if kex.Base, err = engine.ParsePublicKey(engine.Profile03, base); err != nil {
		return engine.KeyExchange{}, fmt.Errorf("parse base key: %w", err)
	}
	if kex.Identity, err = engine.ParsePublicKey(engine.Profile03, identity); err != nil {
		return engine.KeyExchange{}, fmt.Errorf("parse identity key: %w", err)
	}
	if kex.PreKeyID == 0 {
		return engine.KeyExchange{}, fmt.Errorf("parse key exchange: %w", engine.ErrNoOneTimePreKey)
	}
	return kex, nil
}

func malformed(what string) error { return fmt.Errorf("parse %s: %w", what, engine.ErrMalformed) }

// Protobuf wire types.
const (
	wireVarint = 0
	wireBytes  = 2
)

func tag(field, typ byte) byte { return field<<3 | typ }

// reader reads protobuf fields in the order they are asked for. After a
// mismatch bad is set and everything else reads as zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) next(field, typ byte) bool {
	return !r.bad && len(r.b) > 0 && r.b[0] == tag(field, typ)
}

func (r *reader) take(field, typ byte) bool {
	if !r.next(field, typ) {
		r.bad = true
		return false
	}
	r.b = r.b[1:]
	return true
}

// varint reads a number of at most 32 bits in its shortest encoding.
func (r *reader) varint() uint32 {
	var v uint64
	for i := 0; i < 5 && i < len(r.b); i++ {
		c := r.b[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if (c == 0 && i > 0) || v > math.MaxUint32 {
				break
			}
			r.b = r.b[i+1:]
			return uint32(v)
		}
	}
	r.bad = true
	return 0
}

func (r *reader) uint32(field byte) uint32 {
	if !r.take(field, wireVarint) {
		return 0
	}
	return r.varint()
}

func (r *reader) bytes(field byte) []byte {
	if !r.take(field, wireBytes) {
		return nil
	}
	n := r.varint()
	if r.bad || uint64(n) > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}
