// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"path/filepath"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

func openClient(t *testing.T, s *testserver.Server) *core.Client {
	t.Helper()
	c, err := core.Open(withPatience(t), core.Config{
		Path: filepath.Join(t.TempDir(), "account.db"), Passphrase: []byte("correct horse"),
		RootCAs: s.CAPool,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// The life of an account, from registration to its end.
func TestAccountLife(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		client := openClient(t, s)
		where := accountAt(t, s.Addr, testserver.Account{User: "life-" + string(s.Kind), Domain: s.Domain, Password: "first"})
		account, err := client.Register(ctx, where)
		require.NoError(t, err)
		_, err = client.AddAccount(ctx, where)
		require.ErrorIs(t, err, core.ErrAccountExists)

		other := openClient(t, s)
		_, err = other.Register(ctx, where)
		require.Equal(t, "xmpp.register.taken", core.ErrorCode(err))
		u := &user{t: t, client: client, account: account}
		u.online()

		require.NoError(t, account.ChangePassword(ctx, []byte("second")))
		_, err = other.AddAccount(ctx, where)
		require.Error(t, err, "the old password")
		require.Empty(t, other.Accounts(), "nothing is kept of what failed")
		where.Password = []byte("second")
		_, err = other.AddAccount(ctx, where)
		require.NoError(t, err)

		require.NoError(t, account.SignOut(ctx))
		require.Equal(t, core.Offline, account.State().State)
		require.NoError(t, account.SignIn(ctx))
		u.online()

		require.NoError(t, account.DeleteFromServer(ctx))
		require.Empty(t, client.Accounts())
		_, err = client.AddAccount(ctx, where)
		require.Error(t, err, "the account is gone")
		proves(t, s, "0077")
	})
}

// Several accounts in one client talk to each other.
func TestSeveralAccounts(t *testing.T) {
	s := prosody.Server(t)
	ctx := withPatience(t)
	client := openClient(t, s)
	var accounts [3]*core.Account
	for i := range accounts {
		var err error
		accounts[i], err = client.AddAccount(ctx, accountAt(t, s.Addr, s.NewAccount(t, "several")))
		require.NoError(t, err)
	}
	for i, from := range accounts {
		to := accounts[(i+1)%len(accounts)]
		c, err := from.Conversation(ctx, to.JID())
		require.NoError(t, err)
		_, err = c.Send(ctx, core.Draft{Body: numbered("several", i)})
		require.NoError(t, err)
		u := &user{t: t, client: client, account: to}
		u.until("message", func() bool {
			found, err := client.Search(ctx, core.Search{Text: numbered("several", i)})
			require.NoError(t, err)
			for _, m := range found {
				if !m.Outgoing && m.Account == to.ID() {
					return true
				}
			}
			return false
		})
	}
}

// Servers that lack what others have: still nothing is lost, or sent in a way
// that was not allowed.
func TestLesserServers(t *testing.T) {
	for name, opts := range map[string][]testserver.Option{
		"no stream management": {testserver.NoSM()},
		"no archive":           {testserver.NoMAM()},
		"neither":              {testserver.NoSM(), testserver.NoMAM()},
		"SCRAM-SHA-256 only":   {testserver.PasswordHash("SHA-256")},
	} {
		t.Run(name, func(t *testing.T) {
			s := testserver.Start(t, testserver.Prosody, opts...)
			alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
			befriend(alice, bob)
			for i := range 5 {
				id := alice.send(bob, numbered("lesser", i))
				alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })
			}
			requireSeries(t, bob.received(alice), "lesser", 5)
			bob.restart()
			id := alice.send(bob, numbered("lesser", 5))
			alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })
			requireSeries(t, bob.received(alice), "lesser", 6)
		})
	}
}

// A server that knows nothing but PLAIN gets a password only if the app says so.
func TestPlainOnlyIfAllowed(t *testing.T) {
	s := testserver.Start(t, testserver.Prosody, testserver.PlainOnly())
	ctx := withPatience(t)
	where := accountAt(t, s.Addr, s.NewAccount(t, "plain"))
	client := openClient(t, s)
	_, err := client.AddAccount(ctx, where)
	require.Equal(t, "xmpp.auth.plain-refused", core.ErrorCode(err))
	allowed, err := core.Open(ctx, core.Config{
		Path: filepath.Join(t.TempDir(), "plain.db"), Key: make([]byte, 32), RootCAs: s.CAPool, AllowPlain: true,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, allowed.Close()) }()
	_, err = allowed.AddAccount(ctx, where)
	require.NoError(t, err)
}

// New keys of somebody with a verified one wait for a decision; until then
// nothing goes out.
func TestTrustDecision(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		id := alice.send(bob, "first")
		alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })
		devices, err := alice.account.Devices(ctx, bob.account.JID())
		require.NoError(t, err)
		require.Len(t, devices, 1)
		own, err := bob.account.OwnDevice(ctx)
		require.NoError(t, err)
		require.Equal(t, own.Fingerprint, devices[0].Fingerprint)
		require.NoError(t, alice.account.SetTrust(ctx, bob.account.JID(), own.Fingerprint, core.Verified))
		require.ErrorIs(t, alice.account.SetTrust(ctx, bob.account.JID(), core.FormatFingerprint(own.Fingerprint[:62]+"00"), core.Verified),
			core.ErrUnknownFingerprint)

		// Bob gets a second device.
		tablet := &user{t: t, config: bob.config}
		tablet.config.Path = filepath.Join(t.TempDir(), "tablet.db")
		tablet.open()
		defer func() { require.NoError(t, tablet.client.Close()) }()
		tablet.account, err = tablet.client.AddAccount(ctx, bob.where)
		require.NoError(t, err)
		tablet.online()
		var second core.Device
		alice.until("the second device", func() bool {
			require.NoError(t, alice.account.RefreshDevices(ctx, bob.account.JID()))
			devices, err := alice.account.Devices(ctx, bob.account.JID())
			require.NoError(t, err)
			for _, d := range devices {
				if d.Fingerprint != "" && d.Fingerprint != own.Fingerprint {
					second = d
				}
			}
			return second.Fingerprint != ""
		})
		require.Equal(t, core.Undecided, second.Trust)
		blocked := alice.send(bob, "second")
		alice.until("blocked", func() bool { return alice.state(blocked) == core.MessageBlocked })
		m, err := alice.client.Message(ctx, blocked)
		require.NoError(t, err)
		require.Equal(t, "omemo.undecided", m.Reason)

		require.NoError(t, alice.account.SetTrust(ctx, bob.account.JID(), second.Fingerprint, core.Verified))
		alice.until("delivered", func() bool { return alice.state(blocked) == core.MessageDelivered })
		tablet.until("the message on the second device", func() bool {
			return len(tablet.received(alice)) == 1
		})
		require.Equal(t, []string{"second"}, tablet.received(alice))

		// What the tablet writes appears on the first device as Bob's own.
		sent := tablet.send(alice, "from the tablet")
		tablet.until("sent", func() bool { return tablet.state(sent) >= core.MessageSent })
		bob.until("the copy", func() bool {
			for _, m := range bob.history(alice) {
				if m.Outgoing && m.Body == "from the tablet" {
					return true
				}
			}
			return false
		})
		alice.until("the message", func() bool { return len(alice.received(bob)) == 1 })
		proves(t, s, "0163", "0280", "0384")
	})
}
