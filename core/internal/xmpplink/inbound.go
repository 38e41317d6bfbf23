// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/confab-im/confab/storage"
)

// batch gathers what one transaction will store.
type batch struct {
	updates []pipeline.Update
	count   uint64   // inbound stanzas it covers
	counted bool     // count is to be told to the stream
	after   []func() // run once it is stored
}

func (b *batch) add(u pipeline.Update) { b.updates = append(b.updates, u) }

// apply adds what others asked for.
func (b *batch) apply(fn func(tx *storage.Tx, emit func(event.Event)) error) {
	b.add(pipeline.Update{Apply: fn, Foreign: true})
}

func (b *batch) then(fn func()) { b.after = append(b.after, fn) }

// heldItem is a live message that waits for the end of a catch-up, so that
// what came before it is stored before it.
type heldItem struct {
	count  uint64
	update pipeline.Update
}

// maxHeld bounds what waits: below the number of unacknowledged stanzas at
// which servers give a session up (500 on Prosody), a page of the archive
// included.
const maxHeld = 200

// take handles what the stream has, in order.
func (l *Link) take(ctx context.Context, items []stream.Item) {
	var b batch
	for i := range items {
		item := &items[i]
		switch item.Kind {
		case stream.Online:
			l.deliver(ctx, &b)
			b = batch{}
			l.online(ctx, item)
			b.count, b.counted = item.Count, true
			continue
		case stream.Offline:
			l.deliver(ctx, &b)
			b = batch{}
			l.offline(ctx, item.Err)
			continue
		}
		if l.session.broken {
			continue
		}
		switch item.Kind {
		case stream.Acked:
			b.add(pipeline.Update{Ack: &pipeline.Ack{StreamID: l.session.id, Upto: item.Acked}})
			b.then(l.Wake) // there is room again
		case stream.Malformed:
			l.log.Warn("unreadable stanza passed over", "code", code.Of(item.Err))
		case stream.Stanza:
			l.stanza(ctx, &b, item)
		}
		b.count, b.counted = item.Count, true
	}
	l.deliver(ctx, &b)
}

// deliver stores a batch and then tells the stream, never the other way round.
func (l *Link) deliver(ctx context.Context, b *batch) {
	if l.session.broken || len(b.updates) == 0 && !b.counted {
		return
	}
	l.session.top = max(l.session.top, b.count)
	handled := max(l.handled(b.count), l.session.handled)
	id, managed := l.session.id, l.session.managed && b.counted
	if managed && l.session.kept {
		b.add(pipeline.Update{Apply: func(tx *storage.Tx, _ func(event.Event)) error {
			return tx.SetHandled(l.account.ID, id, handled)
		}})
	}
	outcome, err := l.account.Deliver(ctx, b.updates)
	if err != nil {
		l.storageFailed(ctx, err)
		return
	}
	l.storageWell()
	if outcome.Queued {
		l.Wake()
	}
	l.heal(outcome.Broken, outcome.Changed)
	if outcome.PreKeyUsed {
		l.child(l.maintain)
	}
	if managed {
		l.session.handled = handled
		l.client.HandledOf(id, handled)
		pipeline.KillPoint("ack.sent")
	}
	for _, fn := range b.after {
		fn()
	}
}

// handled is how far stanzas are durable once those up to count that are not
// held are.
func (l *Link) handled(count uint64) uint64 {
	for _, h := range l.session.archive.held {
		if h.count > 0 { // else from before there were counts
			count = min(count, h.count-1)
			break
		}
	}
	for _, r := range l.rooms.by {
		for _, h := range r.held {
			if h.count > 0 {
				count = min(count, h.count-1)
				break
			}
		}
	}
	return count
}

// hold keeps a message back while a catch-up runs; else it goes into the batch.
func (l *Link) hold(ctx context.Context, b *batch, item *stream.Item, in *pipeline.Incoming) {
	if l.session.archive.holding && len(l.session.archive.held) >= maxHeld {
		// Too many: from here on what is live goes ahead. Sort keys keep the
		// conversation in order; only the events are not. What came before
		// must be stored before the count of what is released.
		l.deliver(ctx, b)
		*b = batch{}
		l.release()
	}
	l.session.archive.fresh = true
	u := pipeline.Update{Message: in}
	switch {
	case l.session.broken: // it will be sent again
	case l.session.archive.holding:
		l.session.archive.held = append(l.session.archive.held, heldItem{count: item.Count, update: u})
	default:
		b.add(l.trusted(u))
	}
}

// trusted takes the archive's id off a message unless there is an archive:
// anybody could have put it there.
func (l *Link) trusted(u pipeline.Update) pipeline.Update {
	if !l.archiveKnown.Load() {
		u.Message.ArchiveID = ""
	}
	return u
}

// release stores what was held, in order.
func (l *Link) release() {
	if !l.session.archive.holding {
		return
	}
	held := l.session.archive.held
	l.session.archive.holding, l.session.archive.held = false, nil
	for len(held) > 0 {
		n := min(len(held), batchItems)
		b := batch{count: held[n-1].count, counted: true}
		for _, h := range held[:n] {
			b.add(l.trusted(h.update))
		}
		l.deliver(l.session.ctx, &b)
		held = held[n:]
	}
}
