// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/confab-im/confab/storage"
)

// A gap is a stretch of the archive that was not read. It is stored once for
// all conversations, with the archive's time of what follows it in SortKey, and
// once for each conversation that knows more of its own part: where it lies,
// and how much of it is left. The two belong together by After, which never
// changes; the part is closed when Before has become equal to it. Until
// something was read Before is empty in a part that has something below it.

func closed(part storage.Gap) bool { return part.Before == part.After }

// ends returns where the conversations of an account end that there are before
// a page is stored.
func (c *CatchUp) ends(r *storage.Reader, account int64) (map[int64]int64, error) {
	list, err := r.Conversations(storage.ConversationQuery{AccountID: account})
	if err != nil {
		return nil, err
	}
	ends := make(map[int64]int64, len(list))
	for _, row := range list {
		if c.room != (row.Kind == ConversationRoom) || c.room && row.Peer != c.Archive {
			continue // in another archive
		}
		if row.LastMessageID == 0 {
			continue // a gap in it lies at its beginning
		}
		if ends[row.ID], err = c.end(r, row.ID); err != nil {
			return nil, err
		}
	}
	return ends, nil
}

// sinceMargin is how much older than what is known messages may be that are
// asked for by time: clocks differ, and what is known already does no harm.
const sinceMargin = 7 * 24 * time.Hour

// Since is the time from which on to read an archive that does not know the
// cursor any more; zero if nothing is known. What may still be missing before
// that lies in a gap.
func (a *Account) Since(ctx context.Context, c *CatchUp) (since time.Time, err error) {
	var ends map[int64]int64
	err = a.DB.View(ctx, func(r *storage.Reader) (err error) {
		ends, err = c.ends(r, a.ID)
		return err
	})
	if err != nil {
		return since, fmt.Errorf("look for what is known: %w", err)
	}
	last := int64(0)
	for _, end := range ends {
		last = max(last, end)
	}
	if last == 0 {
		return since, nil
	}
	return time.UnixMicro(min(last, c.ceiling)).Add(-sinceMargin), nil
}

// leaveGap notes what the archive may have between the cursor and a page. ends
// is where conversations ended before it, if there was something before.
func (c *CatchUp) leaveGap(tx *storage.Tx, account int64, page *Page, ends map[int64]int64) error {
	gap := storage.Gap{
		AccountID: account, Archive: c.Archive, After: c.Cursor, Before: page.First, SortKey: page.FirstAt.UnixMicro(),
	}
	if page.FirstAt.IsZero() {
		gap.SortKey = 0
	}
	if err := tx.AddGap(&gap); err != nil {
		return err
	}
	for conversation, end := range ends {
		part := gap
		part.ConversationID, part.Before, part.SortKey = conversation, "", end+1
		if first, ok := c.page.first[conversation]; ok {
			part.SortKey = min(part.SortKey, first)
		}
		if err := tx.AddGap(&part); err != nil {
			return err
		}
	}
	return nil
}

// A Gap is a stretch of a conversation that may lack messages.
type Gap struct {
	// Key: messages with a sort key from this one on are newer than the gap.
	Key int64

	whole  storage.Gap  // in the archive
	part   *storage.Gap // of the conversation, if it is known
	before string       // archive id, among the conversation's messages, up to which it goes
}

// Open says that the gap goes back to the archive's beginning: what is in it is
// from before this device was there.
func (g *Gap) Open() bool { return g.whole.After == "" }

// until is the archive's time of what follows the gap as a whole, and a little
// more, since times get rounded on their way.
func (g *Gap) until() time.Time {
	if g.whole.SortKey == 0 {
		return g.whole.Created
	}
	return time.UnixMicro(g.whole.SortKey).Add(time.Second)
}

// Gaps returns the gaps of a conversation, the oldest first.
func Gaps(r *storage.Reader, conversation storage.Conversation) ([]Gap, error) {
	archive, err := archiveOf(r, conversation)
	if err != nil {
		return nil, err
	}
	rows, err := r.Gaps(conversation.AccountID)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row storage.Gap) bool { return row.Archive != archive })
	parts := make(map[string]*storage.Gap)
	for i := range rows {
		if rows[i].ConversationID == conversation.ID {
			parts[rows[i].After] = &rows[i]
		}
	}
	var list []Gap
	for _, row := range rows {
		if row.ConversationID != 0 {
			continue
		}
		switch g := (Gap{Key: 1, whole: row, part: parts[row.After]}); {
		case g.part == nil:
			list = append(list, g)
		case !closed(*g.part):
			g.Key, g.before = g.part.SortKey, g.part.Before
			list = append(list, g)
		}
	}
	return list, nil
}
