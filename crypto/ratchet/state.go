// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"encoding/binary"
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
)

// session is a decoded state. It is a copy that a call may change as it likes,
// but for the skipped keys, which lie in the state they were decoded from and
// are replaced, not written to.
type session struct {
	*suite
	initiator     bool
	local, remote device
	previousLen   uint32 // own messages in the sending chain before the current one
	root          secret
	base          engine.PublicKey // the ephemeral key of the initiator
	pending       preKeyIDs        // zero when the other side was heard of
	sender        *sender          // nil when the turn to send has to be made first
	receivers     []receiver       // the oldest first
}

// wipe overwrites the copies of secrets; the session cannot be used afterwards.
func (s *session) wipe() {
	clear(s.root[:])
	if s.sender != nil {
		*s.sender = sender{}
	}
	for i := range s.receivers {
		clear(s.receivers[i].chain[:])
	}
}

// device is one end. The identity is in the form of the profile's wire.
type device struct {
	identity     [32]byte
	registration uint32
}

// preKeyIDs name the prekeys of the other side that an initiator used.
type preKeyIDs struct{ oneTime, signed uint32 }

// sender is the chain of own messages.
type sender struct {
	public  engine.PublicKey
	private engine.PrivateKey
	chain   secret
	index   uint32 // number of the next message
}

// receiver is a chain of the other side's messages.
type receiver struct {
	public  engine.PublicKey
	chain   secret
	index   uint32 // number of the next message
	skipped skippedKeys
}

// The native form, big endian: magic, format, profile and flags; two devices of
// identity and registration id; length of the previous chain, root key, base
// key; the two prekey ids if pending; the sender if there is one; the number of
// receivers; the receivers, each with its skipped keys behind it.
const (
	magic  = 'R'
	format = 1

	flagPending   = 1
	flagInitiator = 2
	flagSender    = 4
	allFlags      = flagPending | flagInitiator | flagSender

	headSize     = 4 + 2*(32+4) + 4 + 32 + 32
	pendingSize  = 4 + 4
	senderSize   = 3*32 + 4
	receiverSize = 32 + 32 + 4 + 2
	skippedSize  = 4 + len(messageKeys{})
)

func (s *session) encode() engine.State {
	size := headSize + pendingSize + senderSize + 1
	for i := range s.receivers {
		size += receiverSize + len(s.receivers[i].skipped)
	}
	var flags byte
	if s.pending != (preKeyIDs{}) {
		flags |= flagPending
	}
	if s.initiator {
		flags |= flagInitiator
	}
	if s.sender != nil {
		flags |= flagSender
	}
	b := make([]byte, 0, size)
	b = append(b, magic, format, byte(s.profile), flags)
	for _, d := range [...]*device{&s.local, &s.remote} {
		b = append(b, d.identity[:]...)
		b = binary.BigEndian.AppendUint32(b, d.registration)
	}
	b = binary.BigEndian.AppendUint32(b, s.previousLen)
	b = append(b, s.root[:]...)
	b = append(b, s.base[:]...)
	if flags&flagPending != 0 {
		b = binary.BigEndian.AppendUint32(b, s.pending.oneTime)
		b = binary.BigEndian.AppendUint32(b, s.pending.signed)
	}
	if s.sender != nil {
		b = append(b, s.sender.public[:]...)
		b = append(b, s.sender.private[:]...)
		b = append(b, s.sender.chain[:]...)
		b = binary.BigEndian.AppendUint32(b, s.sender.index)
	}
	b = append(b, byte(len(s.receivers)))
	for i := range s.receivers {
		r := &s.receivers[i]
		b = append(b, r.public[:]...)
		b = append(b, r.chain[:]...)
		b = binary.BigEndian.AppendUint32(b, r.index)
		b = binary.BigEndian.AppendUint16(b, uint16(r.skipped.len()))
		b = append(b, r.skipped...)
	}
	return b
}

// decode reads a state in either form. The error is ErrBadState.
func decode(state engine.State) (*session, error) {
	if len(state) > 0 && state[0] != magic {
		portable, err := engine.ParseSession(state)
		if err != nil {
			return nil, fmt.Errorf("decode state: %w", err)
		}
		return fromPortable(&portable), nil
	}
	s, ok := decodeNative(state)
	if !ok {
		return nil, fmt.Errorf("decode state: %w", engine.ErrBadState)
	}
	return s, nil
}

// decodeNative accepts exactly what encode makes.
func decodeNative(b []byte) (*session, bool) {
	if len(b) < headSize+1 || len(b) > engine.MaxState || b[0] != magic || b[1] != format || b[3]&^allFlags != 0 {
		return nil, false
	}
	suite, err := suiteOf(engine.Profile(b[2]))
	if err != nil {
		return nil, false
	}
	flags, r := b[3], reader{b[4:]}
	s := &session{suite: suite, initiator: flags&flagInitiator != 0}
	for _, d := range [...]*device{&s.local, &s.remote} {
		r.bytes(d.identity[:])
		d.registration = r.uint32()
	}
	s.previousLen = r.uint32()
	r.bytes(s.root[:])
	r.bytes(s.base[:])
	if flags&flagPending != 0 {
		if len(r.rest) < pendingSize {
			return nil, false
		}
		s.pending = preKeyIDs{r.uint32(), r.uint32()}
		if s.pending.oneTime == 0 || !s.initiator || flags&flagSender == 0 {
			return nil, false
		}
	}
	if flags&flagSender != 0 {
		if len(r.rest) < senderSize {
			return nil, false
		}
		s.sender = new(sender)
		r.bytes(s.sender.public[:])
		r.bytes(s.sender.private[:])
		r.bytes(s.sender.chain[:])
		s.sender.index = r.uint32()
	}
	if s.base.Check() != nil || s.sender != nil && s.sender.public.Check() != nil || len(r.rest) == 0 {
		return nil, false
	}
	return s, s.decodeReceivers(&r)
}

func (s *session) decodeReceivers(r *reader) bool {
	n, stored := int(r.rest[0]), 0
	r.rest = r.rest[1:]
	if n > maxReceivers || n == 0 && s.sender == nil {
		return false
	}
	s.receivers = make([]receiver, n, n+1)
	for i := range s.receivers {
		if len(r.rest) < receiverSize {
			return false
		}
		c := &s.receivers[i]
		r.bytes(c.public[:])
		r.bytes(c.chain[:])
		c.index = r.uint32()
		count := int(binary.BigEndian.Uint16(r.rest))
		r.rest = r.rest[2:]
		if len(r.rest) < count*skippedSize {
			return false
		}
		c.skipped = skippedKeys(r.rest[: count*skippedSize : count*skippedSize])
		r.rest = r.rest[count*skippedSize:]
		stored += count
		if c.public.Check() != nil || !c.skipped.ascendBelow(c.index) {
			return false
		}
		for j := range i {
			if s.receivers[j].public == c.public {
				return false
			}
		}
	}
	return len(r.rest) == 0 && stored <= engine.MaxStored
}

// reader takes values off the front of what its user has measured.
type reader struct{ rest []byte }

func (r *reader) bytes(to []byte) { r.rest = r.rest[copy(to, r.rest):] }

func (r *reader) uint32() uint32 {
	n := binary.BigEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return n
}
