// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// archiveUnread is the error of asking for older messages too early.
type archiveUnread struct{}

func (archiveUnread) Error() string { return "archive has not been read yet" }

// Code returns the stable code.
func (archiveUnread) Code() string { return "core.archive-unread" }

// ErrArchiveUnread: what is missing is not known before the newest page of the
// archive has been read. A server without an archive never gets that far.
var ErrArchiveUnread error = archiveUnread{}

// errMoved: somebody else has filled a part of the gap meanwhile.
var errMoved = errors.New("gap changed meanwhile")

// History is one step backwards into the newest gap of a conversation. Archive
// pages in it hold messages with Peer only.
type History struct {
	Peer   string
	Room   bool      // Peer is a room, and the archive is its own
	Before string    // archive id: the page ends before it; empty for the end of the gap
	Until  time.Time // no message is newer

	conversation int64
	gap          Gap
	below        int64   // sort key of what follows
	plan         []int64 // sort keys for the messages of the page, in its order
	next         int
	bottom       int64 // the smallest of them
	top          int64 // the largest sort key stored
}

// BeginHistory says what to ask the archive for next, to fill the newest gap of
// a conversation; nil when it has none.
func (a *Account) BeginHistory(ctx context.Context, conversation int64) (h *History, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) error {
		h = nil
		c, err := r.Conversation(conversation)
		if err != nil {
			return err
		}
		if _, started, err := r.Cursor(a.ID, a.archiveOf(c)); err != nil || !started {
			return errors.Join(err, ErrArchiveUnread)
		}
		gaps, err := Gaps(r, c)
		if err != nil || len(gaps) == 0 {
			return err
		}
		g := gaps[len(gaps)-1]
		h = &History{Peer: c.Peer, Room: c.Kind == ConversationRoom, Before: g.before, Until: g.until(), conversation: conversation, gap: g}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for gap: %w", err)
	}
	return h, nil
}

// FromEnd makes h begin at the end of the gap again, when the archive does not
// know Before any more. What was read of it is known again. It says whether
// that is something new to try.
func (h *History) FromEnd() bool {
	if h.Before == "" {
		return false
	}
	h.Before = ""
	return true
}

// StoreHistory stores a page that was asked for as h says: rows, dedupe keys
// and what is left of the gap in one transaction. What is stored is not news:
// no MessageAdded speaks of it, nobody gets a receipt, and nothing that is from
// before this device counts as unread.
//
// sofar is how many were stored before it. done says that the gap is closed.
// When somebody else has filled the gap meanwhile, nothing is done.
func (a *Account) StoreHistory(ctx context.Context, h *History, page Page, sofar int) (stored int, done bool, err error) {
	page.order()
	page.Messages = only(page.Messages, h.Peer)
	err = a.updateCarefully(ctx, func(tx *storage.Tx, emit *emitter) error {
		stored, h.top, h.next = 0, 0, 0
		c, err := tx.Conversation(h.conversation)
		if err != nil {
			return err
		}
		part, err := a.part(tx, h, c)
		if err != nil {
			return err
		}
		familiar, err := a.arrange(tx, h, page.Messages)
		if err != nil {
			return err
		}
		for i := range page.Messages {
			h.next = i
			ok, err := a.take(tx, emit, &page.Messages[i], h)
			if err != nil {
				return err
			}
			if ok {
				stored++
			}
		}
		for i := range page.Receipts {
			if err := a.earlyReceipt(tx, emit, &page.Receipts[i]); err != nil {
				return err
			}
		}
		done = page.Complete || page.First == "" || page.First == h.Before || page.Holds(part.After) || familiar && !h.gap.Open()
		part.Before, part.SortKey = page.First, h.bottom
		if done {
			part.Before = part.After
		}
		if err := tx.UpdateGap(part); err != nil {
			return err
		}
		if h.gap.Open() && h.top > c.ReadKey {
			if _, err := tx.MarkRead(c.ID, h.top); err != nil {
				return err
			}
		}
		if stored > 0 || done {
			emit.add(event.Event{Kind: event.HistoryLoaded, Conversation: c.ID, Count: sofar + stored})
			emit.conversation(c.ID)
		}
		return nil
	})
	if errors.Is(err, errMoved) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("store history: %w", err)
	}
	return stored, done, nil
}

