// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

const (
	fetchers   = 4  // bundles asked for at a time
	rounds     = 3  // of asking for bundles: what fails in one profile is tried in the other
	maxBundles = 64 // bundles asked for on one occasion
	fetchWait  = time.Minute
)

// profiles lists the versions of OMEMO this account uses.
func (l *Link) profiles() []engine.Profile {
	if l.account.OMEMO == nil {
		return nil
	}
	return l.account.OMEMO.Profiles()
}

// interests are what is understood here beside what the client is asked
// directly, and what servers are to push: contacts' device lists and read marks
// of our other devices.
func (l *Link) interests() []string {
	features := []string{
		xmpp.NSCorrection, xmpp.NSRetraction, xmpp.NSReactions, xmpp.NSReply, xmpp.NSFallback, xmpp.NotifyReadMarks,
	}
	for _, p := range l.profiles() {
		features = append(features, xmpp.NotifyDevices(uint8(p)))
	}
	return features
}

// updateLists fetches the device lists of somebody and takes them in.
func (l *Link) updateLists(ctx context.Context, peer string) error {
	address, err := jid.Parse(peer)
	if err != nil {
		return err
	}
	for _, p := range l.profiles() {
		if err := l.updateList(ctx, p, address, false); err != nil {
			return err
		}
	}
	return nil
}

// updateList does so in one profile. When the own device is missing from the own
// list, or anew is set, that is published.
func (l *Link) updateList(ctx context.Context, p engine.Profile, peer jid.JID, anew bool) error {
	if peer.String() == l.account.JID {
		if err := hold(ctx, l.listing); err != nil {
			return err
		}
		defer func() { <-l.listing }()
	}
	devices, err := l.client.FetchDevices(ctx, peer, uint8(p))
	if err != nil && !errors.Is(err, xmpp.ErrNoNode) {
		return err
	}
	var change omemo.DeviceChange
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		st := tx.OMEMO(l.account.ID)
		change, err = l.account.OMEMO.UpdateDevices(tx.Context(), st, p, peer.String(), listFromWire(devices))
		if err == nil && anew && change.Republish == nil {
			change.Republish, err = l.account.OMEMO.OwnList(tx.Context(), st, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	l.devicesChanged(peer.String(), change)
	if change.Republish != nil {
		err = l.client.PublishDevices(ctx, uint8(p), listToWire(change.Republish))
	}
	return err
}

func (l *Link) devicesChanged(peer string, change omemo.DeviceChange) {
	if len(change.Added)+len(change.Removed) > 0 {
		l.account.Bus.Publish(event.Event{Kind: event.TrustChanged, Account: l.account.ID, Peer: peer})
	}
}

// deviceList takes in a list that was pushed (XEP-0384 section 4.3).
func (l *Link) deviceList(b *batch, p engine.Profile, peer string, devices []xmpp.Device) {
	var change omemo.DeviceChange
	b.apply(func(tx *storage.Tx, _ func(event.Event)) (err error) {
		change, err = l.account.OMEMO.UpdateDevices(tx.Context(), tx.OMEMO(l.account.ID), p, peer, listFromWire(devices))
		return err
	})
	b.then(func() {
		l.devicesChanged(peer, change)
		if change.Republish != nil {
			l.child(func(ctx context.Context) {
				if hold(ctx, l.listing) != nil {
					return
				}
				defer func() { <-l.listing }()
				if err := l.client.PublishDevices(ctx, uint8(p), listToWire(change.Republish)); err != nil {
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
		l.session.peers.hurry(peer)
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
func (l *Link) look(ctx context.Context, peer string) bool {
	if err := l.updateLists(ctx, peer); err != nil {
		return false
	}
	if err := l.fetchBundles(ctx, peer); err != nil {
		return false
	}
	found, err := l.reachable(ctx, peer)
	return err == nil && found
}

func (l *Link) reachable(ctx context.Context, peer string) (found bool, err error) {
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		found, err = l.account.OMEMO.Reachable(tx.Context(), tx.OMEMO(l.account.ID), peer)
		return err
	})
	return found, err
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
// that has none. It is an error if peer cannot be written to because somebody
// could not be asked.
func (l *Link) fetchBundles(ctx context.Context, peer string) error {
	tried := make(map[omemo.Target]bool)
	var failed error
	for range rounds {
		var missing []omemo.Target
		err := l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
			missing, err = l.account.OMEMO.MissingSessions(tx.Context(), tx.OMEMO(l.account.ID), []string{peer, l.account.JID}, tried)
			return err
		})
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			break
		}
		for _, t := range missing {
			tried[t] = true
		}
		if err := l.fetchEach(ctx, missing); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failed = err
		}
	}
	if failed == nil {
		return nil
	}
	if ok, err := l.reachable(ctx, peer); ok || err != nil {
		return err
	}
	return failed
}

// fetchEach fetches these bundles, some at a time. The error is that of ctx, or
// why one could not be asked for.
func (l *Link) fetchEach(ctx context.Context, missing []omemo.Target) error {
	if len(missing) > maxBundles {
		l.log.Warn("peer has too many devices", "devices", len(missing), "limit", maxBundles)
		missing = missing[:maxBundles]
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, fetchers)
	failed := make(chan error, 1)
	for _, target := range missing {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := l.fetchBundle(ctx, target); err != nil && ctx.Err() == nil {
				l.log.Info("device cannot be written to", "device", target.Device, "profile", target.Profile, "code", code.Of(err))
				if unasked(err) {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}

func (l *Link) fetchBundle(ctx context.Context, t omemo.Target) error {
	bundle, err := l.bundle(ctx, t)
	if err != nil {
		return err
	}
	return l.addBundle(ctx, t, bundle)
}

func (l *Link) bundle(ctx context.Context, t omemo.Target) (omemo.PublishedBundle, error) {
	address, err := jid.Parse(t.JID)
	if err != nil {
		return omemo.PublishedBundle{}, err
	}
	fetched, err := l.client.FetchBundle(ctx, address, uint8(t.Profile), t.Device)
	if err != nil {
		return omemo.PublishedBundle{}, err
	}
	return bundleFromWire(t.Profile, fetched)
}

// addBundle starts a session.
func (l *Link) addBundle(ctx context.Context, t omemo.Target, bundle omemo.PublishedBundle) error {
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		return l.account.OMEMO.AddBundle(tx.Context(), tx.OMEMO(l.account.ID), t, bundle)
	})
	l.noteBundle(ctx, t.Address, bundle.Identity, err)
	return err
}

func listFromWire(devices []xmpp.Device) []omemo.Listed {
	list := make([]omemo.Listed, len(devices))
	for i, d := range devices {
		list[i] = omemo.Listed{ID: d.ID, Label: d.Label, Signature: d.LabelSig}
	}
	return list
}

func listToWire(list []omemo.Listed) []xmpp.Device {
	devices := make([]xmpp.Device, len(list))
	for i, d := range list {
		devices[i] = xmpp.Device{ID: d.ID, Label: d.Label, LabelSig: d.Signature}
	}
	return devices
}
