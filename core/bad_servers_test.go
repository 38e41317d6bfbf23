// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// settled waits until a message is neither queued nor on its way.
func (u *user) settled(id core.MessageID) core.Message {
	u.t.Helper()
	u.until("decided", func() bool { return u.state(id) != core.MessageQueued })
	m, err := u.client.Message(withPatience(u.t), id)
	require.NoError(u.t, err)
	return m
}

// plainTo sends a message in the clear to any address.
func (u *user) plainTo(peer, body string) core.MessageID {
	u.t.Helper()
	c, err := u.account.Conversation(withPatience(u.t), peer)
	require.NoError(u.t, err)
	require.NoError(u.t, c.SetEncryption(withPatience(u.t), core.Plain))
	id, err := c.Send(withPatience(u.t), core.Draft{Body: body})
	require.NoError(u.t, err)
	return id
}

// A password that was changed elsewhere stops the account, and nothing else.
func TestPasswordChanged(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		wrong := alice.where
		wrong.JID, wrong.Password = bob.account.JID(), []byte("not-it-at-all")
		_, err := alice.client.AddAccount(withPatience(t), wrong)
		require.Equal(t, "xmpp.auth.wrong-password", core.ErrorCode(err), "%v", err)
		require.NotContains(t, err.Error(), "not-it-at-all")
		wrong.JID = "nobody-at-all@" + s.Domain
		_, err = alice.client.AddAccount(withPatience(t), wrong)
		require.Equal(t, "xmpp.auth.wrong-password", core.ErrorCode(err), "%v", err)
		require.Len(t, alice.client.Accounts(), 1)
		_, err = alice.client.AddAccount(withPatience(t), alice.where)
		require.Equal(t, "core.account-exists", core.ErrorCode(err), "%v", err)

		name, _, _ := strings.Cut(alice.account.JID(), "@")
		require.NoError(t, s.ChangePassword(name, "another-one"))
		require.NoError(t, s.Kick(name))
		alice.until("failed", func() bool { return alice.account.State().State == core.Failed })
		require.Equal(t, "xmpp.auth.wrong-password", alice.account.State().Code)
		id := alice.send(bob, "kept")
		alice.restart() // says so again
		alice.until("failed", func() bool { return alice.account.State().State == core.Failed })
		require.Equal(t, core.MessageQueued, alice.state(id))
		require.NoError(t, alice.account.SetPassword(withPatience(t), []byte("another-one")))
		bob.until("the message", func() bool { return len(bob.received(alice)) == 1 })
	})
}

func TestRegistration(t *testing.T) {
	for _, kind := range []testserver.Kind{testserver.Prosody, testserver.Ejabberd} {
		t.Run("closed/"+string(kind), func(t *testing.T) {
			s := testserver.Start(t, kind, testserver.NoIBR())
			alice := newUser(t, s, "alice", nil)
			where := alice.where
			where.JID = "new@" + s.Domain
			_, err := alice.client.Register(withPatience(t), where)
			require.Equal(t, "xmpp.register.closed", core.ErrorCode(err), "%v", err)
		})
	}
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		where := alice.where
		where.JID = bob.account.JID()
		_, err := alice.client.Register(withPatience(t), where)
		require.Equal(t, "xmpp.register.taken", core.ErrorCode(err), "%v", err)
		where.JID, where.Password = "new-"+strings.ToLower(name(t))+"@"+s.Domain, nil
		_, err = alice.client.Register(withPatience(t), where)
		require.Equal(t, "core.no-password", core.ErrorCode(err), "%v", err)
		require.Len(t, alice.client.Accounts(), 1)
	})
}

// name is of a test, for an account.
func name(t *testing.T) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, t.Name())
}

