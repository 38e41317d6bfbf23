// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// CatchUp is one run through what an archive has that we have not (XEP-0313).
// It is used by one goroutine at a time.
type CatchUp struct {
	Archive string // bare JID
	Cursor  string // archive id after which to read on; "" from the start
	Stored  int    // messages stored so far

	first bool // this archive was never read before
	quiet bool // no event tells of it
	room  bool // Archive is that of a room
	// Archived messages sort below ceiling, the time at which the session
	// began: live ones of the session sort above it, in whichever order the
	// two are stored.
	ceiling int64
	last    map[int64]spot // conversation → its last archived message
	placed  placed         // by this run
	page    pageState
	front   int64 // archive's time of the beginning of the furthest page, in microseconds
	upTo    frontier
}

// First says that this archive was never read before: only its newest page is
// wanted, and a gap is noted before it.
func (c *CatchUp) First() bool { return c.first }

// Page is one page of an archive, oldest first.
type Page struct {
	Messages []Incoming
	Receipts []Receipt // for messages of this page and earlier ones
	Updates  []Update  // what else the messages brought
	Marks    []Mark    // of all items, whatever they are
	First    string    // archive id of the first item
	FirstAt  time.Time // when the archive received it
	Last     string    // archive id of the last item; the next page begins after it
	Complete bool      // nothing follows (for the newest page: nothing precedes)
	// Lost: the archive no longer knows the cursor, and this page was found
	// otherwise; what lies between is a gap, unless the page begins before that.
	Lost bool
	// Shuffled: the items did not come in the order that First and Last say.
	Shuffled bool
}

// order puts messages in the order of their times if the ends of the page show
// that they came in none.
func (p *Page) order() {
	if p.Shuffled {
		slices.SortStableFunc(p.Messages, func(x, y Incoming) int { return x.At.Compare(y.At) })
		slices.SortStableFunc(p.Marks, func(x, y Mark) int { return x.At.Compare(y.At) })
	}
}

const catchingUp = "catching-up"

// BeginCatchUp starts a run in a session that began at a certain time, before
// its first live message; the zero time goes on with the run that was begun
// in this session by a process that was killed. Until EndCatchUp used prekeys
// are kept, for senders may have used one twice while we were away.
func (a *Account) BeginCatchUp(ctx context.Context, archive string, began time.Time) (*CatchUp, error) {
	return a.beginCatchUp(ctx, archive, began, false)
}

// BeginReread is BeginCatchUp for reading again what should be known already,
// of which no event tells.
func (a *Account) BeginReread(ctx context.Context, archive string, began time.Time) (*CatchUp, error) {
	return a.beginCatchUp(ctx, archive, began, true)
}

func (a *Account) beginCatchUp(ctx context.Context, archive string, began time.Time, quiet bool) (*CatchUp, error) {
	c := &CatchUp{
		Archive: archive, room: archive != a.JID, quiet: quiet || archive != a.JID, ceiling: began.UnixMicro(), last: make(map[int64]spot), placed: make(placed),
	}
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		kept, _, err := tx.Value(a.ID, c.value())
		if err != nil {
			return err
		}
		if began.IsZero() {
			c.ceiling = a.Now().UnixMicro()
		}
		c.goOn(kept, began.IsZero())
		cursor, started, err := tx.Cursor(a.ID, archive)
		if err != nil {
			return err
		}
		c.Cursor, c.first = cursor, cursor == "" && !started
		c.upTo = frontier{settled: Mark{cursor, time.UnixMicro(c.front)}, last: maps.Clone(c.last)}
		c.tell(emit, event.CatchUpRunning, 0)
		if err := tx.OMEMO(a.ID).SetCatchingUp(ctx, true); err != nil {
			return err
		}
		if err := a.running(tx, c, true); err != nil {
			return err
		}
		return tx.PutValue(a.ID, c.value(), c.place())
	})
	if err != nil {
		return nil, fmt.Errorf("begin catch-up: %w", err)
	}
	return c, nil
}

// tell emits what becomes of the run.
func (c *CatchUp) tell(emit *emitter, state event.State, stored int) {
	if !c.quiet {
		emit.add(event.Event{Kind: event.CatchUp, State: state, Count: stored})
	}
}

// Unfinished says whether a run was begun and not ended, by this process or
// one that was killed.
func (a *Account) Unfinished(ctx context.Context) (unfinished bool, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) error {
		_, unfinished, err = r.Value(a.ID, catchingUp)
		return err
	})
	return unfinished, err
}

// StorePage stores a page: messages, dedupe keys and cursor in one
// transaction.
func (a *Account) StorePage(ctx context.Context, c *CatchUp, page Page) error {
	KillPoint("catchup.before")
	stored, last, front, upTo := 0, c.last, c.front, c.upTo
	cut := page.First != "" && (page.Lost || c.first && !page.Complete)
	page.order()
	err := a.updateCarefully(ctx, func(tx *storage.Tx, emit *emitter) error {
		stored = 0
		c.last, c.front = maps.Clone(last), front // Update may run this again
		c.upTo = upTo.advance(page, cut)
		c.turn(&page)
		var before map[int64]int64
		if page.Lost {
			var err error
			if before, err = c.ends(tx.Reader, a.ID); err != nil {
				return err
			}
		}
		for i := range page.Messages {
			ok, err := a.take(tx, emit, &page.Messages[i], c)
			if err != nil {
				return err
			}
			if ok {
				stored++
			}
		}
		for i := range page.Receipts {
			if err := a.receipt(tx, emit, &page.Receipts[i]); err != nil {
				return err
			}
		}
		for i := range page.Updates {
			if err := a.applyApart(tx, emit, &page.Updates[i]); err != nil {
				return err
			}
		}
		c.upTo.settle(page, c.front, c.last)
		if cut && !(page.Lost && c.page.overlaps) {
			if err := c.leaveGap(tx, a.ID, &page, before); err != nil {
				return err
			}
		}
		c.tell(emit, event.CatchUpRunning, c.Stored+stored)
		KillPoint("catchup.uncommitted")
		if err := tx.PutValue(a.ID, c.value(), c.place()); err != nil {
			return err
		}
		return tx.SetCursor(a.ID, c.Archive, c.upTo.settled.ID, true)
	})
	KillPoint("catchup.committed")
	if err != nil {
		c.last, c.front, c.upTo = last, front, upTo
		return fmt.Errorf("store archive page: %w", err)
	}
	c.Stored += stored
	if page.Last != "" {
		c.Cursor = page.Last
	}
	c.first = false
	if len(c.placed) > maxPlaced {
		clear(c.placed)
	}
	maps.Copy(c.placed, c.page.placed)
	return nil
}

// EndCatchUp ends a run. Used prekeys may go now, and devices get the answers
// that waited.
func (a *Account) EndCatchUp(ctx context.Context, c *CatchUp) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		c.tell(emit, event.CatchUpDone, c.Stored)
		if err := tx.DeleteValue(a.ID, c.value()); err != nil {
			return err
		}
		if err := a.running(tx, c, false); err != nil {
			return err
		}
		return a.allRead(tx, emit)
	})
	if err != nil {
		return fmt.Errorf("end catch-up: %w", err)
	}
	return nil
}
