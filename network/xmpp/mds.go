// SPDX-License-Identifier: MPL-2.0

// XEP-0490: Message Displayed Synchronization

package xmpp

import (
	"context"
	"errors"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSReadMarks is the node in which the clients of an account tell each other
// how far conversations were read, and its namespace. Config.Features has
// [NotifyReadMarks] in it to hear of changes.
const (
	NSReadMarks     = "urn:xmpp:mds:displayed:0"
	NotifyReadMarks = NSReadMarks + "+notify"
)

// readMarksConfig is how the node has to be, §3.2: nobody else may see it.
var readMarksConfig = NodeConfig{Access: AccessWhitelist, MaxItems: MaxItemsMax, Persist: true, SendLast: "never"}

// maxReadMarks bounds what is read of the node.
const maxReadMarks = 10_000

// A ReadMark says that a conversation was read up to a message.
type ReadMark struct {
	Chat jid.JID // a contact or a room; the full address of an occupant for private messages
	// ID is the stanza-id of the message, and By who gave it: the own account,
	// or the room. Whoever uses it checks that it is the right one of the two.
	ID string
	By jid.JID
}

// ParseReadMark reads an item of the node.
//
// Errors: [ErrMalformed].
func ParseReadMark(item Item) (ReadMark, error) {
	chat, err := parseJID(item.ID)
	x := only(item.Payload, stanza.NSSid, "stanza-id")
	if err != nil || chat.Equal(jid.JID{}) || !item.Payload.Is(NSReadMarks, "displayed") || x == nil {
		return ReadMark{}, fmt.Errorf("parse read mark: %w", ErrMalformed)
	}
	m := ReadMark{Chat: chat, ID: referredID(x)}
	if m.By, err = parseJID(x.AttrValue("by")); err != nil || m.ID == "" {
		return ReadMark{}, fmt.Errorf("parse read mark: %w", ErrMalformed)
	}
	return m, nil
}

// ReadMarks returns the marks of which ev tells, false when it is about another
// node or not from account self, whose alone they are to say.
func (ev *Event) ReadMarks(self jid.JID) ([]ReadMark, bool) {
	if ev.Node != NSReadMarks || !ev.From.Bare().Equal(self.Bare()) {
		return nil, false
	}
	return readMarksOf(ev.Items), true
}

func readMarksOf(items []Item) []ReadMark {
	var list []ReadMark
	for _, item := range items {
		if len(list) == maxReadMarks {
			break
		}
		if m, err := ParseReadMark(item); err == nil {
			list = append(list, m)
		}
	}
	return list
}

// FetchReadMarks fetches the marks of the account. There are none when nothing
// was ever published.
//
// Errors: those of [Client.FetchItems].
func (c *Client) FetchReadMarks(ctx context.Context) ([]ReadMark, error) {
	items, err := c.FetchItems(ctx, jid.JID{}, NSReadMarks, 0)
	if err != nil && !errors.Is(err, ErrNoNode) {
		return nil, fmt.Errorf("fetch read marks: %w", err)
	}
	return readMarksOf(items), nil
}

// PublishReadMark tells the other clients of the account how far a conversation
// was read.
//
// Errors: those of [Client.Publish].
func (c *Client) PublishReadMark(ctx context.Context, m ReadMark) error {
	payload := element.New(NSReadMarks, "displayed").
		Add(element.New(stanza.NSSid, "stanza-id").With("by", m.By.String()).With("id", m.ID))
	if _, err := c.Publish(ctx, NSReadMarks, m.Chat.String(), payload, readMarksConfig); err != nil {
		return fmt.Errorf("publish read mark: %w", err)
	}
	return nil
}
