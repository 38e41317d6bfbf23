// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
)

// typingLasts is how long somebody is taken to be writing who does not say so
// again: their connection may be gone. Clients repeat it seldom if at all.
const typingLasts = 45 * time.Second

// maxTyping bounds how many people are followed at a time.
const maxTyping = 256

// typist is somebody who may be writing: a contact, or an occupant of a room.
type typist struct{ peer, nick string }

// typing is who is writing now. The actor owns it.
type typing struct {
	until map[typist]writing
	timer *time.Timer
	over  <-chan time.Time // says that the first of them is over
}

type writing struct {
	conversation int64
	until        time.Time
}

func newTyping() typing {
	t := typing{until: make(map[typist]writing), timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	t.over = t.timer.C
	return t
}

// typed takes in what somebody says to be doing (XEP-0085). It is kept nowhere.
// Strangers, who have no conversation or one that was not accepted, are not
// heard. Without a state it is a message of theirs, which is written now.
func (l *Link) typed(ctx context.Context, who typist, state xmpp.ChatState) {
	w, was := l.session.typing.until[who]
	if state != xmpp.Composing {
		if was {
			delete(l.session.typing.until, who)
			l.tellTyping(who, w.conversation, typingStates[state])
		}
		return
	}
	if !was {
		if len(l.session.typing.until) >= maxTyping {
			return
		}
		var c storage.Conversation
		err := l.account.DB.View(ctx, func(r *storage.Reader) (err error) {
			c, err = r.ConversationByPeer(l.account.ID, who.peer)
			return err
		})
		if err != nil || c.Request {
			return
		}
		w.conversation = c.ID
		l.tellTyping(who, c.ID, event.TypingComposing)
	}
	w.until = time.Now().Add(typingLasts)
	l.session.typing.until[who] = w
	if len(l.session.typing.until) == 1 {
		l.session.typing.timer.Reset(typingLasts)
	}
}

var typingStates = map[xmpp.ChatState]event.State{
	xmpp.Composing: event.TypingComposing, xmpp.Paused: event.TypingPaused,
	"": event.TypingActive, xmpp.Active: event.TypingActive, xmpp.Inactive: event.TypingActive, xmpp.Gone: event.TypingActive,
}

func (l *Link) tellTyping(who typist, conversation int64, state event.State) {
	l.account.Bus.Publish(event.Event{
		Kind: event.Typing, Account: l.account.ID, Conversation: conversation, Peer: who.peer, Nick: who.nick, State: state,
	})
}

// endTyping forgets who is writing: in a new session nobody has said so yet.
func (l *Link) endTyping() {
	for who, w := range l.session.typing.until {
		l.tellTyping(who, w.conversation, event.TypingActive)
	}
	if t := l.session.typing.timer; t != nil {
		t.Stop()
	}
}

// typingOver ends what nobody has ended.
func (l *Link) typingOver() {
	now, next := time.Now(), time.Time{}
	for who, w := range l.session.typing.until {
		if !now.Before(w.until) {
			delete(l.session.typing.until, who)
			l.tellTyping(who, w.conversation, event.TypingActive)
		} else if next.IsZero() || w.until.Before(next) {
			next = w.until
		}
	}
	if !next.IsZero() {
		l.session.typing.timer.Reset(next.Sub(now))
	}
}

// Typing tells the other side of a conversation what is done here. It is not
// kept for a time when there is a connection.
func (l *Link) Typing(ctx context.Context, to string, room bool, state event.State) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	m, err := message(to, xmpp.NewID())
	if err != nil {
		return err
	}
	if room {
		m.Type = "groupchat"
	}
	switch state {
	case event.TypingComposing:
		m.State = xmpp.Composing
	case event.TypingPaused:
		m.State = xmpp.Paused
	default:
		m.State = xmpp.Active
	}
	m.Hints = xmpp.HintNoStore
	return l.client.Send(ctx, m.Build())
}
