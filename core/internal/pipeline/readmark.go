// SPDX-License-Identifier: MPL-2.0

package pipeline

import "github.com/confab-im/confab/storage"

// displayed notes that somebody has read up to a message (XEP-0333); if it is
// another device of ours, so have we.
func (a *Account) displayed(tx *storage.Tx, emit *emitter, r *reference, row *storage.Message) error {
	if r.Outgoing {
		changed, err := tx.MarkRead(row.ConversationID, row.SortKey)
		if changed {
			emit.conversation(row.ConversationID)
		}
		return err
	}
	before, err := markOf(tx.Reader, row.ConversationID, r.person(a.JID))
	if err != nil {
		return err
	}
	changed, err := tx.AdvanceDisplayed(storage.Displayed{
		ConversationID: row.ConversationID, Sender: r.person(a.JID), Name: r.Nick, SortKey: row.SortKey, At: r.At,
	})
	if err != nil || !changed {
		return err
	}
	emit.conversation(row.ConversationID)
	if r.Room {
		return nil
	}
	if row.Outgoing { // it has arrived, whatever is known of its way
		if err := a.advance(tx, emit, *row, StateRead); err != nil {
			return err
		}
	}
	for from := before; ; {
		rows, err := tx.MessagesAfter(row.ConversationID, from, prepareScan)
		if err != nil {
			return err
		}
		for _, earlier := range rows {
			if earlier.SortKey >= row.SortKey {
				return nil
			}
			from = earlier.SortKey
			if err := a.readTo(tx, emit, earlier); err != nil {
				return err
			}
		}
		if len(rows) < prepareScan {
			return nil
		}
	}
}

// readTo advances a message that lies at or before the mark of its reader.
func (a *Account) readTo(tx *storage.Tx, emit *emitter, row storage.Message) error {
	if !row.Outgoing || row.State != StateSent && row.State != StateDelivered {
		return nil
	}
	return a.advance(tx, emit, row, StateRead)
}

// markOf returns how far somebody has read, 0 if that is not known.
func markOf(r *storage.Reader, conversation int64, person string) (int64, error) {
	marks, err := r.Displayed(conversation)
	for _, m := range marks {
		if m.Sender == person {
			return m.SortKey, err
		}
	}
	return 0, err
}

// alreadyRead says whether the peer's mark lies at or behind a message of ours
// that is only now known to have been sent.
func (a *Account) alreadyRead(tx *storage.Tx, row *storage.Message) (bool, error) {
	if !row.Outgoing {
		return false, nil
	}
	c, err := tx.Conversation(row.ConversationID)
	if err != nil || c.Kind != ConversationDirect {
		return false, err
	}
	mark, err := markOf(tx.Reader, c.ID, c.Peer)
	return mark >= row.SortKey && mark > 0, err
}
