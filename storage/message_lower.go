// SPDX-License-Identifier: MPL-2.0

package storage

import "fmt"

// LowerMessages makes the sort keys from to upto of a conversation smaller by
// `by`, to make room above them. Their order stays, and so does what is read,
// by us and by others, and what is last. ErrInvalid: keys would not stay positive, or run into those
// of messages below.
func (tx *Tx) LowerMessages(conv, from, upto, by int64) error {
	if from <= by || by <= 0 || upto < from {
		return fmt.Errorf("lower messages: %w: sort keys", ErrInvalid)
	}
	below, err := tx.MessagesBefore(conv, from, 1)
	if err != nil {
		return wrapf(err, "lower messages")
	}
	if len(below) > 0 && below[0].SortKey >= from-by {
		return fmt.Errorf("lower messages: %w: no room below", ErrInvalid)
	}
	// By way of negative keys, since each row has to be unique at every step.
	n, err := tx.exec(`UPDATE message SET sort_key = ?1 - sort_key, revision = revision + 1
		WHERE conversation_id = ?2 AND sort_key BETWEEN ?3 AND ?4`, by, conv, from, upto)
	if err != nil || n == 0 {
		return wrapf(err, "lower messages")
	}
	if _, err := tx.exec("UPDATE message SET sort_key = -sort_key WHERE conversation_id = ? AND sort_key < 0", conv); err != nil {
		return wrapf(err, "lower messages")
	}
	if _, err := tx.exec("UPDATE displayed SET sort_key = sort_key - ?1 WHERE conversation_id = ?2 AND sort_key BETWEEN ?3 AND ?4",
		by, conv, from, upto); err != nil {
		return wrapf(err, "lower messages")
	}
	return wrapf(tx.must(`UPDATE conversation SET revision = revision + 1,
		read_key = CASE WHEN read_key BETWEEN ?2 AND ?3 THEN read_key - ?1
			WHEN read_key BETWEEN ?2 - ?1 AND ?2 THEN ?2 - ?1 - 1 ELSE read_key END,
		last_key = CASE WHEN last_key BETWEEN ?2 AND ?3 THEN last_key - ?1 ELSE last_key END
		WHERE id = ?4`, by, from, upto, conv), "lower messages")
}
