// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
)

// capsCache keeps capabilities in the database, so that a restart asks nobody
// again; it implements xmpp.CapsCache.
type capsCache struct{ account *pipeline.Account }

func capsKey(hash, ver string) string { return hash + " " + ver }

func (c capsCache) LoadCaps(ctx context.Context, hash, ver string) (info []byte, ok bool, err error) {
	err = c.account.DB.View(ctx, func(r *storage.Reader) error {
		info, ok, err = r.Caps(capsKey(hash, ver))
		return err
	})
	return info, ok, err
}

func (c capsCache) SaveCaps(ctx context.Context, hash, ver string, info []byte) error {
	return c.account.DB.Update(ctx, func(tx *storage.Tx) error { return tx.PutCaps(capsKey(hash, ver), info) })
}
