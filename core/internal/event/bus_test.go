// SPDX-License-Identifier: MPL-2.0

package event_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/stretchr/testify/require"
)

func ExampleBus() {
	var bus event.Bus
	sub := bus.Subscribe(event.Filter{Kinds: []event.Kind{event.MessageAdded}})
	defer sub.Close()
	bus.Publish(event.Event{Kind: event.MessageAdded, Message: 7}, event.Event{Kind: event.CatchUp})
	e, err := sub.Next(context.Background())
	fmt.Println(e.Kind, e.Message, err)
	// Output: message-added 7 <nil>
}

func TestSlowSubscriberGetsOneGap(t *testing.T) {
	var bus event.Bus
	sub := bus.Subscribe(event.Filter{Queue: 3})
	defer sub.Close()
	for i := range 5 {
		bus.Publish(event.Event{Kind: event.MessageAdded, Message: int64(i)})
	}
	var got []string
	for range 3 {
		e, err := sub.Next(t.Context())
		require.NoError(t, err)
		got = append(got, fmt.Sprint(e.Kind, " ", e.Message))
	}
	// Nothing from before the gap is handed out after it.
	require.Equal(t, []string{"gap 0", "message-added 3", "message-added 4"}, got)
}

func TestFilter(t *testing.T) {
	var bus event.Bus
	sub := bus.Subscribe(event.Filter{Account: 1, Conversation: 2})
	defer sub.Close()
	bus.Publish(
		event.Event{Kind: event.MessageAdded, Account: 1, Conversation: 3},
		event.Event{Kind: event.MessageAdded, Account: 2, Conversation: 2},
		event.Event{Kind: event.AccountState, Account: 1},
		event.Event{Kind: event.MessageAdded, Account: 1, Conversation: 2, Message: 9},
	)
	e, err := sub.Next(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 9, e.Message)
}

func TestNextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bus event.Bus
		ctx, cancel := context.WithCancel(t.Context())
		sub := bus.Subscribe(event.Filter{})
		errs := make(chan error, 1)
		go func() { _, err := sub.Next(ctx); errs <- err }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-errs, context.Canceled)

		go func() { _, err := sub.Next(t.Context()); errs <- err }()
		synctest.Wait()
		bus.Publish(event.Event{Kind: event.CatchUp})
		require.NoError(t, <-errs)

		bus.Publish(event.Event{Kind: event.CatchUp})
		bus.Close()
		_, err := sub.Next(t.Context())
		require.NoError(t, err, "what was held is still read after Close of the bus")
		_, err = sub.Next(t.Context())
		require.ErrorIs(t, err, event.ErrClosed)
		late := bus.Subscribe(event.Filter{})
		_, err = late.Next(t.Context())
		require.ErrorIs(t, err, event.ErrClosed)
		sub.Close()
		sub.Close()
	})
}

func TestNames(t *testing.T) {
	for k := event.Gap; k <= event.HistoryLoaded; k++ {
		require.NotEqual(t, "unknown", k.String(), int(k))
	}
	for s := event.Offline; s <= event.CatchUpDone; s++ {
		require.NotEqual(t, "unknown", s.String(), int(s))
	}
	require.Equal(t, "unknown", event.Kind(200).String())
	require.Equal(t, "unknown", event.State(0).String())
}
