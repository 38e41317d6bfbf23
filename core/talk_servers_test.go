// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

func TestTalk(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		bodies := []string{"hello", "👩‍👩‍👧‍👦 <&>\"' \n\t ودٌّ", strings.Repeat("0123456789", 1000), strings.Repeat("é", core.MaxBody/2)}
		for _, body := range bodies {
			id := alice.send(bob, body)
			alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })
			id = bob.send(alice, body)
			bob.until("delivered", func() bool { return bob.state(id) == core.MessageDelivered })
		}
		require.Equal(t, bodies, bob.received(alice))
		require.Equal(t, bodies, alice.received(bob))
		for _, m := range append(alice.history(bob), bob.history(alice)...) {
			require.Equal(t, core.OMEMO2, m.Encryption)
			if !m.Outgoing {
				require.Equal(t, core.Blind, m.Trust)
			}
		}
		unread, err := bob.client.Unread(t.Context())
		require.NoError(t, err)
		require.Equal(t, len(bodies), unread)
		require.NoError(t, bob.with(alice).MarkRead(t.Context(), 0))
		unread, err = bob.client.Unread(t.Context())
		require.NoError(t, err)
		require.Zero(t, unread)
		found, err := bob.client.Search(t.Context(), core.Search{Text: "hell"})
		require.NoError(t, err)
		require.Len(t, found, 2)
		proves(t, s, "RFC6120", "RFC6121", "0184", "0384")
	})
}

// An app that changes its session engine goes on with the sessions it has.
func TestEngineChanges(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUserOn(t, s, "alice", nil, libsignal.New()), newUserOn(t, s, "bob", nil, libsignal.New())
		befriend(alice, bob)
		talk := func(body string) {
			for _, u := range [][2]*user{{alice, bob}, {bob, alice}} {
				u[0].send(u[1], body)
				u[1].until(body, func() bool {
					got := u[1].received(u[0])
					return len(got) > 0 && got[len(got)-1] == body
				})
			}
		}
		talk("with the other engine")
		alice.config.Engine = nil
		alice.restart()
		alice.online()
		talk("one has changed")
		bob.config.Engine = nil
		bob.restart()
		bob.online()
		talk("both have changed")
	})
}

// What is written to somebody who is away is there when they come back, by
// resumption, by the archive, or both.
func TestAway(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		const n = 30
		for i := range n {
			switch i {
			case 5:
				require.NoError(t, bob.client.Close()) // leaves the stream to be resumed
			case 15:
				bob.open()
				bob.online()
			case 20:
				require.NoError(t, bob.account.SignOut(t.Context())) // ends it
			}
			id := alice.send(bob, numbered("away", i))
			alice.until("sent", func() bool { return alice.state(id) >= core.MessageSent })
		}
		require.NoError(t, bob.account.SignIn(t.Context()))
		bob.until("all messages", func() bool { return len(bob.received(alice)) >= n })
		requireSeries(t, bob.received(alice), "away", n)
	})
}

// Messages written while there is no network go out when there is.
func TestOffline(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		proxy := cutproxy.Start(t, s.Addr)
		alice, bob := newUser(t, s, "alice", proxy), newUser(t, s, "bob", nil)
		proxy.Refuse(true)
		proxy.Cut(cutproxy.Finish)
		alice.until("offline", func() bool { return alice.account.State().State != core.Online })
		const n = 20
		for i := range n {
			alice.send(bob, numbered("offline", i))
			if i == n/2 {
				alice.restart()
			}
		}
		for _, m := range alice.history(bob) {
			require.Equal(t, core.MessageQueued, m.State)
		}
		proxy.Refuse(false)
		alice.client.NetworkChanged()
		bob.until("all messages", func() bool { return len(bob.received(alice)) >= n })
		requireSeries(t, bob.received(alice), "offline", n)
	})
}
