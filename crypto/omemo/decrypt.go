// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"errors"
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
)

// opened is a key element that was decrypted; nothing of it is stored yet.
type opened struct {
	material []byte
	next     engine.State
	seq      int64 // 0: a new session
	promote  bool
	preKey   uint32 // one-time prekey used, 0: none
	identity engine.PublicKey
}

// incoming is what stays the same while the key elements of an envelope are
// tried.
type incoming struct {
	from  Address
	self  engine.IdentityKey
	row   deviceRow
	known bool // row is in the store
}

// Decrypt decrypts a message from a device of sender, a bare JID that the caller
// has checked. A DecryptError says why it cannot be read; then nothing in the
// store was changed. Other errors come from the store.
//
// All key elements for the own device id are tried, as ids of different
// accounts may be the same, and for each all sessions with the device from the
// newest to the oldest. A row is changed only after both the session's MAC and
// the payload were verified.
func (m *Manager) Decrypt(ctx context.Context, st Store, sender string, env Envelope) (Result, error) {
	res, err := m.decrypt(ctx, st, sender, env)
	var failed *DecryptError
	if errors.As(err, &failed) {
		failed.Profile, failed.Sender = m.profile, Address{sender, env.SID}
		m.log.Debug("message not decrypted", "reason", failed.Code(), "sid", env.SID)
	}
	return res, err
}

func (m *Manager) decrypt(ctx context.Context, st Store, sender string, env Envelope) (Result, error) {
	self, err := m.own(ctx, st)
	if err != nil {
		return Result{}, fmt.Errorf("decrypt message: %w", err)
	}
	in := incoming{from: Address{sender, env.SID}, self: self}
	keys, err := m.candidates(in, env)
	if err != nil {
		return Result{}, err
	}
	var total int
	if in.row, in.known, total, err = m.device(ctx, st, in.from); err != nil {
		return Result{}, fmt.Errorf("decrypt message: %w", err)
	}
	if !in.known && total >= m.limits.Devices*known {
		return Result{}, refuse(ReasonRefused, ErrTooManyDevices)
	}
	if in.row.identity != nil {
		if err := m.admit(ctx, st, sender, *in.row.identity); err != nil {
			return Result{}, err
		}
	}
	var worst *DecryptError
	for _, k := range keys {
		o, err := m.open(ctx, st, in, k)
		var plain []byte
		if err == nil {
			plain, err = m.openPayload(o.material, env)
		}
		if err == nil {
			return m.commitReceived(ctx, st, in, o, plain, env.Payload == nil)
		}
		var failed *DecryptError
		if !errors.As(err, &failed) {
			return Result{}, fmt.Errorf("decrypt message: %w", err)
		}
		worst = worse(worst, failed)
	}
	return Result{}, worst
}

