// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"fmt"
	"slices"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
)

// MissingSessions lists the devices a bundle has to be fetched of before a
// message to jids can be encrypted to all: active devices of these and of the
// own JID, without a session and not distrusted.
func (m *Manager) MissingSessions(ctx context.Context, st Store, jids []string) ([]Address, error) {
	cs, err := m.candidatesFor(ctx, st, jids)
	if err != nil {
		return nil, fmt.Errorf("find missing sessions: %w", err)
	}
	var out []Address
	for _, c := range cs {
		if c.outcome != Omitted && c.state == nil {
			out = append(out, c.addr)
		}
	}
	return out, nil
}

// AddBundle creates a session with a device from the bundle it published; it
// becomes the newest. The first identity key a device comes with is remembered
// and its trust decided by the policy; with another one later the error is
// ErrIdentityChanged and nothing is changed, see ForgetDevice. Other errors:
// ErrBadBundle, ErrBadAddress.
func (m *Manager) AddBundle(ctx context.Context, st Store, a Address, b PublishedBundle) error {
	self, err := m.own(ctx, st)
	if err != nil {
		return fmt.Errorf("add bundle: %w", err)
	}
	if !bareJID(a.JID) || !validID(a.Device) || (a.JID == m.jid && a.Device == self.RegistrationID) {
		return fmt.Errorf("add bundle: %w", ErrBadAddress)
	}
	row, ok, total, err := m.device(ctx, st, a)
	if err != nil {
		return fmt.Errorf("add bundle: %w", err)
	}
	if !ok && total >= m.limits.Devices*known {
		return fmt.Errorf("add bundle: %w", ErrTooManyDevices)
	}
	if row.identity != nil && *row.identity != b.Identity {
		return fmt.Errorf("add bundle: %w", ErrIdentityChanged)
	}
	if b.Identity == self.Public {
		return fmt.Errorf("add bundle: own identity: %w", ErrBadBundle)
	}
	pre, err := m.choosePreKey(b.PreKeys)
	if err != nil {
		return fmt.Errorf("add bundle: %w", err)
	}
	state, err := m.engine.Initiate(m.profile, self, engine.Bundle{
		DeviceID: a.Device, Identity: b.Identity,
		SignedPreKeyID: b.SignedPreKeyID, SignedPreKey: b.SignedPreKey, Signature: b.Signature,
		PreKeyID: pre.ID, PreKey: pre.Public,
	})
	if err != nil {
		return fmt.Errorf("add bundle: %w: %w", ErrBadBundle, err)
	}
	if !ok {
		if err := st.SaveDevice(ctx, uint8(m.profile), a.JID, a.Device, true); err != nil {
			return fmt.Errorf("save device: %w", err)
		}
	}
	if row.identity == nil {
		if err := st.SetDeviceIdentity(ctx, uint8(m.profile), a.JID, a.Device, b.Identity[:]); err != nil {
			return fmt.Errorf("save identity: %w", err)
		}
	}
	if _, _, err := m.ensureTrust(ctx, st, a.JID, b.Identity); err != nil {
		return fmt.Errorf("add bundle: %w", err)
	}
	if _, err := st.SaveSession(ctx, uint8(m.profile), a.JID, a.Device, 0, state); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

// choosePreKey picks one at random, so that two senders rarely pick the same.
func (m *Manager) choosePreKey(keys []PublishedPreKey) (PublishedPreKey, error) {
	usable := slices.DeleteFunc(slices.Clone(keys), func(k PublishedPreKey) bool {
		return k.ID == 0 || k.Public.Check() != nil
	})
	if len(usable) == 0 {
		return PublishedPreKey{}, fmt.Errorf("choose prekey: %w: %w", ErrBadBundle, engine.ErrNoOneTimePreKey)
	}
	n, err := m.random()
	if err != nil {
		return PublishedPreKey{}, err
	}
	return usable[n%uint64(len(usable))], nil
}

// current is the newest session with a device, whose key it must be bound to.
// Errors: ErrNoSession, ErrIdentityChanged, engine.ErrBadState.
func (m *Manager) current(ctx context.Context, st Store, a Address, identity engine.PublicKey) (seq int64, s engine.State, err error) {
	seqs, states, err := m.sessions(ctx, st, a)
	if err != nil {
		return 0, nil, err
	}
	if len(seqs) == 0 {
		return 0, nil, ErrNoSession
	}
	bound, err := m.engine.RemoteIdentity(states[0])
	if err != nil {
		return 0, nil, fmt.Errorf("read session: %w", err)
	}
	if bound != identity {
		return 0, nil, fmt.Errorf("read session: %w", ErrIdentityChanged)
	}
	return seqs[0], states[0], nil
}

func (m *Manager) sessions(ctx context.Context, st Store, a Address) ([]int64, []engine.State, error) {
	seqs, states, err := st.Sessions(ctx, uint8(m.profile), a.JID, a.Device)
	if err != nil {
		return nil, nil, fmt.Errorf("read sessions: %w", err)
	}
	if len(seqs) != len(states) {
		return nil, nil, fmt.Errorf("read sessions: %w", ErrStore)
	}
	out := make([]engine.State, len(states))
	for i, s := range states {
		out[i] = s
	}
	return seqs, out, nil
}

// target is a device a message may be encrypted to.
type target struct {
	addr     Address
	row      deviceRow
	decision trust.Decision
}

// targets lists the active devices of jids and the own JID, without the own
// device, in the order given, each JID once.
func (m *Manager) targets(ctx context.Context, st Store, jids []string) ([]target, error) {
	self, err := m.own(ctx, st)
	if err != nil {
		return nil, err
	}
	var out []target
	done := make(map[string]bool, len(jids)+1)
	for _, jid := range append(slices.Clone(jids), m.jid) {
		if !bareJID(jid) {
			return nil, ErrBadAddress
		}
		if done[jid] {
			continue
		}
		done[jid] = true
		rows, err := m.devices(ctx, st, jid)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if !r.active || (jid == m.jid && r.id == self.RegistrationID) {
				continue
			}
			t := target{addr: Address{jid, r.id}, row: r}
			if r.identity != nil {
				s, _, err := m.trust(ctx, st, jid, *r.identity)
				if err != nil {
					return nil, err
				}
				t.decision = trust.Outgoing(s, r.active)
			}
			out = append(out, t)
		}
	}
	return out, nil
}
