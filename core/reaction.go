// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/emoji"
	"github.com/confab-im/confab/storage"
)

// MaxReactions is how many emojis one person may show under a message.
const MaxReactions = xmpp.MaxReactions

// Reaction is an emoji under a message, and who shows it.
type Reaction struct {
	Emoji string
	By    []Reactor // the earliest first
	Own   bool      // we are one of them
}

// Reactor is somebody who reacted to a message.
type Reactor struct {
	Person string // bare JID; in a room the id it gave the occupant, or what else names them there
	Nick   string // in a room, as it was then
	Own    bool
}

// React shows emojis under a message, in the place of those we showed before;
// none takes them back (XEP-0444). It is durable when it returns, shown here at
// once, sent like a message and encrypted like one.
//
// The older version of OMEMO encrypts nothing but texts. People whose devices
// know no other get the emojis as an answer to the message, which is corrected
// or retracted when they change; see Config.ClearReactions for the alternative.
//
// Errors: ErrNoMessage, ErrNotEmoji, ErrTooManyReactions, ErrRetracted,
// ErrUnconfirmed; storage's.
func (cv *Conversation) React(ctx context.Context, id MessageID, emojis ...string) error {
	var set []string
	for _, e := range emojis {
		if !emoji.Single(e) {
			return ErrNotEmoji
		}
		if !slices.Contains(set, e) {
			set = append(set, e)
		}
	}
	if len(set) > MaxReactions {
		return ErrTooManyReactions
	}
	if err := cv.holds(ctx, id); err != nil {
		return err
	}
	if err := cv.account.pipe.React(ctx, id, rand.Text(), set); err != nil {
		return notFound(err, ErrNoMessage, "react to message")
	}
	cv.account.wake()
	return nil
}

// holds says whether a message is one of the conversation's, with ErrNoMessage.
func (cv *Conversation) holds(ctx context.Context, id MessageID) error {
	err := cv.client.db.View(ctx, func(r *storage.Reader) error {
		row, err := r.Message(id)
		if err == nil && row.ConversationID != cv.id {
			err = storage.ErrNotFound
		}
		return err
	})
	if err != nil {
		return notFound(err, ErrNoMessage, "read message")
	}
	return nil
}

// grouped brings the reactions to one message into the order of the emojis'
// first appearance.
func grouped(rows []storage.Reaction) (list []Reaction) {
	for _, row := range rows {
		for _, e := range row.Emojis {
			i := slices.IndexFunc(list, func(r Reaction) bool { return r.Emoji == e })
			if i < 0 {
				i = len(list)
				list = append(list, Reaction{Emoji: e})
			}
			list[i].By = append(list[i].By, Reactor{Person: row.Sender, Nick: row.Name, Own: row.Own})
			list[i].Own = list[i].Own || row.Own
		}
	}
	return list
}
