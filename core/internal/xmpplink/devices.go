// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

const (
	profile     = xmpp.OMEMO03
	fetchers    = 4  // bundles asked for at a time
	maxBundles  = 64 // bundles asked for on one occasion
	fetchWait   = time.Minute
	flagPublish = "omemo.publish" // the own bundle must be published
)

// setupOMEMO makes the own keys, once.
func (l *Link) setupOMEMO(ctx context.Context) error {
	if l.account.OMEMO == nil {
		return nil
	}
	return l.account.DB.Update(ctx, func(tx *storage.Tx) error { return SetupKeys(tx, l.account) })
}

// SetupKeys makes the own keys of an account if it has none, and sees to it
// that they are published. Whoever needs them first calls it.
func SetupKeys(tx *storage.Tx, a *pipeline.Account) error {
	created, err := a.OMEMO.Setup(tx.Context(), tx.OMEMO(a.ID))
	if err != nil || !created {
		return err
	}
	return tx.PutValue(a.ID, flagPublish, []byte{1})
}

// setupDevices publishes the own bundle if that is due, and sees to it that
// the own device is announced. The bundle comes first: an announced device
// without one cannot be written to.
func (l *Link) setupDevices(ctx context.Context) {
	if l.account.OMEMO == nil {
		return
	}
	err := l.retry(ctx, func() error {
		if err := l.publishIfDue(ctx); err != nil {
			return err
		}
		_, err := l.updateList(ctx, l.account.JID)
		return err
	})
	if err != nil && ctx.Err() == nil {
		l.log.Warn("own device not announced", "code", code.Of(err))
	}
}

// maintain replaces used prekeys.
func (l *Link) maintain(ctx context.Context) {
	if err := l.retry(ctx, func() error { return l.publishIfDue(ctx) }); err != nil && ctx.Err() == nil {
		l.log.Warn("own bundle not published", "code", code.Of(err))
	}
}

func (l *Link) publishIfDue(ctx context.Context) error {
	select {
	case l.publishing <- struct{}{}: // one at a time, so that the last made goes out last
		defer func() { <-l.publishing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	due := false
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		changed, err := l.account.OMEMO.Maintain(tx.Context(), tx.OMEMO(l.account.ID))
		if err != nil {
			return err
		}
		if changed {
			due = true
			return tx.PutValue(l.account.ID, flagPublish, []byte{1})
		}
		_, due, err = tx.Value(l.account.ID, flagPublish)
		return err
	})
	if err != nil || !due {
		return err
	}
	return l.publishBundle(ctx)
}

func (l *Link) publishBundle(ctx context.Context) error {
	var own omemo.Bundle
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		own, err = l.account.OMEMO.OwnBundle(tx.Context(), tx.OMEMO(l.account.ID))
		return err
	})
	if err != nil {
		return err
	}
	if err := l.client.PublishBundle(ctx, profile, own.Device, bundleToWire(own.PublishedBundle)); err != nil {
		return err
	}
	return l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		return tx.DeleteValue(l.account.ID, flagPublish)
	})
}

// updateList fetches a device list and takes it in.
func (l *Link) updateList(ctx context.Context, peer string) (change omemo.DeviceChange, err error) {
	address, err := jid.Parse(peer)
	if err != nil {
		return change, err
	}
	devices, err := l.client.FetchDevices(ctx, address, profile)
	if err != nil && !errors.Is(err, xmpp.ErrNoNode) {
		return change, err
	}
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		change, err = l.account.OMEMO.UpdateDevices(tx.Context(), tx.OMEMO(l.account.ID), peer, idsOf(devices))
		return err
	})
	if err != nil {
		return change, err
	}
	l.devicesChanged(peer, change)
	if change.Republish != nil {
		err = l.client.PublishDevices(ctx, profile, devicesOf(change.Republish))
	}
	return change, err
}

func (l *Link) devicesChanged(peer string, change omemo.DeviceChange) {
	if len(change.Added)+len(change.Removed) > 0 {
		l.account.Bus.Publish(event.Event{Kind: event.TrustChanged, Account: l.account.ID, Peer: peer})
	}
}

