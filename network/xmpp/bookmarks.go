// SPDX-License-Identifier: MPL-2.0

// XEP-0402: PEP Native Bookmarks

package xmpp

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"mellium.im/xmpp/bookmarks"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/pubsub"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSBookmarks is the node of bookmarks, and their namespace. Config.Features has
// [NotifyBookmarks] in it to hear of what other clients of ours do to them.
const (
	NSBookmarks     = bookmarks.NS
	NotifyBookmarks = bookmarks.NSNotify
)

// bookmarksConfig is how the node has to be, §3.3: nobody else may see it.
var bookmarksConfig = NodeConfig{Access: AccessWhitelist, MaxItems: MaxItemsMax, Persist: true, SendLast: "never"}

// A Bookmark is a room that we want to find again. What other clients have put
// into it is kept when it is changed and published again: elements and
// attributes as they are, while prefixes of namespaces may get other names.
// bookmarks.Channel of mellium is not used: it loses what it does not know, and
// the namespaces of prefixed extensions.
type Bookmark struct {
	Room jid.JID
	Name string // for people
	// Autojoin: be in the room whenever we are online.
	Autojoin bool
	Nick     string
	Password string // of the room; every client of ours can read it
	// Extensions are what other specifications and clients add.
	Extensions []*element.Element
	// Legacy: it is from where bookmarks were kept before XEP-0402.
	Legacy bool

	id   string // of the item
	read *element.Element
}

// ParseBookmark reads an item of the node.
//
// Errors: [ErrMalformed].
func ParseBookmark(item Item) (Bookmark, error) {
	room, err := parseRoomJID(item.ID)
	if err != nil {
		return Bookmark{}, fmt.Errorf("parse bookmark: %w", err)
	}
	if !item.Payload.Is(NSBookmarks, "conference") {
		return Bookmark{}, fmt.Errorf("parse bookmark: %w: no conference", ErrMalformed)
	}
	b := readBookmark(item.Payload, NSBookmarks)
	b.Room, b.id, b.read = room, item.ID, item.Payload
	if x := item.Payload.Child(NSBookmarks, "extensions"); x != nil {
		b.Extensions = slices.Clone(x.Children)
	}
	return b, nil
}

// readBookmark reads what both kinds of bookmarks have.
func readBookmark(x *element.Element, space string) Bookmark {
	return Bookmark{
		Name: x.AttrValue("name"), Autojoin: isTrue(x.AttrValue("autojoin")),
		Nick: x.ChildText(space, "nick"), Password: x.ChildText(space, "password"),
	}
}

// Element builds the payload of the item. It shares the extensions and what was
// read with b.
func (b Bookmark) Element() *element.Element {
	x := element.New(NSBookmarks, "conference")
	if b.read != nil {
		x.Attr, x.Text, x.Children = slices.Clone(b.read.Attr), b.read.Text, slices.Clone(b.read.Children)
	}
	b.write(x, NSBookmarks)
	i := slices.IndexFunc(x.Children, func(y *element.Element) bool { return y.Is(NSBookmarks, "extensions") })
	switch {
	case i < 0 && len(b.Extensions) > 0:
		x.Add(element.New(NSBookmarks, "extensions").Add(b.Extensions...))
	case i >= 0:
		old := *x.Children[i]
		old.Children = b.Extensions
		x.Children[i] = &old
	}
	return x
}

// write puts what both kinds of bookmarks have into x, touching only what is
// not so already.
func (b Bookmark) write(x *element.Element, space string) {
	setAttr(x, "name", b.Name)
	if isTrue(x.AttrValue("autojoin")) != b.Autojoin {
		x.With("autojoin", strconv.FormatBool(b.Autojoin))
	}
	setChildText(x, space, "nick", b.Nick)
	setChildText(x, space, "password", b.Password)
}

func setAttr(x *element.Element, local, value string) {
	if value == "" {
		x.Attr = slices.DeleteFunc(x.Attr, func(a xml.Attr) bool { return a.Name == xml.Name{Local: local} })
		return
	}
	x.With(local, value)
}

func setChildText(x *element.Element, space, local, text string) {
	i := slices.IndexFunc(x.Children, func(y *element.Element) bool { return y.Is(space, local) })
	switch {
	case i >= 0 && text == "":
		x.Children = slices.Delete(x.Children, i, i+1)
	case i >= 0:
		y := *x.Children[i]
		y.Text = text
		x.Children[i] = &y
	case text != "":
		x.Add(element.New(space, local).WithText(text))
	}
}

// A BookmarkChange is what another client of ours did to the bookmarks.
type BookmarkChange struct {
	Set     []Bookmark // new or changed
	Removed []jid.JID
	Cleared bool // all of them are gone
}

