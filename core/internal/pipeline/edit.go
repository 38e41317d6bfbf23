// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// impossible is the error of what cannot be done to a message.
type impossible struct{ code, text string }

func (e *impossible) Error() string { return e.text }

// Code returns the stable code.
func (e *impossible) Code() string { return e.code }

// The errors of Correct, Retract and React.
var (
	ErrNotOwn      error = &impossible{"core.not-own", "only a message of one's own can be changed"}
	ErrRetracted   error = &impossible{"core.retracted", "message was taken back"}
	ErrNotText     error = &impossible{"core.not-text-message", "message is no text"}
	ErrUnconfirmed error = &impossible{"core.unconfirmed", "message has no id yet by which others know it"}
)

// Correct replaces the text of a message of ours, here at once and for others
// by a message of its own (XEP-0308). One of which nothing has gone out yet is
// just changed.
func (a *Account) Correct(ctx context.Context, target int64, remoteID, body string) error {
	return a.own(ctx, "correct message", target, func(tx *storage.Tx, emit *emitter, row *storage.Message, e *Extra) error {
		if row.Kind != KindText {
			return ErrNotText
		}
		if out, err := a.unsent(tx, row); err != nil {
			return err
		} else if out != nil || row.State == StateFailed {
			emit.message(event.MessageChanged, row.ConversationID, row.ID, row.Reason)
			emit.conversation(row.ConversationID)
			return tx.UpdateMessageBody(row.ID, body, row.Kind)
		}
		return a.say(tx, emit, row, remoteID, Content{Body: body, Corrects: row.RemoteID})
	})
}

// Retract takes a message of ours back, here at once and for others by a
// message of its own (XEP-0424). One of which nothing has gone out yet is
// deleted.
func (a *Account) Retract(ctx context.Context, target int64, remoteID string) error {
	return a.own(ctx, "retract message", target, func(tx *storage.Tx, emit *emitter, row *storage.Message, _ *Extra) error {
		if out, err := a.unsent(tx, row); err != nil {
			return err
		} else if out != nil || row.State == StateFailed {
			emit.message(event.MessageRemoved, row.ConversationID, row.ID, "")
			emit.conversation(row.ConversationID)
			return tx.DeleteMessage(row.ID)
		}
		id, err := publicID(tx, row)
		if err != nil {
			return err
		}
		return a.say(tx, emit, row, remoteID, Content{Retracts: id})
	})
}

// own runs fn for a message of ours that was not taken back.
func (a *Account) own(ctx context.Context, doing string, target int64, fn func(*storage.Tx, *emitter, *storage.Message, *Extra) error) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		row, err := tx.Message(target)
		if err != nil {
			return err
		}
		e, err := ExtraOf(&row)
		switch {
		case err != nil:
			return err
		case !row.Outgoing:
			return ErrNotOwn
		case e.Retracted != nil:
			return ErrRetracted
		}
		return fn(tx, emit, &row, &e)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// unsent returns the outbox row of a message whose bytes were not made yet, nil
// if there is none.
func (a *Account) unsent(tx *storage.Tx, row *storage.Message) (*storage.OutboxRow, error) {
	out, err := tx.OutboxByMessage(row.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil || out.State != OutQueued && out.State != OutBlocked && out.State != OutUploading {
		return nil, err
	}
	return &out, nil
}

// React shows emojis of ours under a message, in the place of those before;
// none takes them back (XEP-0444).
func (a *Account) React(ctx context.Context, target int64, remoteID string, emojis []string) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		row, err := tx.Message(target)
		if err != nil {
			return err
		}
		e, err := ExtraOf(&row)
		if err != nil {
			return err
		}
		if e.Retracted != nil {
			return ErrRetracted
		}
		id, err := publicID(tx, &row)
		if err != nil {
			return err
		}
		r := Reacts{ID: id, Emojis: emojis, Author: row.Sender, Stands: e.Reacted}
		switch {
		case len(emojis) == 0 && e.Reacted == "":
			r.Stands = remoteID // of nothing that others have
		case len(emojis) == 0:
			e.Reacted = ""
		case e.Reacted == "":
			e.Reacted = remoteID
		}
		if err := saveExtra(tx, row.ID, &e); err != nil {
			return err
		}
		return a.say(tx, emit, &row, remoteID, Content{Reacts: &r})
	})
	if err != nil {
		return fmt.Errorf("react to message: %w", err)
	}
	return nil
}

// publicID is the id by which everybody knows a message: in a room, that in the
// room's archive.
func publicID(tx *storage.Tx, row *storage.Message) (string, error) {
	c, err := tx.Conversation(row.ConversationID)
	id := row.RemoteID
	if c.Kind == ConversationRoom {
		id = row.ArchiveID
	}
	if err == nil && id == "" {
		err = ErrUnconfirmed
	}
	return id, err
}

// say does what we say about a message here, and queues it for others. It is
// encrypted if the message was, or if the conversation is.
func (a *Account) say(tx *storage.Tx, emit *emitter, row *storage.Message, remoteID string, content Content) error {
	c, err := tx.Conversation(row.ConversationID)
	if err != nil {
		return err
	}
	out := outReference{
		RemoteID: remoteID, Target: row.ID, Content: content,
		Encrypted: c.Encryption != EncryptionNone || row.Encryption != EncryptionNone,
	}
	in := Incoming{Peer: c.Peer, Sender: a.JID, Outgoing: true, RemoteID: remoteID, At: a.Now()}
	if in.Room = c.Kind == ConversationRoom; in.Room {
		out.Type = "groupchat"
	}
	r := referenceOf(&in, &content, true)
	if r.At, err = latest(tx.Reader, row, r.At); err != nil {
		return err
	}
	if _, err := a.applyTo(tx, emit, &r, row); err != nil {
		return err
	}
	return a.queueReference(tx, c, out)
}

// latest returns the time, or if need be a later one, at which we say something
// about a message after all that we have said about it: a clock may have been
// put back, or be behind that of another device of ours.
func latest(r *storage.Reader, row *storage.Message, at time.Time) (time.Time, error) {
	e, err := ExtraOf(row)
	if err != nil {
		return at, err
	}
	before := e.Edited
	reactions, err := r.Reactions(row.ID)
	for _, v := range reactions {
		if v.Own && v.At.After(before) {
			before = v.At
		}
	}
	if !at.After(before) {
		at = before.Add(time.Microsecond)
	}
	return at, err
}
