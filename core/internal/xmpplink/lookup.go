// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"time"

	"github.com/confab-im/confab/core/internal/code"
)

// enough attempts to ask for devices, if some are known.
const enough = 4

// lookupSlots bounds how many people are asked for their devices at a time, as
// all members of a room may be.
const lookupSlots = 8

// fetchDevices looks up what is needed to write to peer, and sends on when
// it is known.
func (l *Link) fetchDevices(peer string) {
	if l.session.peers.fetching[peer] != nil {
		return
	}
	hurry := make(chan struct{}, 1)
	l.session.peers.fetching[peer] = hurry
	slots := l.session.peers.slots
	l.child(func(ctx context.Context) {
		if err := l.ask(ctx, peer, hurry, slots); err != nil && ctx.Err() == nil {
			l.log.Info("devices of a peer not known", "code", code.Of(err))
		}
		l.post(ctx, func() {
			delete(l.session.peers.fetching, peer)
			l.session.peers.ready[peer] = l.account.Now()
			l.flush(ctx)
		})
	})
}

// ask asks for the devices of peer and their keys until there is an answer:
// that there are none is one, and that peer could not be asked is none.
// Messages wait meanwhile, and say why. After a few attempts those devices that
// are known from earlier are good enough.
func (l *Link) ask(ctx context.Context, peer string, hurry <-chan struct{}, slots chan struct{}) error {
	for n, wait := 1, firstWait; ; n, wait = n+1, min(2*wait, maxLook) {
		err := l.slot(ctx, slots, func() error {
			return l.connected(ctx, func() error {
				ctx, cancel := context.WithTimeout(ctx, fetchWait)
				defer cancel()
				if err := l.updateLists(ctx, peer); err != nil {
					return err
				}
				return l.fetchBundles(ctx, peer)
			})
		})
		if err := l.noteReach(ctx, peer, n, err); err != nil && ctx.Err() == nil {
			l.log.Warn("reach of a peer not noted", "code", code.Of(err))
		}
		if err == nil || ctx.Err() != nil || !unasked(err) {
			return err
		}
		if n >= enough {
			if known, problem := l.reachable(ctx, peer); known && problem == nil {
				return err
			}
		}
		l.log.Info("peer cannot be asked for devices now", "code", code.Of(err))
		if err := l.account.Unasked(ctx, peer); err != nil {
			l.log.Warn("waiting messages not marked", "code", code.Of(err))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-hurry:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// noteReach notes that somebody cannot be asked, after several attempts, or can:
// in a room the others need not wait for them without an end.
func (l *Link) noteReach(ctx context.Context, peer string, n int, err error) error {
	switch {
	case err == nil:
		return l.account.SetUnreachable(ctx, peer, false)
	case err != nil && n == enough && unasked(err):
		if err := l.account.SetUnreachable(ctx, peer, true); err != nil {
			return err
		}
		l.Wake()
	}
	return nil
}

// hurry lets a look-up of peer's devices wait no longer.
func (p *lookups) hurry(peer string) {
	select {
	case p.fetching[peer] <- struct{}{}:
	default: // also if there is none
	}
}
