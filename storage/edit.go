// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"time"
)

// Edit is one of the texts that a corrected message has had (XEP-0308).
type Edit struct {
	MessageID int64
	At        time.Time // when it was written
	RemoteID  string    // of the stanza that brought it
	Body      string
}

// Edits returns the texts of a corrected message, the oldest first; none of
// one that was never corrected.
func (r *Reader) Edits(message int64) (list []Edit, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var e Edit
		if err := rows.Scan(&e.MessageID, timeColumn{&e.At}, &e.RemoteID, &e.Body); err != nil {
			return err
		}
		list = append(list, e)
		return nil
	}, "SELECT message_id, at, remote_id, body FROM message_edit WHERE message_id = ? ORDER BY at, remote_id", message)
	return list, wrapf(err, "read edits")
}

// AddEdit stores one of the texts of a message, once. What the message shows is
// changed with [Tx.UpdateMessageBody].
func (tx *Tx) AddEdit(e Edit) (added bool, err error) {
	n, err := tx.exec(`INSERT INTO message_edit (message_id, at, remote_id, body) VALUES (?, ?, ?, ?)
		ON CONFLICT (message_id, at, remote_id) DO NOTHING`, e.MessageID, micros(e.At), e.RemoteID, e.Body)
	return n > 0, wrapf(err, "store edit")
}

// DeleteEdits forgets the earlier texts of a message.
func (tx *Tx) DeleteEdits(message int64) error {
	_, err := tx.exec("DELETE FROM message_edit WHERE message_id = ?", message)
	return wrapf(err, "delete edits")
}
