// SPDX-License-Identifier: MPL-2.0

// XEP-0172: User Nickname

package xmpp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSNick is the namespace and the node of nicknames.
const NSNick = "http://jabber.org/protocol/nick"

// NotifyNick asks for news of nicknames.
const NotifyNick = NSNick + "+notify"

// MaxNick is the size in bytes beyond which a nickname is cut.
const MaxNick = 256

// ParseNickEvent reads news of somebody's nickname; it is empty when there is
// none any more. It is false for an event about something else.
func ParseNickEvent(ev Event) (nick string, ok bool) {
	if ev.Node != NSNick {
		return "", false
	}
	for _, item := range ev.Items {
		nick = nickOf(item.Payload)
	}
	return nick, len(ev.Items) > 0 || len(ev.Retracted) > 0 || ev.Purged || ev.Deleted
}

// nickOf reads a nickname: one line without what is not to be seen, such as
// marks that turn the direction of what stands behind it.
func nickOf(x *element.Element) string {
	if !x.Is(NSNick, "nick") {
		return ""
	}
	return cleanNick(x.Text)
}

func cleanNick(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, clip(s, 4*MaxNick))
	return strings.TrimSpace(clip(strings.Join(strings.Fields(s), " "), MaxNick))
}

// FetchNick fetches somebody's nickname, empty when there is none. The zero JID
// is our own account.
//
// Errors: those of [Client.FetchItems] but [ErrNoNode].
func (c *Client) FetchNick(ctx context.Context, of jid.JID) (string, error) {
	items, err := c.FetchItems(ctx, of, NSNick, 1)
	if err != nil && !errors.Is(err, ErrNoNode) {
		return "", fmt.Errorf("fetch nick: %w", err)
	}
	for _, item := range items {
		return nickOf(item.Payload), nil
	}
	return "", nil
}

// PublishNick publishes our nickname to those who may see our presence; an empty
// one says that we have none.
//
// Errors: those of [Client.Publish].
func (c *Client) PublishNick(ctx context.Context, nick string) error {
	x := element.New(NSNick, "nick").WithText(cleanNick(nick))
	if _, err := c.Publish(ctx, NSNick, CurrentItem, x, NodeConfig{Access: AccessPresence}); err != nil {
		return fmt.Errorf("publish nick: %w", err)
	}
	return nil
}
