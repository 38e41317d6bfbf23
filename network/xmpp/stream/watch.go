// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"crypto/rand"
	"fmt"
	"time"

	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

const nsPing = "urn:xmpp:ping"

// A watch is what the goroutine that watches over a connection is told by the
// others.
type watch struct {
	owed    chan struct{} // the server waits for an acknowledgement
	probe   chan struct{} // check the connection now
	asked   chan struct{} // something was written
	written chan struct{} // closed when nothing more will be written
}

func newWatch() watch {
	return watch{
		owed: make(chan struct{}, 1), probe: make(chan struct{}, 1),
		asked: make(chan struct{}, 1), written: make(chan struct{}),
	}
}

func (w *watch) owe() { wake(w.owed) }

// keep finds out when the connection is dead, and reminds of acknowledgements.
func (l *link) keep() error {
	var (
		timeouts = l.s.cfg.Timeouts
		asked    time.Time     // when the server was asked for a sign of life
		beats    int64         // what there had been by then
		limit    time.Duration // how long that may take
		owed     time.Time     // since when it waits for an acknowledgement
		deaf     question      // for an acknowledgement that it has not answered
	)
	ask := func(within time.Duration) {
		asked, limit, beats = time.Now(), within, l.wire.pulse.beats.Load()
		l.s.ledger.probe(ping())
	}
	// A session that was resumed may be one in which the server is deaf: see
	// hearing. Whatever else it sends or does not send, it has to answer here.
	var doubt time.Time
	if l.resumed {
		doubt = time.Now().Add(l.s.cfg.Keepalive.Probe)
		ask(l.s.cfg.Keepalive.Timeout)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		silence, arriving := l.wire.pulse.silence(), l.wire.pulse.arriving()
		if !asked.IsZero() && (l.wire.pulse.full.Load() || l.wire.pulse.beats.Load() != beats) {
			asked = time.Time{} // something has arrived since
		}
		next := timeouts.Stanza - arriving
		if next <= 0 {
			return fmt.Errorf("read stanza: %w", ErrTimeout)
		}
		interval := l.s.interval()
		switch {
		case asked.IsZero() && silence >= interval:
			ask(l.s.cfg.Keepalive.Timeout)
			next = min(next, limit)
		case asked.IsZero():
			next = min(next, interval-silence)
		case time.Since(asked) >= limit:
			return fmt.Errorf("check connection: %w", ErrTimeout)
		default:
			next = min(next, limit-time.Since(asked))
		}
		if !doubt.IsZero() {
			switch left := time.Until(doubt); {
			case l.s.ledger.heard():
				doubt = time.Time{}
			case left <= 0:
				l.s.ledger.forget()
				return fmt.Errorf("await acknowledgement: %w", ErrTimeout)
			default:
				next = min(next, left)
			}
		}
		left, err := l.hearing(&deaf)
		if err != nil {
			return err
		}
		next = min(next, left)
		if !owed.IsZero() {
			if time.Since(owed) >= timeouts.Patience {
				owed = time.Time{}
				l.s.ledger.concede()
			} else {
				next = min(next, timeouts.Patience-time.Since(owed))
			}
		}
		timer.Reset(max(next, time.Millisecond))
		select {
		case <-timer.C:
		case <-l.watch.owed:
			if owed.IsZero() {
				owed = time.Now()
			}
		case <-l.watch.asked:
		case <-l.watch.probe:
			if asked.IsZero() || limit-time.Since(asked) > l.s.cfg.Keepalive.Probe {
				ask(l.s.cfg.Keepalive.Probe)
			}
		case <-l.ctx.Done():
			return nil
		}
	}
}

// A question is a request for an acknowledgement, and what had arrived when it was made.
type question struct {
	at    time.Time
	beats int64
}

// hearing returns after which time to look again whether the server hears us.
// One that goes on sending, but leaves our requests for an acknowledgement
// unanswered, does not: Prosody 0.12 can be like that after a resumption, when
// it takes our stanzas for the rest of one that the lost connection broke off.
// Resuming that session again would not help.
func (l *link) hearing(q *question) (left time.Duration, err error) {
	since, waiting := l.s.ledger.unanswered()
	beats := l.wire.pulse.beats.Load()
	switch {
	case !waiting:
		return maxWait, nil
	case !q.at.Equal(since):
		*q = question{since, beats}
	}
	left = l.s.cfg.Keepalive.Timeout - time.Since(since)
	if left > 0 || q.beats == beats {
		return max(left, time.Second), nil
	}
	l.s.ledger.forget()
	return 0, fmt.Errorf("await acknowledgement: %w", ErrTimeout)
}

// maxWait is longer than anything else that is waited for.
const maxWait = 24 * time.Hour

// ping is what is sent where there is no stream management: whatever answers
// it is a sign of life, and every IQ is answered. XEP-0199.
func ping() []byte {
	return element.New(element.NSClient, "iq").With("type", string(stanza.GetIQ)).
		With("id", "ping-"+rand.Text()[:8]).Add(element.New(nsPing, "ping")).Bytes()
}
