// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/internal/quickdrive"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// One process, or both at once, are killed at random moments after their start,
// while whoever lives writes. What Send said yes to arrives once, in order.
func TestKillAnytime(t *testing.T) {
	program, err := quickdrive.Build(withPatience(t), t.TempDir())
	require.NoError(t, err)
	onServers(t, func(t *testing.T, s *testserver.Server) {
		k := &killing{t: t, server: s, random: rand.New(rand.NewPCG(11, uint64(len(s.Kind))))}
		for i, name := range []string{"alice", "bob"} {
			k.peers[i] = k.newPeer(program, name)
		}
		k.befriend()
		for killed := 0; killed < 10*killRounds(t); {
			victims := []int{killed % 2}
			if k.random.IntN(4) == 0 {
				victims = []int{0, 1}
			}
			killed += k.anytime(victims)
		}
		k.finish()
	})
}

// anytime kills victims, each at a moment of its own, starts them again and
// returns how many were killed.
func (k *killing) anytime(victims []int) int {
	ctx := withPatience(k.t)
	var deaths sync.WaitGroup
	for _, who := range victims {
		p, moment := k.peers[who], time.NewTimer(time.Duration(k.random.IntN(700))*time.Millisecond)
		deaths.Go(func() {
			<-moment.C
			p.Kill()
			<-p.Ended()
		})
	}
	for range 5 + k.random.IntN(20) {
		for who, p := range k.peers {
			if p.Running() {
				k.write(ctx, who, 1)
			}
		}
	}
	deaths.Wait()
	for _, who := range victims {
		require.True(k.t, k.peers[who].Killed(), "ended by itself: %s", k.peers[who].Stderr())
		require.False(k.t, k.start(ctx, who), "ended by itself")
		k.recount(ctx, who)
	}
	return len(victims)
}
