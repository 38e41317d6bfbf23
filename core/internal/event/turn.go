// SPDX-License-Identifier: MPL-2.0

package event

// Turn is a place in the order of the events that transactions cause. There is
// one write transaction at a time, but its events go out after the commit,
// when the next one may have committed too: a turn taken inside the
// transaction keeps both in the order of their commits.
//
//	turn := event.Turn{Bus: bus}
//	defer turn.End()
//	err := db.Update(ctx, func(tx *storage.Tx) error {
//		turn.Take()
//		…
//	})
//	if err == nil {
//		turn.End(events...)
//	}
//
// It belongs to one goroutine and is not copied.
type Turn struct {
	Bus *Bus

	place *place // nil until taken, and once ended
}

// place is a turn in the bus's line.
type place struct {
	ended  bool
	events []Event
}

// Take takes the next place, giving back one taken before: a transaction may
// be run again.
func (t *Turn) Take() {
	t.End()
	t.place = &place{}
	t.Bus.mu.Lock()
	defer t.Bus.mu.Unlock()
	t.Bus.line = append(t.Bus.line, t.place)
}

// End gives the place up and hands events to the subscriptions, now or with
// the end of the turns that were taken before. It never waits; only the first
// End after a Take does anything.
func (t *Turn) End(events ...Event) {
	if t.place == nil {
		return
	}
	b := t.Bus
	b.mu.Lock()
	defer b.mu.Unlock()
	t.place.ended, t.place.events = true, events
	t.place = nil
	for len(b.line) > 0 && b.line[0].ended {
		b.offer(b.line[0].events)
		b.line = b.line[1:]
	}
}