// candidates are the key elements that may be for this device.
func (m *Manager) candidates(in incoming, env Envelope) ([]Key, error) {
	switch {
	case !bareJID(in.from.JID) || !validID(env.SID):
		return nil, refuse(ReasonMalformed, ErrBadAddress)
	case env.Profile != m.profile:
		return nil, refuse(ReasonMalformed, engine.ErrUnsupported)
	case in.from == Address{m.jid, in.self.RegistrationID}:
		return nil, refuse(ReasonOwnMessage, nil)
	case len(env.Payload) > m.limits.Payload || len(env.Keys) > m.limits.Keys:
		return nil, refuse(ReasonMalformed, ErrTooLarge)
	}
	var keys []Key
	for _, k := range env.Keys {
		if k.RID != in.self.RegistrationID || (m.scheme.namesOwner() && k.JID != m.jid) {
			continue
		}
		if len(keys) == m.limits.Candidates {
			break
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, refuse(ReasonNotForThisDevice, nil)
	}
	return keys, nil
}

// admit refuses messages from compromised keys.
func (m *Manager) admit(ctx context.Context, st Store, jid string, k engine.PublicKey) error {
	s, _, err := m.trust(ctx, st, jid, k)
	if err != nil {
		return err
	}
	if trust.Incoming(s) == trust.Refuse {
		return refuse(ReasonRefused, ErrRefused)
	}
	return nil
}

func (m *Manager) open(ctx context.Context, st Store, in incoming, k Key) (opened, error) {
	seqs, states, err := m.sessions(ctx, st, in.from)
	if err != nil {
		return opened{}, err
	}
	if k.PreKey {
		return m.openKeyExchange(ctx, st, in, k.Data, seqs, states)
	}
	if len(seqs) == 0 {
		return opened{}, refuse(ReasonNoSession, ErrNoSession)
	}
	var worst *DecryptError
	for i := range seqs {
		next, plain, err := m.engine.Decrypt(states[i], k.Data)
		if err == nil {
			return m.bound(in, opened{material: plain, next: next, seq: seqs[i], promote: i > 0})
		}
		worst = worse(worst, engineError(err))
		if errors.Is(err, engine.ErrMalformed) || errors.Is(err, engine.ErrBadKey) {
			break // it would be to every session
		}
	}
	return opened{}, worst
}

// openKeyExchange decrypts with the session the key exchange created before, or
// accepts it as a new one.
func (m *Manager) openKeyExchange(ctx context.Context, st Store, in incoming, wire []byte, seqs []int64, states []engine.State) (opened, error) {
	kex, err := m.engine.ParseKeyExchange(m.profile, wire)
	if err != nil {
		return opened{}, engineError(err)
	}
	if in.row.identity != nil && kex.Identity != *in.row.identity {
		return opened{}, refuse(ReasonIdentityChanged, ErrIdentityChanged)
	}
	if kex.Identity == in.self.Public {
		return opened{}, refuse(ReasonMalformed, engine.ErrBadKey)
	}
	if err := m.admit(ctx, st, in.from.JID, kex.Identity); err != nil {
		return opened{}, err
	}
	for i := range seqs {
		same, err := m.engine.Matches(states[i], kex)
		if err != nil || !same {
			continue // an unreadable row is not this one
		}
		next, plain, err := m.engine.Decrypt(states[i], wire)
		if err != nil {
			return opened{}, engineError(err)
		}
		return m.bound(in, opened{material: plain, next: next, seq: seqs[i], promote: i > 0})
	}
	oneTime, used, ok, err := m.preKey(ctx, st, kex.PreKeyID)
	if err != nil {
		return opened{}, err
	}
	if used {
		// A used prekey is good only for what lay in the archive meanwhile.
		if ok, err = st.CatchingUp(ctx); err != nil {
			return opened{}, fmt.Errorf("read catch-up state: %w", err)
		}
	}
	if !ok || kex.SignedPreKeyID == 0 {
		return opened{}, refuse(ReasonPreKeyGone, engine.ErrNoOneTimePreKey)
	}
	signed, _, ok, err := m.signedPreKey(ctx, st, kex.SignedPreKeyID)
	if err != nil {
		return opened{}, err
	}
	if !ok {
		return opened{}, refuse(ReasonPreKeyGone, nil)
	}
	next, plain, err := m.engine.Accept(m.profile, in.self, signed, oneTime, wire)
	if err != nil {
		return opened{}, engineError(err)
	}
	return m.bound(in, opened{material: plain, next: next, preKey: oneTime.ID})
}

// bound checks that the session is one with the identity key the device has.
func (m *Manager) bound(in incoming, o opened) (opened, error) {
	var err error
	if o.identity, err = m.engine.RemoteIdentity(o.next); err != nil {
		return opened{}, engineError(err)
	}
	if in.row.identity != nil && o.identity != *in.row.identity {
		return opened{}, refuse(ReasonIdentityChanged, ErrIdentityChanged)
	}
	return o, nil
}

func (m *Manager) openPayload(material []byte, env Envelope) ([]byte, error) {
	if env.Payload == nil {
		if !m.scheme.isEmpty(material) {
			return nil, refuse(ReasonMalformed, errMaterial)
		}
		return nil, nil
	}
	plain, err := m.scheme.open(material, env.IV, env.Payload)
	switch {
	case errors.Is(err, errMaterial):
		return nil, refuse(ReasonMalformed, err)
	case err != nil:
		return nil, refuse(ReasonBadPayload, err)
	case plain == nil:
		plain = []byte{}
	}
	return plain, nil
}

// commitReceived stores what a verified message changes.
func (m *Manager) commitReceived(ctx context.Context, st Store, in incoming, o opened, plain []byte, empty bool) (Result, error) {
	p, jid, id := uint8(m.profile), in.from.JID, in.from.Device
	if !in.known {
		// Active only once its owner's device list says so.
		if err := st.SaveDevice(ctx, p, jid, id, false); err != nil {
			return Result{}, fmt.Errorf("save device: %w", err)
		}
	}
	if in.row.identity == nil {
		if err := st.SetDeviceIdentity(ctx, p, jid, id, o.identity[:]); err != nil {
			return Result{}, fmt.Errorf("save identity: %w", err)
		}
	}
	state, fresh, err := m.ensureTrust(ctx, st, jid, o.identity)
	if err != nil {
		return Result{}, err
	}
	if _, err := st.SaveSession(ctx, p, jid, id, o.seq, o.next); err != nil {
		return Result{}, fmt.Errorf("save session: %w", err)
	}
	if o.promote {
		if err := st.PromoteSession(ctx, p, jid, id, o.seq); err != nil {
			return Result{}, fmt.Errorf("promote session: %w", err)
		}
	}
	if o.preKey != 0 {
		if err := st.MarkPreKeyUsed(ctx, o.preKey); err != nil {
			return Result{}, fmt.Errorf("mark prekey used: %w", err)
		}
	}
	unanswered, err := st.TouchDevice(ctx, p, jid, id, m.now(), true)
	if err != nil {
		return Result{}, fmt.Errorf("count unanswered messages: %w", err)
	}
	return Result{
		Profile: m.profile, Plaintext: plain, Empty: empty, Sender: in.from, Identity: o.identity,
		Trust: state, Verdict: trust.Incoming(state), NewKey: fresh,
		PreKeyUsed: o.preKey != 0, AnswerNeeded: o.preKey != 0,
		HeartbeatNeeded: unanswered >= m.limits.HeartbeatAfter,
	}, nil
}

func refuse(r Reason, err error) *DecryptError { return &DecryptError{Reason: r, Err: err} }

func engineError(err error) *DecryptError {
	for _, m := range []struct {
		is error
		r  Reason
	}{
		{engine.ErrDuplicate, ReasonDuplicate},
		{engine.ErrBadMAC, ReasonBadMAC},
		{engine.ErrTooManySkipped, ReasonTooFarAhead},
		{engine.ErrMalformed, ReasonMalformed},
		{engine.ErrBadKey, ReasonMalformed},
		{engine.ErrNoOneTimePreKey, ReasonPreKeyGone},
	} {
		if errors.Is(err, m.is) {
			return refuse(m.r, err)
		}
	}
	return refuse(ReasonEngine, err)
}

// telling orders reasons by how much they say about the message: of several
// attempts the one that says most is reported.
var telling = map[Reason]int{
	ReasonNoSession:       1,
	ReasonMalformed:       2,
	ReasonBadMAC:          3,
	ReasonEngine:          4,
	ReasonPreKeyGone:      5,
	ReasonTooFarAhead:     6,
	ReasonDuplicate:       7,
	ReasonBadPayload:      8,
	ReasonRefused:         9,
	ReasonIdentityChanged: 10,
}

func worse(a, b *DecryptError) *DecryptError {
	if a == nil || telling[b.Reason] > telling[a.Reason] {
		return b
	}
	return a
}
