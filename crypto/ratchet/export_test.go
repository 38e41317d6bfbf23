// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/confab-im/confab/crypto/engine"
)

// SignWith is sign, for known answers.
var SignWith = sign

// Forgery is a message as only the other side can make it: with a valid MAC
// around whatever is in it.
type Forgery struct {
	Ahead       uint32 // of the number that is next
	PreviousLen uint32
	Blocks      []byte // what is encrypted, with its padding
	// Covered, if not nil, changes what the MAC covers before it does.
	Covered func([]byte) []byte
}

// Forge makes a ratchet message, not a key exchange, with the keys of a session
// that has sent already.
func Forge(state engine.State, f Forgery) ([]byte, error) {
	s, err := decode(state)
	if err != nil {
		return nil, err
	}
	chain := s.sender.chain
	for range f.Ahead {
		chain.step()
	}
	keys := s.keysOf(&chain)
	b, start := s.wire.appendHeader(nil, header{s.sender.public, s.sender.index + f.Ahead, f.PreviousLen}, len(f.Blocks))
	block, err := aes.NewCipher(keys.cipherKey())
	if err != nil {
		return nil, err
	}
	text := make([]byte, len(f.Blocks))
	whole := len(text) / aes.BlockSize * aes.BlockSize
	cipher.NewCBCEncrypter(block, keys.iv()).CryptBlocks(text[:whole], f.Blocks[:whole])
	copy(text[whole:], f.Blocks[whole:])
	covered := append(append([]byte(nil), b[start:]...), text...)
	if f.Covered != nil {
		covered = f.Covered(covered)
	}
	associated := s.wire.associated(s, true)
	mac := keys.mac(s.suite, &associated, covered)
	if s.profile == engine.Profile03 {
		return append(covered, mac[:s.macSize]...), nil
	}
	return appendBytes(appendBytes(nil, 1, mac[:s.macSize]), 2, covered), nil
}
