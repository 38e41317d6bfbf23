// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/storage"
)

// Healing is what an account does by itself about sessions that do not fit any
// more. One goes with all connections of an account in a process, so that each
// device is looked after once. The zero value repairs nothing.
type Healing struct {
	Auto bool // begin new sessions; else only look at changed keys

	mu    sync.Mutex
	tried map[omemo.Address]bool
}

// maxHealed bounds what a Healing keeps, and does.
const maxHealed = 1000

// first says whether the device has not been tried, and that it now is.
func (h *Healing) first(a omemo.Address) bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tried[a] || len(h.tried) >= maxHealed {
		return false
	}
	if h.tried == nil {
		h.tried = make(map[omemo.Address]bool)
	}
	h.tried[a] = true
	return true
}

// heal looks after devices whose messages could not be read. XEP-0384 section 8
// forbids new sessions without a person's doing, so that is a policy.
func (l *Link) heal(broken, changed []omemo.Target) {
	h := l.conn.Healing
	if h == nil {
		return
	}
	for _, t := range broken {
		if h.Auto && h.first(t.Address) {
			l.child(func(ctx context.Context) {
				if err := l.repair(ctx, t); err != nil && ctx.Err() == nil {
					l.log.Info("session not repaired", "device", t.Device, "code", code.Of(err))
				}
			})
		}
	}
	for _, t := range changed {
		if h.first(t.Address) {
			l.child(func(ctx context.Context) {
				// It is refused, and so noted for showing it.
				if err := l.fetchBundle(ctx, t); err != nil && ctx.Err() == nil {
					l.log.Info("changed key not taken", "device", t.Device, "code", code.Of(err))
				}
			})
		}
	}
}

// A session wanted with a device: its key, if it is known in any profile.
type wanted struct {
	omemo.Target
	key *engine.PublicKey
}

// repair begins a new session with a device in one profile.
func (l *Link) repair(ctx context.Context, t omemo.Target) error {
	list, _, err := l.active(ctx, t.JID, t.Device)
	for _, w := range list {
		if w.Target == t {
			return l.newSession(ctx, w)
		}
	}
	return err
}

// newSession begins a session with a device and tells it so. A key other than
// the known one is refused, even if it is known from another profile only.
func (l *Link) newSession(ctx context.Context, w wanted) error {
	bundle, err := l.bundle(ctx, w.Target)
	if err != nil {
		return err
	}
	if w.key != nil && bundle.Identity != *w.key {
		l.noteBundle(ctx, w.Address, bundle.Identity, omemo.ErrIdentityChanged)
		return omemo.ErrIdentityChanged
	}
	if err := l.addBundle(ctx, w.Target, bundle); err != nil {
		return err
	}
	if err := l.account.SendEmpty(ctx, w.Target); err != nil {
		return err
	}
	l.Wake()
	return nil
}

// RepairSession begins new sessions with a device, or with every active one of
// peer for device 0, as a person's decision. Those that are distrusted are left
// out. Errors: omemo.ErrNoDevices, omemo.ErrIdentityChanged, omemo.ErrRefused,
// those of the network.
func (l *Link) RepairSession(ctx context.Context, peer string, device uint32) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := l.updateLists(ctx, peer); err != nil {
		return err
	}
	list, omitted, err := l.active(ctx, peer, device)
	switch {
	case err != nil:
		return err
	case len(list) == 0 && omitted:
		return omemo.ErrRefused
	case len(list) == 0:
		return omemo.ErrNoDevices
	}
	for _, w := range list {
		err = errors.Join(err, l.newSession(ctx, w))
	}
	return err
}

// active lists the active devices of peer, or the one with that id, in each
// profile they are in. omitted says that one was left out as it is distrusted.
func (l *Link) active(ctx context.Context, peer string, device uint32) (list []wanted, omitted bool, err error) {
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		list, omitted = nil, false
		devices, err := l.account.OMEMO.Devices(tx.Context(), tx.OMEMO(l.account.ID), peer)
		for _, d := range devices {
			if !d.Active || device != 0 && d.Device != device {
				continue
			}
			if d.Known && trust.Outgoing(d.Trust, true) == trust.Omit {
				omitted = true
				continue
			}
			for _, p := range d.Profiles {
				w := wanted{Target: omemo.Target{Profile: p, Address: d.Address}}
				if d.Known {
					w.key = &d.Identity
				}
				list = append(list, w)
			}
		}
		return err
	})
	return list[:min(len(list), maxBundles)], omitted, err
}

// AcceptKey lets a device have another identity key, as a person's decision
// about a key they were shown: it is fetched again and must be that one. The
// sessions with the old key go; the new key is trusted as one that was not
// compared, unless something else was decided about it. Errors:
// omemo.ErrNoDevices, omemo.ErrIdentityChanged for a third key, those of the
// network.
func (l *Link) AcceptKey(ctx context.Context, a omemo.Address, key engine.PublicKey) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	profiles, err := l.profilesOf(ctx, a)
	if err != nil {
		return err
	}
	bundles := make(map[engine.Profile]omemo.PublishedBundle, len(profiles))
	for _, p := range profiles {
		bundle, err := l.bundle(ctx, omemo.Target{Profile: p, Address: a})
		if err != nil {
			return err
		}
		if bundle.Identity == key {
			bundles[p] = bundle
		}
	}
	if len(bundles) == 0 {
		return omemo.ErrIdentityChanged
	}
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		st := tx.OMEMO(l.account.ID)
		if err := l.account.OMEMO.ForgetDevice(tx.Context(), st, a); err != nil {
			return err
		}
		if err := l.admit(tx, a.JID, key); err != nil {
			return err
		}
		for p, bundle := range bundles {
			if err := l.account.OMEMO.AddBundle(tx.Context(), st, omemo.Target{Profile: p, Address: a}, bundle); err != nil {
				return err
			}
		}
		return tx.DeleteValue(l.account.ID, refusedKey(a))
	})
	if err != nil {
		return err
	}
	l.account.Bus.Publish(event.Event{Kind: event.TrustChanged, Account: l.account.ID, Peer: a.JID})
	return nil
}

// profilesOf lists the profiles in which a device is active. The error for none
// is omemo.ErrNoDevices.
func (l *Link) profilesOf(ctx context.Context, a omemo.Address) (profiles []engine.Profile, err error) {
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		profiles = nil
		devices, err := l.account.OMEMO.Devices(tx.Context(), tx.OMEMO(l.account.ID), a.JID)
		for _, d := range devices {
			if d.Active && d.Address == a {
				profiles = append(profiles, d.Profiles...)
			}
		}
		return err
	})
	if err == nil && len(profiles) == 0 {
		err = omemo.ErrNoDevices
	}
	slices.Sort(profiles)
	return slices.Compact(profiles), err
}

// admit trusts a key that was accepted, unless something was decided about it.
func (l *Link) admit(tx *storage.Tx, peer string, key engine.PublicKey) error {
	st := tx.OMEMO(l.account.ID)
	state, ok, err := st.Trust(tx.Context(), peer, key[:])
	if err != nil || ok && trust.State(state) != trust.Undecided {
		return err
	}
	return l.account.OMEMO.SetTrust(tx.Context(), st, peer, key, trust.Blind)
}
