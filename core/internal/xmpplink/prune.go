// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// PruneDevices takes other devices of the account off its device lists and
// deletes their bundles, as a person's decision. Sessions with them are kept;
// one that is still in use will announce itself again. The own device must not
// be among them.
//
// What is published is the server's list of this moment without them, so that a
// device announced meanwhile is not lost.
func (l *Link) PruneDevices(ctx context.Context, ids []uint32) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	for _, p := range l.profiles() {
		if err := l.pruneIn(ctx, p, ids); err != nil {
			return err
		}
	}
	return nil
}

func (l *Link) pruneIn(ctx context.Context, p engine.Profile, ids []uint32) error {
	rest, err := l.takeOff(ctx, p, ids)
	if err != nil || rest == nil {
		return err
	}
	var change omemo.DeviceChange
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		change, err = l.account.OMEMO.UpdateDevices(tx.Context(), tx.OMEMO(l.account.ID), p, l.account.JID, listFromWire(rest))
		return err
	})
	if err == nil {
		l.devicesChanged(l.account.JID, change)
	}
	return err
}
