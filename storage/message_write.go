// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"fmt"
	"math"
	"strings"
	"unicode"
)

// PreviewRunes is the largest number of runes in a conversation's preview.
const PreviewRunes = 200

// InsertMessage stores a new message, and brings its conversation's summary and
// the search index up to date. ConversationID is required. It sets:
//
//   - ID, which was never used before.
//   - SortKey: if it is 0, At in microseconds, or the key after [Reader.MaxKey]
//     if that is larger; then, if the key is taken, the next one that is free.
//   - AccountID from the conversation, and Revision.
//
// An incoming message behind the read mark counts as unread.
func (tx *Tx) InsertMessage(m *Message) error {
	c, err := tx.Conversation(m.ConversationID)
	if err != nil {
		return wrapf(err, "insert message")
	}
	row := *m
	row.AccountID, row.Revision = c.AccountID, 1
	if row.SortKey < 0 {
		return fmt.Errorf("insert message: %w: negative sort key", ErrInvalid)
	}
	if row.SortKey == 0 {
		top, err := tx.MaxKey(c.ID)
		if err != nil {
			return wrapf(err, "insert message")
		}
		row.SortKey = max(micros(row.At), top+1)
	}
	if row.ID, err = tx.next("message"); err != nil {
		return wrapf(err, "insert message")
	}
	if err := tx.insertRow(&row); err != nil {
		return wrapf(err, "insert message")
	}
	if err := tx.summarizeInsert(c, row); err != nil {
		return wrapf(err, "insert message")
	}
	*m = row
	return nil
}

// insertRow inserts m at its sort key or at the next free one.
func (tx *Tx) insertRow(m *Message) error {
	for {
		n, err := tx.exec(`INSERT INTO message (conversation_id, sort_key, id, account_id, outgoing, sender, remote_id,
			archive_id, channel, kind, body, at, received_at, state, encryption, sender_device, identity, trust, reason,
			extra, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (conversation_id, sort_key) DO NOTHING`,
			m.ConversationID, m.SortKey, m.ID, m.AccountID, m.Outgoing, m.Sender, m.RemoteID,
			m.ArchiveID, m.Channel, m.Kind, m.Body, micros(m.At), micros(m.ReceivedAt), m.State, m.Encryption, m.SenderDevice,
			blob(m.Identity), m.Trust, m.Reason, blob(m.Extra), m.Revision)
		if err != nil || n > 0 {
			return err
		}
		if m.SortKey, err = tx.freeKey(m.ConversationID, m.SortKey); err != nil {
			return err
		}
	}
}

// freeKey returns the first sort key from key on that no message has.
func (tx *Tx) freeKey(conv, key int64) (int64, error) {
	for {
		const step = 256
		taken, err := tx.keys(conv, key, step)
		if err != nil {
			return 0, err
		}
		for _, k := range taken {
			if k != key {
				return key, nil
			}
			if key == math.MaxInt64 {
				return 0, fmt.Errorf("%w: no free sort key", ErrInvalid)
			}
			key++
		}
		if len(taken) < step {
			return key, nil
		}
	}
}

func (tx *Tx) keys(conv, from int64, limit int) (list []int64, err error) {
	err = tx.each(func(rows *sql.Rows) error {
		var k int64
		if err := rows.Scan(&k); err != nil {
			return err
		}
		list = append(list, k)
		return nil
	}, "SELECT sort_key FROM message WHERE conversation_id = ? AND sort_key >= ? ORDER BY sort_key LIMIT ?", conv, from, limit)
	return list, err
}

// summarizeInsert brings c up to date with its new message m.
func (tx *Tx) summarizeInsert(c Conversation, m Message) error {
	unread := 0
	if !m.Outgoing && m.SortKey > c.ReadKey {
		unread = 1
	}
	if m.SortKey < c.LastKey {
		return tx.must("UPDATE conversation SET unread = unread + ?, revision = revision + 1 WHERE id = ?", unread, c.ID)
	}
	return tx.must(`UPDATE conversation SET last_message_id = ?, last_key = ?, last_at = ?, last_preview = ?,
		last_outgoing = ?, last_state = ?, unread = unread + ?, revision = revision + 1 WHERE id = ?`,
		m.ID, m.SortKey, micros(m.At), preview(m.Body), m.Outgoing, m.State, unread, c.ID)
}

// summarizeChange brings the conversation of m up to date with its new state
// and body.
func (tx *Tx) summarizeChange(m Message) error {
	return tx.must(`UPDATE conversation SET revision = revision + 1,
		last_state = CASE last_message_id WHEN ?1 THEN ?2 ELSE last_state END,
		last_preview = CASE last_message_id WHEN ?1 THEN ?3 ELSE last_preview END
		WHERE id = ?4`, m.ID, m.State, preview(m.Body), m.ConversationID)
}

// SetMessageState sets the state of a message and its reason.
func (tx *Tx) SetMessageState(id int64, state uint8, reason string) error {
	return wrapf(tx.change(id, func(m *Message) (string, []any) {
		m.State = state
		return "state = ?, reason = ?", []any{state, reason}
	}), "set message state")
}

