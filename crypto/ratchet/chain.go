// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"math"
	"slices"

	"github.com/confab-im/confab/crypto/engine"
)

const (
	// keptReceivers is how many of the newest receiving chains are kept.
	keptReceivers = engine.MaxReceivers
	// maxReceivers is how many there may be with the older ones that still hold
	// keys of skipped messages.
	maxReceivers = 32
)

// encrypt advances the sending chain by a message.
func (s *session) encrypt(plaintext []byte) (wire []byte, err error) {
	if err := s.turnToSend(); err != nil {
		return nil, err
	}
	c := s.sender
	if c.index == math.MaxUint32 {
		return nil, fmt.Errorf("number message: chain is exhausted: %w", engine.ErrBadState)
	}
	keys := s.keysOf(&c.chain)
	defer keys.wipe()
	size := paddedSize(len(plaintext))
	b := make([]byte, 0, size+96)
	b, start := s.wire.appendHeader(b, header{c.public, c.index, s.previousLen}, size)
	if b, err = keys.appendSealed(b, plaintext); err != nil {
		return nil, err
	}
	associated := s.wire.associated(s, true)
	mac := keys.mac(s.suite, &associated, b[start:])
	b = s.wire.finish(b, start, mac[:s.macSize])
	c.chain.step()
	c.index++
	if s.pending == (preKeyIDs{}) {
		return b, nil
	}
	return s.wire.wrap(keyExchange{identity: s.local.identity, KeyExchange: engine.KeyExchange{
		RegistrationID: s.local.registration, PreKeyID: s.pending.oneTime, SignedPreKeyID: s.pending.signed,
		Base: s.base, Message: b,
	}}), nil
}

// turnToSend makes the sending half of a turn of the Diffie-Hellman ratchet, if
// the receiving half was the last thing that happened. The new key is made only
// now, so that it is as young as can be and what a mere recipient never needs is
// never computed.
func (s *session) turnToSend() error {
	if s.sender != nil {
		return nil
	}
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make ratchet key: %w", engine.ErrEngine)
	}
	return s.startSending(own, s.receivers[len(s.receivers)-1].public)
}

func (s *session) startSending(own *ecdh.PrivateKey, remote engine.PublicKey) error {
	next, chain, err := s.turn(&s.root, own, remote)
	if err != nil {
		return err
	}
	s.root = next
	s.sender = &sender{
		public: engine.PublicKey(own.PublicKey().Bytes()), private: engine.PrivateKey(own.Bytes()), chain: chain,
	}
	return nil
}

// decrypt decrypts a message and advances the session. When it fails the session
// may only be thrown away.
func (s *session) decrypt(m *message) ([]byte, error) {
	for i := len(s.receivers) - 1; i >= 0; i-- {
		if s.receivers[i].public == m.ratchet {
			return s.decryptKnown(&s.receivers[i], m)
		}
	}
	// The other side makes a new key when it has seen ours. As long as nothing was
	// sent with that, no key can be new, and no scalar multiplication is due.
	if s.sender == nil || s.sender.index == 0 {
		return nil, fmt.Errorf("find chain: %w", engine.ErrBadMAC)
	}
	if err := checkAhead(0, m.number); err != nil {
		return nil, err
	}
	own, err := openKey(s.sender.private, s.sender.public)
	if err != nil {
		return nil, fmt.Errorf("decode state: %w", engine.ErrBadState)
	}
	return s.decryptNew(own, m)
}

// decryptKnown decrypts a message of a chain that is there.
func (s *session) decryptKnown(c *receiver, m *message) ([]byte, error) {
	associated := s.wire.associated(s, false)
	if m.number < c.index {
		i := c.skipped.find(m.number)
		if i < 0 {
			return nil, fmt.Errorf("find message key: %w", engine.ErrDuplicate)
		}
		keys := c.skipped.keys(i)
		defer keys.wipe()
		plain, err := keys.open(s.suite, &associated, m)
		if err != nil {
			return nil, err
		}
		c.skipped = c.skipped.without(i)
		s.pending = preKeyIDs{}
		return plain, nil
	}
	if err := checkAhead(c.index, m.number); err != nil {
		return nil, err
	}
	plain, err := s.openAhead(c, &associated, m)
	if err != nil {
		return nil, err
	}
	s.advance(c, m.number)
	s.pending = preKeyIDs{}
	s.forget()
	return plain, nil
}

