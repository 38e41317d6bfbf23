// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"errors"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// Some clients send a message in a stanza for each version of OMEMO, under one
// id, with a key for every device in one of them only. For a device that reads
// the one, the other is no message that was lost.

// twin finds the message of the same author, device and id as in, which came in
// another stanza; its ID is 0 when there is none. The device of a message that
// cannot be read is a claim, so nothing but a placeholder may depend on it.
func (a *Account) twin(tx *storage.Tx, in *Incoming, device uint32) (storage.Message, error) {
	if in.RemoteID == "" {
		return storage.Message{}, nil
	}
	conversation, err := tx.ConversationByPeer(a.ID, in.Peer)
	if err == nil {
		var row storage.Message
		row, err = tx.MessageByRemoteID(conversation.ID, in.Outgoing, in.RemoteID)
		if err == nil && row.Sender == in.Sender && row.SenderDevice == device {
			return row, nil
		}
	}
	if errors.Is(err, storage.ErrNotFound) {
		err = nil
	}
	return storage.Message{}, err
}

// readBefore says whether a message that is not for this device was there in
// a stanza that is.
func (a *Account) readBefore(tx *storage.Tx, in *Incoming, device uint32) (bool, error) {
	row, err := a.twin(tx, in, device)
	return row.ID != 0 && row.Kind != KindUnreadable && row.Encryption != EncryptionNone, err
}

// replacePlaceholder removes the placeholder of a message that has come in a
// stanza for this device after all.
func (a *Account) replacePlaceholder(tx *storage.Tx, emit *emitter, in *Incoming, device uint32) error {
	row, err := a.twin(tx, in, device)
	if err != nil || row.ID == 0 || row.Kind != KindUnreadable || row.Reason != omemo.ReasonNotForThisDevice.Code() {
		return err
	}
	if err := tx.DeleteMessage(row.ID); err != nil {
		return err
	}
	emit.message(event.MessageRemoved, row.ConversationID, row.ID, "")
	emit.conversation(row.ConversationID)
	return nil
}
