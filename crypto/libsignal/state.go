// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"encoding/binary"
	"fmt"
	"slices"

	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/util/optional"

	"github.com/confab-im/confab/crypto/engine"
)

// A stored session is one record state of the module in an encoding of ours,
// big endian:
//
//	magic 'L', format 1, profile, flags (1: key exchange pending)
//	local identity 32, remote identity 32
//	local registration 4, remote registration 4, previous counter 4
//	root key 32, base key 32
//	pending prekey id 4, pending signed prekey id 4
//	sender chain: public 32, private 32, chain key 32, index 4
//	count of receiver chains 1, each:
//	  public 32, chain key 32, index 4, count of keys 2, each:
//	    index 4, cipher key 32, MAC key 32, IV 16
//
// It holds no previous states: archived sessions are states of their own.
const (
	stateMagic  = 'L'
	stateFormat = 1

	flagPending = 1

	offLocal     = 4
	offRemote    = offLocal + 32
	offBase      = offRemote + 32 + 12 + 32
	stateMin     = offBase + 32 + 8 + 100 + 1
	storedKey    = 4 + 32 + 32 + 16
	maxReceivers = 5
	sessionV3    = 3
)

func encodeState(p engine.Profile, s *record.StateStructure) (engine.State, error) {
	if s == nil || s.SenderChain == nil || len(s.ReceiverChains) > maxReceivers {
		return nil, fmt.Errorf("encode state: %w", engine.ErrEngine)
	}
	size := stateMin
	for _, c := range s.ReceiverChains {
		size += 70 + storedKey*len(c.MessageKeys)
	}
	w := writer{b: make([]byte, 0, size)}
	var flags byte
	pending := record.PendingPreKeyStructure{PreKeyID: optional.NewEmptyUint32()}
	if s.PendingPreKey != nil {
		flags, pending = flagPending, *s.PendingPreKey
	}
	w.b = append(w.b, stateMagic, stateFormat, byte(p), flags)
	w.key(s.LocalIdentityPublic)
	w.key(s.RemoteIdentityPublic)
	w.uint32(s.LocalRegistrationID)
	w.uint32(s.RemoteRegistrationID)
	w.uint32(s.PreviousCounter)
	w.fixed(s.RootKey, 32)
	w.key(s.SenderBaseKey)
	w.uint32(pending.PreKeyID.Value)
	w.uint32(pending.SignedPreKeyID)
	w.key(s.SenderChain.SenderRatchetKeyPublic)
	w.fixed(s.SenderChain.SenderRatchetKeyPrivate, 32)
	w.fixed(s.SenderChain.ChainKey.Key, 32)
	w.uint32(s.SenderChain.ChainKey.Index)
	w.b = append(w.b, byte(len(s.ReceiverChains)))
	for _, c := range s.ReceiverChains {
		w.key(c.SenderRatchetKeyPublic)
		w.fixed(c.ChainKey.Key, 32)
		w.uint32(c.ChainKey.Index)
		w.b = binary.BigEndian.AppendUint16(w.b, uint16(len(c.MessageKeys)))
		for _, k := range c.MessageKeys {
			w.uint32(k.Index)
			w.fixed(k.CipherKey, 32)
			w.fixed(k.MacKey, 32)
			w.fixed(k.IV, 16)
		}
	}
	if w.bad || len(w.b) != size || size > engine.MaxState {
		return nil, fmt.Errorf("encode state: %w", engine.ErrEngine)
	}
	return w.b, nil
}

// decodeState copies everything, so that what the module does to the structure
// never reaches the caller's bytes.
func decodeState(state engine.State) (*record.StateStructure, engine.Profile, error) {
	if err := checkHeader(state); err != nil {
		return nil, 0, err
	}
	r := stateReader{b: slices.Clone([]byte(state[offLocal:]))}
	s := &record.StateStructure{SessionVersion: sessionV3}
	s.LocalIdentityPublic = r.key()
	s.RemoteIdentityPublic = r.key()
	s.LocalRegistrationID = r.uint32()
	s.RemoteRegistrationID = r.uint32()
	s.PreviousCounter = r.uint32()
	s.RootKey = r.fixed(32)
	s.SenderBaseKey = r.key()
	preKeyID, signedID := r.uint32(), r.uint32()
	if state[3] == flagPending {
		s.PendingPreKey = &record.PendingPreKeyStructure{
			PreKeyID: optional.NewOptionalUint32(preKeyID), SignedPreKeyID: signedID, BaseKey: s.SenderBaseKey,
		}
	} else if preKeyID != 0 || signedID != 0 {
		r.bad = true
	}
	s.SenderChain = &record.ChainStructure{
		SenderRatchetKeyPublic:  r.key(),
		SenderRatchetKeyPrivate: r.fixed(32),
		ChainKey:                &chain.KeyStructure{Key: r.fixed(32), Index: r.uint32()},
	}
	receivers := int(r.byte())
	if receivers > maxReceivers {
		r.bad = true
	}
	stored := 0
	for i := 0; i < receivers && !r.bad; i++ {
		c := &record.ChainStructure{
			SenderRatchetKeyPublic: r.key(),
			ChainKey:               &chain.KeyStructure{Key: r.fixed(32), Index: r.uint32()},
		}
		n := int(r.uint16())
		if stored += n; stored > engine.MaxStored || n*storedKey > len(r.b) {
			r.bad = true
			break
		}
		c.MessageKeys = make([]*message.KeysStructure, n)
		for j := range c.MessageKeys {
			c.MessageKeys[j] = &message.KeysStructure{
				Index: r.uint32(), CipherKey: r.fixed(32), MacKey: r.fixed(32), IV: r.fixed(16),
			}
		}
		s.ReceiverChains = append(s.ReceiverChains, c)
	}
	if r.bad || len(r.b) != 0 {
		return nil, 0, fmt.Errorf("decode state: %w", engine.ErrBadState)
	}
	return s, engine.Profile(state[2]), nil
}

// checkHeader is enough for reading fields at a fixed place.
func checkHeader(state engine.State) error {
	if len(state) < stateMin || len(state) > engine.MaxState || state[0] != stateMagic ||
		state[1] != stateFormat || engine.Profile(state[2]) != engine.Profile03 || state[3] > flagPending {
		return fmt.Errorf("decode state: %w", engine.ErrBadState)
	}
	return nil
}

type writer struct {
	b   []byte
	bad bool
}

func (w *writer) uint32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }

func (w *writer) fixed(v []byte, n int) {
	if len(v) != n {
		w.bad = true
		return
	}
	w.b = append(w.b, v...)
}

// key writes a public key without its type byte.
func (w *writer) key(v []byte) {
	if len(v) != keyLen || v[0] != engine.TypeByte {
		w.bad = true
		return
	}
	w.b = append(w.b, v[1:]...)
}

type stateReader struct {
	b   []byte
	bad bool
}

func (r *stateReader) fixed(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return make([]byte, n)
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *stateReader) byte() byte     { return r.fixed(1)[0] }
func (r *stateReader) uint16() uint16 { return binary.BigEndian.Uint16(r.fixed(2)) }
func (r *stateReader) uint32() uint32 { return binary.BigEndian.Uint32(r.fixed(4)) }

// key reads a public key and gives it its type byte.
func (r *stateReader) key() []byte { return typed(r.fixed(32)) }

func typed(k []byte) []byte { return append([]byte{engine.TypeByte}, k...) }