// decryptNew decrypts the first message of a chain under a new key of the other
// side: the receiving half of a turn.
func (s *session) decryptNew(own *ecdh.PrivateKey, m *message) ([]byte, error) {
	root, chain, err := s.turn(&s.root, own, m.ratchet)
	if err != nil {
		return nil, err
	}
	c := receiver{public: m.ratchet, chain: chain}
	associated := s.wire.associated(s, false)
	plain, err := s.openAhead(&c, &associated, m)
	if err != nil {
		return nil, err
	}
	s.root = root
	s.previousLen = 0
	if s.sender != nil {
		s.previousLen = s.sender.index
		*s.sender = sender{}
		s.sender = nil
	}
	s.pending = preKeyIDs{}
	s.closeNewest(m.previousLen)
	s.advance(&c, m.number)
	s.receivers = append(s.receivers, c)
	s.forget()
	return plain, nil
}

// checkAhead refuses a message too far ahead of the next one of its chain.
func checkAhead(next, number uint32) error {
	if number-next > engine.MaxSkip || number == math.MaxUint32 {
		return fmt.Errorf("find message key: %w", engine.ErrTooManySkipped)
	}
	return nil
}

// openAhead verifies and decrypts a message without touching the chain. For a
// message n ahead it costs n HMACs before it is known to be authentic; the keys
// of those skipped are derived only afterwards, in advance.
func (s *session) openAhead(c *receiver, associated *[2][32]byte, m *message) ([]byte, error) {
	chain := c.chain
	for range m.number - c.index {
		chain.step()
	}
	keys := s.keysOf(&chain)
	plain, err := keys.open(s.suite, associated, m)
	keys.wipe()
	clear(chain[:])
	return plain, err
}

// advance takes a chain behind the message with this number and stores the keys
// of those before it.
func (s *session) advance(c *receiver, number uint32) {
	s.skipTo(c, number)
	c.chain.step()
	c.index++
}

// skipTo stores the keys of the messages up to this number, without it.
func (s *session) skipTo(c *receiver, number uint32) {
	if c.index == number {
		return
	}
	skipped := make(skippedKeys, len(c.skipped), len(c.skipped)+int(number-c.index)*skippedSize)
	copy(skipped, c.skipped)
	for ; c.index < number; c.index++ {
		keys := s.keysOf(&c.chain)
		skipped = skipped.add(c.index, &keys)
		keys.wipe()
		c.chain.step()
	}
	c.skipped = skipped
}

// closeNewest stores the keys of what was not seen of the newest chain, as the
// header of the first message of the next one tells its length (Double Ratchet
// §2.6). The chain stays all the same, since a length that is too small must not
// cost a message, and one that cannot be is ignored. In 0.3 it is never looked
// at: implementations send one less, or its wrap-around.
func (s *session) closeNewest(length uint32) {
	if s.profile == engine.Profile03 || len(s.receivers) == 0 {
		return
	}
	c := &s.receivers[len(s.receivers)-1]
	if length > c.index && checkAhead(c.index, length) == nil {
		s.skipTo(c, length)
	}
}

// forget drops the oldest chains, but not yet those that hold keys of skipped
// messages, and the keys beyond those that may be stored, from the oldest chain
// on.
func (s *session) forget() {
	stored := 0
	for i := range s.receivers {
		stored += s.receivers[i].skipped.len()
	}
	for i := range s.receivers {
		c := &s.receivers[i]
		over := min(max(stored-engine.MaxStored, 0), c.skipped.len())
		c.skipped = c.skipped[over*skippedSize:]
		stored -= over
	}
	old := len(s.receivers) - keptReceivers
	if old <= 0 {
		return
	}
	kept := slices.DeleteFunc(s.receivers[:old:old], func(c receiver) bool { return len(c.skipped) == 0 })
	s.receivers = append(kept, s.receivers[old:]...)
	if over := len(s.receivers) - maxReceivers; over > 0 {
		s.receivers = s.receivers[over:]
	}
}