// ParseBookmarkEvent reads a notification: false when it is about something
// else, or not from the own account self, for anybody may have such a node.
func ParseBookmarkEvent(ev Event, self jid.JID) (BookmarkChange, bool) {
	if ev.Node != NSBookmarks || !ev.From.Equal(self.Bare()) {
		return BookmarkChange{}, false
	}
	change := BookmarkChange{Cleared: ev.Purged || ev.Deleted}
	for _, item := range ev.Items {
		if b, err := ParseBookmark(item); err == nil {
			change.Set = append(change.Set, b)
		}
	}
	for _, id := range ev.Retracted {
		if room, err := parseRoomJID(id); err == nil {
			change.Removed = append(change.Removed, room)
		}
	}
	return change, true
}

// BookmarkSupport says where a server keeps bookmarks.
type BookmarkSupport struct {
	// Native: XEP-0402 works, which needs PEP.
	Native bool
	// Options: the server honours publish-options, so that what is published
	// can be seen by nobody else from the beginning.
	Options bool
	// Unified: what is written as XEP-0402 says is also what those clients see
	// which only know where bookmarks were kept before.
	Unified bool
	// Converted: the server keeps the two older places the same, XEP-0411.
	Converted bool
}

// ParseBookmarkSupport reads what the own account announces, see
// [Client.FetchInfo] with the zero JID.
func ParseBookmarkSupport(account Info) BookmarkSupport {
	pep := account.Is("pubsub", "pep")
	return BookmarkSupport{
		Native:    pep,
		Options:   pep && account.Has(nsPublishOptions),
		Unified:   pep && account.Has(bookmarks.NSCompat),
		Converted: account.Has("urn:xmpp:bookmarks-conversion:0"),
	}
}

// FetchBookmarks fetches all bookmarks, also those that are only kept as before
// XEP-0402. What cannot be read is left out; of two for one room the newer kind
// counts.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchBookmarks(ctx context.Context, s BookmarkSupport) ([]Bookmark, error) {
	var found []Bookmark
	add := func(b Bookmark) {
		if !slices.ContainsFunc(found, func(have Bookmark) bool { return have.Room.Equal(b.Room) }) {
			found = append(found, b)
		}
	}
	if s.Native {
		items, err := c.FetchItems(ctx, jid.JID{}, NSBookmarks, 0)
		if err != nil && !errors.Is(err, ErrNoNode) {
			return nil, fmt.Errorf("fetch bookmarks: %w", err)
		}
		for _, item := range items {
			if b, err := ParseBookmark(item); err == nil {
				add(b)
			}
		}
	}
	if s.Native && s.Unified {
		return found, nil
	}
	old, err := c.fetchLegacyBookmarks(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("fetch bookmarks: %w", err)
	}
	for _, b := range old {
		add(b)
	}
	return found, nil
}

// PublishBookmark adds a bookmark or changes the one for its room. Where
// XEP-0402 does not work it is written as before.
//
// Errors: [ErrConfig] when b has no room, [ErrNodeConfig] and those of
// [stream.Stream.IQ].
func (c *Client) PublishBookmark(ctx context.Context, s BookmarkSupport, b Bookmark) error {
	if !isRoomJID(b.Room) || b.Room.Resourcepart() != "" {
		return fmt.Errorf("publish bookmark: %w: no room", ErrConfig)
	}
	if !s.Native {
		if err := c.changeLegacyBookmarks(ctx, b.Room, &b); err != nil {
			return fmt.Errorf("publish bookmark: %w", err)
		}
		return nil
	}
	if !s.Options {
		// The options would be ignored and the contacts see it: first the node.
		if err := c.configureNode(ctx, NSBookmarks, bookmarksConfig); err != nil {
			return fmt.Errorf("publish bookmark: %w", err)
		}
	}
	if _, err := c.Publish(ctx, NSBookmarks, b.itemID(), b.Element(), bookmarksConfig); err != nil {
		return fmt.Errorf("publish bookmark: %w", err)
	}
	return nil
}

// itemID is the address of the room, as it was written before if it still is
// that.
func (b Bookmark) itemID() string {
	if old, err := parseRoomJID(b.id); err == nil && old.Equal(b.Room) {
		return b.id
	}
	return b.Room.String()
}

// RemoveBookmark removes a bookmark from wherever it is kept. There may be none.
// ejabberd 23.01 does not tell our other clients: for them to leave the room at
// once, publish it without Autojoin before.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) RemoveBookmark(ctx context.Context, s BookmarkSupport, b Bookmark) error {
	if s.Native {
		err := c.RetractItem(ctx, NSBookmarks, b.itemID())
		if err != nil && !errors.Is(err, ErrNoNode) && !refusedWith(err, pubsub.NSErrors, "item-required") {
			return fmt.Errorf("remove bookmark: %w", err)
		}
	}
	if s.Native && s.Unified {
		return nil
	}
	if err := c.changeLegacyBookmarks(ctx, b.Room, nil); err != nil {
		return fmt.Errorf("remove bookmark: %w", err)
	}
	return nil
}
