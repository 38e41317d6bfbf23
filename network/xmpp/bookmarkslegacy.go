// SPDX-License-Identifier: MPL-2.0

// XEP-0048: Bookmarks, in XEP-0049: Private XML Storage and in PEP

package xmpp

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

const (
	nsPrivate         = "jabber:iq:private"
	nsLegacyBookmarks = "storage:bookmarks"
)

// maxLegacyBookmarks bounds what is read: all of them are one element.
const maxLegacyBookmarks = 1000

// parseLegacyBookmarks reads a <storage/>, leaving out what is not a room.
func parseLegacyBookmarks(storage *element.Element) []Bookmark {
	var found []Bookmark
	for x := range storage.All(nsLegacyBookmarks, "conference") {
		room, err := parseRoomJID(x.AttrValue("jid"))
		if err != nil {
			continue
		}
		b := readBookmark(x, nsLegacyBookmarks)
		b.Room, b.Legacy = room, true
		if found = append(found, b); len(found) == maxLegacyBookmarks {
			break
		}
	}
	return found
}

// fetchLegacyBookmarks reads private storage and, unless the server keeps them
// the same, PEP.
func (c *Client) fetchLegacyBookmarks(ctx context.Context, s BookmarkSupport) ([]Bookmark, error) {
	storage, err := c.fetchPrivateBookmarks(ctx)
	if err != nil {
		return nil, err
	}
	found := parseLegacyBookmarks(storage)
	if !s.Native || s.Converted {
		return found, nil
	}
	items, err := c.FetchItems(ctx, jid.JID{}, nsLegacyBookmarks, 1)
	if err != nil && !errors.Is(err, ErrNoNode) {
		return nil, err
	}
	for _, item := range items {
		if item.Payload.Is(nsLegacyBookmarks, "storage") {
			found = append(found, parseLegacyBookmarks(item.Payload)...)
		}
	}
	return found, nil
}

// fetchPrivateBookmarks returns the <storage/>, nil when there is none.
func (c *Client) fetchPrivateBookmarks(ctx context.Context) (*element.Element, error) {
	answer, err := c.fetch(ctx, jid.JID{}, element.New(nsPrivate, "query").Add(element.New(nsLegacyBookmarks, "storage")))
	switch Condition(err) {
	case stanza.ItemNotFound, stanza.ServiceUnavailable, stanza.FeatureNotImplemented, stanza.NotAllowed:
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch private storage: %w", err)
	}
	return answer.Child(nsLegacyBookmarks, "storage"), nil
}

// changeLegacyBookmarks puts b in the place of the bookmark of a room, or
// removes that when b is nil. Everything else in the storage stays as it is. Two
// clients that do so at once overwrite each other, which XEP-0049 cannot help.
func (c *Client) changeLegacyBookmarks(ctx context.Context, room jid.JID, b *Bookmark) error {
	old, err := c.fetchPrivateBookmarks(ctx)
	if err != nil {
		return err
	}
	next, changed := replaceLegacyBookmark(old, room, b)
	if !changed {
		return nil
	}
	if _, err := c.set(ctx, jid.JID{}, element.New(nsPrivate, "query").Add(next)); err != nil {
		return fmt.Errorf("write private storage: %w", err)
	}
	return nil
}

func replaceLegacyBookmark(old *element.Element, room jid.JID, b *Bookmark) (next *element.Element, changed bool) {
	next = element.New(nsLegacyBookmarks, "storage")
	if old != nil {
		next.Attr, next.Text = slices.Clone(old.Attr), old.Text
		for _, x := range old.Children {
			j, err := parseRoomJID(x.AttrValue("jid"))
			if !x.Is(nsLegacyBookmarks, "conference") || err != nil || !j.Equal(room) {
				next.Add(x)
				continue
			}
			changed = true
			if b != nil {
				y := *x
				y.Attr, y.Children = slices.Clone(x.Attr), slices.Clone(x.Children)
				b.write(&y, nsLegacyBookmarks)
				next.Add(&y)
				b = nil
			}
		}
	}
	if b != nil {
		x := element.New(nsLegacyBookmarks, "conference").With("jid", room.String())
		b.write(x, nsLegacyBookmarks)
		next.Add(x)
		changed = true
	}
	return next, changed
}
