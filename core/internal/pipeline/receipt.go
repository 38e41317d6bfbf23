// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"errors"

	"github.com/confab-im/confab/storage"
)

func (a *Account) receipt(tx *storage.Tx, emit *emitter, r *Receipt) error {
	row, err := a.ownMessage(tx, r.From, r.RemoteID)
	if err != nil || row.ID == 0 {
		return err
	}
	return a.advance(tx, emit, row, StateDelivered)
}

func (a *Account) bounce(tx *storage.Tx, emit *emitter, b *Bounce) error {
	row, err := a.ownMessage(tx, b.From, b.RemoteID)
	if err != nil || row.ID == 0 || row.State >= StateDelivered {
		return err
	}
	if out, err := tx.OutboxByMessage(row.ID); err == nil {
		if err := tx.DeleteOutbox(out.ID); err != nil {
			return err
		}
	} else if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return a.fail(tx, emit, row, b.Code)
}

// ownMessage finds the message of ours to peer with that id; its ID is 0 when
// there is none, as an answer may name whatever it likes.
func (a *Account) ownMessage(tx *storage.Tx, peer, remoteID string) (storage.Message, error) {
	if remoteID == "" {
		return storage.Message{}, nil
	}
	conversation, err := tx.ConversationByPeer(a.ID, peer)
	if err == nil {
		var row storage.Message
		if row, err = tx.MessageByRemoteID(conversation.ID, true, remoteID); err == nil {
			return row, nil
		}
	}
	if errors.Is(err, storage.ErrNotFound) {
		err = nil
	}
	return storage.Message{}, err
}

// answerReceipt answers a request for a receipt, but tells no stranger that we
// are there (XEP-0184 section 8).
func (a *Account) answerReceipt(tx *storage.Tx, emit *emitter, c storage.Conversation, in *Incoming) error {
	if in.ReceiptTo == "" || in.Outgoing {
		return nil
	}
	if ok, err := a.acquainted(tx.Reader, in.Sender); err != nil || !ok {
		return err
	}
	stanza, err := a.Builder.Receipt(in.ReceiptTo, in.RemoteID)
	if err != nil {
		return err
	}
	emit.outcome.Queued = true
	return tx.Enqueue(&storage.OutboxRow{
		AccountID: a.ID, ConversationID: c.ID, Kind: OutReceipt, To: in.ReceiptTo,
		State: OutReady, Stanza: stanza, Created: a.Now(),
	})
}
