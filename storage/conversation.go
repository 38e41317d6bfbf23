// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"errors"
	"strings"
)

const conversationColumns = `id, account_id, peer, kind, title, last_message_id, last_key, last_at, last_preview,
	last_outgoing, last_state, unread, read_key, pinned, archived, muted_until, draft, encryption, request, revision`

func (c *Conversation) dest() []any {
	return []any{&c.ID, &c.AccountID, &c.Peer, &c.Kind, &c.Title, &c.LastMessageID, &c.LastKey, timeColumn{&c.LastAt},
		&c.LastPreview, &c.LastOutgoing, &c.LastState, &c.Unread, &c.ReadKey, &c.Pinned, &c.Archived,
		timeColumn{&c.MutedUntil}, &c.Draft, &c.Encryption, &c.Request, &c.Revision}
}

// ConversationQuery selects conversations. Zero fields select all.
type ConversationQuery struct {
	AccountID int64 // 0 = all accounts
	Archived  *bool // nil = both
	Pinned    *bool // nil = both
	Request   *bool // nil = both
	// BeforeKey and BeforeID are the LastKey and the ID of the last row of the
	// page before; BeforeID 0 is the first page.
	BeforeKey, BeforeID int64
	Limit               int // 0 = all
}

// Conversation returns the conversation with this id.
func (r *Reader) Conversation(id int64) (c Conversation, err error) {
	err = r.one(c.dest(), "SELECT "+conversationColumns+" FROM conversation WHERE id = ?", id)
	return c, wrapf(err, "read conversation")
}

// ConversationByPeer returns an account's conversation with peer.
func (r *Reader) ConversationByPeer(account int64, peer string) (c Conversation, err error) {
	err = r.one(c.dest(), "SELECT "+conversationColumns+" FROM conversation WHERE account_id = ? AND peer = ?", account, peer)
	return c, wrapf(err, "read conversation")
}

// Conversations returns conversations, the one with the newest message first
// and those without a message last.
func (r *Reader) Conversations(q ConversationQuery) (list []Conversation, err error) {
	query, args := q.sql()
	err = r.each(func(rows *sql.Rows) error {
		var c Conversation
		if err := rows.Scan(c.dest()...); err != nil {
			return err
		}
		list = append(list, c)
		return nil
	}, query, args...)
	return list, wrapf(err, "read conversations")
}

// sql writes the query. It names the index that has the order, since the
// planner would rather take all conversations of an account and sort them.
func (q ConversationQuery) sql() (string, []any) {
	var sb strings.Builder
	var args []any
	and := func(cond string, v ...any) {
		sb.WriteString(" AND " + cond)
		args = append(args, v...)
	}
	index := "conversation_newest"
	if q.Archived != nil && *q.Archived {
		index = "conversation_archived"
	}
	sb.WriteString("SELECT " + conversationColumns + " FROM conversation INDEXED BY " + index + " WHERE 1")
	if q.AccountID != 0 {
		and("account_id = ?", q.AccountID)
	}
	if q.Archived != nil {
		if *q.Archived {
			and("archived = 1") // a literal, for the partial index
		} else {
			and("archived = 0")
		}
	}
	if q.Pinned != nil {
		and("pinned = ?", *q.Pinned)
	}
	if q.Request != nil {
		and("request = ?", *q.Request)
	}
	if q.BeforeID != 0 {
		and("(last_key, id) < (?, ?)", q.BeforeKey, q.BeforeID)
	}
	sb.WriteString(" ORDER BY last_key DESC, id DESC LIMIT ?")
	return sb.String(), append(args, rowLimit(q.Limit))
}

// UnreadTotal returns the number of unread messages in all conversations but
// requests.
func (r *Reader) UnreadTotal() (n int, err error) {
	err = r.one([]any{&n}, "SELECT coalesce(sum(unread), 0) FROM conversation WHERE unread > 0 AND request = 0")
	return n, wrapf(err, "count unread")
}

// EnsureConversation returns an account's conversation with peer and creates it
// with this kind if there is none.
func (tx *Tx) EnsureConversation(account int64, peer string, kind uint8) (c Conversation, created bool, err error) {
	c, err = tx.ConversationByPeer(account, peer)
	if !errors.Is(err, ErrNotFound) {
		return c, false, err
	}
	if _, err := tx.Account(account); err != nil {
		return c, false, wrapf(err, "create conversation")
	}
	id, err := tx.insert(`INSERT INTO conversation (account_id, peer, kind, title, last_message_id, last_key, last_at,
		last_preview, last_outgoing, last_state, unread, read_key, pinned, archived, muted_until, draft, encryption,
		request, revision) VALUES (?, ?, ?, '', 0, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, '', 0, 0, 1)`, account, peer, kind)
	if err != nil {
		return c, false, wrapf(err, "create conversation")
	}
	return Conversation{ID: id, AccountID: account, Peer: peer, Kind: kind, Revision: 1}, true, nil
}

// UpdateConversation stores Kind, Title, Pinned, Archived, MutedUntil, Draft,
// Encryption and Request.
func (tx *Tx) UpdateConversation(c Conversation) error {
	return wrapf(tx.must(`UPDATE conversation SET kind = ?, title = ?, pinned = ?, archived = ?, muted_until = ?,
		draft = ?, encryption = ?, request = ?, revision = revision + 1 WHERE id = ?`,
		c.Kind, c.Title, c.Pinned, c.Archived, micros(c.MutedUntil), c.Draft, c.Encryption, c.Request, c.ID),
		"update conversation")
}

// MarkRead moves the read mark of a conversation forward to upto, but not past
// its newest message, and counts the unread messages again. It never moves the
// mark back. changed says whether the mark moved.
func (tx *Tx) MarkRead(conv, upto int64) (changed bool, err error) {
	c, err := tx.Conversation(conv)
	if err != nil {
		return false, wrapf(err, "mark read")
	}
	if upto = min(upto, c.LastKey); upto <= c.ReadKey {
		return false, nil
	}
	_, err = tx.exec(`UPDATE conversation SET read_key = ?1, revision = revision + 1, unread =
		(SELECT count(*) FROM message WHERE conversation_id = ?2 AND sort_key > ?1 AND outgoing = 0)
		WHERE id = ?2`, upto, conv)
	return err == nil, wrapf(err, "mark read")
}

// DeleteConversation removes a conversation with its messages, and what waits
// to be sent for it.
func (tx *Tx) DeleteConversation(id int64) error {
	for _, q := range []string{
		"DELETE FROM outbox WHERE conversation_id = ? AND conversation_id <> 0",
		"DELETE FROM archive_gap WHERE conversation_id = ? AND conversation_id <> 0",
	} {
		if _, err := tx.exec(q, id); err != nil {
			return wrapf(err, "delete conversation")
		}
	}
	return wrapf(tx.must("DELETE FROM conversation WHERE id = ?", id), "delete conversation")
}