// AdvanceMessageState sets the state of a message if it is larger than the one
// it has, and clears the reason then.
func (tx *Tx) AdvanceMessageState(id int64, state uint8) (changed bool, err error) {
	err = tx.change(id, func(m *Message) (string, []any) {
		if changed = state > m.State; !changed {
			return "", nil
		}
		m.State = state
		return "state = ?, reason = ''", []any{state}
	})
	return changed && err == nil, wrapf(err, "advance message state")
}

// SetMessageArchiveID stores the id that an archive has for a message.
func (tx *Tx) SetMessageArchiveID(id int64, archiveID string) error {
	return wrapf(tx.change(id, func(*Message) (string, []any) {
		return "archive_id = ?", []any{archiveID}
	}), "set archive id")
}

// SetMessageRemoteID stores the id that the network has for a message.
func (tx *Tx) SetMessageRemoteID(id int64, remoteID string) error {
	return wrapf(tx.change(id, func(*Message) (string, []any) {
		return "remote_id = ?", []any{remoteID}
	}), "set remote id")
}

// SetMessageExtra stores the caller's own part of a message.
func (tx *Tx) SetMessageExtra(id int64, extra []byte) error {
	return wrapf(tx.change(id, func(*Message) (string, []any) {
		return "extra = ?", []any{blob(extra)}
	}), "set message extra")
}

// SetMessageSecurity stores how a message was encrypted and by whom.
func (tx *Tx) SetMessageSecurity(id int64, encryption uint8, device uint32, identity []byte, trust uint8) error {
	return wrapf(tx.change(id, func(*Message) (string, []any) {
		return "encryption = ?, sender_device = ?, identity = ?, trust = ?", []any{encryption, device, blob(identity), trust}
	}), "set message security")
}

// UpdateMessageBody replaces the text of a message and its kind, in the search
// index and the preview too.
func (tx *Tx) UpdateMessageBody(id int64, body string, kind uint8) error {
	return wrapf(tx.change(id, func(m *Message) (string, []any) {
		m.Body = body
		return "body = ?, kind = ?", []any{body, kind}
	}), "update message body")
}

// change reads a message, has set say which columns get which values and apply
// to m what the summary shows, and stores both. An empty list changes nothing.
func (tx *Tx) change(id int64, set func(m *Message) (columns string, args []any)) error {
	m, err := tx.Message(id)
	if err != nil {
		return err
	}
	columns, args := set(&m)
	if columns == "" {
		return nil
	}
	args = append(args, m.ConversationID, m.SortKey)
	if err := tx.must("UPDATE message SET revision = revision + 1, "+columns+
		" WHERE conversation_id = ? AND sort_key = ?", args...); err != nil {
		return err
	}
	return tx.summarizeChange(m)
}

// DeleteMessage removes a message, and if it is an outgoing one, what waits to
// be sent for it. What was marked as seen stays so.
func (tx *Tx) DeleteMessage(id int64) error {
	m, err := tx.Message(id)
	if err != nil {
		return wrapf(err, "delete message")
	}
	if m.Outgoing {
		if _, err := tx.exec("DELETE FROM outbox WHERE message_id = ? AND message_id <> 0", id); err != nil {
			return wrapf(err, "delete message")
		}
	}
	if err := tx.must("DELETE FROM message WHERE conversation_id = ? AND sort_key = ?", m.ConversationID, m.SortKey); err != nil {
		return wrapf(err, "delete message")
	}
	return wrapf(tx.summarizeDelete(m), "delete message")
}

// summarizeDelete brings the conversation of the deleted message m up to date.
func (tx *Tx) summarizeDelete(m Message) error {
	c, err := tx.Conversation(m.ConversationID)
	if err != nil {
		return err
	}
	unread := c.Unread
	if !m.Outgoing && m.SortKey > c.ReadKey {
		unread--
	}
	if c.LastMessageID != m.ID {
		return tx.must("UPDATE conversation SET unread = ?, revision = revision + 1 WHERE id = ?", unread, c.ID)
	}
	var last Message // none left
	if list, err := tx.MessagesBefore(c.ID, 0, 1); err != nil {
		return err
	} else if len(list) > 0 {
		last = list[0]
	}
	return tx.must(`UPDATE conversation SET last_message_id = ?, last_key = ?, last_at = ?, last_preview = ?,
		last_outgoing = ?, last_state = ?, unread = ?, revision = revision + 1 WHERE id = ?`,
		last.ID, last.SortKey, micros(last.At), preview(last.Body), last.Outgoing, last.State, unread, c.ID)
}

// preview is the beginning of a body on one line.
func preview(body string) string {
	var sb strings.Builder
	n := 0
	for _, r := range body {
		if n == PreviewRunes {
			break
		}
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			r = ' '
		}
		sb.WriteRune(r)
		n++
	}
	return sb.String()
}
