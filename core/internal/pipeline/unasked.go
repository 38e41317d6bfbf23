// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// Unasked says with each encrypted message to peer that waits in the outbox
// why it does. It stays queued; the reason goes when it is sent.
func (a *Account) Unasked(ctx context.Context, peer string) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		for after := int64(0); ; {
			rows, err := tx.Outbox(a.ID, after, prepareScan, OutQueued)
			if err != nil {
				return err
			}
			for _, row := range rows {
				after = row.ID
				if row.To != peer || row.Kind != OutMessage {
					continue
				}
				message, err := tx.Message(row.MessageID)
				if errors.Is(err, storage.ErrNotFound) {
					continue // deleted since
				}
				if err != nil {
					return err
				}
				if message.Encryption == EncryptionNone || message.Reason == ReasonUnasked {
					continue
				}
				if err := tx.SetMessageState(message.ID, StateQueued, ReasonUnasked); err != nil {
					return err
				}
				emit.message(event.MessageChanged, message.ConversationID, message.ID, ReasonUnasked)
			}
			if len(rows) < prepareScan {
				return nil
			}
		}
	})
	if err != nil {
		return fmt.Errorf("mark waiting messages: %w", err)
	}
	return nil
}