func TestToNobody(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice := newUser(t, s, "alice", nil)
		for _, peer := range []string{"nobody-at-all@" + s.Domain, "nobody@elsewhere.invalid"} {
			m := alice.settled(alice.plainTo(peer, "hello?"))
			alice.until("failed", func() bool { return alice.state(m.ID) == core.MessageFailed })
			m = alice.settled(m.ID)
			require.Regexp(t, `^xmpp\.error\.[a-z-]+$`, m.Reason)
			t.Log("plain:", m.Reason)

			c, err := alice.account.Conversation(withPatience(t), peer)
			require.NoError(t, err)
			require.NoError(t, c.SetEncryption(withPatience(t), core.OMEMO))
			id, err := c.Send(withPatience(t), core.Draft{Body: "hello?"})
			require.NoError(t, err)
			// A server that nobody can reach today may be there tomorrow. Prosody's
			// answer for one cannot be told from that of a peer without devices.
			state, reason := core.MessageBlocked, "omemo.no-devices"
			if s.Kind == testserver.Ejabberd && strings.HasSuffix(peer, ".invalid") {
				state, reason = core.MessageQueued, "omemo.devices-unknown"
			}
			waits := func(id core.MessageID) func() bool {
				return func() bool {
					m, err := alice.client.Message(withPatience(t), id)
					require.NoError(t, err)
					return m.State == state && m.Reason == reason
				}
			}
			alice.until("waiting for devices", waits(id))

			again, err := c.Retry(withPatience(t), mFailed(t, c))
			require.NoError(t, err)
			_, err = c.Retry(withPatience(t), id)
			require.Equal(t, "core.not-retryable", core.ErrorCode(err))
			alice.until("waiting for devices", waits(again))
		}
	})
}

func mFailed(t *testing.T, c *core.Conversation) core.MessageID {
	t.Helper()
	all, err := c.HistoryAfter(t.Context(), 0, core.MaxPage)
	require.NoError(t, err)
	i := slices.IndexFunc(all, func(m core.Message) bool { return m.State == core.MessageFailed })
	require.NotEqual(t, -1, i)
	return all[i].ID
}

func TestToSelf(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice := newUser(t, s, "alice", nil)
		m := alice.settled(alice.plainTo(alice.account.JID(), "note"))
		require.Equal(t, core.MessageSent, m.State)
		alone := alice.send(alice, "encrypted to nobody") // stays plain: the conversation is
		require.Equal(t, core.MessageSent, alice.settled(alone).State)
		require.NoError(t, alice.with(alice).SetEncryption(withPatience(t), core.OMEMO))
		blocked := alice.settled(alice.send(alice, "encrypted to nobody"))
		require.Equal(t, core.MessageBlocked, blocked.State)
		require.Equal(t, "omemo.no-devices", blocked.Reason)

		other := alice.secondDevice(s)
		alice.until("unblocked", func() bool { return alice.state(blocked.ID) >= core.MessageSent })
		last := alice.send(alice, "encrypted to the other")
		alice.until("sent", func() bool { return alice.state(last) >= core.MessageSent })
		other.until("the last one", func() bool {
			h := other.history(alice)
			return len(h) > 0 && h[len(h)-1].Body == "encrypted to the other"
		})
		require.Len(t, alice.history(alice), 4, "each once")
		for _, m := range alice.history(alice) {
			require.True(t, m.Outgoing)
			require.Equal(t, core.Text, m.Kind)
		}
	})
}

// secondDevice signs in with the account of u in a client of its own.
func (u *user) secondDevice(s *testserver.Server) *user {
	u.t.Helper()
	other := &user{t: u.t, where: u.where, config: u.config}
	other.config.Path = u.config.Path + ".second"
	other.open()
	var err error
	other.account, err = other.client.AddAccount(withPatience(u.t), other.where)
	require.NoError(u.t, err)
	u.t.Cleanup(func() { require.NoError(u.t, other.client.Close()) })
	other.online()
	return other
}

// A message above the server's limit ends as failed, and holds up nothing.
func TestTooLargeForServer(t *testing.T) {
	for _, kind := range []testserver.Kind{testserver.Prosody, testserver.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			s := testserver.Start(t, kind, testserver.StanzaLimit(40_000))
			alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
			befriend(alice, bob)
			alice.send(bob, "before")
			bob.until("the first", func() bool { return len(bob.received(alice)) == 1 })
			fits := alice.send(bob, strings.Repeat("fits ", 2_500))
			large := alice.send(bob, strings.Repeat("large", 12_000))
			after := alice.send(bob, "after")
			alice.until("failed", func() bool {
				alice.client.NetworkChanged()
				return alice.state(large) == core.MessageFailed
			})
			require.Equal(t, "xmpp.stream.policy-violation", alice.settled(large).Reason)
			for _, id := range []core.MessageID{fits, after} {
				alice.until("sent", func() bool { return alice.state(id) >= core.MessageSent })
			}
			bob.until("the others", func() bool { return len(bob.received(alice)) == 3 })
			require.Equal(t, "after", bob.received(alice)[2])
		})
	}
}
