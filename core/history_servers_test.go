// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// gapsIn returns before how many messages some may be missing.
func gapsIn(list []core.Message) (n int) {
	for _, m := range list {
		if m.AfterGap {
			n++
		}
	}
	return n
}

// A new device has the newest page of the archive and loads the rest on demand,
// conversation by conversation.
func TestLoadOlder(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob, carol := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil), newUser(t, s, "carol", nil)
		const n = 300
		var last core.MessageID
		for _, u := range []*user{alice, carol} {
			require.NoError(t, u.with(bob).SetEncryption(t.Context(), core.Plain))
		}
		require.NoError(t, bob.with(alice).SetEncryption(t.Context(), core.Plain))
		for i := range n {
			first := alice.send(bob, numbered("alice", i))
			last = carol.send(bob, numbered("carol", i))
			if i >= n-20 { // so that the newest page has some of both
				alice.until("sent", func() bool { return alice.state(first) >= core.MessageSent })
				carol.until("sent", func() bool { return carol.state(last) >= core.MessageSent })
			}
			if i == n/2 {
				bob.send(alice, "from the first device")
			}
		}
		carol.until("sent", func() bool { return carol.state(last) >= core.MessageSent })
		bob.until("all", func() bool { return len(bob.received(alice)) == n && len(bob.received(carol)) == n })
		alice.until("receipt", func() bool { return len(alice.received(bob)) == 1 })

		second := bob.secondDevice(s)
		_, _, err := second.with(alice).LoadOlder(withPatience(t), 10)
		if err != nil {
			require.Equal(t, "core.archive-unread", core.ErrorCode(err))
		}
		second.until("newest page", func() bool { return len(second.history(carol)) > 0 && len(second.history(alice)) > 0 })
		second.until("caught up", func() bool {
			_, _, err := second.with(alice).LoadOlder(withPatience(t), 1)
			return err == nil
		})
		before := len(second.history(carol))
		require.Less(t, before, n)
		require.Equal(t, 1, gapsIn(second.history(carol)))
		gaps, err := second.with(carol).Gaps(t.Context())
		require.NoError(t, err)
		require.Len(t, gaps, 1)
		require.Equal(t, second.history(carol)[0].ID, gaps[0].Before)
		unread, err := second.client.Unread(t.Context())
		require.NoError(t, err)
		for _, peer := range []*user{alice, carol} {
			for more := true; more; {
				var loaded int
				loaded, more, err = second.with(peer).LoadOlder(withPatience(t), 60)
				require.NoError(t, err)
				require.True(t, loaded >= 60 || !more, "%d", loaded)
			}
			require.Zero(t, gapsIn(second.history(peer)))
		}
		requireSeries(t, second.received(alice), "alice", n)
		requireSeries(t, second.received(carol), "carol", n)
		require.Len(t, second.received(alice), n)
		require.Len(t, second.received(carol), n)
		require.Len(t, second.history(alice), n+1)
		for _, m := range second.history(alice) {
			if m.Outgoing {
				require.Equal(t, core.MessageDelivered, m.State, "the receipt was only in the archive")
			}
		}
		after, err := second.client.Unread(t.Context())
		require.NoError(t, err)
		require.Equal(t, unread, after)
		found, err := second.client.Search(t.Context(), core.Search{Text: "carol 7"})
		require.NoError(t, err)
		require.NotEmpty(t, found)

		// A conversation that the newest page says nothing of.
		stranger := newUser(t, s, "dave", nil)
		loaded, more, err := second.with(stranger).LoadOlder(withPatience(t), 10)
		require.NoError(t, err)
		require.Zero(t, loaded)
		require.False(t, more)

		// What comes from now on is news.
		alice.send(bob, numbered("alice", n))
		second.until("news", func() bool { return inOrder(second.received(alice), "alice", n+1) })
		require.NoError(t, second.account.SignOut(t.Context()))
		_, _, err = second.with(alice).LoadOlder(withPatience(t), 10)
		require.ErrorIs(t, err, core.ErrSignedOut)
		proves(t, s, "0313", "0359")
	})
}
