// SPDX-License-Identifier: MPL-2.0

package event_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/stretchr/testify/require"
)

func message(id int64) event.Event { return event.Event{Kind: event.MessageAdded, Message: id} }

// drain returns the messages of what is queued.
func drain(t *testing.T, sub *event.Subscription) (list []int64) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for {
		e, err := sub.Next(ended)
		if err != nil {
			return list
		}
		list = append(list, e.Message)
	}
}

func TestTurnsKeepTheOrderOfTheirTaking(t *testing.T) {
	var bus event.Bus
	sub := bus.Subscribe(event.Filter{})
	defer sub.Close()
	first, second, third := event.Turn{Bus: &bus}, event.Turn{Bus: &bus}, event.Turn{Bus: &bus}
	first.Take()
	second.Take()
	third.Take()
	third.End(message(30), message(31))
	require.Empty(t, drain(t, sub))
	bus.Publish(message(1))
	require.Equal(t, []int64{1}, drain(t, sub), "what no transaction causes does not wait")
	first.End(message(10))
	first.End(message(11))
	require.Equal(t, []int64{10}, drain(t, sub))
	second.Take() // its transaction is run again, now behind the third
	require.Equal(t, []int64{30, 31}, drain(t, sub))
	second.End() // and fails
	require.Empty(t, drain(t, sub))
	var none event.Turn
	none.End(message(99))
	require.Empty(t, drain(t, sub))
}

// Transactions of many goroutines, one at a time, whose events go out
// whenever a goroutine gets to it.
func TestTurnsOfManyGoroutines(t *testing.T) {
	const each, goroutines = 200, 8
	var bus event.Bus
	sub := bus.Subscribe(event.Filter{Queue: each * goroutines})
	defer sub.Close()
	var writer sync.Mutex
	var last int64
	var work sync.WaitGroup
	for range goroutines {
		work.Go(func() {
			for range each {
				turn := event.Turn{Bus: &bus}
				writer.Lock()
				turn.Take()
				fails := rand.IntN(4) == 0
				var id int64
				if !fails {
					last++
					id = last
				}
				writer.Unlock()
				runtime.Gosched()
				if !fails {
					turn.End(message(id))
				}
				turn.End()
			}
		})
	}
	work.Wait()
	got := drain(t, sub)
	require.NotEmpty(t, got)
	require.Len(t, got, int(last))
	for i, id := range got {
		require.EqualValues(t, i+1, id)
	}
}

func TestTurnsEndAfterClose(t *testing.T) {
	var bus event.Bus
	sub := bus.Subscribe(event.Filter{})
	turn := event.Turn{Bus: &bus}
	turn.Take()
	bus.Close()
	turn.End(message(1))
	_, err := sub.Next(t.Context())
	require.ErrorIs(t, err, event.ErrClosed)
}
