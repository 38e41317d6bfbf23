// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/peers"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// conversationWith is a conversation with somebody who is no user of the SDK.
func (u *user) conversationWith(jid string) *core.Conversation {
	u.t.Helper()
	c, err := u.account.Conversation(withPatience(u.t), jid)
	require.NoError(u.t, err)
	return c
}

// sendTo sends a message and waits until it is delivered.
func (u *user) sendTo(jid, body string) core.Message {
	u.t.Helper()
	id, err := u.conversationWith(jid).Send(withPatience(u.t), core.Draft{Body: body})
	require.NoError(u.t, err)
	u.until("delivery to another client", func() bool {
		state := u.state(id)
		require.Less(u.t, state, core.MessageFailed)
		return state == core.MessageDelivered
	})
	m, err := u.client.Message(withPatience(u.t), id)
	require.NoError(u.t, err)
	return m
}

// receiveFrom waits for a message with that body.
func (u *user) receiveFrom(jid, body string) (found core.Message) {
	u.t.Helper()
	c := u.conversationWith(jid)
	u.until("a message from another client", func() bool {
		list, err := c.History(withPatience(u.t), 0, 50)
		require.NoError(u.t, err)
		for _, m := range list {
			require.NotEqual(u.t, core.Unreadable, m.Kind, m.Reason)
			if !m.Outgoing && m.Body == body {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// OMEMO 0.3 both ways with a client that shares no code with this module:
// python3-slixmpp with python3-oldmemo.
func TestInteropSlixmpp(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		account := s.NewAccount(t, "bot")
		alice := newUser(t, s, "alice", nil)
		bot := peers.StartBot(t, peers.BotConfig{Server: s, Account: account})
		ctx := withPatience(t)
		jid := account.JID()
		require.NoError(t, alice.account.AddContact(ctx, jid, ""))

		own, err := bot.OwnDevice(ctx)
		require.NoError(t, err)
		exchange := func(body string) {
			t.Helper()
			alice.sendTo(jid, body)
			event, err := bot.Await(ctx, peers.FromContact(alice.account.JID()))
			require.NoError(t, err)
			require.Empty(t, event.Error)
			require.Equal(t, body, event.Body)
			require.Equal(t, peers.OMEMO03, event.Encrypted)

			answer := "re: " + body
			sent, err := bot.Send(ctx, peers.Outgoing{To: alice.account.JID(), Body: answer, Encrypted: peers.OMEMO03, Receipt: true})
			require.NoError(t, err)
			require.Empty(t, sent.Warnings)
			m := alice.receiveFrom(jid, answer)
			require.Equal(t, core.OMEMO, m.Encryption)
			require.Equal(t, own.Fingerprint, m.Fingerprint)
			require.Equal(t, own.ID, m.Device)
			_, err = bot.Await(ctx, peers.Receipt(sent.ID))
			require.NoError(t, err)
		}
		exchange("fresh 🦊 <&>")
		exchange("again")
		alice.restart()
		alice.online()
		exchange("after a restart")

		// No fallback body beside the envelope, as some clients send.
		_, err = bot.Send(ctx, peers.Outgoing{To: alice.account.JID(), Body: "bare", Encrypted: peers.OMEMO03, NoBody: true})
		require.NoError(t, err)
		alice.receiveFrom(jid, "bare")

		// Both see each other's key.
		me, err := alice.account.OwnDevice(ctx)
		require.NoError(t, err)
		devices, err := bot.Devices(ctx, alice.account.JID())
		require.NoError(t, err)
		require.Len(t, devices, 1)
		require.Equal(t, me.Fingerprint, devices[0].Fingerprint)
		proves(t, s, "0384")
	})
}

// The other side begins, and is away when it is answered.
func TestInteropSlixmppBegins(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		account := s.NewAccount(t, "bot")
		alice := newUser(t, s, "alice", nil)
		config := peers.BotConfig{Server: s, Account: account, StateFile: t.TempDir() + "/state.json"}
		bot, err := peers.RunBot(withPatience(t), t.TempDir(), config)
		require.NoError(t, err)
		ctx := withPatience(t)
		jid := account.JID()
		require.NoError(t, alice.account.AddContact(ctx, jid, ""))
		_, err = bot.Send(ctx, peers.Outgoing{To: alice.account.JID(), Body: "hello", Encrypted: peers.OMEMO03})
		require.NoError(t, err)
		alice.receiveFrom(jid, "hello")
		bot.Close()

		id, err := alice.conversationWith(jid).Send(ctx, core.Draft{Body: "are you there?"})
		require.NoError(t, err)
		alice.until("sent", func() bool { return alice.state(id) >= core.MessageSent })
		bot, err = peers.RunBot(ctx, t.TempDir(), config)
		require.NoError(t, err)
		defer bot.Close()
		event, err := bot.Await(ctx, peers.FromContact(alice.account.JID()))
		require.NoError(t, err)
		require.Empty(t, event.Error)
		require.Equal(t, "are you there?", event.Body)
	})
}

// OMEMO 0.3 both ways with profanity, which is driven through a terminal.
func TestInteropProfanity(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		account := s.NewAccount(t, "prof")
		alice := newUser(t, s, "alice", nil)
		me, jid := alice.account.JID(), account.JID()
		user, _, _ := strings.Cut(me, "@")
		require.NoError(t, s.Befriend(user, account.User))
		profanity := peers.StartProfanity(t, peers.ProfanityConfig{Server: s, Account: account})
		require.NoError(t, profanity.StartOMEMO(ctx, me))

		exchange := func(n int) {
			t.Helper()
			from, to := numbered("from profanity", n), numbered("to profanity 🦊", n)
			require.NoError(t, profanity.Say(ctx, me, from))
			m := alice.receiveFrom(jid, from)
			require.Equal(t, core.OMEMO, m.Encryption)
			id, err := alice.conversationWith(jid).Send(ctx, core.Draft{Body: to})
			require.NoError(t, err)
			entry, err := profanity.Await(ctx, func(e peers.LogEntry) bool { return e.From == me && e.Body == to })
			require.NoError(t, err)
			require.Equal(t, "omemo", entry.Encrypted)
			alice.until("sent", func() bool { return alice.state(id) >= core.MessageSent })
		}
		exchange(0)
		exchange(1)
		alice.restart()
		alice.online()
		exchange(2)

		own, err := alice.account.OwnDevice(ctx)
		require.NoError(t, err)
		seen, err := profanity.Fingerprints(ctx, me)
		require.NoError(t, err)
		require.Contains(t, seen, own.Fingerprint)
	})
}
