// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
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
	Cursor  string // archive id of the last message known; "" from the start
	Stored  int    // messages stored so far

	first bool // this archive was never read before
	// Archived messages sort below ceiling, the time at which the session
	// began: live ones of the session sort above it, in whichever order the
	// two are stored.
	ceiling int64
	last    map[int64]spot // conversation → its last archived message
	placed  placed         // by this run
	page    pageState
	front   int64 // archive's time of the beginning of the furthest page, in microseconds
}

// A spot is where the archive's messages in a conversation have got to.
type spot struct {
	floor int64 // sort key of the newest message from before the run
	key   int64
	at    int64 // archive's time, in microseconds
}

// placed are the messages that a run has put in their places. The set is
// bounded: a server that repeats pages after more than that gets what it asks
// for.
type placed map[int64]struct{}

const maxPlaced = 1 << 17

// pageState is what is known while a page is stored.
type pageState struct {
	// back: it begins before the page before did. Servers do not do that, and
	// then the times say where its messages belong.
	back   bool
	own    map[int64]int64 // conversation → sort key of the last message from this page
	first  map[int64]int64 // conversation → sort key of the first
	placed placed
}

// First says that this archive was never read before: only its newest page is
// wanted, and a gap is noted before it.
func (c *CatchUp) First() bool { return c.first }

// Page is one page of an archive, oldest first.
type Page struct {
	Messages []Incoming
	Receipts []Receipt // for messages of this page and earlier ones
	First    string    // archive id of the first item, whatever it was
	FirstAt  time.Time // when the archive received it
	Last     string    // archive id of the last item; the new cursor
	Complete bool      // nothing follows (for the newest page: nothing precedes)
	// Lost: the archive no longer knows the cursor, and this is its newest
	// page; what lies between is a gap.
	Lost bool
	// Shuffled: the items did not come in the order that First and Last say.
	Shuffled bool
}

// order puts messages in the order of their times if the ends of the page show
// that they came in none.
func (p *Page) order() {
	if p.Shuffled {
		slices.SortStableFunc(p.Messages, func(x, y Incoming) int { return x.At.Compare(y.At) })
	}
}

const catchingUp = "catching-up"

// BeginCatchUp starts a run in a session that began at a certain time, before
// its first live message; the zero time goes on with the run that was begun
// in this session by a process that was killed. Until EndCatchUp used prekeys
// are kept, for senders may have used one twice while we were away.
func (a *Account) BeginCatchUp(ctx context.Context, archive string, began time.Time) (*CatchUp, error) {
	c := &CatchUp{Archive: archive, ceiling: began.UnixMicro(), last: make(map[int64]spot), placed: make(placed)}
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		kept, _, err := tx.Value(a.ID, catchingUp)
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
		emit.add(event.Event{Kind: event.CatchUp, State: event.CatchUpRunning})
		if err := tx.OMEMO(a.ID).SetCatchingUp(ctx, true); err != nil {
			return err
		}
		return tx.PutValue(a.ID, catchingUp, c.place())
	})
	if err != nil {
		return nil, fmt.Errorf("begin catch-up: %w", err)
	}
	return c, nil
}

// place is what is stored of a run with each page, so that the next one can go
// on with it if this one does not come to its end: the ceiling, the front, and
// where the archive's last message of each conversation is.
func (c *CatchUp) place() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.ceiling))
	b = binary.BigEndian.AppendUint64(b, uint64(c.front))
	for conversation, s := range c.last {
		for _, n := range []int64{conversation, s.floor, s.key, s.at} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
	}
	return b
}

