// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
)

// A Gap is a place in a conversation where messages may be missing that the
// server has: at its beginning, because a new device reads the newest messages
// only, or in its midst, when the server has forgotten how far this device had
// read. LoadOlder fills it.
type Gap struct {
	Before MessageID // the first message after the gap; 0 when there is none
	Cursor Cursor    // of that message; 0 when there is none
}

// DefaultOlder is how many messages LoadOlder loads if n is not positive.
const DefaultOlder = 100

// LoadOlder loads n messages, or a few more, from the server's archive
// (XEP-0313) into the newest gap of the conversation. It returns how many it
// stored, and whether there is more to load; History has them afterwards.
//
// It asks the network, and each page it gets is durable and announced by
// EventHistoryLoaded. Loaded messages are no news: no EventMessageAdded comes
// for them, nobody gets a receipt, and those from before this device signed in
// for the first time do not count as unread. What was encrypted then was not
// encrypted for this device, and is left out.
//
// Errors: ErrSignedOut; "core.archive-unread" while the newest page of the
// archive has not been read yet, or if the server has no archive; the
// network's, at once when there is no connection. What was loaded before an
// error stays.
func (cv *Conversation) LoadOlder(ctx context.Context, n int) (loaded int, more bool, err error) {
	l, err := cv.account.online()
	if err != nil {
		return 0, false, err
	}
	if n <= 0 {
		n = DefaultOlder
	}
	loaded, more, err = l.LoadOlder(ctx, cv.id, n)
	if err != nil {
		return loaded, more, notFound(err, ErrNoConversation, "load older messages")
	}
	return loaded, more, nil
}

// Gaps returns the gaps of the conversation, the oldest first. The messages
// that History returns say it too, see Message.AfterGap.
func (cv *Conversation) Gaps(ctx context.Context) (gaps []Gap, err error) {
	err = cv.client.db.View(ctx, func(r *storage.Reader) (err error) {
		gaps, err = gapsOf(r, cv.id)
		return err
	})
	if err != nil {
		return nil, notFound(err, ErrNoConversation, "list gaps")
	}
	return gaps, nil
}

func gapsOf(r *storage.Reader, conversation ConversationID) ([]Gap, error) {
	c, err := r.Conversation(conversation)
	if err != nil {
		return nil, err
	}
	found, err := pipeline.Gaps(r, c)
	if err != nil {
		return nil, err
	}
	list := make([]Gap, len(found))
	for i, g := range found {
		rows, err := r.MessagesAfter(conversation, g.Key-1, 1)
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			list[i] = Gap{Before: rows[0].ID, Cursor: Cursor(rows[0].SortKey)}
		}
	}
	return list, nil
}

// history reads a page and notes the gaps in it.
func (cv *Conversation) history(ctx context.Context, read func(*storage.Reader) ([]storage.Message, error)) (list []Message, err error) {
	err = cv.client.db.View(ctx, func(r *storage.Reader) error {
		rows, err := read(r)
		if err != nil {
			return err
		}
		if list, err = messagesOf(r, rows); err != nil || len(list) == 0 {
			return err
		}
		gaps, err := gapsOf(r, cv.id)
		if err != nil {
			return err
		}
		for i := range list {
			for _, g := range gaps {
				list[i].AfterGap = list[i].AfterGap || g.Before == list[i].ID
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return list, nil
}
