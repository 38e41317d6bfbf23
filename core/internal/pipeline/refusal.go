// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// acceptable is a size in bytes that every server takes: RFC 6120 section
// 13.12 allows no lower limit on stanzas.
const acceptable = 10_000

// Refused notes that the server ended the stream instead of taking what was
// sent, as servers do with a stanza above their limit; reason is the code. Sent
// again as if nothing had happened, it would be refused again for ever.
//
// Which of the stanzas on their way it was is not known. The large ones are
// under suspicion: each goes out alone from now on, see Prepare, and the one
// that is refused alone too has failed.
func (a *Account) Refused(ctx context.Context, streamID, reason string) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		for after := int64(0); ; {
			rows, err := tx.Outbox(a.ID, after, prepareScan, OutWritten)
			if err != nil {
				return err
			}
			for _, row := range rows {
				after = row.ID
				if row.StreamID != streamID || len(row.Stanza) <= acceptable {
					continue
				}
				if row.Reason == "" {
					row.Reason = reason
					err = tx.UpdateOutbox(row)
				} else {
					err = a.giveUp(tx, emit, row, reason)
				}
				if err != nil {
					return err
				}
			}
			if len(rows) < prepareScan {
				return nil
			}
		}
	})
	if err != nil {
		return fmt.Errorf("note refusal: %w", err)
	}
	return nil
}

// giveUp ends an outbox row that the server does not take.
func (a *Account) giveUp(tx *storage.Tx, emit *emitter, out storage.OutboxRow, reason string) error {
	if err := tx.DeleteOutbox(out.ID); err != nil {
		return err
	}
	if out.Kind != OutMessage {
		return nil
	}
	row, err := tx.Message(out.MessageID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	return a.fail(tx, emit, row, reason)
}

// fail ends a message of ours that was refused.
func (a *Account) fail(tx *storage.Tx, emit *emitter, row storage.Message, reason string) error {
	if err := tx.SetMessageState(row.ID, StateFailed, reason); err != nil {
		return err
	}
	emit.message(event.MessageChanged, row.ConversationID, row.ID, reason)
	emit.conversation(row.ConversationID)
	return nil
}

// inFlight says whether anything waits for the server to count it, and whether
// that is a stanza under suspicion, which is alone then.
func (a *Account) inFlight(tx *storage.Tx) (busy, suspect bool, err error) {
	rows, err := tx.Outbox(a.ID, 0, 1, OutWritten)
	if err != nil || len(rows) == 0 {
		return false, false, err
	}
	return true, rows[0].Reason != "", nil
}
