// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

const (
	flagPublish = "omemo.publish" // the own bundles must be published
	// announced keeps when, in seconds since 1970, and in which profiles, a byte
	// each, everything was published last.
	announced = "omemo.announced"
	// repairAge is after what time all of it is published again at the next new
	// session, so that nodes are open to everybody whatever others made of them.
	repairAge = 7 * 24 * time.Hour
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
	return tx.DeleteValue(a.ID, announced)
}

// setupDevices sees to it that the own device is announced and its bundles are
// published, in each profile. The bundles come first: an announced device
// without one cannot be written to.
func (l *Link) setupDevices(ctx context.Context) {
	if l.account.OMEMO == nil {
		return
	}
	err := l.retry(ctx, func() error {
		due, before, err := l.announceDue(ctx)
		if err != nil {
			return err
		}
		for _, p := range before {
			if !l.account.OMEMO.Speaks(p) {
				if err := l.withdraw(ctx, p); err != nil {
					return err
				}
			}
		}
		if err := l.publishIfDue(ctx); err != nil {
			return err
		}
		for _, p := range l.profiles() {
			if err := l.announce(ctx, p, due); err != nil {
				return err
			}
		}
		if !due {
			return nil
		}
		return l.account.DB.Update(ctx, func(tx *storage.Tx) error {
			record := binary.BigEndian.AppendUint64(nil, uint64(l.account.Now().Unix()))
			for _, p := range l.profiles() {
				record = append(record, byte(p))
			}
			return tx.PutValue(l.account.ID, announced, record)
		})
	})
	if err != nil && ctx.Err() == nil {
		l.log.Warn("own device not announced", "code", code.Of(err))
	}
}

// announceDue says whether everything is to be published, and in which profiles
// it was last.
func (l *Link) announceDue(ctx context.Context) (due bool, before []engine.Profile, err error) {
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		record, ok, err := tx.Value(l.account.ID, announced)
		if err != nil {
			return err
		}
		before, due = nil, true
		if ok && len(record) >= 8 {
			for _, p := range record[8:] {
				before = append(before, engine.Profile(p))
			}
			age := l.account.Now().Sub(time.Unix(int64(binary.BigEndian.Uint64(record)), 0))
			due = age < 0 || age >= repairAge || !slices.Equal(before, l.profiles())
		}
		if !due {
			return nil
		}
		return tx.PutValue(l.account.ID, flagPublish, []byte{1})
	})
	return due, before, err
}

// announce sees to it that the own device is on the list of a profile; anew says
// to publish the list whatever is on it. A bundle that is gone is published
// again: servers that keep one item in a node, unless they are told otherwise,
// drop it for another device's.
func (l *Link) announce(ctx context.Context, p engine.Profile, anew bool) error {
	own, err := jid.Parse(l.account.JID)
	if err != nil {
		return err
	}
	if err := l.updateList(ctx, p, own, anew); err != nil || anew || p != engine.Profile2 {
		return err
	}
	var device uint32
	var others bool
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		st := tx.OMEMO(l.account.ID)
		if device, err = l.account.OMEMO.DeviceID(tx.Context(), st); err != nil {
			return err
		}
		list, err := l.account.OMEMO.OwnList(tx.Context(), st, p)
		others = len(list) > 1
		return err
	})
	if err != nil || !others {
		return err
	}
	if _, err = l.client.FetchBundle(ctx, own, uint8(p), device); errors.Is(err, xmpp.ErrNoNode) {
		l.log.Info("own bundle was gone")
		err = l.publishBundle(ctx, p)
	}
	return err
}

// withdraw takes the own device off the list of a profile that is not spoken any
// more, so that nobody writes to it in that.
func (l *Link) withdraw(ctx context.Context, p engine.Profile) error {
	var device uint32
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		device, err = l.account.OMEMO.DeviceID(tx.Context(), tx.OMEMO(l.account.ID))
		return err
	})
	if err != nil {
		return err
	}
	_, err = l.takeOff(ctx, p, []uint32{device})
	return err
}

// takeOff publishes the server's list of this moment without some devices, so
// that one announced meanwhile is not lost, and deletes their bundles. rest is
// what is left on the list, nil if there is none.
func (l *Link) takeOff(ctx context.Context, p engine.Profile, ids []uint32) (rest []xmpp.Device, err error) {
	own, err := jid.Parse(l.account.JID)
	if err != nil {
		return nil, err
	}
	if err := hold(ctx, l.listing); err != nil {
		return nil, err
	}
	defer func() { <-l.listing }()
	devices, err := l.client.FetchDevices(ctx, own, uint8(p))
	if errors.Is(err, xmpp.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rest = slices.DeleteFunc(slices.Clone(devices), func(d xmpp.Device) bool { return slices.Contains(ids, d.ID) })
	if len(rest) < len(devices) {
		if err := l.client.PublishDevices(ctx, uint8(p), rest); err != nil {
			return nil, err
		}
	}
	for _, d := range devices {
		if slices.Contains(ids, d.ID) {
			if err := l.client.DeleteBundle(ctx, uint8(p), d.ID); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

// hold takes a token that one goroutine has at a time, and which it gives back by
// receiving from it.
func hold(ctx context.Context, token chan struct{}) error {
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maintain replaces used prekeys.
func (l *Link) maintain(ctx context.Context) {
	if err := l.retry(ctx, func() error { return l.publishIfDue(ctx) }); err != nil && ctx.Err() == nil {
		l.log.Warn("own bundle not published", "code", code.Of(err))
	}
}

// publishIfDue publishes the bundles of all profiles, whose prekeys are the
// same, if there is something new in them.
func (l *Link) publishIfDue(ctx context.Context) error {
	if err := hold(ctx, l.publishing); err != nil { // so that the last made goes out last
		return err
	}
	defer func() { <-l.publishing }()
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
	for _, p := range l.profiles() {
		if err := l.publishBundle(ctx, p); err != nil {
			return err
		}
	}
	return l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		return tx.DeleteValue(l.account.ID, flagPublish)
	})
}

func (l *Link) publishBundle(ctx context.Context, p engine.Profile) error {
	var own omemo.Bundle
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		own, err = l.account.OMEMO.OwnBundle(tx.Context(), tx.OMEMO(l.account.ID), p)
		return err
	})
	if err != nil {
		return err
	}
	bundle, err := bundleToWire(p, own.PublishedBundle)
	if err != nil {
		return err
	}
	return l.client.PublishBundle(ctx, uint8(p), own.Device, bundle)
}
