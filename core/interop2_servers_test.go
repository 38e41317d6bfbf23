// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"path/filepath"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/peers"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

var bothProfiles = []peers.Profile{peers.OMEMO03, peers.OMEMO2}

// encryptions is what a message says of a profile.
var encryptions = map[peers.Profile]core.Encryption{peers.OMEMO03: core.OMEMO, peers.OMEMO2: core.OMEMO2}

// hears awaits a message from u and checks how it came.
func (u *user) hears(bot *peers.Bot, body string, profile peers.Profile) peers.Event {
	u.t.Helper()
	event, err := bot.Await(withPatience(u.t), peers.FromContact(u.account.JID()))
	require.NoError(u.t, err)
	require.Empty(u.t, event.Error)
	require.Equal(u.t, body, event.Body)
	require.Equal(u.t, profile, event.Encrypted)
	return event
}

// says lets a bot write to u and checks what arrives.
func (u *user) says(bot *peers.Bot, body string, profile peers.Profile) {
	u.t.Helper()
	ctx := withPatience(u.t)
	sent, err := bot.Send(ctx, peers.Outgoing{To: u.account.JID(), Body: body, Encrypted: profile, Receipt: true})
	require.NoError(u.t, err)
	require.Empty(u.t, sent.Warnings)
	m := u.receiveFrom(bot.Account.JID(), body)
	own, err := bot.OwnDevice(ctx)
	require.NoError(u.t, err)
	require.Equal(u.t, encryptions[profile], m.Encryption)
	require.Equal(u.t, own.Fingerprint, m.Fingerprint)
	require.Equal(u.t, own.ID, m.Device)
	_, err = bot.Await(ctx, peers.Receipt(sent.ID))
	require.NoError(u.t, err)
}

// OMEMO 2 both ways with a client that shares no code with this module:
// python3-slixmpp with python3-twomemo.
func TestInteropOMEMO2(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		for name, profiles := range map[string][]peers.Profile{"only": {peers.OMEMO2}, "both": bothProfiles} {
			t.Run(name, func(t *testing.T) {
				ctx := withPatience(t)
				account := s.NewAccount(t, "bot")
				alice := newUser(t, s, "alice", nil)
				bot := peers.StartBot(t, peers.BotConfig{Server: s, Account: account, Profiles: profiles})
				require.NoError(t, alice.account.AddContact(ctx, account.JID(), ""))

				exchange := func(body string) {
					t.Helper()
					m := alice.sendTo(account.JID(), body)
					require.Equal(t, core.OMEMO2, m.Encryption)
					alice.hears(bot, body, peers.OMEMO2)
					alice.says(bot, "re: "+body, peers.OMEMO2)
				}
				exchange("fresh 🦊 <&>")
				exchange("again")
				alice.restart()
				alice.online()
				exchange("after a restart")

				// No fallback body beside the envelope, which is the rule here.
				_, err := bot.Send(ctx, peers.Outgoing{To: alice.account.JID(), Body: "bare", Encrypted: peers.OMEMO2, NoBody: true})
				require.NoError(t, err)
				alice.receiveFrom(account.JID(), "bare")

				me, err := alice.account.OwnDevice(ctx)
				require.NoError(t, err)
				devices, err := bot.Devices(ctx, alice.account.JID())
				require.NoError(t, err)
				require.Len(t, devices, 1)
				require.Equal(t, me.Fingerprint, devices[0].Fingerprint)
				require.Equal(t, me.ID, devices[0].ID)
				known, err := alice.account.Devices(ctx, account.JID())
				require.NoError(t, err)
				require.Len(t, known, 1, "one device, however many profiles it has")

				// 0.3 goes on beside it.
				if len(profiles) > 1 {
					alice.says(bot, "in the old way", peers.OMEMO03)
				}
			})
		}
		proves(t, s, "0384", "0420")
	})
}

// The other side begins, and is away when it is answered. Of what it sent to
// begin with the first message never came: the second has to do.
func TestInteropOMEMO2Begins(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		account := s.NewAccount(t, "bot")
		alice := newUser(t, s, "alice", nil)
		config := peers.BotConfig{Server: s, Account: account, Profiles: bothProfiles, StateFile: filepath.Join(t.TempDir(), "state.json")}
		bot, err := peers.RunBot(ctx, t.TempDir(), config)
		require.NoError(t, err)
		_, err = bot.Send(ctx, peers.Outgoing{To: alice.account.JID(), Body: "hello", Encrypted: peers.OMEMO2})
		require.NoError(t, err)
		m := alice.receiveFrom(account.JID(), "hello")
		require.Equal(t, core.OMEMO2, m.Encryption)
		bot.Close()

		id, err := alice.conversationWith(account.JID()).Send(ctx, core.Draft{Body: "are you there?"})
		require.NoError(t, err)
		alice.until("sent", func() bool { return alice.state(id) >= core.MessageSent })
		bot, err = peers.RunBot(ctx, t.TempDir(), config)
		require.NoError(t, err)
		defer bot.Close()
		alice.hears(bot, "are you there?", peers.OMEMO2)
	})
}

