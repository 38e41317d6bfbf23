// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"sync"
	"time"

	"mellium.im/xmpp/jid"
)

const (
	nsSM = "urn:xmpp:sm:3"

	ackUnasked = 100 // acknowledge so many stanzas unasked
	askEvery   = 50  // ask again after so many stanzas, even when not answered yet
	batchSize  = 32 << 10
	maxNonzas  = 16 << 10 // bytes that wait
)

// A session is one stream-management session, or one connection without.
type session struct {
	serial    int // in the life of this Stream, from 1 on; 0 is what Resume names
	jid       jid.JID
	sm        bool
	id        string
	resumable bool
	location  string
	max       time.Duration
	forgotten bool // it shall not be resumed
}

// phase is what may be sent.
type phase uint8

const (
	offline phase = iota
	online
	closing // only what is queued, then no more
)

// A ledger keeps the account's session: what was sent, received, handled and
// acknowledged. It is where the goroutines of a connection and those of the
// callers meet.
type ledger struct {
	mu      sync.Mutex
	session session
	in      inbound
	out     outbound
	phase   phase
	live    bool // there is a connection
	asking  asking
	nonzas  []byte        // to be written once, outside of the counts
	changed chan struct{} // closed at every change that somebody may wait for
	kick    chan struct{} // there may be something to write

	maxStanzas, maxBytes int
}

// asking is the state of our requests for acknowledgement.
type asking struct {
	pending bool      // one is not answered yet
	at      time.Time // since when nothing has been answered, if pending
	since   int       // stanzas sent after the last one
	heard   bool      // one was answered on this connection
	probe   bool      // one is wanted in any case
	end     []byte
}

func newLedger(l Limits) *ledger {
	return &ledger{
		changed: make(chan struct{}), kick: make(chan struct{}, 1),
		maxStanzas: l.Unacked, maxBytes: l.UnackedBytes,
	}
}

// broadcast wakes all who wait on l.changed; l.mu is held.
func (l *ledger) broadcast() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// begin starts a session on a new connection, and puts the former one aside.
func (l *ledger) begin(s session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.serial = l.session.serial + 1
	l.session, l.in, l.out, l.asking = s, inbound{}, outbound{}, asking{}
	l.enter()
}

// resume goes on with the session on a new connection. h is the server's
// count, and handled what the server was told in return.
func (l *ledger) resume(h uint32, handled uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session.serial == 0 {
		l.out.acked = l.widen(h)
		l.session.serial = 1
	} else if err := l.out.ack(h); err != nil {
		return err
	}
	l.out.sent = 0
	l.in.received, l.in.told = handled, handled
	l.in.asked, l.in.owed, l.in.concede, l.in.loose = 0, false, false, 0
	l.asking = asking{}
	l.enter()
	return nil
}

// enter opens the ledger for senders.
func (l *ledger) enter() {
	if l.phase == offline {
		l.phase = online
	}
	l.live = true
	l.broadcast()
	wake(l.kick)
}

// adopt takes over the session of another process.
func (l *ledger) adopt(r *Resume) {
	l.session = session{sm: true, jid: r.JID, id: r.ID, resumable: true, location: r.Location}
	l.in = inbound{received: r.Handled, peak: r.Handled, handled: r.Handled, told: r.Handled}
	l.out.acked = r.Out
}

// widen turns the server's count of a session of another process, of which the
// highest count is known only roughly, into one of 64 bits.
func (l *ledger) widen(h uint32) uint64 {
	if count, ok := near(l.out.acked, h); ok {
		return count
	}
	return uint64(h)
}

// refused takes the count that came with the refusal to resume a session, as
// far as it makes sense, and returns what is acknowledged by it.
func (l *ledger) refused(h uint32) (acked uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session.serial == 0 {
		return l.widen(h), true
	}
	if l.out.ack(h) != nil {
		return 0, false
	}
	return l.out.acked, true
}

// leave closes the ledger for senders, because the connection is gone.
func (l *ledger) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase == online {
		l.phase = offline
	}
	l.live = false
	l.asking.end, l.nonzas = nil, nil
	l.broadcast()
}

// forget sees to it that the session is not resumed.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session.forgotten = true
}

// current returns the session.
func (l *ledger) current() session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// resumable returns the session if it is worth trying to resume it.
func (l *ledger) resumable() (session, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.session
	return s, s.sm && s.resumable && !s.forgotten
}

// handle says that the effects of the items up to count of a session are
// durable.
func (l *ledger) handle(serial int, count uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if serial == l.session.serial {
		l.durable(count)
	}
}

// handleOf is handle for the session with that name.
func (l *ledger) handleOf(id string, count uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == l.session.id {
		l.durable(count)
	}
}

// durable moves the mark of what is durable; l.mu is held.
func (l *ledger) durable(count uint64) {
	if !l.session.sm {
		return
	}
	l.in.handle(count)
	l.broadcast()
	if l.in.due() {
		wake(l.kick)
	}
}

// handled returns up to where the session is durable, and how to wait for more.
func (l *ledger) handled() (count uint64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in.handled, l.changed
}

// count counts an inbound stanza.
func (l *ledger) count() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.session.sm {
		return 0
	}
	return l.in.count()
}

// passed notes whether the stanza just counted goes to the consumer. After
// many that do not, something else has to carry the count: then it is true.
func (l *ledger) passed(queued bool) (count uint64, tell bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.session.sm {
		return 0, false
	}
	if l.in.loose++; queued || l.in.loose >= ackUnasked {
		tell, l.in.loose = !queued, 0
	}
	return l.in.received, tell
}

// asked notes that the server wants to know up to where we are.
func (l *ledger) asked() (count uint64, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in.asked, l.in.owed, l.in.loose = l.in.received, true, 0
	if l.in.due() {
		wake(l.kick)
		return l.in.received, true
	}
	return l.in.received, false
}

// concede answers the server's question with what is handled by now, without
// taking it for answered.
func (l *ledger) concede() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in.concede = l.in.owed
	wake(l.kick)
}

// ack takes the server's count. It reports whether that was news.
func (l *ledger) ack(h uint32) (acked, received uint64, news bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.session.sm {
		return 0, 0, false, nil
	}
	before := l.out.acked
	if err := l.out.ack(h); err != nil {
		return 0, 0, false, err
	}
	l.asking.pending, l.asking.heard = false, true
	if l.out.acked > before {
		l.broadcast()
	}
	if l.asking.since > 0 && l.out.sent > 0 {
		wake(l.kick)
	}
	return l.out.acked, l.in.received, l.out.acked > before, nil
}

// probe asks for a sign of life.
func (l *ledger) probe(ping []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session.sm {
		l.asking.probe = true
	} else {
		l.out.push(ping)
	}
	wake(l.kick)
}
