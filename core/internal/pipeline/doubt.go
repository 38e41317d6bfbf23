// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"fmt"

	"github.com/confab-im/confab/storage"
)

// Forget notes that the server refused to resume: what was written and not
// acknowledged may or may not have arrived. Those stanzas are to be sent
// again, the same bytes, once the archive was asked which of them it has.
// doubt says that there are messages among them.
func (a *Account) Forget(ctx context.Context) (doubt bool, err error) {
	err = a.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		if _, err := tx.ForgetStream(a.ID); err != nil {
			return err
		}
		if doubt, err = a.doubt(tx.Reader); err != nil {
			return err
		}
		return tx.DeleteStream(a.ID)
	})
	if err != nil {
		return false, fmt.Errorf("forget stream: %w", err)
	}
	return doubt, nil
}

// Doubt says whether there are messages that were written to a stream that was
// forgotten since, and that the archive has not settled.
func (a *Account) Doubt(ctx context.Context) (doubt bool, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) (err error) {
		doubt, err = a.doubt(r)
		return err
	})
	return doubt, err
}

func (a *Account) doubt(r *storage.Reader) (bool, error) {
	for after := int64(0); ; {
		rows, err := r.Outbox(a.ID, after, prepareScan, OutReady)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			after = row.ID
			if row.Kind == OutMessage && row.Attempts > 0 {
				return true, nil
			}
		}
		if len(rows) < prepareScan {
			return false, nil
		}
	}
}
