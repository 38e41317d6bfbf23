// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"bytes"
	"context"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// flagLabel holds the label that the device lists do not have yet.
const flagLabel = "omemo.label"

// SetLabel changes what the own device calls itself, and sees to it that the
// device lists say so.
func SetLabel(tx *storage.Tx, a *pipeline.Account, label string) error {
	if err := SetupKeys(tx, a); err != nil {
		return err
	}
	if err := a.OMEMO.SetLabel(tx.Context(), tx.OMEMO(a.ID), label); err != nil {
		return err
	}
	return tx.PutValue(a.ID, flagLabel, []byte(label))
}

// PublishLabel publishes the device lists as they are with a label that is not
// in them yet.
func (l *Link) PublishLabel(ctx context.Context) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := l.updateLists(ctx, l.account.JID); err != nil {
		return err
	}
	return l.publishLabel(ctx)
}

// publishLabel is PublishLabel once the lists are known.
func (l *Link) publishLabel(ctx context.Context) error {
	var label []byte
	var due bool
	err := l.account.DB.View(ctx, func(r *storage.Reader) (err error) {
		label, due, err = r.Value(l.account.ID, flagLabel)
		return err
	})
	if err != nil || !due {
		return err
	}
	for _, p := range l.profiles() {
		var list []omemo.Listed
		err := l.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
			list, err = l.account.OMEMO.OwnList(tx.Context(), tx.OMEMO(l.account.ID), p)
			return err
		})
		if err != nil {
			return err
		}
		if err := l.client.PublishDevices(ctx, uint8(p), listToWire(list)); err != nil {
			return err
		}
	}
	return l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		now, _, err := tx.Value(l.account.ID, flagLabel)
		if err != nil || !bytes.Equal(now, label) {
			return err // changed meanwhile: that one is to be published
		}
		return tx.DeleteValue(l.account.ID, flagLabel)
	})
}
