// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/stretchr/testify/require"
)

// An item of a script's archive: who it is and when it came.
type shelved struct {
	id, body string
	at       time.Duration
}

const scribe = "bob@example.org"

var scribeBegan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (m shelved) incoming() pipeline.Incoming {
	return pipeline.Incoming{
		Peer: scribe, Sender: scribe, RemoteID: "id " + m.body, Content: pipeline.Content{Body: m.body}, ArchiveID: m.id, At: scribeBegan.Add(m.at),
	}
}

// live delivers a message, with the archive's id for it.
func (s *side) live(m shelved) {
	s.t.Helper()
	in := m.incoming()
	in.At = s.Now()
	s.deliver(pipeline.Update{Message: &in})
}

// read runs through what the archive has after the cursor, in pages, and
// returns how much that was. A run that is broken off ends after the first.
func (s *side) read(archive []shelved, size int, whole bool) (n int) {
	s.t.Helper()
	run, err := s.BeginCatchUp(s.t.Context(), s.JID, time.Now())
	require.NoError(s.t, err)
	if len(archive) == 0 {
		require.NoError(s.t, s.StorePage(s.t.Context(), run, pipeline.Page{Complete: true}))
	}
	rest := archive[1+slices.IndexFunc(archive, func(m shelved) bool { return m.id == run.Cursor }):]
	for len(rest) > 0 {
		now := rest[:min(size, len(rest))]
		rest = rest[len(now):]
		p := pipeline.Page{First: now[0].id, Last: now[len(now)-1].id, FirstAt: scribeBegan.Add(now[0].at), Complete: len(rest) == 0}
		for _, m := range now {
			p.Marks = append(p.Marks, pipeline.Mark{ID: m.id, At: scribeBegan.Add(m.at)})
			p.Messages = append(p.Messages, m.incoming())
		}
		n += len(now)
		require.NoError(s.t, s.StorePage(s.t.Context(), run, p))
		if !whole {
			return n
		}
	}
	require.NoError(s.t, s.EndCatchUp(s.t.Context(), run))
	return n
}

func (s *side) texts() []string {
	return bodies(s.history(s.conversation(scribe, pipeline.EncryptionNone)))
}

// What an archive gets late, in the middle, is read, and puts what came live
// in order.
func TestArchiveGrowsInTheMiddle(t *testing.T) {
	for _, whole := range []bool{true, false} {
		t.Run(fmt.Sprint(whole), func(t *testing.T) {
			s := newSide(t, "alice@example.org", false)
			archive := []shelved{{"a1", "1", 0}, {"a2", "2", 40 * time.Second}, {"a5", "5", 60 * time.Second}}
			s.live(archive[0])
			s.read(archive, 10, whole)
			two, three := shelved{"a3", "3", 50 * time.Second}, shelved{"a4", "4", 55 * time.Second}
			s.live(three)
			archive = slices.Insert(archive, 2, two, three)
			require.Equal(t, 4, s.read(archive, 2, true), "from the second on")
			require.Equal(t, []string{"1", "2", "3", "4", "5"}, s.texts())
		})
	}
}

// Not more than is needed is read again.
func TestFrontierMoves(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	var archive []shelved
	add := func(n int, step time.Duration) {
		at := time.Duration(0)
		if len(archive) > 0 {
			at = archive[len(archive)-1].at
		}
		for range n {
			at += step
			id := fmt.Sprint(len(archive))
			archive = append(archive, shelved{"a" + id, id, at})
		}
	}
	require.Zero(t, s.read(nil, 10, true))
	add(20, time.Second)
	require.Equal(t, 20, s.read(archive, 6, true))
	require.Equal(t, 20, s.read(archive, 6, true), "all of it is new")
	add(300, time.Second)
	require.Equal(t, 320, s.read(archive, 50, true))
	require.Equal(t, 30, s.read(archive, 50, true), "half a minute")
	add(600, 0)
	require.Equal(t, 630, s.read(archive, 50, true))
	require.Equal(t, 500, s.read(archive, 50, true), "never more")
	add(1, time.Hour)
	require.Equal(t, 501, s.read(archive, 50, true))
	require.Equal(t, 1, s.read(archive, 50, true), "the last is always")
	var want []string
	for _, m := range archive {
		want = append(want, m.body)
	}
	require.Equal(t, want, s.texts())
}

// A message that was sent again is in the archive again, after newer ones. It
// stays where its first copy is, whichever came live.
func TestCopiesInArchive(t *testing.T) {
	archive := []shelved{
		{"a1", "1", 1}, {"a2", "2", 2}, {"a3", "3", 3}, {"b1", "1", 4}, {"b2", "2", 5}, {"b3", "3", 6}, {"a4", "4", 7},
	}
	for name, live := range map[string][]int{
		"first copies": {0, 1, 2, 6}, "second copies": {3, 4, 5, 6}, "one late": {0, 2, 4, 6}, "backwards": {6, 5, 4, 3}, "none": nil,
	} {
		for _, size := range []int{10, 4, 3} {
			if size < 6 && name == "backwards" {
				continue // the copies must be seen together to tell which is first
			}
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				s := newSide(t, "alice@example.org", false)
				for _, i := range live {
					s.live(archive[i])
				}
				s.read(archive[:3], size, true)
				s.read(archive, size, true)
				s.read(archive, size, true)
				require.Equal(t, []string{"1", "2", "3", "4"}, s.texts())
			})
		}
	}
}

// A copy that is read long after the first changes nothing.
func TestCopyMuchLater(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	archive := []shelved{{"a1", "1", 0}, {"a2", "2", time.Second}, {"a3", "3", time.Hour}}
	for _, m := range archive {
		s.live(m)
	}
	s.read(archive, 10, true)
	archive = append(archive, shelved{"b1", "1", 2 * time.Hour}, shelved{"a4", "4", 2 * time.Hour})
	s.live(archive[4])
	s.read(archive, 10, true)
	s.read(archive, 10, true)
	require.Equal(t, []string{"1", "2", "3", "4"}, s.texts())
}
