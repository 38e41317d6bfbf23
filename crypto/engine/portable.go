// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"encoding/binary"
	"fmt"
)

// Session is a live session of Profile03 in the structure that implementations
// of the Signal protocol share, by which it moves from one engine to another. It
// is as secret as a [State].
type Session struct {
	Profile Profile // Profile03
	// Pending tells that this side began the session and has not heard of the
	// other one: what it sends are key exchanges.
	Pending bool
	// The identity keys, in Curve25519 form.
	LocalIdentity, RemoteIdentity         PublicKey
	LocalRegistration, RemoteRegistration uint32
	// PreviousCounter is the number of messages in the sending chain before the
	// current one.
	PreviousCounter uint32
	RootKey         [32]byte
	// BaseKey is the public ephemeral key of the side that began the session.
	BaseKey PublicKey
	// The prekeys of the other side, while Pending; else 0.
	PendingPreKeyID, PendingSignedPreKeyID uint32
	Sender                                 SenderChain
	Receivers                              []ReceiverChain // at most MaxReceivers, the oldest first
}

// SenderChain is the chain this side encrypts with. Index is the number of the
// next message.
type SenderChain struct {
	Public   PublicKey
	Private  PrivateKey
	ChainKey [32]byte
	Index    uint32
}

// ReceiverChain is a chain of the other side. Index is the number of the first
// message not yet seen or skipped.
type ReceiverChain struct {
	Public   PublicKey
	ChainKey [32]byte
	Index    uint32
	Skipped  []SkippedKey
}

// SkippedKey is what decrypts one message that was skipped.
type SkippedKey struct {
	Index             uint32
	CipherKey, MACKey [32]byte
	IV                [16]byte
}

// MaxReceivers is the largest number of receiver chains of a [Session].
const MaxReceivers = 5

// The binary form of a Session, big endian throughout.
const (
	sessionMagic   = 'L'
	sessionFormat  = 1
	sessionPending = 1

	sessionHead    = 4 + 2*32 + 3*4 + 2*32 + 2*4 + (3*32 + 4) + 1
	sessionChain   = 32 + 32 + 4 + 2
	sessionSkipped = 4 + 32 + 32 + 16
)

// MarshalBinary encodes the session. [ParseSession] reads it. The error is
// ErrBadState for a session that cannot be.
func (s *Session) MarshalBinary() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, sessionHead+len(s.Receivers)*sessionChain)
	var flags byte
	if s.Pending {
		flags = sessionPending
	}
	b = append(b, sessionMagic, sessionFormat, byte(s.Profile), flags)
	b = append(b, s.LocalIdentity[:]...)
	b = append(b, s.RemoteIdentity[:]...)
	for _, n := range []uint32{s.LocalRegistration, s.RemoteRegistration, s.PreviousCounter} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = append(b, s.RootKey[:]...)
	b = append(b, s.BaseKey[:]...)
	b = binary.BigEndian.AppendUint32(b, s.PendingPreKeyID)
	b = binary.BigEndian.AppendUint32(b, s.PendingSignedPreKeyID)
	b = append(b, s.Sender.Public[:]...)
	b = append(b, s.Sender.Private[:]...)
	b = append(b, s.Sender.ChainKey[:]...)
	b = binary.BigEndian.AppendUint32(b, s.Sender.Index)
	b = append(b, byte(len(s.Receivers)))
	for _, c := range s.Receivers {
		b = append(b, c.Public[:]...)
		b = append(b, c.ChainKey[:]...)
		b = binary.BigEndian.AppendUint32(b, c.Index)
		b = binary.BigEndian.AppendUint16(b, uint16(len(c.Skipped)))
		for _, k := range c.Skipped {
			b = binary.BigEndian.AppendUint32(b, k.Index)
			b = append(b, k.CipherKey[:]...)
			b = append(b, k.MACKey[:]...)
			b = append(b, k.IV[:]...)
		}
	}
	return b, nil
}

// ParseSession reads what [Session.MarshalBinary] wrote, and nothing else: what
// it accepts encodes to the same bytes. The error is ErrBadState.
func ParseSession(b []byte) (Session, error) {
	bad := fmt.Errorf("parse session: %w", ErrBadState)
	if len(b) < sessionHead || len(b) > MaxState || b[0] != sessionMagic || b[1] != sessionFormat || b[3]&^sessionPending != 0 {
		return Session{}, bad
	}
	s := Session{Profile: Profile(b[2]), Pending: b[3] == sessionPending}
	r := sessionReader{b[4:]}
	r.bytes(s.LocalIdentity[:])
	r.bytes(s.RemoteIdentity[:])
	s.LocalRegistration, s.RemoteRegistration, s.PreviousCounter = r.uint32(), r.uint32(), r.uint32()
	r.bytes(s.RootKey[:])
	r.bytes(s.BaseKey[:])
	s.PendingPreKeyID, s.PendingSignedPreKeyID = r.uint32(), r.uint32()
	r.bytes(s.Sender.Public[:])
	r.bytes(s.Sender.Private[:])
	r.bytes(s.Sender.ChainKey[:])
	s.Sender.Index = r.uint32()
	for range r.byte() {
		if len(r.rest) < sessionChain {
			return Session{}, bad
		}
		var c ReceiverChain
		r.bytes(c.Public[:])
		r.bytes(c.ChainKey[:])
		c.Index = r.uint32()
		n := r.uint16()
		if len(r.rest) < n*sessionSkipped {
			return Session{}, bad
		}
		for range n {
			var k SkippedKey
			k.Index = r.uint32()
			r.bytes(k.CipherKey[:])
			r.bytes(k.MACKey[:])
			r.bytes(k.IV[:])
			c.Skipped = append(c.Skipped, k)
		}
		s.Receivers = append(s.Receivers, c)
	}
	if len(r.rest) != 0 {
		return Session{}, bad
	}
	if err := s.check(); err != nil {
		return Session{}, err
	}
	return s, nil
}

// check refuses what no engine makes.
func (s *Session) check() error {
	bad := fmt.Errorf("check session: %w", ErrBadState)
	if s.Profile != Profile03 || len(s.Receivers) > MaxReceivers {
		return bad
	}
	if s.Pending != (s.PendingPreKeyID != 0) || !s.Pending && s.PendingSignedPreKeyID != 0 {
		return bad
	}
	for _, k := range []PublicKey{s.LocalIdentity, s.RemoteIdentity, s.BaseKey, s.Sender.Public} {
		if k.Check() != nil {
			return bad
		}
	}
	stored := 0
	seen := make(map[PublicKey]bool, MaxReceivers)
	for _, c := range s.Receivers {
		if c.Public.Check() != nil || seen[c.Public] {
			return bad
		}
		seen[c.Public] = true
		stored += len(c.Skipped)
		skipped := make(map[uint32]bool, len(c.Skipped))
		for _, k := range c.Skipped {
			if k.Index >= c.Index || skipped[k.Index] {
				return bad
			}
			skipped[k.Index] = true
		}
	}
	if stored > MaxStored {
		return bad
	}
	return nil
}

// sessionReader takes values off the front of what its user has measured.
type sessionReader struct{ rest []byte }

func (r *sessionReader) bytes(to []byte) { r.rest = r.rest[copy(to, r.rest):] }

func (r *sessionReader) byte() byte {
	n := r.rest[0]
	r.rest = r.rest[1:]
	return n
}

func (r *sessionReader) uint16() int {
	n := binary.BigEndian.Uint16(r.rest)
	r.rest = r.rest[2:]
	return int(n)
}

func (r *sessionReader) uint32() uint32 {
	n := binary.BigEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return n
}
