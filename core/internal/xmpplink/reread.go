// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"time"

	"github.com/confab-im/confab/core/internal/code"
)

// A server that moves a session to a new connection may come late with what
// was on its way meanwhile: after newer messages, and after the archive has
// been read. So it is read again rereadAfter that, if messages have come since,
// and puts them in order.
const rereadAfter = 10 * time.Second

// planReread has the archive read again, once, in place of what was planned
// before.
func (l *Link) planReread() {
	l.session.archive.dropReread()
	wait := l.conn.Reread
	if wait == 0 {
		wait = rereadAfter
	}
	ctx, cancel := context.WithCancel(l.session.ctx)
	l.session.archive.stop = cancel
	l.life.wg.Go(func() {
		if pause(ctx, wait) == nil {
			l.post(ctx, l.reread)
		}
	})
}

func (r *reading) dropReread() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// reread reads the archive again while live messages are stored.
func (l *Link) reread() {
	archive := &l.session.archive
	archive.dropReread()
	if !l.session.up || l.session.broken || archive.catching || !archive.fresh {
		return // the end of a catch-up plans another
	}
	archive.catching = true
	l.child(func(ctx context.Context) {
		run, err := l.account.BeginReread(ctx, l.account.JID, time.Time{})
		if err == nil {
			err = l.readRun(ctx, run, archivePage)
		}
		if err != nil {
			l.log.Info("archive not read again", "code", code.Of(err))
		}
		l.post(ctx, func() {
			l.session.archive.catching = false
			if l.session.archive.again {
				l.caughtUp(ctx)
			}
		})
	})
}