// only leaves the messages of one conversation, should a server not have
// filtered them.
func only(messages []Incoming, peer string) (list []Incoming) {
	for _, m := range messages {
		if m.Peer == peer {
			list = append(list, m)
		}
	}
	return list
}

// Holds says whether the page has the item with that archive id.
func (p *Page) Holds(id string) bool {
	if id == "" {
		return false
	}
	for i := range p.Messages {
		if p.Messages[i].ArchiveID == id {
			return true
		}
	}
	return p.First == id || p.Last == id
}

// part returns the gap's row for the conversation, a new one if there is none,
// and finds out where it lies.
func (a *Account) part(tx *storage.Tx, h *History, c storage.Conversation) (storage.Gap, error) {
	gaps, err := Gaps(tx.Reader, c)
	if err != nil {
		return storage.Gap{}, err
	}
	var g *Gap
	for i := range gaps {
		if gaps[i].whole.ID == h.gap.whole.ID {
			g = &gaps[i]
		}
	}
	if g == nil || g.before != h.gap.before {
		return storage.Gap{}, errMoved
	}
	if h.below, err = after(tx.Reader, c.ID, g.Key); err != nil {
		return storage.Gap{}, err
	}
	if h.below == 0 {
		h.below = a.Now().UnixMicro()
		if previous, err := newestBelow(tx.Reader, c.ID, 0); err != nil {
			return storage.Gap{}, err
		} else if h.below <= previous {
			h.below = previous + 1
		}
	}
	if g.part != nil {
		return *g.part, nil
	}
	part := g.whole
	part.ConversationID, part.SortKey = c.ID, h.below
	return part, tx.AddGap(&part)
}

// after returns the sort key of the first message from a place on, 0 if there
// is none.
func after(r *storage.Reader, conversation, key int64) (int64, error) {
	rows, err := r.MessagesAfter(conversation, key-1, 1)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0].SortKey, nil
}

// arrange chooses the places of a page's messages, right below what follows the
// gap and in the archive's order. They are chosen from the newest on, but stored
// from the oldest on, as they were written. familiar says that the page has
// only messages that were there before the gap.
func (a *Account) arrange(tx *storage.Tx, h *History, messages []Incoming) (familiar bool, err error) {
	h.plan = make([]int64, len(messages))
	familiar = len(messages) > 0
	for i := len(messages) - 1; i >= 0; i-- {
		id, known, err := a.find(tx, &messages[i])
		if err != nil {
			return false, err
		}
		if known {
			row, err := tx.Message(id)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return false, err
			}
			if err == nil && row.ConversationID == h.conversation && row.SortKey < h.below {
				h.below = row.SortKey
			} else {
				familiar = false
			}
			continue
		}
		familiar = false
		if h.plan[i], err = keyBelow(tx, h.conversation, h.below, messages[i].At); err != nil {
			return false, err
		}
		h.below = h.plan[i]
	}
	h.bottom = h.below
	return familiar, nil
}

// find says whether a message was taken in before, and as which row.
func (a *Account) find(tx *storage.Tx, in *Incoming) (id int64, known bool, err error) {
	for _, k := range in.keys(a.JID) {
		if id, known, err = tx.Seen(a.ID, k); known || err != nil {
			return id, known, err
		}
	}
	return 0, false, nil
}

// earlyReceipt takes a receipt that may be for a message of the page before.
func (a *Account) earlyReceipt(tx *storage.Tx, emit *emitter, r *Receipt) error {
	if r.RemoteID == "" {
		return nil
	}
	row, err := a.ownMessage(tx, r.From, r.RemoteID)
	if err != nil {
		return err
	}
	if row.ID == 0 {
		return tx.MarkSeen(a.ID, receiptKey(r.From, r.RemoteID), 0)
	}
	return a.advance(tx, emit, row, StateDelivered)
}

func (h *History) key(*storage.Tx, int64, time.Time) (int64, error) { return h.plan[h.next], nil }

func (h *History) stored(row *storage.Message, _ *Incoming) { h.top = max(h.top, row.SortKey) }

func (h *History) known(*storage.Tx, *emitter, int64, *Incoming) error { return nil }

func (h *History) ancient() bool { return h.gap.Open() }

func (h *History) old() bool { return true }
