// SPDX-License-Identifier: MPL-2.0

//go:build servers

package peers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/peers"
	"github.com/confab-im/confab/internal/testserver"
)

// Two clients by different people, driven by this package, understand each
// other: what fails with ours is then not the drivers' fault.
func TestProfanityAndBotTalk(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *testserver.Server) {
		aliceAccount, bobAccount := friends(t, s)
		bob := peers.StartBot(t, peers.BotConfig{Server: s, Account: bobAccount})
		alice := peers.StartProfanity(t, peers.ProfanityConfig{Server: s, Account: aliceAccount})
		require.NoError(t, alice.StartOMEMO(t.Context(), bobAccount.JID()))

		for _, body := range []string{"from profanity", "again, with é and 🦊"} {
			require.NoError(t, alice.Say(t.Context(), bobAccount.JID(), body))
			event, err := bob.Await(t.Context(), peers.FromContact(aliceAccount.JID()))
			require.NoError(t, err)
			require.Equal(t, body, event.Body, event.Error)
			require.Equal(t, peers.OMEMO03, event.Encrypted)
			sent, err := alice.Await(t.Context(), func(e peers.LogEntry) bool { return e.Body == body })
			require.NoError(t, err)
			require.Equal(t, event.ID, sent.ID)
			require.Equal(t, "omemo", sent.Encrypted)
			fingerprints, err := alice.Fingerprints(t.Context(), aliceAccount.JID())
			require.NoError(t, err)
			require.Equal(t, []string{event.Fingerprint}, fingerprints)
		}

		sent, err := bob.Send(t.Context(), peers.Outgoing{To: aliceAccount.JID(), Body: "from the bot", Encrypted: peers.OMEMO03})
		require.NoError(t, err)
		require.Empty(t, sent.Warnings)
		entry, err := alice.Await(t.Context(), func(e peers.LogEntry) bool { return e.From == bobAccount.JID() })
		require.NoError(t, err)
		require.Equal(t, "from the bot", entry.Body)
		require.Equal(t, "omemo", entry.Encrypted)
		require.Equal(t, sent.ID, entry.ID)
		require.Equal(t, aliceAccount.JID(), entry.To)

		own, err := bob.OwnDevice(t.Context())
		require.NoError(t, err)
		fingerprints, err := alice.Fingerprints(t.Context(), bobAccount.JID())
		require.NoError(t, err)
		require.Equal(t, []string{own.Fingerprint}, fingerprints)
	})
}

// Messages in the clear are logged as such, so that a test can tell.
func TestProfanityPlain(t *testing.T) {
	s := servers[0].Server(t)
	aliceAccount, bobAccount := friends(t, s)
	bob := peers.StartBot(t, peers.BotConfig{Server: s, Account: bobAccount, Profiles: []peers.Profile{}})
	alice := peers.StartProfanity(t, peers.ProfanityConfig{Server: s, Account: aliceAccount})
	require.NoError(t, alice.Say(t.Context(), bobAccount.JID(), "in the clear"))
	event, err := bob.Await(t.Context(), peers.FromContact(aliceAccount.JID()))
	require.NoError(t, err)
	require.Equal(t, "in the clear", event.Body)
	require.Empty(t, event.Encrypted)
	entry, err := alice.Await(t.Context(), func(e peers.LogEntry) bool { return e.Body == "in the clear" })
	require.NoError(t, err)
	require.Equal(t, "none", entry.Encrypted)
}

func TestProfanityRefusesSeveralLines(t *testing.T) {
	s := servers[0].Server(t)
	alice := peers.StartProfanity(t, peers.ProfanityConfig{Server: s, Account: s.NewAccount(t, "alice")})
	require.Error(t, alice.Command(t.Context(), "one\ntwo"))
}
