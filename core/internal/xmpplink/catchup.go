// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/stream"
	"mellium.im/xmpp/jid"
)

// archivePage is how many messages are asked for at a time. Servers have a
// cap of their own, often 50. leastPage is what a line must be good for.
const (
	archivePage = 250
	leastPage   = 10
)

// startSession tells the server that we are there, then stores what was
// missed. Availability comes first: what arrives after it comes live, and
// what came before it is in the archive, so nothing falls in between.
func (l *Link) startSession() {
	l.startCatchUp(func(ctx context.Context) error {
		err := l.connected(ctx, func() error { return l.client.SendPresence(ctx, xmpp.Presence{}) })
		if err != nil {
			return err // a new session will start over
		}
		l.post(ctx, func() { l.startRooms(ctx) })
		if err := l.connected(ctx, func() error { return l.client.EnableCarbons(ctx) }); err != nil {
			l.log.Debug("no carbons", "code", code.Of(err))
		}
		return nil
	})
}

// startCatchUp reads the archive while live messages are held. It runs after
// every connection, resumed ones included: servers have been seen to deliver
// out of order, and to lose stanzas, around a resumption. What arrived
// already is known again by its keys.
func (l *Link) startCatchUp(before func(context.Context) error) {
	reading := &l.session.archive
	reading.holding = true
	reading.dropReread()
	if reading.catching {
		reading.again = true
		select {
		case reading.hurry <- struct{}{}: // it may be waiting for better times
		default:
		}
		return
	}
	reading.catching, reading.fresh, reading.hurry = true, false, make(chan struct{}, 1)
	began, hurry := reading.began, reading.hurry
	l.child(func(ctx context.Context) {
		err := before(ctx)
		if err == nil {
			err = l.pursue(ctx, began, hurry)
		}
		if err != nil {
			l.log.Info("archive not read", "code", code.Of(err))
		}
		l.post(ctx, func() { l.caughtUp(ctx) })
	})
}

// maxArchiveWait is the longest wait between two attempts to read the archive.
const maxArchiveWait = 10 * time.Minute

