// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"sync"
)

// A queue holds what Next is to return. It has one consumer; the producers
// take turns.
type queue struct {
	mu      sync.Mutex
	entries []entry
	bytes   int
	frozen  bool // stanzas stay in
	closed  bool
	session int    // of what the consumer got last
	count   uint64 // Count of the last stanza the consumer got of it

	ready chan struct{} // something changed for the consumer
	space chan struct{} // something changed for the producer

	maxEntries, maxBytes int
}

// An entry is an Item of a session. Counts of different sessions cannot be
// compared, so Next never returns items of two at once.
type entry struct {
	Item
	session int
}

func newQueue(l Limits) *queue {
	return &queue{
		maxEntries: l.Queue, maxBytes: l.QueueBytes,
		ready: make(chan struct{}, 1), space: make(chan struct{}, 1),
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push waits for room. What has been acknowledged grows in place.
func (q *queue) push(ctx context.Context, e entry) error {
	for {
		q.mu.Lock()
		n := len(q.entries)
		switch {
		case q.closed:
			q.mu.Unlock()
			return ErrClosed
		case e.Kind == Acked && n > 0 && q.entries[n-1].Kind == Acked && q.entries[n-1].session == e.session:
			q.entries[n-1] = e
			q.mu.Unlock()
			return nil
		case n == 0 || n < q.maxEntries && q.bytes+len(e.Raw) <= q.maxBytes:
			q.entries = append(q.entries, e)
			q.bytes += len(e.Raw)
			q.mu.Unlock()
			wake(q.ready)
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.space:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// next waits for items and appends what is there to buf, up to its capacity.
func (q *queue) next(ctx context.Context, buf []Item) ([]Item, error) {
	if cap(buf) == 0 {
		buf = make([]Item, 0, 1)
	}
	for {
		if err := ctx.Err(); err != nil {
			return buf[:0], err
		}
		q.mu.Lock()
		buf = q.pop(buf[:0])
		end := q.closed && len(q.entries) == 0
		q.mu.Unlock()
		if len(buf) > 0 {
			wake(q.space)
			return buf, nil
		}
		if end {
			return buf, ErrClosed
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
		}
	}
}

func (q *queue) pop(buf []Item) []Item {
	n := 0
	for _, e := range q.entries {
		counted := e.Kind == Stanza || e.Kind == Malformed
		if n == cap(buf) || n > 0 && e.session != q.session || counted && q.frozen {
			break
		}
		if e.session != q.session {
			q.session, q.count = e.session, 0
		}
		if counted {
			q.count = e.Count
		}
		buf = append(buf, e.Item)
		q.bytes -= len(e.Raw)
		n++
	}
	clear(q.entries[:n])
	if q.entries = q.entries[n:]; len(q.entries) == 0 {
		q.entries = nil
	}
	return buf
}

// freeze keeps stanzas in, so that it is certain which of them the consumer
// has. It returns the count of the last one it got, if it was of session.
func (q *queue) freeze(session int) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frozen = true
	if q.session != session {
		return 0
	}
	return q.count
}

// thaw ends freeze. With purge, the stanzas of session are dropped and what
// asked about them too: the server sends them again.
func (q *queue) thaw(session int, purge bool) {
	q.mu.Lock()
	q.frozen = false
	if purge {
		kept := q.entries[:0]
		for _, e := range q.entries {
			if e.session == session && (e.Kind == Stanza || e.Kind == Malformed || e.Kind == AckRequested) {
				q.bytes -= len(e.Raw)
				continue
			}
			kept = append(kept, e)
		}
		clear(q.entries[len(kept):])
		q.entries = kept
	}
	q.mu.Unlock()
	wake(q.ready)
	wake(q.space)
}

// consumer returns the session of what the consumer got last.
func (q *queue) consumer() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.session
}

// close makes next return ErrClosed once it is empty.
func (q *queue) close() {
	q.mu.Lock()
	q.closed, q.frozen = true, false
	q.mu.Unlock()
	wake(q.ready)
	wake(q.space)
}
