// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// readSync is how far our other devices know what was read here. The actor owns
// it.
type readSync struct {
	fetched    bool // what they have read was asked for
	publishing bool // it is on its way
	again      bool // more was read since
}

// readPause gathers what is read in a row into one publication for each
// conversation.
const readPause = time.Second

// Read says that something was read that others do not know of. It never waits.
func (l *Link) Read() {
	l.Wake() // a mark may be in the outbox
	select {
	case l.mail.posts <- l.publishRead:
	default: // the actor is busy; the next message read, or session, says it
	}
}

// publishRead tells our other devices what was read here (XEP-0490). What could
// not be told is told in the next session.
func (l *Link) publishRead() {
	sync := &l.session.reads
	switch {
	case !l.session.established || !l.archiveKnown.Load():
		return
	case sync.publishing:
		sync.again = true
		return
	}
	sync.publishing = true
	l.child(func(ctx context.Context) {
		err := pause(ctx, readPause)
		if err == nil {
			err = l.tellElsewhere(ctx)
		}
		if err != nil && ctx.Err() == nil {
			l.log.Info("read state not published", "code", code.Of(err))
		}
		l.post(ctx, func() {
			sync.publishing = false
			if sync.again {
				sync.again = false
				l.publishRead()
			}
		})
	})
}

func (l *Link) tellElsewhere(ctx context.Context) error {
	list, err := l.account.ReadElsewhere(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		chat, err := jid.Parse(s.Peer)
		if err != nil {
			return err
		}
		mark := xmpp.ReadMark{Chat: chat, ID: s.ArchiveID, By: l.client.Self()}
		if s.Room {
			mark.By = chat
		}
		err = l.retry(ctx, func() error { return l.client.PublishReadMark(ctx, mark) })
		if err != nil {
			return err
		}
		if err := l.account.ToldElsewhere(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// syncRead brings both sides up to date once the archive was read: marks name
// messages by their ids there. Later changes are pushed.
func (l *Link) syncRead() {
	if l.session.reads.fetched {
		l.publishRead()
		return
	}
	l.session.reads.fetched = true
	l.child(l.fetchRead)
}

// fetchRead learns what our other devices have read while this one was away,
// then tells them what was read here.
func (l *Link) fetchRead(ctx context.Context) {
	var marks []xmpp.ReadMark
	err := l.retry(ctx, func() (err error) {
		marks, err = l.client.FetchReadMarks(ctx)
		return err
	})
	if err != nil {
		if ctx.Err() == nil && !unsupported(err) {
			l.log.Info("read state not known", "code", code.Of(err))
		}
		return
	}
	l.post(ctx, func() {
		var b batch
		l.readByOther(&b, marks)
		l.deliver(ctx, &b)
		l.publishRead()
	})
}

// readByOther stores what our other devices have read.
func (l *Link) readByOther(b *batch, marks []xmpp.ReadMark) {
	for _, m := range marks {
		chat := m.Chat.Bare()
		s := pipeline.ReadState{Peer: chat.String(), ArchiveID: m.ID, Room: m.By.Equal(chat)}
		if m.Chat.Resourcepart() != "" || !s.Room && !m.By.Equal(l.client.Self()) {
			continue // private messages of a room have no conversation; no other archive is known
		}
		b.apply(func(tx *storage.Tx, emit func(event.Event)) error { return l.account.ReadByOther(tx, emit, s) })
	}
}
