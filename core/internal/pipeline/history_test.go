// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// A shelf is an archive: messages with several people, in order.
type shelf []pipeline.Incoming

// newShelf makes n messages with people, some seconds of which have several.
func newShelf(random *rand.Rand, n, people int, start time.Time, own string) shelf {
	list := make(shelf, n)
	at := start
	for i := range list {
		if random.IntN(3) > 0 {
			at = at.Add(time.Duration(random.IntN(90)) * time.Second)
		}
		peer := fmt.Sprintf("p%d@example.org", random.IntN(people))
		m := pipeline.Incoming{
			Peer: peer, Sender: peer, RemoteID: fmt.Sprint("id", i), Content: pipeline.Content{Body: fmt.Sprint("body ", i)},
			ArchiveID: fmt.Sprint("a", i), At: at,
		}
		if random.IntN(4) == 0 {
			m.Sender, m.Outgoing = own, true
		}
		list[i] = m
	}
	return list
}

// page is what an archive answers: the items from place `from` up to `upto`.
func (s shelf) page(from, upto int) pipeline.Page {
	p := pipeline.Page{Messages: append(shelf(nil), s[from:upto]...), Complete: upto == len(s)}
	if from < upto {
		p.First, p.Last, p.FirstAt = s[from].ArchiveID, s[upto-1].ArchiveID, s[from].At
	}
	return p
}

// backwards answers a step of history.
func (s shelf) backwards(h *pipeline.History, n int) (p pipeline.Page, found bool) {
	var mine shelf
	for _, m := range s {
		if m.Peer != h.Peer || m.At.After(h.Until) {
			continue
		}
		if m.ArchiveID == h.Before {
			found = true
			break
		}
		mine = append(mine, m)
	}
	from := max(0, len(mine)-n)
	p = mine.page(from, len(mine))
	p.Complete = from == 0
	return p, found || h.Before == ""
}

func (s shelf) with(peer string) (list []string) {
	for _, m := range s {
		if m.Peer == peer {
			list = append(list, m.Content.Body)
		}
	}
	return list
}

// catchUp runs through the archive from the cursor on, or stores its newest
// page.
func (s *side) catchUp(archive shelf, n int, lost bool) {
	s.t.Helper()
	run, err := s.BeginCatchUp(s.t.Context(), s.JID, time.Now())
	require.NoError(s.t, err)
	from := 0
	for i := range archive {
		if archive[i].ArchiveID == run.Cursor {
			from = i + 1
		}
	}
	if run.First() || lost {
		from = max(0, len(archive)-n)
		p := archive.page(from, len(archive))
		p.Complete, p.Lost = from == 0, lost
		require.NoError(s.t, s.StorePage(s.t.Context(), run, p))
	} else {
		for ; from < len(archive); from += n {
			require.NoError(s.t, s.StorePage(s.t.Context(), run, archive.page(from, min(len(archive), from+n))))
		}
	}
	require.NoError(s.t, s.EndCatchUp(s.t.Context(), run))
}

func (s *side) info(conversation int64) (c storage.Conversation) {
	s.t.Helper()
	require.NoError(s.t, s.DB.View(s.t.Context(), func(r *storage.Reader) (err error) {
		c, err = r.Conversation(conversation)
		return err
	}))
	return c
}

func (s *side) gaps(conversation int64) (list []pipeline.Gap) {
	s.t.Helper()
	c := s.info(conversation)
	require.NoError(s.t, s.DB.View(s.t.Context(), func(r *storage.Reader) (err error) {
		list, err = pipeline.Gaps(r, c)
		return err
	}))
	return list
}

// older is one step into the newest gap; false when there is none.
func (s *side) older(archive shelf, conversation int64, n int) bool {
	s.t.Helper()
	h, err := s.BeginHistory(s.t.Context(), conversation)
	require.NoError(s.t, err)
	if h == nil {
		return false
	}
	p, found := archive.backwards(h, n)
	if !found {
		require.True(s.t, h.FromEnd())
		p, _ = archive.backwards(h, n)
	}
	_, _, err = s.StoreHistory(s.t.Context(), h, p, 0)
	require.NoError(s.t, err)
	return true
}

