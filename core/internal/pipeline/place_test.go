// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// newest returns the peers in the order of a list of conversations.
func (s *side) newest() (peers []string) {
	s.t.Helper()
	require.NoError(s.t, s.DB.View(s.t.Context(), func(r *storage.Reader) error {
		list, err := r.Conversations(storage.ConversationQuery{})
		for _, c := range list {
			peers = append(peers, c.Peer)
		}
		return err
	}))
	return peers
}

// A message that claims to be from the future, by a wrong clock or on purpose,
// stands where it came: not before everything else of a new conversation, nor
// at the top of every list until that time has come. Its claim is kept.
func TestMessageFromTheFuture(t *testing.T) {
	const liar, honest = "liar@example.org", "honest@example.org"
	future := time.Now().AddDate(70, 0, 0).Truncate(time.Microsecond)
	from := func(peer, id string, at time.Time) *pipeline.Incoming {
		return &pipeline.Incoming{Peer: peer, Sender: peer, RemoteID: id, ArchiveID: "a" + id, At: at, Content: pipeline.Content{Body: id}}
	}
	for name, arrive := range map[string]func(*side, *pipeline.Incoming){
		"live": func(s *side, m *pipeline.Incoming) { s.deliver(pipeline.Update{Message: m}) },
		"archived": func(s *side, m *pipeline.Incoming) {
			run, err := s.BeginCatchUp(s.t.Context(), s.JID, time.Now())
			require.NoError(t, err)
			before := *from(liar, "before", time.Now().Add(-time.Hour))
			after := *from(liar, "after", time.Now().Add(-time.Minute))
			require.NoError(s.t, s.StorePage(s.t.Context(), run, pipeline.Page{
				Messages: []pipeline.Incoming{*m, before, after}, First: m.ArchiveID, Last: "aafter", Complete: true,
			}))
			require.NoError(s.t, s.EndCatchUp(s.t.Context(), run))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSide(t, "alice@example.org", false)
			arrive(s, from(liar, "lie", future))
			rows := s.history(s.conversation(liar, pipeline.EncryptionNone))
			lie := rows[0]
			require.Equal(t, "lie", lie.Body)
			require.True(t, lie.At.Equal(future))
			require.Less(t, lie.SortKey, time.Now().UnixMicro())
			require.Greater(t, lie.SortKey, time.Now().Add(-time.Minute).UnixMicro())

			s.deliver(pipeline.Update{Message: from(honest, "truth", time.Now())})
			require.Equal(t, []string{honest, liar}, s.newest())
			s.deliver(pipeline.Update{Message: from(liar, "later", time.Now())})
			require.Equal(t, []string{liar, honest}, s.newest())
			rows = s.history(s.conversation(liar, pipeline.EncryptionNone))
			require.Equal(t, "later", rows[len(rows)-1].Body)
		})
	}
}
