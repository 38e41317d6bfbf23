// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"maps"
	"time"
)

// An archive does not grow at its end only: a message that waited for a session
// to change hands is archived late, but with the time at which it was sent, and
// so before the place up to which the archive has been read. Therefore what is
// less than settleTime older than the newest message is read again by the next
// run, though never more than maxOpen items.
const (
	settleTime = 30 * time.Second
	maxOpen    = 500
)

// Mark is the place of an item in an archive.
type Mark struct {
	ID string
	At time.Time // when the archive received it, by its own clock
}

// A frontier is how far an archive is known.
type frontier struct {
	settled Mark           // up to which nothing will come any more
	last    map[int64]spot // conversation → its last archived message up to there
	open    []openItem     // what was read beyond, oldest first
	newest  time.Time
}

type openItem struct {
	Mark
	conversation int64 // 0: no message
	spot         spot  // of the conversation, with this message
}

// advance returns the frontier with a page added to it. cut says that there is
// a gap before the page, which is not to be read.
func (f frontier) advance(p Page, cut bool) frontier {
	next := frontier{settled: f.settled, last: maps.Clone(f.last), newest: f.newest}
	if cut {
		next.settled = Mark{p.First, p.FirstAt}
	} else {
		next.open = append(next.open, f.open...)
	}
	for _, m := range p.Marks {
		if m.At.IsZero() { // unreadable
			m.At = next.newest
		}
		if m.At.After(next.newest) {
			next.newest = m.At
		}
		next.open = append(next.open, openItem{Mark: m})
	}
	return next
}

// note tells where a conversation has got to with item i of the last n.
func (f *frontier) note(i, n int, conversation int64, s spot) {
	item := &f.open[len(f.open)-n+i]
	item.conversation, item.spot = conversation, s
}

// settle passes what is too old to change. A page without marks is settled at
// once; front and last are where the run has got to with it.
func (f *frontier) settle(p Page, front int64, last map[int64]spot) {
	if len(p.Marks) == 0 && p.Last != "" {
		f.settled, f.last, f.open = Mark{p.Last, time.UnixMicro(front)}, maps.Clone(last), nil
	}
	for len(f.open) > maxOpen || len(f.open) > 0 && !f.open[0].At.After(f.newest.Add(-settleTime)) {
		item := f.open[0]
		if item.At.Before(f.settled.At) {
			item.At = f.settled.At // a page that went back
		}
		f.settled, f.open = item.Mark, f.open[1:]
		if item.conversation != 0 {
			f.last[item.conversation] = item.spot
		}
	}
}
