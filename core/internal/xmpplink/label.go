// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// SetLabel changes what the own device calls itself. The next look at the own
// device lists sees that they say something else, and publishes them.
func SetLabel(tx *storage.Tx, a *pipeline.Account, label string) error {
	if err := SetupKeys(tx, a); err != nil {
		return err
	}
	return a.OMEMO.SetLabel(tx.Context(), tx.OMEMO(a.ID), label)
}

// PublishLabel publishes the own device lists now.
func (l *Link) PublishLabel(ctx context.Context) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	own, err := jid.Parse(l.account.JID)
	if err != nil {
		return err
	}
	for _, p := range l.profiles() {
		if err := l.updateList(ctx, p, own, true); err != nil {
			return err
		}
	}
	return nil
}
