// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"strconv"
	"time"
)

// totals returns how many stanzas were received, and how many sent ones the
// server has taken responsibility for.
func (l *ledger) totals() (received, acked uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in.received, l.out.acked
}

// send queues a stanza when there is room.
func (l *ledger) send(done <-chan struct{}, stanza []byte) error {
	if err := l.room(done); err != nil {
		return err
	}
	defer l.mu.Unlock()
	l.out.push(stanza)
	wake(l.kick)
	return nil
}

// nonza queues bytes that no side counts. They are lost with the connection.
func (l *ledger) nonza(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.phase == closing:
		return ErrClosed
	case l.phase == offline:
		return ErrNotConnected
	case len(l.nonzas) >= maxNonzas:
		return ErrBusy
	}
	l.nonzas = append(l.nonzas, b...)
	wake(l.kick)
	return nil
}

// position returns the next place in the outbound order when there is room.
func (l *ledger) position(done <-chan struct{}) (Position, error) {
	if err := l.room(done); err != nil {
		return Position{}, err
	}
	defer l.mu.Unlock()
	return Position{ID: l.session.id, Next: l.out.next()}, nil
}

// room waits until something may be sent. It returns with l.mu held if err is
// nil.
func (l *ledger) room(done <-chan struct{}) error {
	for {
		l.mu.Lock()
		switch {
		case l.phase == closing:
			l.mu.Unlock()
			return ErrClosed
		case l.phase == offline:
			l.mu.Unlock()
			return ErrNotConnected
		case len(l.out.queue) < l.maxStanzas && l.out.bytes < l.maxBytes:
			return nil
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-done:
			return ErrBusy
		}
	}
}

// push queues stanzas.
func (l *ledger) push(stanzas [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range stanzas {
		l.out.push(b)
	}
	wake(l.kick)
}

// batch appends to dst what is to be written next.
func (l *ledger) batch(dst []byte) (batch []byte, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sm := l.session.sm
	if sm && l.in.due() {
		dst = appendAck(dst, l.in.tell())
	}
	dst = append(dst, l.nonzas...)
	l.nonzas = nil
	dst, n := l.out.take(dst, batchSize)
	switch {
	case !sm:
		l.out.drop(n)
	case l.asking.probe || l.asking.since+n > 0 && (!l.asking.pending || l.asking.since+n >= askEvery):
		if !l.asking.pending {
			l.asking.at = time.Now()
		}
		l.asking.pending, l.asking.probe, l.asking.since = true, false, 0
		dst = append(dst, "<r xmlns='"+nsSM+"'/>"...)
	default:
		l.asking.since += n
	}
	if n > 0 {
		l.broadcast()
	}
	if l.asking.end == nil || l.out.sent < len(l.out.queue) {
		return dst, false
	}
	if sm && l.in.handled > l.in.told {
		dst = appendAck(dst, l.in.tell())
	}
	return append(dst, l.asking.end...), true
}

// unanswered returns since when the server has left our requests for an
// acknowledgement unanswered.
func (l *ledger) unanswered() (since time.Time, waiting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asking.at, l.session.sm && l.asking.pending
}

func appendAck(dst []byte, h uint32) []byte {
	dst = append(dst, "<a xmlns='"+nsSM+"' h='"...)
	dst = strconv.AppendUint(dst, uint64(h), 10)
	return append(dst, "'/>"...)
}

// heard reports whether the server has answered a request for an
// acknowledgement on this connection.
func (l *ledger) heard() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asking.heard
}

// close lets nothing new in.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase = closing
	l.broadcast()
}

// connected reports whether there is a connection.
func (l *ledger) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live
}

// detached reports whether the connection ends without the stream.
func (l *ledger) detached() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asking.end) == 0
}

// end makes the given bytes the last that are written, after all that is
// queued; none at all still acknowledge what is handled.
func (l *ledger) end(last []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asking.end = append([]byte{}, last...)
	wake(l.kick)
}

// drained reports whether all is written and, if acked, acknowledged, or can no
// longer be, and how to wait for it.
func (l *ledger) drained(acked bool) (yes bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	yes = l.out.sent == len(l.out.queue)
	if acked && l.session.sm {
		yes = len(l.out.queue) == 0
	}
	return yes || !l.live, l.changed
}
