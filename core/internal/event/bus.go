// SPDX-License-Identifier: MPL-2.0

package event

import (
	"context"
	"errors"
	"sync"
)

// DefaultQueue is how many events a subscription holds when its filter does
// not say otherwise.
const DefaultQueue = 1024

// ErrClosed is returned by Next after Close of the subscription or the bus.
var ErrClosed = errors.New("event: subscription closed")

// Filter chooses what a subscription gets. The zero value is everything.
type Filter struct {
	Kinds        []Kind // none means all; Gap always comes
	Account      int64  // 0 means all
	Conversation int64  // 0 means all; events without a conversation are then left out
	Queue        int    // events held at most; 0 means DefaultQueue
}

func (f *Filter) accepts(e Event) bool {
	if f.Account != 0 && e.Account != f.Account || f.Conversation != 0 && e.Conversation != f.Conversation {
		return false
	}
	if len(f.Kinds) == 0 {
		return true
	}
	for _, k := range f.Kinds {
		if k == e.Kind {
			return true
		}
	}
	return false
}

// Bus hands events to any number of subscriptions. The zero value is ready.
type Bus struct {
	mu     sync.Mutex
	subs   map[*Subscription]struct{}
	line   []*place // turns taken, in order; as many as goroutines hold one
	closed bool
}

// Subscribe starts a subscription. It must be closed.
func (b *Bus) Subscribe(f Filter) *Subscription {
	if f.Queue <= 0 {
		f.Queue = DefaultQueue
	}
	s := &Subscription{bus: b, filter: f, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		s.closed = true
		return s
	}
	if b.subs == nil {
		b.subs = make(map[*Subscription]struct{})
	}
	b.subs[s] = struct{}{}
	return s
}

// Publish hands events to every subscription that wants them, at once and
// without regard to turns: it is for what no transaction causes. It never
// waits.
func (b *Bus) Publish(events ...Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offer(events)
}

// offer is called with mu held.
func (b *Bus) offer(events []Event) {
	for s := range b.subs {
		s.offer(events)
	}
}

// Close ends every subscription once it has read what it holds.
func (b *Bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for s := range b.subs {
		s.closed = true
		s.signal()
	}
	b.subs = nil
}

// Subscription is one reader's queue. Next may be called by one goroutine at
// a time, Close by any.
type Subscription struct {
	bus    *Bus
	filter Filter
	wake   chan struct{}

	// guarded by bus.mu
	queue  []Event
	lost   bool
	closed bool
}

// offer is called with bus.mu held.
func (s *Subscription) offer(events []Event) {
	for _, e := range events {
		if !s.filter.accepts(e) {
			continue
		}
		if len(s.queue) >= s.filter.Queue {
			// Drop what is held too: after a gap the reader starts afresh, and
			// half of a story would only be read twice.
			s.queue, s.lost = s.queue[:0], true
		}
		s.queue = append(s.queue, e)
	}
	if len(s.queue) > 0 || s.lost {
		s.signal()
	}
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next returns the next event, waiting for one. After an overflow it returns
// one event of kind Gap. Its error is ctx's, or ErrClosed.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok, closed := s.take(); ok {
			return e, nil
		} else if closed {
			return Event{}, ErrClosed
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

func (s *Subscription) take() (e Event, ok, closed bool) {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if s.lost {
		s.lost = false
		return Event{Kind: Gap}, true, false
	}
	if len(s.queue) > 0 {
		e = s.queue[0]
		s.queue = s.queue[1:]
		return e, true, false
	}
	return Event{}, false, s.closed
}

// Close ends the subscription; what it holds is dropped. It is idempotent.
func (s *Subscription) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	delete(s.bus.subs, s)
	s.queue, s.lost, s.closed = nil, false, true
	s.signal()
}
