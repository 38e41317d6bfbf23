// SPDX-License-Identifier: MPL-2.0

// XEP-0444: Message Reactions

package xmpp

import (
	"slices"
	"strings"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/emoji"
)

// NSReactions is the namespace of message reactions.
const NSReactions = "urn:xmpp:reactions:0"

// MaxReactions is how many reactions of one person to one message are read.
const MaxReactions = 32

// Reactions are all that one person has to say to a message in emoji: they take
// the place of what the person reacted with before.
type Reactions struct {
	ID    string   // of the message: in a group chat the room's stanza-id
	Emoji []string // no two alike; empty takes all back
}

// ParseReactions reads the reactions in a message, nil when there are none.
// What is not a single emoji is left out, as XEP-0444 §4 allows; so is what is
// there twice, and what exceeds [MaxReactions].
func ParseReactions(message *element.Element) *Reactions {
	x := only(message, NSReactions, "reactions")
	id := referredID(x)
	if id == "" {
		return nil
	}
	r := Reactions{ID: id}
	for y := range x.All(NSReactions, "reaction") {
		if r.add(y.Text); len(r.Emoji) == MaxReactions {
			break
		}
	}
	return &r
}

// add adds a reaction if it can be one.
func (r *Reactions) add(s string) {
	s = strings.TrimSpace(s)
	if emoji.Single(s) && !slices.Contains(r.Emoji, s) {
		r.Emoji = append(r.Emoji, s)
	}
}

// element leaves out what ParseReactions would.
func (r *Reactions) element() *element.Element {
	if r == nil || r.ID == "" {
		return nil
	}
	var valid Reactions
	for _, s := range r.Emoji {
		if valid.add(s); len(valid.Emoji) == MaxReactions {
			break
		}
	}
	x := element.New(NSReactions, "reactions").With("id", r.ID)
	for _, s := range valid.Emoji {
		x.Add(element.New(NSReactions, "reaction").WithText(s))
	}
	return x
}
