// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// newMixedShelf makes an archive of messages of all kinds that may be mixed.
func newMixedShelf(random *rand.Rand, n, people int, start time.Time, own string) shelf {
	list := newShelf(random, n, people, start, own)
	texts := make(map[string][]int) // peer → places of texts
	for i := range list {
		m := &list[i]
		m.At = m.At.Add(time.Duration(i) * time.Millisecond)
		earlier := texts[m.Peer]
		kind := random.IntN(12)
		if len(earlier) == 0 || kind < 5 {
			texts[m.Peer] = append(earlier, i)
			if len(earlier) > 0 && kind == 4 {
				m.Content.Reply = &pipeline.Reply{ID: list[earlier[random.IntN(len(earlier))]].RemoteID, Quote: "quoted"}
			}
			continue
		}
		id := list[earlier[max(0, len(earlier)-1-random.IntN(20))]].RemoteID // anybody's
		switch kind {
		case 5, 6:
			m.Content.Corrects = id
			if random.IntN(10) == 0 {
				m.Content.Corrects = "of nothing"
			}
		case 7:
			if random.IntN(3) == 0 {
				m.Content = pipeline.Content{Retracts: id}
			}
		case 8, 9:
			m.Content = pipeline.Content{Reacts: &pipeline.Reacts{ID: id, Emojis: []string{"👍", "❤️", "😀"}[:random.IntN(4)]}}
		case 10:
			m.Content = pipeline.Content{Displayed: id}
		case 11:
			m.Content.Body, m.Content.OTR = "", pipeline.ReasonOTRData
		}
	}
	return list
}

// told is all that is known of a conversation, whatever the places are called.
type told struct {
	Unread   int
	Messages []string
	Marks    map[string]string
}

func (s *side) told(peer string) (v told) {
	s.t.Helper()
	c := s.conversation(peer, pipeline.EncryptionNone)
	require.NoError(s.t, s.DB.View(s.t.Context(), func(r *storage.Reader) error {
		info, err := r.Conversation(c)
		require.NoError(s.t, err)
		v.Unread, v.Marks = info.Unread, make(map[string]string)
		rows, err := r.MessagesAfter(c, 0, 0)
		require.NoError(s.t, err)
		at := make(map[int64]string)
		unread := 0
		for _, row := range rows {
			if !row.Outgoing && row.SortKey > info.ReadKey {
				unread++
			}
			at[row.SortKey] = row.RemoteID
			edits, err := r.Edits(row.ID)
			require.NoError(s.t, err)
			for i := range edits {
				edits[i].MessageID = 0
			}
			reactions, err := r.Reactions(row.ID)
			require.NoError(s.t, err)
			for i := range reactions {
				reactions[i].MessageID = 0
			}
			line := fmt.Sprint(row.RemoteID, row.Kind, row.State, row.Outgoing, row.Body, string(row.Extra))
			for _, e := range edits {
				line += fmt.Sprint("|", e.At.UnixMicro(), e.RemoteID, e.Body)
			}
			for _, v := range reactions {
				line += fmt.Sprint("|", v.Sender, v.Own, v.Emojis, v.At.UnixMicro())
			}
			v.Messages = append(v.Messages, line)
		}
		require.Equal(s.t, unread, info.Unread)
		marks, err := r.Displayed(c)
		for _, m := range marks {
			v.Marks[m.Sender] = at[m.SortKey]
		}
		return err
	}))
	return v
}

// Texts, corrections, retractions, reactions, answers and marks tell the same
// whatever the order is in which a server sends them, and however often.
func TestTimelineOfMixedPages(t *testing.T) {
	const own = "alice@example.org"
	random := rand.New(rand.NewPCG(9, 9))
	archive := newMixedShelf(random, timelineMessages, timelinePeople, time.Now().Add(-90*24*time.Hour), own)
	straight, shuffled := newSide(t, own, false), newSide(t, own, false)

	run := straight.begun(archive)
	for from := 0; from < len(archive); from += 250 {
		require.NoError(t, straight.StorePage(t.Context(), run, archive.page(from, min(len(archive), from+250))))
	}
	require.NoError(t, straight.EndCatchUp(t.Context(), run))

	var pages []pipeline.Page
	for from := 0; from < len(archive); {
		upto := min(len(archive), from+1+random.IntN(250))
		p := archive.page(from, upto)
		if random.IntN(2) == 0 {
			p.Shuffled = true
			random.Shuffle(len(p.Messages), func(i, j int) { p.Messages[i], p.Messages[j] = p.Messages[j], p.Messages[i] })
		}
		pages = append(pages, p)
		if random.IntN(4) == 0 {
			pages = append(pages, p)
		}
		from = upto
	}
	random.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
	run = shuffled.begun(archive)
	for _, p := range pages {
		require.NoError(t, shuffled.StorePage(t.Context(), run, p))
		if random.IntN(8) == 0 {
			run = shuffled.begun(archive)
		}
	}
	require.NoError(t, shuffled.EndCatchUp(t.Context(), run))

	found := make(map[string]int)
	for i := range timelinePeople {
		peer := fmt.Sprintf("p%d@example.org", i)
		want := straight.told(peer)
		require.Equal(t, want, shuffled.told(peer), peer)
		found["marks"] += len(want.Marks)
		for _, line := range want.Messages {
			for _, what := range []string{`"edited"`, `"retracted"`, `"reply"`, "👍", "|"} {
				if strings.Contains(line, what) {
					found[what]++
				}
			}
		}
	}
	require.Greater(t, found["marks"], timelinePeople/2)
	for _, what := range []string{`"edited"`, `"retracted"`, `"reply"`, "👍", "|"} {
		require.Greater(t, found[what], timelineMessages/200, what)
	}
}
