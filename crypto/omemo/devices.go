// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
)

// known is how many devices of one JID are remembered at most, active or not, as
// a multiple of the limit of active ones.
const known = 4

// deviceRow is a device as the store knows it.
type deviceRow struct {
	id       uint32
	active   bool
	identity *engine.PublicKey // nil: not known
	label    string
	labelSig []byte
	lastSeen time.Time
}

// devices reads all devices of a JID before anything else is asked of the store.
func (m *Manager) devices(ctx context.Context, st Store, jid string) ([]deviceRow, error) {
	var rows []deviceRow
	err := st.Devices(ctx, uint8(m.profile), jid,
		func(id uint32, active bool, identity []byte, label string, labelSig []byte, lastSeen time.Time) error {
			r := deviceRow{id: id, active: active, label: label, labelSig: labelSig, lastSeen: lastSeen}
			switch len(identity) {
			case 0:
			case 32:
				k := engine.PublicKey(identity)
				r.identity = &k
			default:
				return ErrStore
			}
			rows = append(rows, r)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	return rows, nil
}

func (m *Manager) device(ctx context.Context, st Store, a Address) (row deviceRow, ok bool, total int, err error) {
	rows, err := m.devices(ctx, st, a.JID)
	if err != nil {
		return deviceRow{}, false, 0, err
	}
	i := slices.IndexFunc(rows, func(r deviceRow) bool { return r.id == a.Device })
	if i < 0 {
		return deviceRow{}, false, len(rows), nil
	}
	return rows[i], true, len(rows), nil
}

// UpdateDevices takes in a device list. Devices on it become active, devices no
// longer on it inactive; nothing is ever deleted. Invalid and repeated ids are
// ignored, and new ones beyond the limit; devices already known go first. The
// own device is not stored, but when the own list lacks it, the change tells
// what to publish instead, three times in a row at most.
func (m *Manager) UpdateDevices(ctx context.Context, st Store, jid string, list []Listed) (DeviceChange, error) {
	if !bareJID(jid) {
		return DeviceChange{}, fmt.Errorf("update devices: %w", ErrBadAddress)
	}
	var own engine.IdentityKey
	var label string
	var err error
	if jid == m.jid {
		if own, err = m.own(ctx, st); err != nil {
			return DeviceChange{}, fmt.Errorf("update devices: %w", err)
		}
		if label, err = m.ownLabel(ctx, st); err != nil {
			return DeviceChange{}, err
		}
	}
	rows, err := m.devices(ctx, st, jid)
	if err != nil {
		return DeviceChange{}, err
	}
	have := make(map[uint32]deviceRow, len(rows))
	for _, r := range rows {
		have[r.id] = r
	}
	var change DeviceChange
	listed, self := m.chosen(list, own.RegistrationID, have, &change)
	for _, d := range listed {
		if !have[d.ID].active {
			if err := st.SaveDevice(ctx, uint8(m.profile), jid, d.ID, true); err != nil {
				return DeviceChange{}, fmt.Errorf("save device: %w", err)
			}
			change.Added = append(change.Added, d.ID)
		}
		if err := m.saveLabel(ctx, st, jid, d, have[d.ID]); err != nil {
			return DeviceChange{}, err
		}
	}
	for _, r := range rows {
		if !r.active || slices.ContainsFunc(listed, func(d Listed) bool { return d.ID == r.id }) {
			continue
		}
		if err := st.SaveDevice(ctx, uint8(m.profile), jid, r.id, false); err != nil {
			return DeviceChange{}, fmt.Errorf("save device: %w", err)
		}
		change.Removed = append(change.Removed, r.id)
	}
	if own.RegistrationID != 0 && m.missing(self != nil && m.labelled(own, *self, label)) {
		self, err := m.listing(ctx, st)
		if err != nil {
			return DeviceChange{}, fmt.Errorf("update devices: %w", err)
		}
		change.Republish = append(slices.Clone(listed), self)
	}
	return change, nil
}

// chosen picks from a device list what is to be active, and returns the entry of
// the own device, nil if there is none.
func (m *Manager) chosen(list []Listed, own uint32, have map[uint32]deviceRow, change *DeviceChange) (listed []Listed, self *Listed) {
	seen := make(map[uint32]bool)
	var fresh []Listed
	for _, d := range list {
		id := d.ID
		if id == own && own != 0 {
			self = &d
			continue
		}
		// What is looked at is bounded too: of a longer list the rest is ignored
		// unless it is known.
		_, isKnown := have[id]
		switch {
		case !validID(id) || seen[id]:
			change.Ignored++
		case isKnown:
			seen[id] = true
			listed = append(listed, d)
		case len(fresh) < m.limits.Devices:
			seen[id] = true
			fresh = append(fresh, d)
		default:
			change.Ignored++
		}
	}
	room := max(min(m.limits.Devices-len(listed), m.limits.Devices*known-len(have)), 0)
	if len(fresh) > room {
		change.Ignored += len(fresh) - room
		fresh = fresh[:room]
	}
	if over := len(listed) - m.limits.Devices; over > 0 {
		change.Ignored += over
		listed = listed[:m.limits.Devices]
	}
	return append(listed, fresh...), self
}

// missing tells whether the own device is to be announced: it is not there, and
// was not missing too often.
func (m *Manager) missing(announced bool) bool {
	if announced {
		m.announced.Store(0)
		return false
	}
	if int(m.announced.Load()) >= m.limits.AnnounceAttempts {
		m.log.Warn("own device missing from the device list, no longer republished")
		return false
	}
	m.announced.Add(1)
	return true
}

// Devices lists the known devices of a JID, the own one excluded, by ascending
// id, with what was decided about their keys.
func (m *Manager) Devices(ctx context.Context, st Store, jid string) ([]Device, error) {
	rows, err := m.devices(ctx, st, jid)
	if err != nil {
		return nil, err
	}
	out := make([]Device, 0, len(rows))
	for _, r := range rows {
		d := Device{Address: Address{jid, r.id}, Active: r.active, LastSeen: r.lastSeen}
		if r.active {
			d.Profiles = []engine.Profile{m.profile}
		}
		if r.identity != nil {
			d.Known, d.Identity, d.Label = true, *r.identity, m.label(r)
			if d.Trust, _, err = m.trust(ctx, st, jid, d.Identity); err != nil {
				return nil, err
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// SetTrust stores what the user decided about a key. The key need not be known
// yet, as when a fingerprint was scanned before the first message.
func (m *Manager) SetTrust(ctx context.Context, st Store, jid string, k engine.PublicKey, s trust.State) error {
	if !bareJID(jid) || s > trust.Compromised {
		return fmt.Errorf("set trust: %w", ErrBadAddress)
	}
	if err := k.Check(); err != nil {
		return fmt.Errorf("set trust: %w", err)
	}
	if err := st.SetTrust(ctx, jid, k[:], uint8(s), m.now()); err != nil {
		return fmt.Errorf("set trust: %w", err)
	}
	return nil
}

// ForgetDevice deletes the sessions with a device and forgets which identity key
// it has, so that it may come with another one. It is for a user who was told of
// ErrIdentityChanged and knows why. What was decided about the old key stays.
func (m *Manager) ForgetDevice(ctx context.Context, st Store, a Address) error {
	if err := st.DeleteSessions(ctx, uint8(m.profile), a.JID, a.Device); err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	if err := st.SetDeviceIdentity(ctx, uint8(m.profile), a.JID, a.Device, nil); err != nil {
		return fmt.Errorf("forget identity: %w", err)
	}
	return nil
}

// trust is what was decided about a key; ok is false when it was never seen.
func (m *Manager) trust(ctx context.Context, st Store, jid string, k engine.PublicKey) (s trust.State, ok bool, err error) {
	v, ok, err := st.Trust(ctx, jid, k[:])
	if err != nil {
		return 0, false, fmt.Errorf("read trust: %w", err)
	}
	if !ok {
		return trust.Undecided, false, nil
	}
	return trust.State(v), true, nil
}

// ensureTrust decides about a key by the policy if it was never seen.
func (m *Manager) ensureTrust(ctx context.Context, st Store, jid string, k engine.PublicKey) (s trust.State, fresh bool, err error) {
	s, ok, err := m.trust(ctx, st, jid, k)
	if err != nil || ok {
		return s, false, err
	}
	var p trust.Policy
	if p.BlindTrust, err = st.BlindTrust(ctx, jid); err != nil {
		return 0, false, fmt.Errorf("read trust policy: %w", err)
	}
	if p.HasVerified, err = st.HasVerified(ctx, jid); err != nil {
		return 0, false, fmt.Errorf("read trust policy: %w", err)
	}
	s = trust.Initial(p)
	if err := st.SetTrust(ctx, jid, k[:], uint8(s), m.now()); err != nil {
		return 0, false, fmt.Errorf("set trust: %w", err)
	}
	return s, true, nil
}
