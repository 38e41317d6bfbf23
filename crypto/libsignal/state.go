// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"fmt"

	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/util/optional"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/ratchet"
)

// A stored session is one record state of the module in the binary form of an
// engine.Session, which other engines can read. It holds no previous states:
// archived sessions are states of their own.

// sessionV3 is the version of the protocol that Profile03 is.
const sessionV3 = 3

func encodeState(p engine.Profile, s *record.StateStructure) (engine.State, error) {
	var w converter
	session := w.session(p, s)
	if w.bad {
		return nil, fmt.Errorf("encode state: %w", engine.ErrEngine)
	}
	b, err := session.MarshalBinary()
	if err != nil || len(b) > engine.MaxState {
		return nil, fmt.Errorf("encode state: %w", engine.ErrEngine)
	}
	return b, nil
}

// decodeState copies everything, so that what the module does to the structure
// never reaches the caller's bytes.
func decodeState(state engine.State) (*record.StateStructure, engine.Profile, error) {
	session, err := parseState(state)
	if err != nil {
		return nil, 0, fmt.Errorf("decode state: %w", err)
	}
	return structure(&session), session.Profile, nil
}

// parseState reads a session of this engine or of package ratchet.
func parseState(state engine.State) (engine.Session, error) {
	session, err := engine.ParseSession(state)
	if err == nil {
		return session, nil
	}
	if other, ok := ratchet.Export(state); ok == nil {
		return other, nil
	}
	return engine.Session{}, err
}

// converter turns the module's slices into arrays; bad tells that one had
// another length.
type converter struct{ bad bool }

func (w *converter) session(p engine.Profile, s *record.StateStructure) (out engine.Session) {
	if s == nil || s.SenderChain == nil || s.SenderChain.ChainKey == nil {
		w.bad = true
		return out
	}
	out = engine.Session{
		Profile:            p,
		LocalRegistration:  s.LocalRegistrationID,
		RemoteRegistration: s.RemoteRegistrationID,
		PreviousCounter:    s.PreviousCounter,
	}
	w.key(&out.LocalIdentity, s.LocalIdentityPublic)
	w.key(&out.RemoteIdentity, s.RemoteIdentityPublic)
	w.bytes(out.RootKey[:], s.RootKey)
	w.key(&out.BaseKey, s.SenderBaseKey)
	if s.PendingPreKey != nil && s.PendingPreKey.PreKeyID != nil {
		out.Pending = true
		out.PendingPreKeyID, out.PendingSignedPreKeyID = s.PendingPreKey.PreKeyID.Value, s.PendingPreKey.SignedPreKeyID
	}
	w.key(&out.Sender.Public, s.SenderChain.SenderRatchetKeyPublic)
	w.bytes(out.Sender.Private[:], s.SenderChain.SenderRatchetKeyPrivate)
	w.bytes(out.Sender.ChainKey[:], s.SenderChain.ChainKey.Key)
	out.Sender.Index = s.SenderChain.ChainKey.Index
	for _, c := range s.ReceiverChains {
		var r engine.ReceiverChain
		w.key(&r.Public, c.SenderRatchetKeyPublic)
		w.bytes(r.ChainKey[:], c.ChainKey.Key)
		r.Index = c.ChainKey.Index
		for _, k := range c.MessageKeys {
			skipped := engine.SkippedKey{Index: k.Index}
			w.bytes(skipped.CipherKey[:], k.CipherKey)
			w.bytes(skipped.MACKey[:], k.MacKey)
			w.bytes(skipped.IV[:], k.IV)
			r.Skipped = append(r.Skipped, skipped)
		}
		out.Receivers = append(out.Receivers, r)
	}
	return out
}

func (w *converter) bytes(to, from []byte) {
	if len(from) != len(to) {
		w.bad = true
		return
	}
	copy(to, from)
}

// key takes a public key without its type byte.
func (w *converter) key(to *engine.PublicKey, from []byte) {
	if len(from) != keyLen || from[0] != engine.TypeByte {
		w.bad = true
		return
	}
	copy(to[:], from[1:])
}

// structure is the session as the module has it.
func structure(in *engine.Session) *record.StateStructure {
	s := &record.StateStructure{
		SessionVersion:       sessionV3,
		LocalIdentityPublic:  typed(in.LocalIdentity[:]),
		RemoteIdentityPublic: typed(in.RemoteIdentity[:]),
		LocalRegistrationID:  in.LocalRegistration,
		RemoteRegistrationID: in.RemoteRegistration,
		PreviousCounter:      in.PreviousCounter,
		RootKey:              in.RootKey[:],
		SenderBaseKey:        typed(in.BaseKey[:]),
		SenderChain: &record.ChainStructure{
			SenderRatchetKeyPublic:  typed(in.Sender.Public[:]),
			SenderRatchetKeyPrivate: in.Sender.Private[:],
			ChainKey:                &chain.KeyStructure{Key: in.Sender.ChainKey[:], Index: in.Sender.Index},
		},
	}
	if in.Pending {
		s.PendingPreKey = &record.PendingPreKeyStructure{
			PreKeyID: optional.NewOptionalUint32(in.PendingPreKeyID), SignedPreKeyID: in.PendingSignedPreKeyID,
			BaseKey: s.SenderBaseKey,
		}
	}
	for i := range in.Receivers {
		r := &in.Receivers[i]
		c := &record.ChainStructure{
			SenderRatchetKeyPublic: typed(r.Public[:]),
			ChainKey:               &chain.KeyStructure{Key: r.ChainKey[:], Index: r.Index},
			MessageKeys:            make([]*message.KeysStructure, len(r.Skipped)),
		}
		for j := range r.Skipped {
			k := &r.Skipped[j]
			c.MessageKeys[j] = &message.KeysStructure{
				Index: k.Index, CipherKey: k.CipherKey[:], MacKey: k.MACKey[:], IV: k.IV[:],
			}
		}
		s.ReceiverChains = append(s.ReceiverChains, c)
	}
	return s
}

func typed(k []byte) []byte { return append([]byte{engine.TypeByte}, k...) }
