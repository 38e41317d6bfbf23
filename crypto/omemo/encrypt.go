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
	if len(jids) == 0 {
		return Envelope{}, Report{}, fmt.Errorf("encrypt message: %w", ErrBadAddress)
	}
	cs, err := m.candidatesFor(ctx, st, jids)
	if err != nil {
		return Envelope{}, Report{}, fmt.Errorf("encrypt message: %w", err)
	}
	draft, report, err := m.draft(ctx, st, plaintext, cs)
	if err != nil {
		return Envelope{}, report, fmt.Errorf("encrypt message: %w", err)
	}
	if err := decide(m.jid, report, jids); err != nil {
		return Envelope{}, report, err
	}
	if err := m.commit(ctx, st, draft); err != nil {
		return Envelope{}, report, err
	}
	return draft.env, report, nil
}

// candidate is a device and how a message could be encrypted to it now.
type candidate struct {
	target
	outcome Outcome // Encrypted: it can be
	seq     int64
	state   engine.State // nil: no session that can be used
	err     error        // for Failed
}

// candidatesFor looks at the devices of jids and the own other ones.
func (m *Manager) candidatesFor(ctx context.Context, st Store, jids []string) ([]candidate, error) {
	targets, err := m.targets(ctx, st, jids)
	if err != nil {
		return nil, err
	}
	out := make([]candidate, len(targets))
	for i, t := range targets {
		c := candidate{target: t, outcome: NoSession}
		if t.row.identity != nil {
			switch c.seq, c.state, err = m.current(ctx, st, t.addr, *t.row.identity); {
			case err == nil:
				c.outcome = Encrypted
			case errors.Is(err, ErrNoSession):
			case isSessionError(err):
				c.outcome, c.err = Failed, err
			default:
				return nil, err
			}
			switch t.decision {
			case trust.Omit:
				c.outcome = Omitted
			case trust.Ask:
				c.outcome = Undecided
			}
		}
		out[i] = c
	}
	return out, nil
}

// draft is a message that was encrypted, with nothing of it stored.
type draft struct {
	env  Envelope
	sent []sealed
}

// draft encrypts to every device it may.
func (m *Manager) draft(ctx context.Context, st Store, plaintext []byte, cs []candidate) (draft, Report, error) {
	report := Report{Devices: make([]DeviceReport, 0, len(cs))}
	if len(plaintext) > m.limits.Payload {
		return draft{}, report, ErrTooLarge
	}
	self, err := m.own(ctx, st)
	if err != nil {
		return draft{}, report, err
	}
	material, iv, payload, err := m.scheme.seal(m.rand, plaintext)
	if err != nil {
		return draft{}, report, err
	}
	d := draft{env: Envelope{Profile: m.profile, SID: self.RegistrationID, IV: iv, Payload: payload}}
	for _, c := range cs {
		r := c.report(m.profile)
		if c.outcome == Encrypted {
			s, err := m.seal(c.addr, c.seq, c.state, material)
			if err == nil {
				r.KeyExchange = s.key.PreKey
				d.sent = append(d.sent, s)
				d.env.Keys = append(d.env.Keys, s.key)
			} else {
				r.Outcome, r.Err = Failed, err
			}
		}
		report.Devices = append(report.Devices, r)
	}
	return d, report, nil
}

func (c candidate) report(p engine.Profile) DeviceReport {
	return DeviceReport{Target: Target{p, c.addr}, Outcome: c.outcome, Err: c.err}
}

// commit stores the sessions that a message has advanced.
func (m *Manager) commit(ctx context.Context, st Store, d draft) error {
	for _, s := range d.sent {
		if err := m.commitSent(ctx, st, s); err != nil {
			return err
		}
	}
	return nil
}

// isSessionError tells what is wrong with one session from what is wrong with
// the store.
func isSessionError(err error) bool {
	var coded *engine.CodedError
	return errors.As(err, &coded) || errors.Is(err, ErrIdentityChanged)
}

// seal encrypts the key material to one device.
func (m *Manager) seal(a Address, seq int64, state engine.State, material []byte) (sealed, error) {
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
func decide(own string, r Report, jids []string) error {
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
	onlyOwn := !slices.ContainsFunc(jids, func(j string) bool { return j != own })
	var none []string
	for _, j := range jids {
		if !reached[j] && (j != own || onlyOwn) && !slices.Contains(none, j) {
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
	seq, current, err := m.current(ctx, st, a, *row.identity)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	s, err := m.seal(a, seq, current, material)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	if err := m.commitSent(ctx, st, s); err != nil {
		return Envelope{}, err
	}
	return Envelope{Profile: m.profile, SID: self.RegistrationID, Keys: []Key{s.key}, IV: iv}, nil
}
