// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/confab-im/confab/crypto/engine"
)

// Import makes a session of another engine one of this. The methods of [Engine]
// take the binary form of an [engine.Session] too and answer with a state in
// this engine's own form. The error is ErrBadState.
func Import(p engine.Session) (engine.State, error) {
	b, err := p.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("import session: %w", err)
	}
	s, err := decode(b)
	clear(b)
	if err != nil {
		return nil, fmt.Errorf("import session: %w", err)
	}
	defer s.wipe()
	return s.encode(), nil
}

// Export makes a session of this engine one that others can go on with. The
// state it was made from must not be used any more: both would send other
// messages with the same numbers. Chains beyond the newest
// [engine.MaxReceivers] are left behind with their skipped messages. Errors:
// ErrBadState; ErrUnsupported for a session of Profile2, which no other engine
// speaks.
func Export(state engine.State) (engine.Session, error) {
	s, err := decode(state)
	if err != nil {
		return engine.Session{}, fmt.Errorf("export session: %w", err)
	}
	defer s.wipe()
	if s.profile != engine.Profile03 {
		return engine.Session{}, fmt.Errorf("export session: %w", engine.ErrUnsupported)
	}
	// The structure has no room for a turn that was made half.
	if err := s.turnToSend(); err != nil {
		return engine.Session{}, fmt.Errorf("export session: %w", err)
	}
	p := engine.Session{
		Profile: s.profile, Pending: s.pending != (preKeyIDs{}),
		LocalIdentity: s.local.identity, RemoteIdentity: s.remote.identity,
		LocalRegistration: s.local.registration, RemoteRegistration: s.remote.registration,
		PreviousCounter: s.previousLen, RootKey: s.root, BaseKey: s.base,
		PendingPreKeyID: s.pending.oneTime, PendingSignedPreKeyID: s.pending.signed,
		Sender: engine.SenderChain{
			Public: s.sender.public, Private: s.sender.private, ChainKey: s.sender.chain, Index: s.sender.index,
		},
	}
	for _, c := range s.receivers[max(0, len(s.receivers)-engine.MaxReceivers):] {
		r := engine.ReceiverChain{Public: c.public, ChainKey: c.chain, Index: c.index}
		for i := range c.skipped.len() {
			keys := c.skipped.keys(i)
			r.Skipped = append(r.Skipped, engine.SkippedKey{
				Index:     c.skipped.number(i),
				CipherKey: [32]byte(keys.cipherKey()), MACKey: [32]byte(keys.macKey()), IV: [16]byte(keys.iv()),
			})
			keys.wipe()
		}
		p.Receivers = append(p.Receivers, r)
	}
	return p, nil
}

// fromPortable takes over a session that was checked. Who began it is known only
// while it is pending; in Profile03 nothing but Matches asks.
func fromPortable(p *engine.Session) *session {
	s := &session{
		suite: suite03, initiator: p.Pending,
		local:       device{p.LocalIdentity, p.LocalRegistration},
		remote:      device{p.RemoteIdentity, p.RemoteRegistration},
		previousLen: p.PreviousCounter, root: p.RootKey, base: p.BaseKey,
		pending: preKeyIDs{p.PendingPreKeyID, p.PendingSignedPreKeyID},
		sender:  &sender{p.Sender.Public, p.Sender.Private, p.Sender.ChainKey, p.Sender.Index},
	}
	for _, r := range p.Receivers {
		c := receiver{public: r.Public, chain: r.ChainKey, index: r.Index}
		slices.SortFunc(r.Skipped, func(a, b engine.SkippedKey) int { return cmp.Compare(a.Index, b.Index) })
		for _, k := range r.Skipped {
			var keys messageKeys
			copy(keys.cipherKey(), k.CipherKey[:])
			copy(keys.macKey(), k.MACKey[:])
			copy(keys.iv(), k.IV[:])
			c.skipped = c.skipped.add(k.Index, &keys)
			keys.wipe()
		}
		s.receivers = append(s.receivers, c)
	}
	return s
}
