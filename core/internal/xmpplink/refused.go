// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"strconv"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// refusedKey names the value that keeps the key with which a known device came
// and was refused, so that it can be shown.
func refusedKey(a omemo.Address) string {
	return "omemo.refused-key/" + a.JID + "/" + strconv.FormatUint(uint64(a.Device), 10)
}

// noteBundle keeps the key of a bundle that was refused for it, forgets such a
// key once the device comes with the one that is known, and tells of both.
func (l *Link) noteBundle(ctx context.Context, a omemo.Address, key engine.PublicKey, outcome error) {
	var err error
	switch {
	case outcome == nil:
		err = l.forgetRefused(ctx, a)
	case errors.Is(outcome, omemo.ErrIdentityChanged):
		err = l.account.DB.Update(ctx, func(tx *storage.Tx) error {
			return tx.PutValue(l.account.ID, refusedKey(a), key[:])
		})
	}
	if err != nil && ctx.Err() == nil {
		l.log.Warn("refused key not noted", "code", code.Of(err))
	}
	if outcome == nil || errors.Is(outcome, omemo.ErrIdentityChanged) {
		l.account.Bus.Publish(event.Event{
			Kind: event.TrustChanged, Account: l.account.ID, Peer: a.JID, Code: code.Of(outcome),
		})
	}
}

func (l *Link) forgetRefused(ctx context.Context, a omemo.Address) error {
	var there bool
	err := l.account.DB.View(ctx, func(r *storage.Reader) (err error) {
		_, there, err = RefusedKey(r, l.account.ID, a)
		return err
	})
	if err != nil || !there {
		return err
	}
	return l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		return tx.DeleteValue(l.account.ID, refusedKey(a))
	})
}

// RefusedKey returns the key with which a known device came and was refused.
func RefusedKey(r *storage.Reader, account int64, a omemo.Address) (key engine.PublicKey, ok bool, err error) {
	value, ok, err := r.Value(account, refusedKey(a))
	if err != nil || !ok || len(value) != len(key) {
		return key, false, err
	}
	return engine.PublicKey(value), true, nil
}