// goOn takes over the place of a run that did not come to its end, and its
// ceiling if this is still the same session.
func (c *CatchUp) goOn(place []byte, same bool) {
	number := func() int64 {
		n := binary.BigEndian.Uint64(place)
		place = place[8:]
		return int64(n)
	}
	if len(place) < 2*8 {
		return
	}
	if ceiling := number(); same {
		c.ceiling = ceiling
	}
	c.front = number()
	for len(place) >= 4*8 {
		c.last[number()] = spot{floor: number(), key: number(), at: number()}
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
	stored, last, front := 0, c.last, c.front
	page.order()
	err := a.updateCarefully(ctx, func(tx *storage.Tx, emit *emitter) error {
		stored = 0
		c.last, c.front = maps.Clone(last), front // Update may run this again
		c.turn(&page)
		var before map[int64]int64
		if page.Lost {
			var err error
			if before, err = c.ends(tx, a.ID); err != nil {
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
		if page.First != "" && (page.Lost || c.first && !page.Complete) {
			if err := c.leaveGap(tx, a.ID, &page, before); err != nil {
				return err
			}
		}
		emit.add(event.Event{Kind: event.CatchUp, State: event.CatchUpRunning, Count: c.Stored + stored})
		KillPoint("catchup.uncommitted")
		cursor := page.Last
		if cursor == "" {
			cursor = c.Cursor
		}
		if err := tx.PutValue(a.ID, catchingUp, c.place()); err != nil {
			return err
		}
		return tx.SetCursor(a.ID, c.Archive, cursor, true)
	})
	KillPoint("catchup.committed")
	if err != nil {
		c.last, c.front = last, front
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

// turn begins a page.
func (c *CatchUp) turn(page *Page) {
	c.page = pageState{own: make(map[int64]int64), first: make(map[int64]int64), placed: make(placed)}
	if len(page.Messages) == 0 {
		return
	}
	if at := page.Messages[0].At.UnixMicro(); at < c.front {
		c.page.back = true
	} else {
		c.front = at
	}
}

// EndCatchUp ends a run. Used prekeys may go now, and devices get the answers
// that waited.
func (a *Account) EndCatchUp(ctx context.Context, c *CatchUp) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		emit.add(event.Event{Kind: event.CatchUp, State: event.CatchUpDone, Count: c.Stored})
		if err := tx.OMEMO(a.ID).SetCatchingUp(ctx, false); err != nil {
			return err
		}
		if err := a.answerOwed(tx, emit); err != nil {
			return err
		}
		return tx.DeleteValue(a.ID, catchingUp)
	})
	if err != nil {
		return fmt.Errorf("end catch-up: %w", err)
	}
	return nil
}

// key chooses the sort key of an archived message: its time, but after what
// was known of the conversation when the session began, before what came live
// since, and in the archive's order. An archive's times are only good to the
// second on some servers, so they cannot order messages by themselves.
func (c *CatchUp) key(tx *storage.Tx, conversation int64, at time.Time) (int64, error) {
	s, ok := c.last[conversation]
	if !ok {
		end, err := c.end(tx.Reader, conversation)
		if err != nil {
			return 0, err
		}
		s = spot{floor: end, key: end}
		c.last[conversation] = s
	}
	if c.page.back {
		below, err := c.newer(tx.Reader, conversation, s, at)
		if err != nil || below != 0 {
			if err == nil {
				below, err = keyBelow(tx, conversation, below, at)
			}
			return below, err
		}
	}
	k := at.UnixMicro()
	if k >= c.ceiling {
		k = c.ceiling - archiveRoom
	}
	return max(k, s.key+1), nil
}

// end is the sort key of the newest message that a conversation had when the
// session began.
func (c *CatchUp) end(r *storage.Reader, conversation int64) (int64, error) {
	rows, err := r.MessagesBefore(conversation, c.ceiling, answeredWindow)
	for _, row := range rows {
		if row.Outgoing && row.State <= StateBlocked {
			continue // written here while offline: what was missed may be older
		}
		return row.SortKey, err
	}
	return 0, err
}

// newer returns the sort key of the oldest message of the run that is newer
// than one of that time, from a page that comes too late; 0 if there is none.
// Those of the page itself are in order.
func (c *CatchUp) newer(r *storage.Reader, conversation int64, s spot, at time.Time) (below int64, err error) {
	if own := c.page.own[conversation]; own > 0 {
		return newerAfter(r, conversation, own, s.key, at)
	}
	for from := s.key + 1; ; {
		rows, err := r.MessagesBefore(conversation, from, prepareScan)
		if err != nil {
			return 0, err
		}
		for _, row := range rows {
			if row.SortKey <= s.floor || row.At.Before(at) {
				return below, nil
			}
			below, from = row.SortKey, row.SortKey
		}
		if len(rows) < prepareScan {
			return below, nil
		}
	}
}

func newerAfter(r *storage.Reader, conversation, from, upto int64, at time.Time) (int64, error) {
	const few = 8
	for {
		rows, err := r.MessagesAfter(conversation, from, few)
		if err != nil {
			return 0, err
		}
		for _, row := range rows {
			if row.SortKey > upto {
				return 0, nil
			}
			if !row.At.Before(at) {
				return row.SortKey, nil
			}
			from = row.SortKey
		}
		if len(rows) < few {
			return 0, nil
		}
	}
}

// stored notes the place of a message that came from the archive.
func (c *CatchUp) stored(row *storage.Message, at time.Time) {
	s, ok := c.last[row.ConversationID]
	if !ok {
		s.floor = row.SortKey - 1
	}
	if row.SortKey >= s.key {
		s.key, s.at = row.SortKey, at.UnixMicro()
	}
	c.last[row.ConversationID] = s
	c.page.placed[row.ID] = struct{}{}
	c.page.own[row.ConversationID] = row.SortKey
	if _, ok := c.page.first[row.ConversationID]; !ok {
		c.page.first[row.ConversationID] = row.SortKey
	}
}

// known puts a message that came live into the archive's order, if it did not
// come in that order: a server may deliver a new message before those that it
// has to repeat on a resumed stream. What the archive itself has put in place
// stays there, should the archive repeat it.
func (c *CatchUp) known(tx *storage.Tx, emit *emitter, id int64, at time.Time) error {
	row, err := tx.Message(id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // deleted since
	}
	if err != nil || row.Outgoing {
		return err // ours stay where they were written
	}
	_, before := c.placed[id]
	_, now := c.page.placed[id]
	last := c.last[row.ConversationID]
	if row.SortKey < last.key && !before && !now && !c.page.back && at.UnixMicro() >= last.at {
		if row.SortKey, err = tx.MoveMessage(id, last.key+1); err != nil {
			return err
		}
		emit.message(event.MessageChanged, row.ConversationID, id, "")
		emit.conversation(row.ConversationID)
	}
	c.stored(&row, at)
	return nil
}

func (c *CatchUp) ancient() bool { return c.first }

func (c *CatchUp) old() bool { return false }

// Forget notes that the server refused to resume: what was written and not
// acknowledged may or may not have arrived. Those stanzas are to be sent
// again, the same bytes, once the archive was asked which of them it has.
// doubt says that there are messages among them.
func (a *Account) Forget(ctx context.Context) (doubt bool, err error) {
	err = a.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		if _, err := tx.ForgetStream(a.ID); err != nil {
			return err
		}
		if doubt, err = a.doubt(tx.Reader); err != nil {
			return err
		}
		return tx.DeleteStream(a.ID)
	})
	if err != nil {
		return false, fmt.Errorf("forget stream: %w", err)
	}
	return doubt, nil
}

// Doubt says whether there are messages that were written to a stream that was
// forgotten since, and that the archive has not settled.
func (a *Account) Doubt(ctx context.Context) (doubt bool, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) (err error) {
		doubt, err = a.doubt(r)
		return err
	})
	return doubt, err
}

func (a *Account) doubt(r *storage.Reader) (bool, error) {
	for after := int64(0); ; {
		rows, err := r.Outbox(a.ID, after, prepareScan, OutReady)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			after = row.ID
			if row.Kind == OutMessage && row.Attempts > 0 {
				return true, nil
			}
		}
		if len(rows) < prepareScan {
			return false, nil
		}
	}
}