func (s *side) heard() (list []event.Event) {
	s.t.Helper()
	s.Bus.Publish(event.Event{Kind: event.AccountRemoved})
	for {
		e, err := s.events.Next(s.t.Context())
		require.NoError(s.t, err)
		if e.Kind == event.AccountRemoved {
			return list
		}
		list = append(list, e)
	}
}

// Whatever the sizes of the pages, and whatever comes meanwhile: in the end the
// history is the archive.
func TestHistoryProperty(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			s := newSide(t, "alice@example.org", false)
			const people = 4
			archive := newShelf(random, 50+random.IntN(300), people, time.Now().Add(-24*time.Hour), s.JID)
			seen := len(archive) - random.IntN(len(archive))
			s.catchUp(archive[:seen], 1+random.IntN(40), false)
			s.heard()
			unread := make(map[int64]int)
			var chats []int64
			for i := range people {
				c := s.conversation(fmt.Sprintf("p%d@example.org", i), pipeline.EncryptionNone)
				chats = append(chats, c)
				unread[c] = s.info(c).Unread
			}
			open := append([]int64(nil), chats...)
			for len(open) > 0 {
				i := random.IntN(len(open))
				if !s.older(archive[:seen], open[i], 1+random.IntN(60)) {
					open = append(open[:i], open[i+1:]...)
				}
				if random.IntN(6) == 0 && seen < len(archive) {
					m := archive[seen]
					seen++
					if !m.Outgoing {
						unread[s.conversation(m.Peer, pipeline.EncryptionNone)]++
					}
					m.At = time.Now()
					s.deliver(pipeline.Update{Message: &m})
				}
			}
			for i, c := range chats {
				rows := s.history(c)
				peer := fmt.Sprintf("p%d@example.org", i)
				require.Equal(t, archive[:seen].with(peer), append([]string(nil), bodies(rows)...))
				require.Equal(t, unread[c], s.info(c).Unread, "history from before this device is not unread")
				require.Empty(t, s.gaps(c))
			}
			for _, e := range s.heard() {
				if e.Kind == event.MessageAdded {
					var m storage.Message
					require.NoError(t, s.DB.View(t.Context(), func(r *storage.Reader) (err error) {
						m, err = r.Message(e.Message)
						return err
					}))
					require.WithinDuration(t, time.Now(), m.At, time.Hour, "old history is nobody's news")
				}
			}
		})
	}
}

// A gap in the midst, because the archive forgot the cursor, lies where it is
// shown, and is filled from its newest end.
func TestLostProperty(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			s := newSide(t, "alice@example.org", false)
			const people = 4
			archive := newShelf(random, 400, people, time.Now().Add(-24*time.Hour), s.JID)
			s.catchUp(archive[:100], 100, false)
			// Live, after the last run: above the cursor, and stamped by our clock.
			for _, m := range archive[100 : 100+random.IntN(20)] {
				if random.IntN(2) == 0 {
					m.At = time.Now()
				}
				s.deliver(pipeline.Update{Message: &m})
			}
			before := make(map[string][]string)
			for i := range people {
				peer := fmt.Sprintf("p%d@example.org", i)
				before[peer] = bodies(s.history(s.conversation(peer, pipeline.EncryptionNone)))
			}
			kept := archive[random.IntN(90):] // the rest has expired
			s.catchUp(kept, 1+random.IntN(80), true)
			for i := range people {
				peer := fmt.Sprintf("p%d@example.org", i)
				c := s.conversation(peer, pipeline.EncryptionNone)
				gaps := s.gaps(c)
				require.Len(t, gaps, 1)
				rows := s.history(c)
				n := 0
				for _, row := range rows {
					if row.SortKey < gaps[0].Key {
						require.Contains(t, before[peer], row.Body)
						n++
					}
				}
				require.Len(t, before[peer], n, "all that was there is older than the gap")
				for s.older(kept, c, 1+random.IntN(40)) {
					rows := s.history(c)
					for _, g := range s.gaps(c) {
						// The shown gap has on its newer side what is there in one piece.
						all := kept.with(peer)
						var newer []string
						for _, row := range rows {
							if row.SortKey >= g.Key {
								newer = append(newer, row.Body)
							}
						}
						require.Equal(t, all[len(all)-len(newer):], append([]string(nil), newer...))
					}
				}
				require.Equal(t, archive.with(peer), bodies(s.history(c)))
			}
		})
	}
}

