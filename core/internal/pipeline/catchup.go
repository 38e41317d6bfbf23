// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
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
	last    map[int64]int64 // conversation → sort key of its last archived message
}

// First says that this archive was never read before: only its newest page is
// wanted, and a gap is noted before it.
func (c *CatchUp) First() bool { return c.first }

// Page is one page of an archive, oldest first.
type Page struct {
	Messages []Incoming
	First    string // archive id of the first item, whatever it was
	Last     string // likewise of the last; the new cursor
	Complete bool   // nothing follows (for the newest page: nothing precedes)
	// Lost: the archive no longer knows the cursor, and this is its newest
	// page; what lies between is a gap.
	Lost bool
}

const catchingUp = "catching-up"

// BeginCatchUp starts a run in a session that began at a certain time, before
// its first live message; the zero time goes on with the run that was begun
// in this session by a process that was killed. Until EndCatchUp used prekeys
// are kept, for senders may have used one twice while we were away.
func (a *Account) BeginCatchUp(ctx context.Context, archive string, began time.Time) (*CatchUp, error) {
	c := &CatchUp{Archive: archive, ceiling: began.UnixMicro(), last: make(map[int64]int64)}
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
// on with it if this one does not come to its end: the ceiling, and where the
// archive's last message of each conversation is.
func (c *CatchUp) place() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.ceiling))
	for conversation, key := range c.last {
		b = binary.BigEndian.AppendUint64(b, uint64(conversation))
		b = binary.BigEndian.AppendUint64(b, uint64(key))
	}
	return b
}

// goOn takes over the place of a run that did not come to its end, and its
// ceiling if this is still the same session.
func (c *CatchUp) goOn(place []byte, same bool) {
	if len(place) < 8 {
		return
	}
	if same {
		c.ceiling = int64(binary.BigEndian.Uint64(place))
	}
	for pairs := place[8:]; len(pairs) >= 16; pairs = pairs[16:] {
		c.last[int64(binary.BigEndian.Uint64(pairs))] = int64(binary.BigEndian.Uint64(pairs[8:]))
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
	stored, last := 0, c.last
	err := a.updateCarefully(ctx, func(tx *storage.Tx, emit *emitter) error {
		stored = 0
		c.last = maps.Clone(last) // Update may run this again
		for i := range page.Messages {
			ok, err := a.take(tx, emit, &page.Messages[i], c)
			if err != nil {
				return err
			}
			if ok {
				stored++
			}
		}
		if page.First != "" && (page.Lost || c.first && !page.Complete) {
			err := tx.AddGap(&storage.Gap{AccountID: a.ID, Archive: c.Archive, After: c.Cursor, Before: page.First})
			if err != nil {
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
		return fmt.Errorf("store archive page: %w", err)
	}
	c.Stored += stored
	if page.Last != "" {
		c.Cursor = page.Last
	}
	c.first = false
	return nil
}

// EndCatchUp ends a run. Used prekeys may go now.
func (a *Account) EndCatchUp(ctx context.Context, c *CatchUp) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		emit.add(event.Event{Kind: event.CatchUp, State: event.CatchUpDone, Count: c.Stored})
		if err := tx.OMEMO(a.ID).SetCatchingUp(ctx, false); err != nil {
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
	previous, ok := c.last[conversation]
	if !ok {
		rows, err := tx.MessagesBefore(conversation, c.ceiling, answeredWindow)
		if err != nil {
			return 0, err
		}
		for _, row := range rows {
			if row.Outgoing && row.State <= StateBlocked {
				continue // written here while offline: what was missed may be older
			}
			previous = row.SortKey
			break
		}
	}
	k := at.UnixMicro()
	if k >= c.ceiling {
		k = c.ceiling - archiveRoom
	}
	return max(k, previous+1), nil
}

// stored notes the place of a message that came from the archive.
func (c *CatchUp) stored(row *storage.Message) {
	c.last[row.ConversationID] = max(c.last[row.ConversationID], row.SortKey)
}

// known puts a message that came live into the archive's order, if it did not
// come in that order: a server may deliver a new message before those that it
// has to repeat on a resumed stream. c is nil for live messages.
func (c *CatchUp) known(tx *storage.Tx, emit *emitter, id int64) error {
	if c == nil || id == 0 {
		return nil
	}
	row, err := tx.Message(id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // deleted since
	}
	if err != nil || row.Outgoing {
		return err // ours stay where they were written
	}
	if last := c.last[row.ConversationID]; row.SortKey < last {
		if row.SortKey, err = tx.MoveMessage(id, last+1); err != nil {
			return err
		}
		emit.message(event.MessageChanged, row.ConversationID, id, "")
		emit.conversation(row.ConversationID)
	}
	c.stored(&row)
	return nil
}

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
