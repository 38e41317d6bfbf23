// SPDX-License-Identifier: MPL-2.0

package omemotest

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// Devices implements omemo.Store. fn may not call the store.
func (s *Store) Devices(ctx context.Context, profile uint8, jid string,
	fn func(id uint32, active bool, identity []byte, label string, labelSig []byte, lastSeen time.Time) error,
) error {
	return s.do(ctx, func(d *data) error {
		var ids []uint32
		for k := range d.Devices {
			if k.Profile == profile && k.JID == jid {
				ids = append(ids, k.ID)
			}
		}
		slices.Sort(ids)
		for _, id := range ids {
			v := d.Devices[deviceKey{profile, jid, id}]
			if err := fn(id, v.Active, bytes.Clone(v.Identity), v.Label, bytes.Clone(v.LabelSig), v.LastSeen); err != nil {
				return err
			}
		}
		return nil
	})
}

// SaveDevice implements omemo.Store.
func (s *Store) SaveDevice(ctx context.Context, profile uint8, jid string, id uint32, active bool) error {
	return s.do(ctx, func(d *data) error {
		k := deviceKey{profile, jid, id}
		v := d.Devices[k]
		v.Active = active
		d.Devices[k] = v
		return nil
	})
}

// change replaces the row of a device that must be there.
func (d *data) change(k deviceKey, fn func(*device)) error {
	v, ok := d.Devices[k]
	if !ok {
		return errMissing
	}
	fn(&v)
	d.Devices[k] = v
	return nil
}

// SetDeviceIdentity implements omemo.Store.
func (s *Store) SetDeviceIdentity(ctx context.Context, profile uint8, jid string, id uint32, identity []byte) error {
	return s.do(ctx, func(d *data) error {
		return d.change(deviceKey{profile, jid, id}, func(v *device) { v.Identity = bytes.Clone(identity) })
	})
}

// SetDeviceLabel implements omemo.Store.
func (s *Store) SetDeviceLabel(ctx context.Context, profile uint8, jid string, id uint32, label string, sig []byte) error {
	return s.do(ctx, func(d *data) error {
		return d.change(deviceKey{profile, jid, id}, func(v *device) { v.Label, v.LabelSig = label, bytes.Clone(sig) })
	})
}

// TouchDevice implements omemo.Store.
func (s *Store) TouchDevice(ctx context.Context, profile uint8, jid string, id uint32, at time.Time, received bool) (n int, err error) {
	err = s.do(ctx, func(d *data) error {
		return d.change(deviceKey{profile, jid, id}, func(v *device) {
			if received {
				v.Unanswered++
				v.LastSeen = at
			} else {
				v.Unanswered = 0
			}
			n = v.Unanswered
		})
	})
	return n, err
}

// Sessions implements omemo.Store.
func (s *Store) Sessions(ctx context.Context, profile uint8, jid string, id uint32) (seqs []int64, states [][]byte, err error) {
	err = s.do(ctx, func(d *data) error {
		for _, v := range d.Sessions[deviceKey{profile, jid, id}] {
			seqs, states = append(seqs, v.Seq), append(states, bytes.Clone(v.State))
		}
		return nil
	})
	return seqs, states, err
}

// SaveSession implements omemo.Store.
func (s *Store) SaveSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64, state []byte) (int64, error) {
	err := s.do(ctx, func(d *data) error {
		k := deviceKey{profile, jid, id}
		list := slices.Clone(d.Sessions[k])
		if seq == 0 {
			d.Seq++
			seq = d.Seq
			list = slices.Insert(list, 0, session{seq, bytes.Clone(state)})
			d.Sessions[k] = list[:min(len(list), maxSessions)]
			return nil
		}
		i := slices.IndexFunc(list, func(v session) bool { return v.Seq == seq })
		if i < 0 {
			return errMissing
		}
		list[i].State = bytes.Clone(state)
		d.Sessions[k] = list
		return nil
	})
	return seq, err
}

// PromoteSession implements omemo.Store.
func (s *Store) PromoteSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64) error {
	return s.do(ctx, func(d *data) error {
		k := deviceKey{profile, jid, id}
		list := slices.Clone(d.Sessions[k])
		i := slices.IndexFunc(list, func(v session) bool { return v.Seq == seq })
		if i < 0 {
			return errMissing
		}
		v := list[i]
		d.Sessions[k] = slices.Insert(slices.Delete(list, i, i+1), 0, v)
		return nil
	})
}

// DeleteSessions implements omemo.Store.
func (s *Store) DeleteSessions(ctx context.Context, profile uint8, jid string, id uint32) error {
	return s.do(ctx, func(d *data) error {
		delete(d.Sessions, deviceKey{profile, jid, id})
		return nil
	})
}
