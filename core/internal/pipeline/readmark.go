// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"

	"github.com/confab-im/confab/storage"
)

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

// MarkRead counts what lies at or before a place of a conversation as read here;
// 0 is its end. Others are told as they may know: the author of what was read
// (XEP-0333), and our other devices (see ReadElsewhere). queued says that there
// is something to send.
func (a *Account) MarkRead(ctx context.Context, conversation, upto int64) (queued bool, err error) {
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		queued = false
		c, err := tx.Conversation(conversation)
		if err != nil {
			return err
		}
		if upto == 0 {
			upto = c.LastKey
		}
		changed, err := tx.MarkRead(c.ID, upto)
		if err != nil || !changed {
			return err
		}
		emit.conversation(c.ID)
		rows, err := a.newlyRead(tx, c, upto)
		if err != nil {
			return err
		}
		if queued, err = a.noteRead(tx, c, rows); err != nil {
			return err
		}
		told, err := a.tellRead(tx, c, rows)
		queued = queued || told
		return err
	})
	if err != nil {
		return false, fmt.Errorf("mark read: %w", err)
	}
	return queued, nil
}

// newlyRead returns the newest of the messages that have just been read, the
// newest first; c is the conversation as it was before.
func (a *Account) newlyRead(tx *storage.Tx, c storage.Conversation, upto int64) ([]storage.Message, error) {
	rows, err := tx.MessagesBefore(c.ID, min(upto, math.MaxInt64-1)+1, answeredWindow)
	for i := range rows {
		if rows[i].SortKey <= c.ReadKey {
			return rows[:i], err
		}
	}
	return rows, err
}

// tellRead queues a mark for the newest of the messages whose author would like
// to know. In a room everybody does.
func (a *Account) tellRead(tx *storage.Tx, c storage.Conversation, rows []storage.Message) (bool, error) {
	d, _, err := a.DisclosureOf(tx.Reader, c.ID)
	if err != nil || !d.Marks || c.Request {
		return false, err
	}
	for i := range rows {
		row := &rows[i]
		e, err := ExtraOf(row)
		if err != nil {
			return false, err
		}
		s := Stanza{To: c.Peer, ID: rand.Text(), Content: Content{Displayed: row.RemoteID}}
		if c.Kind == ConversationRoom {
			s.Type, s.Content.Displayed = "groupchat", row.ArchiveID
		} else if !e.Markable {
			continue
		}
		if row.Outgoing || s.Content.Displayed == "" {
			continue
		}
		if ok, err := a.knows(tx.Reader, c); err != nil || !ok {
			return false, err
		}
		if err := a.forgetMarks(tx, c.ID); err != nil {
			return false, err
		}
		stanza, err := a.Builder.Message(s)
		if err != nil {
			return false, err
		}
		return true, tx.Enqueue(&storage.OutboxRow{
			AccountID: a.ID, ConversationID: c.ID, Kind: OutMark, To: c.Peer, State: OutReady, Stanza: stanza, Created: a.Now(),
		})
	}
	return false, nil
}

// forgetMarks drops earlier marks that have not gone out: the next says it all.
func (a *Account) forgetMarks(tx *storage.Tx, conversation int64) error {
	rows, err := tx.Outbox(a.ID, 0, prepareScan, OutReady)
	if err != nil {
		return err
	}
	for _, out := range rows {
		if out.Kind == OutMark && out.ConversationID == conversation && out.Attempts == 0 {
			if err := tx.DeleteOutbox(out.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