// Messages come in another order than they were written in, over a connection
// that is cut, and the one that began the session never does.
func TestInteropOMEMO2Disorder(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		account := s.NewAccount(t, "bot")
		proxy := cutproxy.Start(t, s.Addr)
		alice := newUser(t, s, "alice", proxy)
		bot := peers.StartBot(t, peers.BotConfig{Server: s, Account: account, Profiles: bothProfiles})
		require.NoError(t, alice.account.AddContact(ctx, account.JID(), ""))
		for _, turn := range []string{"key exchange", "session"} {
			var held []string
			for n := range 6 {
				sent, err := bot.Send(ctx, peers.Outgoing{To: alice.account.JID(), Body: numbered(turn, n), Encrypted: peers.OMEMO2, Hold: true})
				require.NoError(t, err)
				held = append(held, sent.XML)
			}
			for _, n := range []int{4, 1} { // 0 is lost
				require.NoError(t, bot.Raw(ctx, held[n]))
				alice.receiveFrom(account.JID(), numbered(turn, n))
			}
			proxy.Cut(cutproxy.Reset)
			for _, n := range []int{5, 3, 2, 4} { // 4 for the second time
				require.NoError(t, bot.Raw(ctx, held[n]))
			}
			for _, n := range []int{5, 3, 2} {
				require.Equal(t, core.OMEMO2, alice.receiveFrom(account.JID(), numbered(turn, n)).Encryption)
			}
			m := alice.sendTo(account.JID(), "answer to "+turn)
			require.Equal(t, core.OMEMO2, m.Encryption)
			alice.hears(bot, "answer to "+turn, peers.OMEMO2)
		}
		list, err := alice.conversationWith(account.JID()).History(ctx, 0, 50)
		require.NoError(t, err)
		require.Len(t, list, 2*6)
	})
}

// Somebody has a device that speaks only 0.3 and one that speaks only 2: each
// message goes to both in one stanza, and they read the same.
func TestInteropSplitDevices(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		account := s.NewAccount(t, "bot")
		alice := newUser(t, s, "alice", nil)
		older := peers.StartBot(t, peers.BotConfig{Server: s, Account: account, Profiles: []peers.Profile{peers.OMEMO03}})
		require.NoError(t, alice.account.AddContact(ctx, account.JID(), ""))
		m := alice.sendTo(account.JID(), "before")
		require.Equal(t, core.OMEMO, m.Encryption)
		alice.hears(older, "before", peers.OMEMO03)

		newer := peers.StartBot(t, peers.BotConfig{Server: s, Account: account, Profiles: []peers.Profile{peers.OMEMO2}})
		own, err := newer.OwnDevice(ctx)
		require.NoError(t, err)
		// ejabberd 23.01 pushes no list to a session that has just announced a
		// new set of features.
		require.NoError(t, alice.account.RefreshDevices(ctx, account.JID()))
		devices, err := alice.account.Devices(ctx, account.JID())
		require.NoError(t, err)
		require.Len(t, devices, 2)
		for _, d := range devices {
			require.True(t, d.Active)
			require.NotEmpty(t, d.Fingerprint, "%v", d.ID == own.ID)
		}
		for n := range 3 {
			body := numbered("to both", n)
			alice.sendTo(account.JID(), body)
			a := alice.hears(older, body, peers.OMEMO03)
			b := alice.hears(newer, body, peers.OMEMO2)
			require.Equal(t, a.ID, b.ID, "one stanza")
			require.Equal(t, a.OriginID, b.OriginID)
			alice.says(older, numbered("from the older", n), peers.OMEMO03)
			alice.says(newer, numbered("from the newer", n), peers.OMEMO2)
		}
		// What came is there once, and so is what was sent.
		alice.restart()
		alice.online()
		alice.sendTo(account.JID(), "last")
		list, err := alice.conversationWith(account.JID()).History(ctx, 0, 50)
		require.NoError(t, err)
		seen := map[string]int{}
		for _, m := range list {
			require.Equal(t, core.Text, m.Kind, m.Reason)
			seen[m.Body]++
		}
		require.Len(t, seen, 2+3*3)
		for body, n := range seen {
			require.Equal(t, 1, n, body)
		}
	})
}
