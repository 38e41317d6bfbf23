// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"slices"

	"github.com/confab-im/confab/storage"
)

// A conversation that a stranger has begun is a request: it is listed apart
// (ConversationFilter.Requests) and its messages count in no total of unread
// ones. As long as nobody writes back, the stranger learns nothing: neither
// that a message arrived or was read, nor that somebody types, nor is a picture
// of theirs fetched. A request becomes a conversation like others when it is
// accepted, when we write, or when the stranger becomes a contact.

// Accept makes a request a conversation like others. To see each other's
// presence too, see Account.AddContact.
//
// Errors: ErrNoConversation.
func (cv *Conversation) Accept(ctx context.Context) error {
	return cv.change(ctx, func(row *storage.Conversation) { row.Request = false })
}

// Decline removes a request with its messages from this device, and denies its
// author's wish to see our presence if there is one. They are not told, and may
// write again; see Block. A conversation that is no request is left as it is.
//
// Errors: ErrNoConversation, ErrSignedOut; the network's.
func (cv *Conversation) Decline(ctx context.Context) error {
	info, err := cv.Info(ctx)
	if err != nil || !info.Request {
		return err
	}
	asking, err := cv.account.Requests(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(asking, cv.peer) {
		if err := cv.account.DenyRequest(ctx, cv.peer); err != nil {
			return err
		}
	}
	return cv.Delete(ctx)
}

// Block blocks the peer, and removes the conversation if it is a request; see
// Account.Block.
func (cv *Conversation) Block(ctx context.Context, report *AbuseReport) error {
	if err := cv.account.Block(ctx, cv.peer, report); err != nil {
		return err
	}
	info, err := cv.Info(ctx)
	if err != nil || !info.Request {
		return err
	}
	return cv.Delete(ctx)
}
