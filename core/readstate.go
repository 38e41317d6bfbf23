// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
)

// MarkRead counts every message up to and including that place as read. The
// zero Cursor is the newest.
//
// It is durable when it returns. Our other devices follow (XEP-0490). Who wrote
// what was read is told as well (XEP-0333), as far as Disclosure lets: a contact
// whose client asks for it, everybody in a room, and strangers never.
func (cv *Conversation) MarkRead(ctx context.Context, upTo Cursor) error {
	queued, err := cv.account.pipe.MarkRead(ctx, cv.id, int64(upTo))
	if err != nil {
		return notFound(err, ErrNoConversation, "mark read")
	}
	if queued {
		cv.account.withLink(func(l link) { l.Read() })
	}
	return nil
}

// ReadMark says how far somebody else has read a conversation (XEP-0333).
type ReadMark struct {
	Person string // bare JID; in a room the id it gave the occupant, or what else names them there
	Nick   string // in a room, as it was then
	Cursor Cursor // of the last message read: all before it were read too
	At     time.Time
}

// ReadMarks returns how far others have read the conversation, the furthest
// first. People who do not tell are not among them.
func (cv *Conversation) ReadMarks(ctx context.Context) (list []ReadMark, err error) {
	return cv.readMarks(ctx, 0)
}

// ReadBy returns who has read a message, the furthest first.
//
// Errors: ErrNoMessage.
func (cv *Conversation) ReadBy(ctx context.Context, id MessageID) ([]ReadMark, error) {
	return cv.readMarks(ctx, id)
}

func (cv *Conversation) readMarks(ctx context.Context, message MessageID) (list []ReadMark, err error) {
	err = cv.client.db.View(ctx, func(r *storage.Reader) error {
		least := int64(0)
		if message != 0 {
			row, err := r.Message(message)
			if err != nil {
				return err
			}
			if row.ConversationID != cv.id {
				return storage.ErrNotFound
			}
			least = row.SortKey
		}
		rows, err := r.Displayed(cv.id)
		list = nil
		for _, d := range rows {
			if d.SortKey >= least {
				list = append(list, ReadMark{Person: d.Sender, Nick: d.Name, Cursor: Cursor(d.SortKey), At: d.At})
			}
		}
		return err
	})
	if err != nil {
		return nil, notFound(err, ErrNoMessage, "read marks")
	}
	return list, nil
}

// Disclosure says what others are told of what a person does here. Whatever it
// says, strangers are told nothing: see Contact.
type Disclosure struct {
	ReadMarks bool // how far messages were read
	Typing    bool // that one is being written
}

// Disclosure returns what holds for conversations that have no choice of their
// own. Everything, if nothing was chosen.
func (a *Account) Disclosure(ctx context.Context) (Disclosure, error) {
	d, _, err := a.disclosure(ctx, 0)
	return d, err
}

// SetDisclosure chooses for all conversations that have no choice of their own.
func (a *Account) SetDisclosure(ctx context.Context, d Disclosure) error {
	return a.setDisclosure(ctx, 0, &d)
}

// Disclosure returns what holds for the conversation, and whether it was chosen
// for it.
func (cv *Conversation) Disclosure(ctx context.Context) (d Disclosure, own bool, err error) {
	return cv.account.disclosure(ctx, cv.id)
}

// SetDisclosure chooses for this conversation; nil makes it follow the account.
func (cv *Conversation) SetDisclosure(ctx context.Context, d *Disclosure) error {
	return cv.account.setDisclosure(ctx, cv.id, d)
}

func (a *Account) disclosure(ctx context.Context, conversation ConversationID) (d Disclosure, own bool, err error) {
	err = a.client.db.View(ctx, func(r *storage.Reader) error {
		found, chosen, err := a.pipe.DisclosureOf(r, conversation)
		d, own = Disclosure{ReadMarks: found.Marks, Typing: found.Typing}, chosen
		return err
	})
	if err != nil {
		return Disclosure{}, false, failed("read disclosure", err)
	}
	return d, own, nil
}

func (a *Account) setDisclosure(ctx context.Context, conversation ConversationID, d *Disclosure) error {
	err := a.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		var chosen *pipeline.Disclosure
		if d != nil {
			chosen = &pipeline.Disclosure{Marks: d.ReadMarks, Typing: d.Typing}
		}
		if conversation != 0 {
			if _, err := tx.Conversation(conversation); err != nil {
				return err
			}
			emit(event.Event{Kind: event.ConversationChanged, Account: a.id, Conversation: conversation})
		}
		return a.pipe.SetDisclosure(tx, conversation, chosen)
	})
	if err != nil {
		return notFound(err, ErrNoConversation, "choose disclosure")
	}
	return nil
}
