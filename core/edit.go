// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
)

// Retraction says that a message was taken back (XEP-0424, XEP-0425).
type Retraction struct {
	At     time.Time
	By     string // who did it: the author, or a moderator of the room
	Reason string // a moderator's words; may be empty
	// Unproven: the message was encrypted and the retraction was not, so that
	// anybody on its way may have made it. The text is still there, to be shown
	// when a person asks for it. Otherwise it is gone.
	Unproven bool
}

// Edit is one of the texts that a message has had.
type Edit struct {
	At   time.Time // when it was written
	Body string
}

// Format keeps the text out of whatever is printed.
func (e Edit) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "text of %d bytes", len(e.Body)) }

// Correct replaces the text of a message of ours (XEP-0308). It is durable when
// it returns, shown here at once, sent like a message and encrypted if the
// message was. A message of which nothing has gone out yet is just changed.
//
// Errors: ErrNoMessage, ErrNotOwn, ErrNotTextMessage, ErrRetracted; those of
// Send for the text.
func (cv *Conversation) Correct(ctx context.Context, id MessageID, body string) error {
	d := Draft{Body: body}
	if err := d.check(); err != nil {
		return err
	}
	if err := cv.holds(ctx, id); err != nil {
		return err
	}
	if err := cv.account.pipe.Correct(ctx, id, rand.Text(), body); err != nil {
		return notFound(err, ErrNoMessage, "correct message")
	}
	cv.account.wake()
	return nil
}

// Retract takes a message of ours back (XEP-0424): its text is forgotten here
// at once, and everybody who got it is asked to do the same. Nobody can be made
// to. A message of which nothing has gone out yet is deleted.
//
// Errors: ErrNoMessage, ErrNotOwn, ErrRetracted; ErrUnconfirmed in a room that
// has not confirmed the message.
func (cv *Conversation) Retract(ctx context.Context, id MessageID) error {
	if err := cv.holds(ctx, id); err != nil {
		return err
	}
	if err := cv.account.pipe.Retract(ctx, id, rand.Text()); err != nil {
		return notFound(err, ErrNoMessage, "retract message")
	}
	cv.account.wake()
	return nil
}

// Edits returns the texts of a message that was corrected, the first one first
// and the present one among them; none of one that never was.
func (c *Client) Edits(ctx context.Context, id MessageID) (list []Edit, err error) {
	err = c.db.View(ctx, func(r *storage.Reader) error {
		row, err := r.Message(id)
		if err != nil {
			return err
		}
		rows, err := r.Edits(id)
		list = make([]Edit, 0, len(rows))
		for _, e := range rows {
			if e.RemoteID == row.RemoteID { // the first, whatever the clocks say
				list = append([]Edit{{e.At, e.Body}}, list...)
			} else {
				list = append(list, Edit{e.At, e.Body})
			}
		}
		return err
	})
	if err != nil {
		return nil, notFound(err, ErrNoMessage, "read edits")
	}
	return list, nil
}

func retractionOf(r *pipeline.Retracted) *Retraction {
	if r == nil {
		return nil
	}
	return &Retraction{At: r.At, By: r.By, Reason: r.Reason, Unproven: r.Unproven}
}
