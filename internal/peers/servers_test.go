// SPDX-License-Identifier: MPL-2.0

//go:build servers

package peers_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/peers"
	"github.com/confab-im/confab/internal/testserver"
)

var servers = []*testserver.Shared{
	testserver.NewShared(testserver.Prosody),
	testserver.NewShared(testserver.Ejabberd),
}

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, servers...)) }

func onEachServer(t *testing.T, test func(t *testing.T, s *testserver.Server)) {
	for _, shared := range servers {
		t.Run(string(shared.Kind), func(t *testing.T) { test(t, shared.Server(t)) })
	}
}

// friends registers two accounts with a mutual subscription.
func friends(t *testing.T, s *testserver.Server) (alice, bob testserver.Account) {
	t.Helper()
	alice, bob = s.NewAccount(t, "alice"), s.NewAccount(t, "bob")
	require.NoError(t, s.Befriend(alice.User, bob.User))
	return alice, bob
}

func TestBotsTalk(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *testserver.Server) {
		aliceAccount, bobAccount := friends(t, s)
		all := []peers.Profile{peers.OMEMO03, peers.OMEMO2}
		alice := peers.StartBot(t, peers.BotConfig{Server: s, Account: aliceAccount, Profiles: all})
		bob := peers.StartBot(t, peers.BotConfig{Server: s, Account: bobAccount, Profiles: all})
		for _, profile := range []peers.Profile{"", peers.OMEMO03, peers.OMEMO2} {
			for _, turn := range []string{"first " + string(profile), "second " + string(profile)} {
				talk(t, alice, bob, profile, turn+" é 🦊")
				talk(t, bob, alice, profile, turn+" back")
			}
		}
	})
}

// talk sends a message and requires that it arrives as it was sent.
func talk(t *testing.T, from, to *peers.Bot, profile peers.Profile, body string) {
	t.Helper()
	sent, err := from.Send(t.Context(), peers.Outgoing{To: to.Account.JID(), Body: body, Encrypted: profile, Receipt: true})
	require.NoError(t, err)
	require.Empty(t, sent.Warnings)
	event, err := to.Await(t.Context(), peers.FromContact(from.Account.JID()))
	require.NoError(t, err)
	require.Empty(t, event.Error)
	require.Equal(t, body, event.Body)
	require.Equal(t, profile, event.Encrypted)
	require.Equal(t, sent.ID, event.ID)
	require.Equal(t, sent.ID, event.OriginID)
	_, err = from.Await(t.Context(), peers.Receipt(sent.ID))
	require.NoError(t, err)
	if profile == "" {
		return
	}
	own, err := from.OwnDevice(t.Context())
	require.NoError(t, err)
	require.Equal(t, own.ID, event.Device)
	require.Equal(t, own.Fingerprint, event.Fingerprint)
	require.Len(t, own.Fingerprint, 64)
}

func TestBotWithoutFallbackBody(t *testing.T) {
	s := servers[0].Server(t)
	aliceAccount, bobAccount := friends(t, s)
	alice := peers.StartBot(t, peers.BotConfig{Server: s, Account: aliceAccount})
	bob := peers.StartBot(t, peers.BotConfig{Server: s, Account: bobAccount})
	_, err := alice.Send(t.Context(), peers.Outgoing{To: bobAccount.JID(), Body: "bare", Encrypted: peers.OMEMO03, NoBody: true})
	require.NoError(t, err)
	event, err := bob.Await(t.Context(), peers.FromContact(aliceAccount.JID()))
	require.NoError(t, err)
	require.Equal(t, "bare", event.Body, event.Error)
}

func TestBotRegistersInBand(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *testserver.Server) {
		account := testserver.Account{User: "in-band", Domain: s.Domain, Password: "wonderland"}
		bot := peers.StartBot(t, peers.BotConfig{Server: s, Account: account, Register: true, Profiles: []peers.Profile{}})
		require.Contains(t, bot.JID, account.JID()+"/")
		require.Error(t, s.Register(account.User, "other"), "the account exists now")
	})
}

func TestBotWrongPassword(t *testing.T) {
	s := servers[0].Server(t)
	account := s.NewAccount(t, "alice")
	account.Password = "wrong"
	_, err := peers.RunBot(t.Context(), t.TempDir(), peers.BotConfig{Server: s, Account: account})
	require.ErrorContains(t, err, "authentication failed")
}

// A bot with a state file is the same device after a crash, and reads what was
// sent to it meanwhile.
func TestBotComesBack(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *testserver.Server) {
		aliceAccount, bobAccount := friends(t, s)
		alice := peers.StartBot(t, peers.BotConfig{Server: s, Account: aliceAccount})
		config := peers.BotConfig{Server: s, Account: bobAccount, StateFile: filepath.Join(t.TempDir(), "state.json")}
		bob := peers.StartBot(t, config)
		talk(t, alice, bob, peers.OMEMO03, "hello")
		before, err := bob.OwnDevice(t.Context())
		require.NoError(t, err)
		bob.Close()

		_, err = alice.Send(t.Context(), peers.Outgoing{To: bobAccount.JID(), Body: "while away", Encrypted: peers.OMEMO03})
		require.NoError(t, err)
		bob = peers.StartBot(t, config)
		after, err := bob.OwnDevice(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, after)
		event, err := bob.Await(t.Context(), peers.FromContact(aliceAccount.JID()))
		require.NoError(t, err)
		require.Equal(t, "while away", event.Body, event.Error)
	})
}

