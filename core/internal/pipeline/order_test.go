// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"context"
	"testing"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// added returns the messages that were told of.
func (s *side) added() (list []int64) {
	s.t.Helper()
	ended, cancel := context.WithCancel(s.t.Context())
	cancel()
	for {
		e, err := s.events.Next(ended)
		if err != nil {
			return list
		}
		if e.Kind == event.MessageAdded {
			list = append(list, e.Message)
		}
	}
}

// Between a commit and its events another transaction may come to its end and
// tell of it first: subscribers hear of both in the order of the commits.
func TestEventsInTheOrderOfCommits(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	chat := s.conversation("bob@example.org", pipeline.EncryptionNone)
	var second int64
	first := pipeline.Update{Apply: func(tx *storage.Tx, emit func(event.Event)) error {
		emit(event.Event{Kind: event.MessageAdded, Message: -1})
		tx.OnCommit(func() { second = s.send(chat, "id", "body") })
		return nil
	}}
	s.deliver(first)
	require.NotZero(t, second)
	require.Equal(t, []int64{-1, second}, s.added())

	// One that fails, or is run again, holds up nobody.
	_, err := s.Deliver(t.Context(), []pipeline.Update{{Apply: func(*storage.Tx, func(event.Event)) error {
		return storage.ErrInvalid
	}}})
	require.Error(t, err)
	third := s.send(chat, "id3", "body")
	require.Equal(t, []int64{third}, s.added())
}
