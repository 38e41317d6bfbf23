// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"time"
)

// Displayed says how far somebody else has read a conversation (XEP-0333).
type Displayed struct {
	ConversationID int64
	Sender         string // bare JID or occupant
	Name           string // as shown when it came
	SortKey        int64  // of the last message read
	At             time.Time
}

// Displayed returns how far others have read a conversation, the furthest
// first.
func (r *Reader) Displayed(conv int64) (list []Displayed, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var d Displayed
		if err := rows.Scan(&d.ConversationID, &d.Sender, &d.Name, &d.SortKey, timeColumn{&d.At}); err != nil {
			return err
		}
		list = append(list, d)
		return nil
	}, "SELECT conversation_id, sender, name, sort_key, at FROM displayed WHERE conversation_id = ? ORDER BY sort_key DESC, sender",
		conv)
	return list, wrapf(err, "read marks")
}

// AdvanceDisplayed moves somebody's mark forward, never back.
func (tx *Tx) AdvanceDisplayed(d Displayed) (changed bool, err error) {
	n, err := tx.exec(`INSERT INTO displayed (conversation_id, sender, name, sort_key, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (conversation_id, sender) DO UPDATE SET name = excluded.name, sort_key = excluded.sort_key, at = excluded.at
		WHERE excluded.sort_key > displayed.sort_key`, d.ConversationID, d.Sender, d.Name, d.SortKey, micros(d.At))
	if err != nil || n == 0 {
		return false, wrapf(err, "store mark")
	}
	return true, wrapf(tx.must("UPDATE conversation SET revision = revision + 1 WHERE id = ?", d.ConversationID), "store mark")
}
