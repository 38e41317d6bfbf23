// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
)

// Reply says which message another one answers (XEP-0461).
type Reply struct {
	Message MessageID // 0: it is not here, or no longer
	Author  string    // as the answer says; may be empty
	Quote   string    // what the answer quotes of it, as its author chose; may be empty
}

// Format keeps the text and people out of whatever is printed.
func (r Reply) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "answer to message %d", r.Message) }

// maxQuote is how much of a message an answer quotes, in characters. Others are
// shown a few lines.
const maxQuote = 1000

// replyTo is what an answer to a message of the conversation says of it. The
// text of an encrypted message is not quoted in an answer that will not be.
func (cv *Conversation) replyTo(ctx context.Context, id MessageID) (*pipeline.Reply, error) {
	if id == 0 {
		return nil, nil
	}
	var reply pipeline.Reply
	err := cv.client.db.View(ctx, func(r *storage.Reader) error {
		c, err := r.Conversation(cv.id)
		if err != nil {
			return err
		}
		row, err := r.Message(id)
		if err != nil {
			return err
		}
		if row.ConversationID != cv.id {
			return storage.ErrNotFound
		}
		reply = pipeline.Reply{ID: row.RemoteID, Author: row.Sender}
		if c.Kind == pipeline.ConversationRoom {
			reply.ID = row.ArchiveID
		}
		if reply.ID == "" {
			return ErrUnconfirmed
		}
		if row.Encryption == pipeline.EncryptionNone || c.Encryption != pipeline.EncryptionNone {
			reply.Quote = firstRunes(row.Body, maxQuote)
		}
		return nil
	})
	if err != nil {
		return nil, notFound(err, ErrNoMessage, "answer message")
	}
	return &reply, nil
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
