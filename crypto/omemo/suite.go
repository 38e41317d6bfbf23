// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"fmt"
	"slices"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
)

// A Suite does OMEMO for one account in every profile that its engine speaks,
// with a [Manager] for each. The identity, the device id, the prekeys and what
// was decided about keys are the same in all of them; devices and sessions are
// kept apart. It is safe for concurrent use as far as the stores are.
type Suite struct {
	managers []*Manager // by ascending profile, at least one
}

// NewSuite makes a Suite; the Profile of cfg is not looked at. Errors:
// ErrConfig, engine.ErrUnsupported if the engine speaks no profile known here.
func NewSuite(cfg Config) (*Suite, error) {
	if cfg.Engine == nil {
		return nil, fmt.Errorf("new suite: %w", ErrConfig)
	}
	s := &Suite{}
	for _, p := range []engine.Profile{engine.Profile03, engine.Profile2} {
		if !slices.Contains(cfg.Engine.Profiles(), p) {
			continue
		}
		cfg.Profile = p
		m, err := New(cfg)
		if err != nil {
			return nil, fmt.Errorf("new suite: %w", err)
		}
		s.managers = append(s.managers, m)
	}
	if len(s.managers) == 0 {
		return nil, fmt.Errorf("new suite: %w", engine.ErrUnsupported)
	}
	return s, nil
}

// any is a Manager for what is the same in all profiles.
func (s *Suite) any() *Manager { return s.managers[0] }

// manager is that of a profile, or the error engine.ErrUnsupported.
func (s *Suite) manager(p engine.Profile) (*Manager, error) {
	for _, m := range s.managers {
		if m.profile == p {
			return m, nil
		}
	}
	return nil, engine.ErrUnsupported
}

// JID is the own bare JID.
func (s *Suite) JID() string { return s.any().jid }

// Profiles lists the profiles spoken, ascending.
func (s *Suite) Profiles() []engine.Profile {
	list := make([]engine.Profile, len(s.managers))
	for i, m := range s.managers {
		list[i] = m.profile
	}
	return list
}

// Speaks tells whether a profile is spoken.
func (s *Suite) Speaks(p engine.Profile) bool {
	_, err := s.manager(p)
	return err == nil
}

// Setup is [Manager.Setup], for all profiles at once.
func (s *Suite) Setup(ctx context.Context, st Store) (created bool, err error) {
	return s.any().Setup(ctx, st)
}

// DeviceID is the own device id, in all profiles. The error is ErrNotSetUp
// before Setup.
func (s *Suite) DeviceID(ctx context.Context, st Store) (uint32, error) {
	return s.any().DeviceID(ctx, st)
}

// Identity is the own identity key, in all profiles.
func (s *Suite) Identity(ctx context.Context, st Store) (engine.PublicKey, error) {
	return s.any().Identity(ctx, st)
}

// OwnBundle is what is to be published in a profile. A one-time prekey that was
// used in one is missing from all.
func (s *Suite) OwnBundle(ctx context.Context, st Store, p engine.Profile) (Bundle, error) {
	m, err := s.manager(p)
	if err != nil {
		return Bundle{}, err
	}
	return m.OwnBundle(ctx, st)
}

// Maintain is [Manager.Maintain]. The bundles of all profiles have to be
// published when it says so.
func (s *Suite) Maintain(ctx context.Context, st Store) (publish bool, err error) {
	return s.any().Maintain(ctx, st)
}

// SetLabel is [Manager.SetLabel].
func (s *Suite) SetLabel(ctx context.Context, st Store, label string) error {
	return s.any().SetLabel(ctx, st, label)
}

// OwnList is [Manager.OwnList] of a profile.
func (s *Suite) OwnList(ctx context.Context, st Store, p engine.Profile) ([]Listed, error) {
	m, err := s.manager(p)
	if err != nil {
		return nil, err
	}
	return m.OwnList(ctx, st)
}

// UpdateDevices is [Manager.UpdateDevices] for a list of a profile. Devices of
// the others are not touched.
func (s *Suite) UpdateDevices(ctx context.Context, st Store, p engine.Profile, jid string, list []Listed) (DeviceChange, error) {
	m, err := s.manager(p)
	if err != nil {
		return DeviceChange{}, fmt.Errorf("update devices: %w", err)
	}
	return m.UpdateDevices(ctx, st, jid, list)
}

// AddBundle is [Manager.AddBundle] in the profile of t.
func (s *Suite) AddBundle(ctx context.Context, st Store, t Target, b PublishedBundle) error {
	m, err := s.manager(t.Profile)
	if err != nil {
		return fmt.Errorf("add bundle: %w", err)
	}
	return m.AddBundle(ctx, st, t.Address, b)
}

// EncryptEmpty is [Manager.EncryptEmpty] in the profile of t.
func (s *Suite) EncryptEmpty(ctx context.Context, st Store, t Target) (Envelope, error) {
	m, err := s.manager(t.Profile)
	if err != nil {
		return Envelope{}, fmt.Errorf("encrypt empty message: %w", err)
	}
	return m.EncryptEmpty(ctx, st, t.Address)
}

// SetTrust is [Manager.SetTrust]: a decision about a key holds in all profiles.
func (s *Suite) SetTrust(ctx context.Context, st Store, jid string, k engine.PublicKey, state trust.State) error {
	return s.any().SetTrust(ctx, st, jid, k, state)
}

// ForgetDevice is [Manager.ForgetDevice] in all profiles.
func (s *Suite) ForgetDevice(ctx context.Context, st Store, a Address) error {
	for _, m := range s.managers {
		row, ok, _, err := m.device(ctx, st, a)
		if err != nil {
			return fmt.Errorf("forget device: %w", err)
		}
		if !ok || row.identity == nil {
			continue
		}
		if err := m.ForgetDevice(ctx, st, a); err != nil {
			return err
		}
	}
	return nil
}

// Devices lists the known devices of a JID, the own one excluded, by ascending
// id. One that is known in several profiles, by the same id and not by different
// keys, is listed once.
func (s *Suite) Devices(ctx context.Context, st Store, jid string) ([]Device, error) {
	var all []Device
	for _, m := range s.managers {
		list, err := m.Devices(ctx, st, jid)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			i := slices.IndexFunc(all, func(o Device) bool {
				return o.Address == d.Address && (!o.Known || !d.Known || o.Identity == d.Identity)
			})
			if i < 0 {
				all = append(all, d)
				continue
			}
			all[i] = all[i].with(d)
		}
	}
	slices.SortStableFunc(all, func(a, b Device) int { return int(int64(a.Device) - int64(b.Device)) })
	return all, nil
}

// with is d and what another profile knows of it.
func (d Device) with(o Device) Device {
	d.Active = d.Active || o.Active
	d.Profiles = append(d.Profiles, o.Profiles...)
	if !d.Known {
		d.Known, d.Identity, d.Trust = o.Known, o.Identity, o.Trust
	}
	if d.Label == "" {
		d.Label = o.Label
	}
	if o.LastSeen.After(d.LastSeen) {
		d.LastSeen = o.LastSeen
	}
	return d
}
