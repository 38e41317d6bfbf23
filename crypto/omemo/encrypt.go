// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
)

// sealed is a session that has encrypted but is not stored yet.
type sealed struct {
	addr Address
	seq  int64
	next engine.State
	key  Key
}

// Encrypt encrypts a message to all trusted active devices of jids and to the
// own other ones. The payload is encrypted once.
//
// Nothing is changed, and the error is a DecisionError, when the user has to
// decide about a key first; or a NoDevicesError, when one of jids has no device
// the message could be encrypted to (to jids that are the own one alone: when
// there is no other own device). The Report tells in these cases too what would
// have happened to each device. Devices without a session are left out and
// reported; fetch their bundles first, see MissingSessions. Other errors:
// ErrTooLarge, ErrBadAddress.
func (m *Manager) Encrypt(ctx context.Context, st Store, plaintext []byte, jids []string) (Envelope, Report, error) {
	if len(plaintext) > m.limits.Payload {
		return Envelope{}, Report{}, fmt.Errorf("encrypt message: %w", ErrTooLarge)
	}
	if len(jids) == 0 {
		return Envelope{}, Report{}, fmt.Errorf("encrypt message: %w", ErrBadAddress)
	}
	self, err := m.own(ctx, st)
	if err != nil {
		return Envelope{}, Report{}, fmt.Errorf("encrypt message: %w", err)
	}
	targets, err := m.targets(ctx, st, jids)
	if err != nil {
		return Envelope{}, Report{}, fmt.Errorf("encrypt message: %w", err)
	}
	material, iv, payload, err := m.scheme.seal(m.rand, plaintext)
	if err != nil {
		return Envelope{}, Report{}, fmt.Errorf("encrypt message: %w", err)
	}
	out, report, err := m.sealAll(ctx, st, targets, material)
	if err != nil {
		return Envelope{}, report, err
	}
	if err := m.decide(report, jids); err != nil {
		return Envelope{}, report, err
	}
	env := Envelope{SID: self.RegistrationID, IV: iv, Payload: payload, Keys: make([]Key, 0, len(out))}
	for _, s := range out {
		if err := m.commitSent(ctx, st, s); err != nil {
			return Envelope{}, report, err
		}
		env.Keys = append(env.Keys, s.key)
	}
	return env, report, nil
}

// sealAll encrypts to every device it may, without storing anything.
func (m *Manager) sealAll(ctx context.Context, st Store, targets []target, material []byte) ([]sealed, Report, error) {
	var out []sealed
	report := Report{Devices: make([]DeviceReport, 0, len(targets))}
	for _, t := range targets {
		d := DeviceReport{Address: t.addr}
		switch {
		case t.row.identity == nil:
			d.Outcome = NoSession
		case t.decision == trust.Omit:
			d.Outcome = Omitted
		case t.decision != trust.Encrypt:
			d.Outcome = Undecided
		default:
			s, err := m.seal(ctx, st, t.addr, *t.row.identity, material)
			switch {
			case err == nil:
				d.Outcome, d.KeyExchange = Encrypted, s.key.PreKey
				out = append(out, s)
			case errors.Is(err, ErrNoSession):
				d.Outcome = NoSession
			case isSessionError(err):
				d.Outcome, d.Err = Failed, err
			default:
				return nil, report, fmt.Errorf("encrypt message: %w", err)
			}
		}
		report.Devices = append(report.Devices, d)
	}
	return out, report, nil
}

// isSessionError tells what is wrong with one session from what is wrong with
// the store.
func isSessionError(err error) bool {
	var coded *engine.CodedError
	return errors.As(err, &coded) || errors.Is(err, ErrIdentityChanged)
}

// seal encrypts the key material to one device.
func (m *Manager) seal(ctx context.Context, st Store, a Address, identity engine.PublicKey, material []byte) (sealed, error) {
	seq, state, err := m.current(ctx, st, a, identity)
	if err != nil {
		return sealed{}, err
	}
	next, wire, kex, err := m.engine.Encrypt(state, material)
	if err != nil {
		return sealed{}, err
	}
	s := sealed{addr: a, seq: seq, next: next, key: Key{RID: a.Device, PreKey: kex, Data: wire}}
	if m.scheme.namesOwner() {
		s.key.JID = a.JID
	}
	return s, nil
}

// decide turns a report into the error that asks for a decision, if one is
// needed.
func (m *Manager) decide(r Report, jids []string) error {
	var ask []Address
	reached := map[string]bool{}
	for _, d := range r.Devices {
		switch d.Outcome {
		case Undecided:
			ask = append(ask, d.Address)
		case Encrypted:
			reached[d.JID] = true
		}
	}
	if len(ask) > 0 {
		return &DecisionError{Devices: ask}
	}
	onlyOwn := !slices.ContainsFunc(jids, func(j string) bool { return j != m.jid })
	var none []string
	for _, j := range jids {
		if !reached[j] && (j != m.jid || onlyOwn) && !slices.Contains(none, j) {
			none = append(none, j)
		}
	}
	if len(none) > 0 {
		return &NoDevicesError{JIDs: none}
	}
	return nil
}

// commitSent stores an advanced session and ends the count of unanswered
// messages.
func (m *Manager) commitSent(ctx context.Context, st Store, s sealed) error {
	if _, err := st.SaveSession(ctx, uint8(m.profile), s.addr.JID, s.addr.Device, s.seq, s.next); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	if _, err := st.TouchDevice(ctx, uint8(m.profile), s.addr.JID, s.addr.Device, m.now(), false); err != nil {
		return fmt.Errorf("reset unanswered messages: %w", err)
	}
	return nil
}

// EncryptEmpty makes a message without content for one device: the answer to a
// key exchange, a heartbeat, or the start of a new session. The device need not
// be active or decided about, as nothing is disclosed. Errors: ErrNoSession,
// ErrRefused for a distrusted or compromised key.
func (m *Manager) EncryptEmpty(ctx context.Context, st Store, a Address) (Envelope, error) {
	self, err := m.own(ctx, st)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	row, ok, _, err := m.device(ctx, st, a)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	if !ok || row.identity == nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", ErrNoSession)
	}
	state, _, err := m.trust(ctx, st, a.JID, *row.identity)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	if trust.Outgoing(state, true) == trust.Omit {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", ErrRefused)
	}
	material, iv, err := m.scheme.empty(m.rand)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	s, err := m.seal(ctx, st, a, *row.identity, material)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	if err := m.commitSent(ctx, st, s); err != nil {
		return Envelope{}, err
	}
	return Envelope{SID: self.RegistrationID, Keys: []Key{s.key}, IV: iv}, nil
}