// pursue reads the archive until that has succeeded, or failed in a way that
// only another session may mend. Others do not wait so long: live messages for
// one attempt, unless it was the database that failed, and messages in doubt
// for several.
func (l *Link) pursue(ctx context.Context, began time.Time, hurry <-chan struct{}) error {
	wait, size := firstWait, archivePage
	for n := 1; ; n++ {
		err := l.connected(ctx, func() error { return l.catchUp(ctx, began, size) })
		if err == nil {
			l.post(ctx, l.storageWell)
			return nil
		}
		stored := !code.In(err, "storage")
		if ctx.Err() != nil || stored && !temporary(err) {
			return err
		}
		if errors.Is(err, stream.ErrIQTimeout) {
			size = max(size/4, leastPage) // the line may be too slow for so much at a time
		}
		l.log.Info("archive not read yet", "code", code.Of(err), "attempt", n)
		last := n >= attempts
		l.post(ctx, func() {
			switch {
			case !stored:
				l.storageAiling(err)
			default:
				l.release()
			}
			if last && !l.session.mayFlush {
				l.session.mayFlush = true
				l.flush(ctx)
			}
		})
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			wait = min(2*wait, maxArchiveWait)
		case <-hurry:
			n, wait = 0, firstWait
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// caughtUp goes on with what waited for the archive.
func (l *Link) caughtUp(ctx context.Context) {
	l.session.archive.catching = false
	if l.session.archive.again {
		l.session.archive.again = false
		l.startCatchUp(func(context.Context) error { return nil })
		return // what is in doubt stays so
	}
	l.release()
	l.planReread()
	l.session.mayFlush = true
	l.flush(ctx)
	l.syncRead()
}

// catchUp reads the account's own archive from the last known message on, and
// asks for the next page while one is stored.
func (l *Link) catchUp(ctx context.Context, began time.Time, size int) error {
	run, err := l.account.BeginCatchUp(ctx, l.account.JID, began)
	if err != nil {
		return err
	}
	return l.readRun(ctx, run, size)
}

func (l *Link) readRun(ctx context.Context, run *pipeline.CatchUp, size int) error {
	err := l.readArchive(ctx, run, size)
	if err != nil && !unsupported(err) {
		return err
	}
	l.archiveKnown.Store(err == nil)
	if err := l.account.EndCatchUp(ctx, run); err != nil {
		return err
	}
	if l.account.OMEMO != nil {
		l.life.wg.Go(func() { l.maintain(ctx) }) // prekeys that were used while away
	}
	return nil
}

type fetched struct {
	page xmpp.ArchivePage
	err  error
}

func (l *Link) readArchive(ctx context.Context, run *pipeline.CatchUp, size int) error {
	return l.readFrom(ctx, run, size, source{page: l.pageOf})
}

func (l *Link) readFrom(ctx context.Context, run *pipeline.CatchUp, size int, from source) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	query := xmpp.ArchiveQuery{Archive: from.room, After: run.Cursor, Max: size, Last: run.First()}
	next := l.fetchPage(ctx, query)
	var trail trail
	for {
		f := <-next
		lost := false
		if errors.Is(f.err, xmpp.ErrNoCursor) {
			// The archive has forgotten the cursor. Read from the oldest message
			// on that may be new: encrypted ones can be read in their order only.
			since, err := l.account.Since(ctx, run)
			if err != nil {
				return err
			}
			query = xmpp.ArchiveQuery{Archive: from.room, Start: since, Max: size, Last: since.IsZero()}
			f = <-l.fetchPage(ctx, query)
			lost = true
		}
		if f.err != nil {
			return f.err
		}
		if from.room.Equal(jid.JID{}) {
			l.archiveKnown.Store(true)
		}
		l.log.Debug("archive page", "messages", len(f.page.Items), "complete", f.page.Complete)
		done := f.page.Complete || f.page.Last == "" || query.Last
		if !done && trail.circles(f.page.Last) {
			l.log.Warn("archive goes round in circles")
			done = true
		}
		if !done {
			query = xmpp.ArchiveQuery{Archive: from.room, After: f.page.Last, Max: size}
			next = l.fetchPage(ctx, query)
		}
		page := from.page(f.page, run.First())
		page.Lost = lost
		if err := l.account.StorePage(ctx, run, page); err != nil {
			return err
		}
		l.Wake() // receipts
		if done {
			return nil
		}
	}
}

// A trail notices, by Brent's algorithm, that pages come again. An archive that
// sends the same ones over and over would keep us busy for ever.
type trail struct {
	mark        string
	steps, next int
}

func (t *trail) circles(id string) bool {
	if id == t.mark {
		return true
	}
	if t.steps++; t.steps >= t.next {
		t.mark, t.steps, t.next = id, 0, 2*t.next+1
	}
	return false
}

func (l *Link) fetchPage(ctx context.Context, q xmpp.ArchiveQuery) <-chan fetched {
	result := make(chan fetched, 1)
	l.life.wg.Go(func() {
		page, err := l.client.QueryArchive(ctx, q)
		result <- fetched{page, err}
	})
	return result
}

// pageOf turns a page of the archive into what is to be stored. Receipts are
// asked for only by what was missed: when an archive is read for the first
// time, or history on demand, another device has surely sent them.
func (l *Link) pageOf(p xmpp.ArchivePage, quiet bool) pipeline.Page {
	page := pageBounds(p)
	for i := range p.Items {
		item := &p.Items[i]
		page.Marks = append(page.Marks, pipeline.Mark{ID: item.ID, At: item.Stamp})
		if item.Err != nil {
			l.log.Warn("archived message passed over", "code", code.Of(item.Err))
			continue
		}
		if page.Shuffled && item.Stamp.Before(page.FirstAt) {
			page.FirstAt = item.Stamp
		}
		m := &item.Message
		if m.Type != "error" && m.Receipt != nil && m.Receipt.Received != "" {
			page.Receipts = append(page.Receipts, pipeline.Receipt{From: m.From.Bare().String(), RemoteID: m.Receipt.Received})
		}
		if v := xmpp.ParseInvite(*m); v != nil && !quiet {
			page.Updates = append(page.Updates, l.invitation(v, item.ID, m.ID, item.Stamp))
		}
		if in := l.incoming(m, item.Stamp); in != nil {
			in.ArchiveID = item.ID
			if m.Receipt != nil && m.Receipt.Request && !quiet {
				in.ReceiptTo = m.From.Bare().String()
			}
			page.Messages = append(page.Messages, *in)
		}
	}
	return page
}