func TestBotTrust(t *testing.T) {
	s := servers[0].Server(t)
	aliceAccount, bobAccount := friends(t, s)
	alice := peers.StartBot(t, peers.BotConfig{Server: s, Account: aliceAccount})
	bob := peers.StartBot(t, peers.BotConfig{Server: s, Account: bobAccount})
	require.NoError(t, alice.BlindTrust(t.Context(), false))
	_, err := alice.Send(t.Context(), peers.Outgoing{To: bobAccount.JID(), Body: "no", Encrypted: peers.OMEMO03})
	require.ErrorContains(t, err, "Undecided")

	own, err := bob.OwnDevice(t.Context())
	require.NoError(t, err)
	devices, err := alice.Devices(t.Context(), bobAccount.JID())
	require.NoError(t, err)
	require.Len(t, devices, 1)
	require.Equal(t, own.Fingerprint, devices[0].Fingerprint)
	require.Equal(t, peers.Undecided, devices[0].Trust)
	require.Equal(t, []peers.Profile{peers.OMEMO03}, devices[0].Active)

	aliceOwn, err := alice.OwnDevice(t.Context())
	require.NoError(t, err)
	require.NoError(t, alice.Trust(t.Context(), aliceAccount.JID(), aliceOwn.Fingerprint, peers.Trusted))
	require.NoError(t, alice.Trust(t.Context(), bobAccount.JID(), own.Fingerprint, peers.Trusted))
	talk(t, alice, bob, peers.OMEMO03, "yes")
	require.Error(t, alice.Trust(t.Context(), bobAccount.JID(), aliceOwn.Fingerprint, peers.Trusted))
}

// A second device of the same account learns of new devices and gets carbons
// of what the first one sends.
func TestBotDevicesAndCarbons(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *testserver.Server) {
		aliceAccount, bobAccount := friends(t, s)
		bob := peers.StartBot(t, peers.BotConfig{Server: s, Account: bobAccount})
		phone := peers.StartBot(t, peers.BotConfig{Server: s, Account: aliceAccount})
		laptop := peers.StartBot(t, peers.BotConfig{Server: s, Account: aliceAccount})
		laptopDevice, err := laptop.OwnDevice(t.Context())
		require.NoError(t, err)
		for _, bot := range []*peers.Bot{bob, phone} {
			if s.Kind == testserver.Prosody { // ejabberd does not always tell who is online
				_, err := bot.Await(t.Context(), peers.DevicesOf(aliceAccount.JID(), laptopDevice.ID))
				require.NoError(t, err)
			}
			devices, err := bot.Devices(t.Context(), aliceAccount.JID())
			require.NoError(t, err)
			var fingerprints []string
			for _, device := range devices {
				fingerprints = append(fingerprints, device.Fingerprint)
			}
			require.Contains(t, fingerprints, laptopDevice.Fingerprint)
		}
		_, err = phone.Send(t.Context(), peers.Outgoing{To: bobAccount.JID(), Body: "to both", Encrypted: peers.OMEMO03})
		require.NoError(t, err)
		event, err := bob.Await(t.Context(), peers.FromContact(aliceAccount.JID()))
		require.NoError(t, err)
		require.Equal(t, "to both", event.Body, event.Error)
		event, err = laptop.Await(t.Context(), peers.FromContact(aliceAccount.JID()))
		require.NoError(t, err)
		require.Equal(t, "to both", event.Body, event.Error)
		require.Equal(t, "sent", event.Carbon)
	})
}

func TestBotsInARoom(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *testserver.Server) {
		aliceAccount, bobAccount := friends(t, s)
		room := "room-" + aliceAccount.User + "@conference." + s.Domain
		alice := peers.StartBot(t, peers.BotConfig{Server: s, Account: aliceAccount})
		bob := peers.StartBot(t, peers.BotConfig{Server: s, Account: bobAccount})
		require.NoError(t, alice.Join(t.Context(), room, "alice"))
		require.NoError(t, alice.Configure(t.Context(), room, map[string]string{"muc#roomconfig_whois": "anyone"}))
		require.NoError(t, bob.Join(t.Context(), room, "bob"))
		_, err := alice.Await(t.Context(), func(e peers.Event) bool { return e.Kind == "presence" && e.From == room+"/bob" })
		require.NoError(t, err)
		_, err = alice.Send(t.Context(), peers.Outgoing{
			To: room, Type: "groupchat", Body: "to the room", Encrypted: peers.OMEMO03, Readers: []string{bobAccount.JID()},
		})
		require.NoError(t, err)
		event, err := bob.Await(t.Context(), func(e peers.Event) bool { return e.Encrypted != "" && e.Type == "groupchat" })
		require.NoError(t, err)
		require.Empty(t, event.Error)
		require.Equal(t, "to the room", event.Body, event.Error)
		require.Equal(t, aliceAccount.JID(), event.RealJID)
	})
}