// deviceList takes in a list that was pushed (XEP-0384 section 4.3).
func (l *Link) deviceList(b *batch, peer string, devices []xmpp.Device) {
	if l.account.OMEMO == nil {
		return
	}
	var change omemo.DeviceChange
	b.apply(func(tx *storage.Tx, _ func(event.Event)) (err error) {
		change, err = l.account.OMEMO.UpdateDevices(tx.Context(), tx.OMEMO(l.account.ID), peer, idsOf(devices))
		return err
	})
	b.then(func() {
		l.devicesChanged(peer, change)
		if change.Republish != nil {
			l.child(func(ctx context.Context) {
				if err := l.client.PublishDevices(ctx, profile, devicesOf(change.Republish)); err != nil {
					l.log.Info("own device not announced again", "code", code.Of(err))
				}
			})
		}
		if len(change.Added) == 0 {
			return
		}
		if peer == l.account.JID {
			clear(l.session.peers.ready) // every peer's next message goes to it too
		}
		delete(l.session.peers.ready, peer)
		l.unblock(peer)
	})
}

// unblock lets messages that waited for a device of peer try again.
func (l *Link) unblock(peer string) {
	l.child(func(ctx context.Context) {
		if n, err := l.account.Unblock(ctx, peer); err == nil && n > 0 {
			l.Wake()
		}
	})
}

// listAge is how long a device list is relied on. Contacts push changes, but
// servers have been seen to miss some: ejabberd 23.01 sends none to the first
// session that announces a new set of features.
const listAge = time.Hour

// known says whether the devices of peer were looked up lately.
func (l *Link) known(peer string) bool {
	at, ok := l.session.peers.ready[peer]
	age := l.account.Now().Sub(at)
	return ok && age >= 0 && age < listAge
}

// fetchDevices looks up what is needed to write to peer, and sends on when
// it is known.
func (l *Link) fetchDevices(peer string) {
	if l.session.peers.fetching[peer] {
		return
	}
	l.session.peers.fetching[peer] = true
	l.child(func(ctx context.Context) {
		err := l.retry(ctx, func() error {
			ctx, cancel := context.WithTimeout(ctx, fetchWait)
			defer cancel()
			if _, err := l.updateList(ctx, peer); err != nil {
				return err
			}
			return l.fetchBundles(ctx, peer)
		})
		if err != nil {
			l.log.Info("devices of a peer not known", "code", code.Of(err))
		}
		l.post(ctx, func() {
			delete(l.session.peers.fetching, peer)
			l.session.peers.ready[peer] = l.account.Now()
			l.flush(ctx)
		})
	})
}

// Waits between looks at the device list of somebody who has none.
const (
	firstLook = 5 * time.Second
	maxLook   = 15 * time.Minute
	maxAwait  = 32 // people looked after
)

// awaitDevices looks from time to time whether peer has a device now. Contacts
// tell by themselves; somebody who is none, or has just registered, does not.
func (l *Link) awaitDevices(peer string) {
	if l.session.peers.awaiting[peer] || len(l.session.peers.awaiting) >= maxAwait {
		return
	}
	l.session.peers.awaiting[peer] = true
	l.child(func(ctx context.Context) {
		for wait := firstLook; ; wait = min(2*wait, maxLook) {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			if l.look(ctx, peer) {
				break
			}
		}
		l.post(ctx, func() {
			delete(l.session.peers.awaiting, peer)
			delete(l.session.peers.ready, peer)
			l.unblock(peer)
		})
	})
}

// look asks for the devices of peer and their keys, and says whether there is
// one that can be written to now.
func (l *Link) look(ctx context.Context, peer string) (found bool) {
	if _, err := l.updateList(ctx, peer); err != nil {
		return false
	}
	if err := l.fetchBundles(ctx, peer); err != nil {
		return false
	}
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		found = false
		st := tx.OMEMO(l.account.ID)
		known, err := l.account.OMEMO.Devices(tx.Context(), st, peer)
		if err != nil {
			return err
		}
		missing, err := l.account.OMEMO.MissingSessions(tx.Context(), st, []string{peer})
		for _, d := range known {
			usable := d.Active && !slices.Contains(missing, d.Address)
			found = found || usable && trust.Outgoing(d.Trust, d.Active) != trust.Omit
		}
		return err
	})
	return err == nil && found
}

