// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"mellium.im/xmpp/jid"
)

// A source is an archive and how its pages are read.
type source struct {
	room jid.JID // zero: the account's own
	page func(p xmpp.ArchivePage, quiet bool) pipeline.Page
}

// readRoom reads what was missed of a room. Then what waited is stored, and what
// was written goes out.
func (l *Link) readRoom(r *room) {
	if r.reading {
		return
	}
	if r.row.Features&pipeline.RoomArchive == 0 {
		l.roomRead(r)
		return
	}
	r.reading = true
	try, v, trust, slots, began := r.try, r.view(), r.trust, l.rooms.slots, l.account.Now()
	l.child(func(ctx context.Context) {
		from := l.roomSource(r.jid, v, trust)
		size := archivePage
		err := l.slot(ctx, slots, func() error {
			return l.retry(ctx, func() error {
				err := l.catchUpRoom(ctx, v.address, from, began, size)
				size = max(size/4, leastPage)
				return err
			})
		})
		if err != nil && ctx.Err() == nil {
			l.log.Info("archive of room not read", "code", code.Of(err))
		}
		l.post(ctx, func() {
			if r.try != try {
				return
			}
			r.reading = false
			l.roomRead(r)
		})
	})
}

func (l *Link) catchUpRoom(ctx context.Context, room string, from source, began time.Time, size int) error {
	run, err := l.account.BeginCatchUp(ctx, room, began)
	if err != nil {
		return err
	}
	if err := l.readFrom(ctx, run, size, from); err != nil {
		stopped := l.account.StopRoom(context.WithoutCancel(ctx), room)
		return errors.Join(err, stopped)
	}
	return l.account.EndCatchUp(ctx, run)
}

// roomRead goes on with what waited for the archive.
func (l *Link) roomRead(r *room) {
	l.releaseRoom(r)
	r.ready = true
	if !r.fresh {
		l.Wake()
		return
	}
	r.fresh = false
	l.child(func(ctx context.Context) {
		if _, err := l.account.Unblock(ctx, l.address(r)); err != nil && ctx.Err() == nil {
			l.log.Warn("blocked messages not looked at", "code", code.Of(err))
		}
		if _, err := l.account.Resend(ctx, r.conversation); err != nil && ctx.Err() == nil {
			l.log.Warn("messages to room not sent again", "code", code.Of(err))
		}
		l.Wake()
	})
}

// roomSource is the archive of a room, as its messages are to be read now.
func (l *Link) roomSource(room jid.JID, v view, trust xmpp.RoomTrust) source {
	return source{room: room, page: func(p xmpp.ArchivePage, _ bool) pipeline.Page { return l.roomPage(p, room, v, trust) }}
}

// roomPage turns a page of a room's archive into what is to be stored.
func (l *Link) roomPage(p xmpp.ArchivePage, room jid.JID, v view, trust xmpp.RoomTrust) pipeline.Page {
	page := pageBounds(p)
	for i := range p.Items {
		item := &p.Items[i]
		page.Marks = append(page.Marks, pipeline.Mark{ID: item.ID, At: item.Stamp})
		rm, err := xmpp.ParseArchivedRoomMessage(*item, room, trust)
		if err != nil {
			l.log.Warn("archived message passed over", "code", code.Of(err))
			continue
		}
		if page.Shuffled && item.Stamp.Before(page.FirstAt) {
			page.FirstAt = item.Stamp
		}
		if item.Message.Type != "groupchat" || rm.Subject != nil {
			continue
		}
		if in := l.inRoom(v, &item.Message, &rm, item.Stamp); in != nil {
			page.Messages = append(page.Messages, *in)
		}
	}
	return page
}

func pageBounds(p xmpp.ArchivePage) pipeline.Page {
	page := pipeline.Page{First: p.First, Last: p.Last, Complete: p.Complete}
	if n := len(p.Items); n > 0 {
		page.FirstAt = p.Items[0].Stamp
		page.Shuffled = p.Items[0].ID != p.First || p.Items[n-1].ID != p.Last
	}
	return page
}