// Messages that stand close together make way.
func TestRoom(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	const peer = "p0@example.org"
	at := time.Now().Add(-time.Hour)
	var archive shelf
	for i := range 900 {
		archive = append(archive, pipeline.Incoming{
			Peer: peer, Sender: peer, RemoteID: fmt.Sprint("id", i), Content: pipeline.Content{Body: fmt.Sprint(i)}, ArchiveID: fmt.Sprint("a", i), At: at,
		})
	}
	s.catchUp(archive[:200], 200, false)
	s.catchUp(archive, 300, true)
	c := s.conversation(peer, pipeline.EncryptionNone)
	unread := s.info(c).Unread
	require.Equal(t, 500, unread)
	require.NoError(t, s.DB.Update(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.MarkRead(c, s.history(c)[149].SortKey)
		return err
	}))
	for s.older(archive, c, 70) {
	}
	require.Equal(t, archive.with(peer), bodies(s.history(c)))
	require.Equal(t, 750, s.info(c).Unread, "what was missed is unread; what was read stays so")
}

// Receipts count when an archive is read backwards: the receipt comes before
// what it is for. Messages of others, should a server not filter, do not.
func TestHistoryReceipts(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	const bob = "bob@example.org"
	own := pipeline.Incoming{
		Peer: bob, Sender: s.JID, Outgoing: true, RemoteID: "m1", ArchiveID: "a1", Content: pipeline.Content{Body: "ours"}, At: time.Now().Add(-3 * time.Hour),
	}
	run, err := s.BeginCatchUp(t.Context(), s.JID, time.Now())
	require.NoError(t, err)
	require.NoError(t, s.StorePage(t.Context(), run, pipeline.Page{First: "a9", Last: "a9", FirstAt: time.Now()}))
	require.NoError(t, s.EndCatchUp(t.Context(), run))
	c := s.conversation(bob, pipeline.EncryptionNone)
	step := func(p pipeline.Page) {
		h, err := s.BeginHistory(t.Context(), c)
		require.NoError(t, err)
		_, _, err = s.StoreHistory(t.Context(), h, p, 0)
		require.NoError(t, err)
	}
	stranger := own
	stranger.Peer, stranger.Sender, stranger.Outgoing, stranger.RemoteID = "eve@example.org", "eve@example.org", false, "e"
	step(pipeline.Page{
		First: "a2", Last: "a3", Messages: []pipeline.Incoming{stranger},
		Receipts: []pipeline.Receipt{{From: bob, RemoteID: "m1"}, {From: "eve@example.org", RemoteID: "m1"}, {From: bob}},
	})
	require.Empty(t, s.history(c))
	step(pipeline.Page{First: "a1", Last: "a1", Messages: []pipeline.Incoming{own}, Complete: true})
	rows := s.history(c)
	require.Len(t, rows, 1)
	require.Equal(t, pipeline.StateDelivered, rows[0].State)
	require.Empty(t, s.gaps(c))
	h, err := s.BeginHistory(t.Context(), c)
	require.NoError(t, err)
	require.Nil(t, h)
}

// Somebody else filling the gap meanwhile does no harm.
func TestHistoryTwice(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	_, err := s.BeginHistory(t.Context(), s.conversation("p0@example.org", pipeline.EncryptionNone))
	require.ErrorIs(t, err, pipeline.ErrArchiveUnread)
	archive := newShelf(rand.New(rand.NewPCG(1, 1)), 100, 1, time.Now().Add(-time.Hour), s.JID)
	s.catchUp(archive, 10, false)
	c := s.conversation("p0@example.org", pipeline.EncryptionNone)
	one, err := s.BeginHistory(t.Context(), c)
	require.NoError(t, err)
	two, err := s.BeginHistory(t.Context(), c)
	require.NoError(t, err)
	p, _ := archive.backwards(one, 30)
	n, done, err := s.StoreHistory(t.Context(), one, p, 0)
	require.NoError(t, err)
	require.Positive(t, n)
	require.False(t, done)
	n, done, err = s.StoreHistory(t.Context(), two, p, 0)
	require.NoError(t, err)
	require.Zero(t, n)
	require.False(t, done)
	for s.older(archive, c, 30) {
	}
	require.Equal(t, archive.with("p0@example.org"), bodies(s.history(c)))
}
