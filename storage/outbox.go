// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"strings"
)

const outboxColumns = `id, account_id, conversation_id, message_id, kind, recipient, state, stanza, stream_id,
	stream_count, attempts, reason, created`

func (o *OutboxRow) dest() []any {
	return []any{&o.ID, &o.AccountID, &o.ConversationID, &o.MessageID, &o.Kind, &o.To, &o.State, blobColumn{&o.Stanza},
		&o.StreamID, &o.StreamCount, &o.Attempts, &o.Reason, timeColumn{&o.Created}}
}

// Enqueue appends a row to an account's outbox and sets its ID, and Created if
// that is zero.
func (tx *Tx) Enqueue(o *OutboxRow) error {
	count, err := countArg(o.StreamCount)
	if err != nil {
		return wrapf(err, "enqueue")
	}
	if o.Created.IsZero() {
		o.Created = tx.now()
	}
	id, err := tx.insert(`INSERT INTO outbox (account_id, conversation_id, message_id, kind, recipient, state, stanza,
		stream_id, stream_count, attempts, reason, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		o.AccountID, o.ConversationID, o.MessageID, o.Kind, o.To, o.State, blob(o.Stanza),
		o.StreamID, count, o.Attempts, o.Reason, micros(o.Created))
	if err != nil {
		return wrapf(err, "enqueue")
	}
	o.ID = id
	return nil
}

// Outbox returns up to limit rows of an account with an id above after, in the
// order they were enqueued. Without states, rows in any state are returned. A
// limit of 0 or less means all.
func (r *Reader) Outbox(account, after int64, limit int, states ...uint8) (list []OutboxRow, err error) {
	query := "SELECT " + outboxColumns + " FROM outbox WHERE account_id = ? AND id > ?"
	args := []any{account, after}
	if len(states) > 0 {
		query += " AND state IN (?" + strings.Repeat(", ?", len(states)-1) + ")"
		for _, s := range states {
			args = append(args, s)
		}
	}
	list, err = r.outboxRows(query+" ORDER BY id LIMIT ?", append(args, rowLimit(limit))...)
	return list, wrapf(err, "read outbox")
}

func (r *Reader) outboxRows(query string, args ...any) (list []OutboxRow, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var o OutboxRow
		if err := rows.Scan(o.dest()...); err != nil {
			return err
		}
		list = append(list, o)
		return nil
	}, query, args...)
	return list, err
}

// OutboxRow returns the row with this id.
func (r *Reader) OutboxRow(id int64) (o OutboxRow, err error) {
	err = r.one(o.dest(), "SELECT "+outboxColumns+" FROM outbox WHERE id = ?", id)
	return o, wrapf(err, "read outbox row")
}

// OutboxByMessage returns the oldest row that belongs to a message.
func (r *Reader) OutboxByMessage(message int64) (o OutboxRow, err error) {
	err = r.one(o.dest(), "SELECT "+outboxColumns+" FROM outbox WHERE message_id = ? AND message_id <> 0 ORDER BY id LIMIT 1", message)
	return o, wrapf(err, "read outbox row")
}

// UpdateOutbox stores Kind, To, State, Stanza, StreamID, StreamCount, Attempts
// and Reason of a row.
func (tx *Tx) UpdateOutbox(o OutboxRow) error {
	count, err := countArg(o.StreamCount)
	if err != nil {
		return wrapf(err, "update outbox row")
	}
	return wrapf(tx.must(`UPDATE outbox SET kind = ?, recipient = ?, state = ?, stanza = ?, stream_id = ?,
		stream_count = ?, attempts = ?, reason = ? WHERE id = ?`,
		o.Kind, o.To, o.State, blob(o.Stanza), o.StreamID, count, o.Attempts, o.Reason, o.ID), "update outbox row")
}

// DeleteOutbox removes a row.
func (tx *Tx) DeleteOutbox(id int64) error {
	return wrapf(tx.must("DELETE FROM outbox WHERE id = ?", id), "delete outbox row")
}

// AckOutbox removes the rows that were written to a stream up to and including
// the place upto, and returns them in order.
func (tx *Tx) AckOutbox(account int64, streamID string, upto uint64) ([]OutboxRow, error) {
	count, err := countArg(upto)
	if err != nil {
		return nil, wrapf(err, "acknowledge outbox")
	}
	const where = " FROM outbox WHERE account_id = ? AND state = 2 AND stream_id = ? AND stream_count <= ?"
	list, err := tx.outboxRows("SELECT "+outboxColumns+where+" ORDER BY id", account, streamID, count)
	if err != nil || len(list) == 0 {
		return nil, wrapf(err, "acknowledge outbox")
	}
	if _, err := tx.exec("DELETE"+where, account, streamID, count); err != nil {
		return nil, wrapf(err, "acknowledge outbox")
	}
	return list, nil
}

// ForgetStream makes the rows of an account that were written to a stream ready
// again, for a stream that cannot be resumed, and returns how many.
func (tx *Tx) ForgetStream(account int64) (int, error) {
	n, err := tx.exec("UPDATE outbox SET state = 1, stream_id = '', stream_count = 0 WHERE account_id = ? AND state = 2", account)
	return int(n), wrapf(err, "forget stream")
}