// awaitAll goes on with that for messages written in earlier sessions.
func (l *Link) awaitAll(ctx context.Context) {
	peers, err := l.account.Deviceless(ctx)
	if err != nil {
		l.log.Warn("blocked messages not looked at", "code", code.Of(err))
	}
	for _, peer := range peers {
		l.awaitDevices(peer)
	}
}

// fetchBundles starts sessions with every device of peer, and of our own,
// that has none.
func (l *Link) fetchBundles(ctx context.Context, peer string) error {
	var missing []omemo.Address
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		missing, err = l.account.OMEMO.MissingSessions(tx.Context(), tx.OMEMO(l.account.ID), []string{peer, l.account.JID})
		return err
	})
	if err != nil {
		return err
	}
	if len(missing) > maxBundles {
		l.log.Warn("peer has too many devices", "devices", len(missing), "limit", maxBundles)
		missing = missing[:maxBundles]
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, fetchers)
	for _, address := range missing {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := l.fetchBundle(ctx, address); err != nil && ctx.Err() == nil {
				l.log.Info("device cannot be written to", "device", address.Device, "code", code.Of(err))
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

func (l *Link) fetchBundle(ctx context.Context, a omemo.Address) error {
	address, err := jid.Parse(a.JID)
	if err != nil {
		return err
	}
	fetched, err := l.client.FetchBundle(ctx, address, profile, a.Device)
	if err != nil {
		return err
	}
	bundle, err := bundleFromWire(fetched)
	if err != nil {
		return err
	}
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		return l.account.OMEMO.AddBundle(tx.Context(), tx.OMEMO(l.account.ID), a, bundle)
	})
	if err == nil || errors.Is(err, omemo.ErrIdentityChanged) {
		l.account.Bus.Publish(event.Event{
			Kind: event.TrustChanged, Account: l.account.ID, Peer: a.JID, Code: code.Of(err),
		})
	}
	return err
}

func idsOf(devices []xmpp.Device) []uint32 {
	ids := make([]uint32, len(devices))
	for i, d := range devices {
		ids[i] = d.ID
	}
	return ids
}

func devicesOf(ids []uint32) []xmpp.Device {
	devices := make([]xmpp.Device, len(ids))
	for i, id := range ids {
		devices[i].ID = id
	}
	return devices
}

func bundleToWire(b omemo.PublishedBundle) xmpp.Bundle {
	w := xmpp.Bundle{
		Identity: b.Identity[:], SignedPreKeyID: b.SignedPreKeyID, SignedPreKey: b.SignedPreKey[:], Signature: b.Signature,
		PreKeys: make([]xmpp.PreKey, len(b.PreKeys)),
	}
	for i, k := range b.PreKeys {
		w.PreKeys[i] = xmpp.PreKey{ID: k.ID, Public: k.Public[:]}
	}
	return w
}

// bundleFromWire leaves out prekeys of a wrong length; a bundle whose other
// keys have one is no bundle.
func bundleFromWire(w xmpp.Bundle) (omemo.PublishedBundle, error) {
	if len(w.Identity) != len(engine.PublicKey{}) || len(w.SignedPreKey) != len(engine.PublicKey{}) {
		return omemo.PublishedBundle{}, omemo.ErrBadBundle
	}
	b := omemo.PublishedBundle{
		Identity: engine.PublicKey(w.Identity), SignedPreKeyID: w.SignedPreKeyID,
		SignedPreKey: engine.PublicKey(w.SignedPreKey), Signature: w.Signature,
	}
	for _, k := range w.PreKeys {
		if len(k.Public) == len(engine.PublicKey{}) {
			b.PreKeys = append(b.PreKeys, omemo.PublishedPreKey{ID: k.ID, Public: engine.PublicKey(k.Public)})
		}
	}
	return b, nil
}
