// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
)

// MaxBody is the longest message text, in bytes. Servers refuse stanzas not
// much longer than that, once they are encrypted for a few devices.
const MaxBody = 65536

// Draft is a message to send.
type Draft struct {
	Body    string
	ReplyTo MessageID // the message that it answers; 0 if none
}

// Format keeps the text out of whatever is printed.
func (d Draft) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "draft of %d bytes", len(d.Body)) }

func (d *Draft) check() error {
	switch {
	case d.Body == "":
		return ErrEmptyMessage
	case len(d.Body) > MaxBody:
		return ErrMessageTooLong
	case !utf8.ValidString(d.Body) || strings.ContainsFunc(d.Body, notXML):
		return ErrNotText
	}
	return nil
}

// notXML says which characters XML 1.0 (section 2.2) cannot carry.
func notXML(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// Send makes a message durable and returns: from here on it is sent whatever
// happens to the network or this process, once, encrypted as the conversation
// says. Its fate arrives as EventMessageChanged. A message that nobody could
// read, or whose recipient's keys wait for a decision, becomes MessageBlocked
// with a Reason; it is never sent in the clear instead.
//
// Errors: ErrEmptyMessage, ErrMessageTooLong, ErrNotText; of ReplyTo,
// ErrNoMessage and ErrUnconfirmed; storage's.
func (cv *Conversation) Send(ctx context.Context, d Draft) (MessageID, error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	reply, err := cv.replyTo(ctx, d.ReplyTo)
	if err != nil {
		return 0, err
	}
	cv.account.saysTyping(cv.id, TypingActive, time.Time{})
	return cv.enqueue(ctx, pipeline.Outgoing{
		Conversation: cv.id, RemoteID: rand.Text(), Content: pipeline.Content{Body: d.Body, Reply: reply},
	})
}

func (cv *Conversation) enqueue(ctx context.Context, m pipeline.Outgoing) (MessageID, error) {
	id, err := cv.account.pipe.Enqueue(ctx, m)
	if err != nil {
		return 0, notFound(err, ErrNoConversation, "send message")
	}
	cv.account.wake()
	return id, nil
}

// Retry sends a message again that failed, as a person's decision. The same
// text goes out under a new id, for the old one was refused. A message with
// files keeps its place and its MessageID, and what was uploaded is kept too.
func (cv *Conversation) Retry(ctx context.Context, id MessageID) (MessageID, error) {
	var row storage.Message
	err := cv.client.db.View(ctx, func(r *storage.Reader) (err error) {
		row, err = r.Message(id)
		return err
	})
	if err != nil {
		return 0, notFound(err, ErrNoMessage, "read message")
	}
	if row.ConversationID != cv.id || !row.Outgoing || row.State != pipeline.StateFailed {
		return 0, ErrNotRetryable
	}
	if found, err := cv.account.pipe.RetryFiles(ctx, id, rand.Text()); err != nil {
		return 0, failed("send message", err)
	} else if found {
		cv.account.wake()
		return id, nil
	}
	content, err := pipeline.ContentOf(&row)
	if err != nil {
		return 0, failed("send message", err)
	}
	return cv.enqueue(ctx, pipeline.Outgoing{
		Conversation: cv.id, RemoteID: rand.Text(), Content: content, Replaces: id,
	})
}

// DeleteMessage removes a message from this device. One that is still queued
// or blocked is not sent any more, unless its bytes have gone out already.
func (cv *Conversation) DeleteMessage(ctx context.Context, id MessageID) error {
	err := cv.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		row, err := tx.Message(id)
		if err != nil {
			return err
		}
		if row.ConversationID != cv.id {
			return storage.ErrNotFound
		}
		if out, err := tx.OutboxByMessage(id); err == nil && out.State != pipeline.OutWritten {
			if err := tx.DeleteOutbox(out.ID); err != nil {
				return err
			}
		}
		removed := cv.event(event.MessageRemoved)
		removed.Message = id
		emit(removed)
		emit(cv.event(event.ConversationChanged))
		return tx.DeleteMessage(id)
	})
	if err != nil {
		return notFound(err, ErrNoMessage, "delete message")
	}
	return nil
}

// wake tells the account's actor that the outbox has something.
func (a *Account) wake() { a.withLink(func(l link) { l.Wake() }) }

// unblock queues what waited for a decision about peer.
func (a *Account) unblock(ctx context.Context, peer string) error {
	if _, err := a.pipe.Unblock(ctx, peer); err != nil {
		return failed("send blocked messages", err)
	}
	a.wake()
	return nil
}
