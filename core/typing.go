// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// TypingState is what somebody does in a conversation (XEP-0085).
type TypingState uint8

// The states of typing.
const (
	TypingComposing TypingState = TypingState(event.TypingComposing) // writing a message
	TypingPaused    TypingState = TypingState(event.TypingPaused)    // has begun one
	TypingActive    TypingState = TypingState(event.TypingActive)    // neither, or it was sent
)

// String returns the state's stable name: "composing", "paused", "active".
func (s TypingState) String() string { return event.State(s).String() }

// typingAgain is how long the same state is not said again.
const typingAgain = 20 * time.Second

// typingSaid is what the other side of a conversation was told last.
type typingSaid struct {
	state TypingState
	at    time.Time
}

// SetTyping tells the other side what is done here; an app calls it on each
// change of a text, and with TypingPaused a while after the last one. It is kept
// nowhere. Nothing is sent to strangers, where Disclosure forbids it, and when
// it was said just before; sending a message says that it is done.
//
// Errors: ErrSignedOut; the network's when there is no connection.
func (cv *Conversation) SetTyping(ctx context.Context, s TypingState) error {
	l, err := cv.account.online()
	if err != nil {
		return err
	}
	now := cv.client.cfg.Now()
	if !cv.account.saysTyping(cv.id, s, now) {
		return nil
	}
	var c storage.Conversation
	var may bool
	err = cv.client.db.View(ctx, func(r *storage.Reader) (err error) {
		if c, err = r.Conversation(cv.id); err == nil {
			may, err = cv.account.pipe.MayType(r, c)
		}
		return err
	})
	if err != nil {
		return notFound(err, ErrNoConversation, "tell that somebody types")
	}
	if !may {
		return nil
	}
	if err := l.Typing(ctx, c.Peer, c.Kind == roomKind, event.State(s)); err != nil {
		return failed("tell that somebody types", err)
	}
	return nil
}

// saysTyping notes a state; false if it is not worth saying.
func (a *Account) saysTyping(conversation ConversationID, s TypingState, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	said, ok := a.typing[conversation]
	if s != TypingComposing {
		delete(a.typing, conversation)
		return ok
	}
	if ok && said.state == s && now.Sub(said.at) < typingAgain {
		return false
	}
	if a.typing == nil {
		a.typing = make(map[ConversationID]typingSaid)
	}
	a.typing[conversation] = typingSaid{s, now}
	return true
}
