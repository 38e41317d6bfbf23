// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"strings"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// syncBookmarks brings the rooms and the bookmarks on the server together, in
// each new session: servers do not tell of everything that other clients do.
func (l *Link) syncBookmarks(ctx context.Context) {
	var support xmpp.BookmarkSupport
	var list []xmpp.Bookmark
	err := l.retry(ctx, func() error {
		info, err := l.client.FetchInfo(ctx, jid.JID{}, "")
		if err != nil {
			return err
		}
		support = xmpp.ParseBookmarkSupport(info)
		list, err = l.client.FetchBookmarks(ctx, support)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			l.log.Info("bookmarks not fetched", "code", code.Of(err))
		}
		return
	}
	l.post(ctx, func() {
		l.rooms.support = &support
		there := make(map[string]bool, len(list))
		for i := range list {
			there[list[i].Room.String()] = true
			l.bookmarked(&list[i], true)
		}
		for address, r := range l.rooms.by {
			switch {
			case !r.row.Wanted || there[address]:
			case len(r.row.Bookmark) > 0: // another client has removed it
				l.dropRoom(r)
			case r.tracker.State() == xmpp.RoomInside:
				l.bookmark(r) // others are once we have entered them
			}
		}
	})
}

// bookmarksChanged takes in what another client of ours did, and says whether the
// event was about that.
func (l *Link) bookmarksChanged(b *batch, ev *xmpp.Event) bool {
	change, ok := xmpp.ParseBookmarkEvent(*ev, l.client.Self())
	if !ok {
		return false
	}
	b.then(func() {
		for i := range change.Set {
			l.bookmarked(&change.Set[i], false)
		}
		for _, address := range change.Removed {
			if r := l.room(address); r != nil && r.row.Wanted && r.publishing == 0 {
				l.dropRoom(r)
			}
		}
		if change.Cleared {
			l.child(l.syncBookmarks)
		}
	})
	return true
}

// bookmarked does what a bookmark says: to be in a room, or not. One of before
// this session does not bring us back to where we were made to leave.
func (l *Link) bookmarked(m *xmpp.Bookmark, old bool) {
	address := m.Room.String()
	r := l.rooms.by[address]
	stored := m.Element().Bytes()
	switch {
	case r != nil && r.publishing > 0:
		return // ours is newer
	case r != nil && r.row.Wanted && m.Autojoin:
		r.bookmarked = true
		if string(r.row.Bookmark) != string(stored) {
			l.changeRoom(r, func(row *storage.Room) { row.Bookmark = stored })
		}
		return
	case r != nil && r.row.Wanted:
		if len(r.row.Bookmark) > 0 || !old {
			l.dropRoom(r)
		}
		return
	case !m.Autojoin, r != nil && old && r.row.Reason != "", r == nil && len(l.rooms.by) >= maxRooms:
		return
	}
	nick, password := strings.Clone(m.Nick), []byte(m.Password)
	l.child(func(ctx context.Context) {
		row, err := l.account.WantRoom(ctx, address, func(row *storage.Room) {
			row.Nick, row.Password, row.Bookmark = nick, password, stored
		})
		if err != nil {
			if ctx.Err() == nil {
				l.log.Warn("bookmarked room not kept", "code", code.Of(err))
			}
			return
		}
		l.post(ctx, func() {
			r, err := l.keep(address, row)
			if err != nil {
				return
			}
			r.bookmarked, r.refused = true, false
			l.enter(r)
		})
	})
}

// dropRoom leaves a room because another client of ours did.
func (l *Link) dropRoom(r *room) {
	l.changeRoom(r, func(row *storage.Room) { row.Wanted, row.Bookmark = false, nil })
	l.sendLeave(r)
	l.child(func(ctx context.Context) {
		if err := l.account.StopRoom(ctx, l.address(r)); err != nil && ctx.Err() == nil {
			l.log.Warn("archive of room not given up", "code", code.Of(err))
		}
	})
}

// bookmark publishes that we want to be in a room, once.
func (l *Link) bookmark(r *room) {
	if l.rooms.support == nil || r.bookmarked || !r.row.Wanted {
		return
	}
	r.bookmarked = true
	m := l.bookmarkOf(r)
	m.Autojoin = true
	l.publish(r, m, func(row *storage.Room) { row.Bookmark = m.Element().Bytes() })
}

// bookmarkOf is the bookmark of a room with all that other clients have put into
// it.
func (l *Link) bookmarkOf(r *room) xmpp.Bookmark {
	m := xmpp.Bookmark{}
	if len(r.row.Bookmark) > 0 {
		if e, err := element.Parse(r.row.Bookmark, element.Limits{}); err == nil {
			if old, err := xmpp.ParseBookmark(xmpp.Item{ID: r.jid.String(), Payload: e}); err == nil {
				m = old
			}
		}
	}
	m.Room, m.Nick, m.Password = r.jid, r.row.Nick, string(r.row.Password)
	if r.row.Name != "" {
		m.Name = r.row.Name
	}
	return m
}

func (l *Link) publish(r *room, m xmpp.Bookmark, done func(*storage.Room)) {
	support := *l.rooms.support
	r.publishing++
	l.child(func(ctx context.Context) {
		err := l.retry(ctx, func() error { return l.client.PublishBookmark(ctx, support, m) })
		if err != nil && ctx.Err() == nil {
			l.log.Info("bookmark not published", "code", code.Of(err))
		}
		l.post(ctx, func() {
			r.publishing--
			if err == nil {
				l.changeRoom(r, done)
			} else {
				r.bookmarked = false
			}
		})
	})
}

// unbookmark removes the bookmark of a room that was left. Other clients hear of
// it first that they are to leave: ejabberd does not tell of what was removed.
func (l *Link) unbookmark(r *room) {
	if l.rooms.support == nil {
		return // the next session finds it, with a room that we do not want
	}
	support, m := *l.rooms.support, l.bookmarkOf(r)
	m.Autojoin = false
	r.publishing++
	l.child(func(ctx context.Context) {
		err := l.retry(ctx, func() error {
			if err := l.client.PublishBookmark(ctx, support, m); err != nil {
				return err
			}
			return l.client.RemoveBookmark(ctx, support, m)
		})
		if err != nil && ctx.Err() == nil {
			l.log.Info("bookmark not removed", "code", code.Of(err))
		}
		l.post(ctx, func() {
			r.publishing--
			r.bookmarked = false
			if err == nil {
				l.changeRoom(r, func(row *storage.Room) { row.Bookmark = nil })
			}
		})
	})
}
