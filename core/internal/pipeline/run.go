// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

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
	items  int
	places map[string]int // archive id → which item of the page
	// overlaps: it has messages from before this session.
	overlaps bool
}

// turn begins a page.
func (c *CatchUp) turn(page *Page) {
	c.page = pageState{
		own: make(map[int64]int64), first: make(map[int64]int64), placed: make(placed),
		items: len(page.Marks), places: make(map[string]int, len(page.Marks)),
	}
	for i, m := range page.Marks {
		c.page.places[m.ID] = i
	}
	if len(page.Messages) == 0 {
		return
	}
	if at := page.Messages[0].At.UnixMicro(); at < c.front {
		c.page.back = true
	} else {
		c.front = at
	}
}

// place is what is stored of a run with each page, so that the next one can go
// on with it if this one does not come to its end: the ceiling, the time of the
// stored cursor, and where the conversations had got to with it.
func (c *CatchUp) place() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.ceiling))
	b = binary.BigEndian.AppendUint64(b, uint64(c.upTo.settled.At.UnixMicro()))
	for conversation, s := range c.upTo.last {
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
func (c *CatchUp) stored(row *storage.Message, in *Incoming) {
	s, ok := c.last[row.ConversationID]
	if !ok {
		s.floor = row.SortKey - 1
	}
	if row.SortKey >= s.key {
		s.key, s.at = row.SortKey, in.At.UnixMicro()
	}
	c.last[row.ConversationID] = s
	if i, ok := c.page.places[in.ArchiveID]; ok {
		c.upTo.note(i, c.page.items, row.ConversationID, s)
	}
	c.page.placed[row.ID] = struct{}{}
	c.page.own[row.ConversationID] = row.SortKey
	if _, ok := c.page.first[row.ConversationID]; !ok {
		c.page.first[row.ConversationID] = row.SortKey
	}
}

// known puts a message that came live into the archive's order, if it did not
// come in that order: a server may deliver a new message before those that it
// has to repeat on a resumed stream. What the archive itself has put in place
// stays there, should the archive repeat it, or have it more than once because
// it was sent more than once.
func (c *CatchUp) known(tx *storage.Tx, emit *emitter, id int64, in *Incoming) error {
	row, err := tx.Message(id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	if row.Outgoing { // ours stay where they were written; in a room others come after them
		if c.room && row.SortKey < c.ceiling && row.SortKey > c.last[row.ConversationID].key {
			c.stored(&row, in)
		}
		return nil
	}
	c.page.overlaps = c.page.overlaps || row.SortKey < c.ceiling
	_, before := c.placed[id]
	_, now := c.page.placed[id]
	last := c.last[row.ConversationID]
	switch {
	case before || now || row.ArchiveID == in.ArchiveID:
	case c.page.places[row.ArchiveID] > c.page.places[in.ArchiveID]:
		// The second copy came live, and this is the first.
		if err := tx.SetMessageArchiveID(id, in.ArchiveID); err != nil {
			return err
		}
	case row.SortKey < last.key:
		return nil // its place is that of a copy before this one
	}
	if row.SortKey < last.key && !before && !now && !c.page.back && in.At.UnixMicro() >= last.at {
		if row.SortKey, err = tx.MoveMessage(id, last.key+1); err != nil {
			return err
		}
		emit.message(event.MessageChanged, row.ConversationID, id, "")
		emit.conversation(row.ConversationID)
	}
	c.stored(&row, in)
	return nil
}

func (c *CatchUp) ancient() bool { return c.first }

func (c *CatchUp) old() bool { return false }
