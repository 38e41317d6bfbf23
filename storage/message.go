// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"math"
)

const messageColumns = `m.conversation_id, m.sort_key, m.id, m.account_id, m.outgoing, m.sender, m.remote_id,
	m.archive_id, m.channel, m.kind, m.body, m.at, m.received_at, m.state, m.encryption, m.sender_device,
	m.identity, m.trust, m.reason, m.extra, m.revision`

func (m *Message) dest() []any {
	return []any{&m.ConversationID, &m.SortKey, &m.ID, &m.AccountID, &m.Outgoing, &m.Sender, &m.RemoteID,
		&m.ArchiveID, &m.Channel, &m.Kind, &m.Body, timeColumn{&m.At}, timeColumn{&m.ReceivedAt}, &m.State,
		&m.Encryption, &m.SenderDevice, blobColumn{&m.Identity}, &m.Trust, &m.Reason, blobColumn{&m.Extra}, &m.Revision}
}

// Message returns the message with this id.
func (r *Reader) Message(id int64) (m Message, err error) {
	err = r.one(m.dest(), "SELECT "+messageColumns+" FROM message m WHERE m.id = ?", id)
	return m, wrapf(err, "read message")
}

// MessagesBefore returns up to limit messages of a conversation with a sort key
// below before, newest first; before 0 starts at the newest. A limit of 0 or
// less means all.
func (r *Reader) MessagesBefore(conv, before int64, limit int) ([]Message, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	list, err := r.messages(limit, "SELECT "+messageColumns+` FROM message m
		WHERE m.conversation_id = ? AND m.sort_key < ? ORDER BY m.sort_key DESC LIMIT ?`, conv, before, rowLimit(limit))
	return list, wrapf(err, "read messages")
}

// MessagesAfter returns up to limit messages of a conversation with a sort key
// above after, oldest first. A limit of 0 or less means all.
func (r *Reader) MessagesAfter(conv, after int64, limit int) ([]Message, error) {
	list, err := r.messages(limit, "SELECT "+messageColumns+` FROM message m
		WHERE m.conversation_id = ? AND m.sort_key > ? ORDER BY m.sort_key LIMIT ?`, conv, after, rowLimit(limit))
	return list, wrapf(err, "read messages")
}

// MessageByRemoteID returns the message of a conversation with this remote id
// and direction. Peers choose these ids; if several messages have it, the
// newest is returned.
func (r *Reader) MessageByRemoteID(conv int64, outgoing bool, remoteID string) (m Message, err error) {
	// By itself the planner would walk through the whole conversation.
	err = r.one(m.dest(), "SELECT "+messageColumns+` FROM message m INDEXED BY message_remote
		WHERE m.conversation_id = ? AND m.remote_id = ? AND m.remote_id <> '' AND m.outgoing = ?
		ORDER BY m.sort_key DESC LIMIT 1`, conv, remoteID, outgoing)
	return m, wrapf(err, "read message")
}

// MessageByArchiveID returns the message of a conversation that an archive has
// under this id.
func (r *Reader) MessageByArchiveID(conv int64, archiveID string) (m Message, err error) {
	err = r.one(m.dest(), "SELECT "+messageColumns+` FROM message m INDEXED BY message_archive
		WHERE m.conversation_id = ? AND m.archive_id = ? AND m.archive_id <> ''
		ORDER BY m.sort_key DESC LIMIT 1`, conv, archiveID)
	return m, wrapf(err, "read message")
}

// MessagesByRemoteID returns the messages of a conversation with this remote
// id, whoever chose it, the newest first; at most 16.
func (r *Reader) MessagesByRemoteID(conv int64, remoteID string) ([]Message, error) {
	list, err := r.messages(16, "SELECT "+messageColumns+` FROM message m INDEXED BY message_remote
		WHERE m.conversation_id = ? AND m.remote_id = ? AND m.remote_id <> ''
		ORDER BY m.sort_key DESC LIMIT 16`, conv, remoteID)
	return list, wrapf(err, "read messages")
}

// MaxKey returns the largest sort key of a conversation, not counting outgoing
// messages that still wait in the outbox; 0 if there is none. A new incoming
// message is placed behind it.
func (r *Reader) MaxKey(conv int64) (key int64, err error) {
	err = r.one([]any{&key}, `SELECT coalesce((SELECT m.sort_key FROM message m
		WHERE m.conversation_id = ? AND NOT (m.outgoing = 1 AND EXISTS
			(SELECT 1 FROM outbox o WHERE o.message_id = m.id AND o.message_id <> 0))
		ORDER BY m.sort_key DESC LIMIT 1), 0)`, conv)
	return key, wrapf(err, "read newest sort key")
}

func (r *Reader) messages(limit int, query string, args ...any) ([]Message, error) {
	list := make([]Message, 0, min(max(limit, 0), 1000))
	err := r.each(func(rows *sql.Rows) error {
		list = append(list, Message{})
		return rows.Scan(list[len(list)-1].dest()...)
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return list, nil
}
