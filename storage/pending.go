// SPDX-License-Identifier: MPL-2.0

package storage

import "database/sql"

// MaxPending is how many references to messages that have not come are kept
// for a conversation; the oldest are forgotten first.
const MaxPending = 1000

// Pending refers to a message that has not come yet.
type Pending struct {
	ID             int64
	ConversationID int64
	Target         string // the id it refers to
	Kind           uint8
	Payload        []byte // the caller's own
}

// AddPending keeps a reference until its target comes.
func (tx *Tx) AddPending(p *Pending) (err error) {
	p.ID, err = tx.insert("INSERT INTO pending (conversation_id, target, kind, payload) VALUES (?, ?, ?, ?)",
		p.ConversationID, p.Target, p.Kind, blob(p.Payload))
	if err != nil {
		return wrapf(err, "store reference")
	}
	_, err = tx.exec(`DELETE FROM pending WHERE conversation_id = ?1 AND id <= coalesce((SELECT id FROM pending
		WHERE conversation_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2), 0)`, p.ConversationID, MaxPending)
	return wrapf(err, "store reference")
}

// TakePending returns the references to a target in the order they came in, and
// forgets them.
func (tx *Tx) TakePending(conv int64, target string) (list []Pending, err error) {
	err = tx.each(func(rows *sql.Rows) error {
		var p Pending
		if err := rows.Scan(&p.ID, &p.ConversationID, &p.Target, &p.Kind, blobColumn{&p.Payload}); err != nil {
			return err
		}
		list = append(list, p)
		return nil
	}, "SELECT id, conversation_id, target, kind, payload FROM pending WHERE conversation_id = ? AND target = ? ORDER BY id",
		conv, target)
	if err != nil || len(list) == 0 {
		return nil, wrapf(err, "take references")
	}
	_, err = tx.exec("DELETE FROM pending WHERE conversation_id = ? AND target = ?", conv, target)
	return list, wrapf(err, "take references")
}
