// SPDX-License-Identifier: MPL-2.0

package storage

import "fmt"

// MoveMessage gives a message the sort key `key`, or the next one that is free,
// and returns it. Its conversation's summary follows; the read mark stays where
// it is.
func (tx *Tx) MoveMessage(id, key int64) (int64, error) {
	if key <= 0 {
		return 0, fmt.Errorf("move message: %w: sort key not positive", ErrInvalid)
	}
	m, err := tx.Message(id)
	if err != nil {
		return 0, wrapf(err, "move message")
	}
	if m.SortKey == key {
		return key, nil
	}
	if key, err = tx.freeKey(m.ConversationID, key); err != nil {
		return 0, wrapf(err, "move message")
	}
	if err := tx.must(`UPDATE message SET sort_key = ?, revision = revision + 1 WHERE conversation_id = ? AND sort_key = ?`,
		key, m.ConversationID, m.SortKey); err != nil {
		return 0, wrapf(err, "move message")
	}
	if _, err := tx.exec("UPDATE displayed SET sort_key = ? WHERE conversation_id = ? AND sort_key = ? AND sort_key < ?",
		key, m.ConversationID, m.SortKey, key); err != nil {
		return 0, wrapf(err, "move message")
	}
	// To the summary a move is the end of one message and the arrival of
	// another.
	if err := tx.summarizeDelete(m); err != nil {
		return 0, wrapf(err, "move message")
	}
	c, err := tx.Conversation(m.ConversationID)
	if err != nil {
		return 0, wrapf(err, "move message")
	}
	m.SortKey = key
	return key, wrapf(tx.summarizeInsert(c, m), "move message")
}
