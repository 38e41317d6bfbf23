// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// A thousand messages flow each way while the connection is cut thirty times
// in three seconds: each arrives once, and in order per sender.
func TestStorm(t *testing.T) {
	const n, cuts, over = 1000, 30, 3 * time.Second
	onServers(t, func(t *testing.T, s *testserver.Server) {
		proxy := cutproxy.Start(t, s.Addr)
		alice, bob := newUser(t, s, "alice", proxy), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		var wg sync.WaitGroup
		for _, pair := range [][2]*user{{alice, bob}, {bob, alice}} {
			wg.Go(func() {
				for i := range n {
					pair[0].send(pair[1], numbered("storm", i))
				}
			})
		}
		// Without this the storm would mostly hit a client that waits before
		// it tries again.
		impatient, calm := context.WithCancel(t.Context())
		events := alice.client.Subscribe(core.Filter{Kinds: []core.EventKind{core.EventAccountState}})
		var waiting sync.WaitGroup
		waiting.Go(func() {
			for {
				e, err := events.Next(impatient)
				if err != nil {
					return
				}
				if e.State == core.Connecting {
					alice.client.NetworkChanged()
				}
			}
		})
		wg.Go(func() {
			if err := proxy.Storm(withPatience(t), cuts, over, 1); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		calm()
		waiting.Wait()
		events.Close()
		alice.client.NetworkChanged()
		t.Logf("%s: %d connections", s.Kind, proxy.Count())
		for _, pair := range [][2]*user{{alice, bob}, {bob, alice}} {
			me, other := pair[0], pair[1]
			me.until("all messages in order", func() bool { return inOrder(me.received(other), "storm", n) })
			me.until("all sent", func() bool {
				for _, m := range me.history(other) {
					if m.Outgoing && m.State < core.MessageSent {
						return false
					}
				}
				return true
			})
			requireSeries(t, me.received(other), "storm", n)
			require.Len(t, me.history(other), 2*n)
		}
	})
}
