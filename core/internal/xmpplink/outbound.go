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

// flush sends what is in the outbox, in order, until it is empty, the stream
// is full or the rest has to wait.
func (l *Link) flush(ctx context.Context) {
	for l.session.up && l.session.mayFlush && !l.session.broken {
		var p pipeline.Prepared
		var last pipeline.Position
		var failed error
		sending, cancel := context.WithTimeout(ctx, roomWait)
		err := l.client.SendDurable(sending, func(pos stream.Position) ([][]byte, error) {
			if pos.ID != l.session.id {
				return nil, nil // a newer session, which the actor has not come to yet
			}
			at := pipeline.Position{StreamID: l.session.id, Next: pos.Next}
			if !l.session.managed {
				at.Next = l.session.written + 1
			}
			p, failed = l.account.Prepare(ctx, at, l.prepared)
			last = pipeline.Position{StreamID: at.StreamID, Next: at.Next + uint64(len(p.Stanzas))}
			return p.Stanzas, failed
		})
		cancel()
		pipeline.KillPoint("outbox.written")
		if failed != nil {
			l.storageFailed(ctx, failed)
			return
		}
		for _, peer := range p.Need {
			l.fetchDevices(peer)
		}
		for _, peer := range p.Members {
			l.fetchDevices(peer)
		}
		for _, peer := range p.Deviceless {
			l.awaitDevices(peer)
		}
		if len(p.Stanzas) > 0 && !l.session.managed {
			l.session.written = last.Next - 1
			l.confirmByPing()
		}
		switch {
		case errors.Is(err, stream.ErrBusy):
			return // room comes with an acknowledgement, which flushes again
		case err != nil:
			// The bytes are in the outbox as written on this session; whether
			// they went out shows when it is resumed, or is not.
			l.log.Debug("not sent now", "code", code.Of(err))
			return
		case len(p.Stanzas) == 0:
			return
		}
	}
}

// roomWait bounds how long the actor waits for room among the unacknowledged
// stanzas; what came in meanwhile must not wait longer.
const roomWait = 20 * time.Millisecond

const pingWait = 2 * time.Minute

// confirmByPing stands in for acknowledgements on a server without stream
// management: stanzas of one stream are handled in order, so an answer to a
// later request says that what went before was taken.
// One request is under way at a time; what was written meanwhile gets the next.
func (l *Link) confirmByPing() {
	if l.session.confirming {
		return
	}
	l.session.confirming = true
	id, upto := l.session.id, l.session.written
	l.child(func(ctx context.Context) {
		err := l.retry(ctx, func() error {
			waiting, cancel := context.WithTimeout(ctx, pingWait)
			defer cancel()
			err := l.client.Ping(waiting, jid.JID{})
			if xmpp.Condition(err) != "" {
				return nil // any answer is one
			}
			return err
		})
		l.post(ctx, func() {
			l.session.confirming = false
			if err != nil {
				l.log.Info("sent messages not confirmed", "code", code.Of(err))
				return // the next message tries again
			}
			l.deliver(ctx, &batch{updates: []pipeline.Update{{Ack: &pipeline.Ack{StreamID: id, Upto: upto}}}})
			if l.session.written > upto {
				l.confirmByPing()
			}
			l.Wake() // there may be room again
		})
	})
}
