// SPDX-License-Identifier: MPL-2.0

//go:build servers

package xmpp_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

// XEP-0352: while a client says that nobody is looking, the server holds back
// what can wait; what cannot comes with it, and so does the end of that state.
func TestClientStateOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		account := s.NewAccount(t, "alice")
		pocket, desk := online(t, s, account, "pocket"), online(t, s, account, "desk")
		bob := online(t, s, s.NewAccount(t, "bob"), "b")
		for _, u := range []*user{pocket, desk, bob} {
			_, err := u.FetchRoster(ctx, true, "")
			require.NoError(t, err)
			require.NoError(t, u.SendPresence(ctx, xmpp.Presence{}))
		}
		require.NoError(t, desk.SetContact(ctx, bob.Self(), ""))
		require.NoError(t, desk.Subscribe(ctx, bob.Self(), ""))
		bob.presence(func(p xmpp.Presence) bool { return p.Type == xmpp.PresenceSubscribe })
		require.NoError(t, bob.Subscribed(ctx, desk.Self()))
		status := func(text string) func(xmpp.Presence) bool {
			return func(p xmpp.Presence) bool { return p.From.Equal(bob.full) && p.Status == text }
		}
		says := func(text string) { require.NoError(t, bob.SendPresence(ctx, xmpp.Presence{Status: text})) }
		says("looking")
		pocket.presence(status("looking"))
		desk.presence(status("looking"))

		require.NoError(t, pocket.SetActive(ctx, false))
		for range 5 { // by then it has been read; asking for that from here would count as activity
			require.NoError(t, bob.Ping(ctx, bob.Self().Domain()))
		}
		const n = 20
		for i := range n { // each reaches the other client before the next is sent
			text := fmt.Sprint("change ", i)
			says(text)
			desk.presence(status(text))
		}
		for len(pocket.items) > 0 {
			if i := <-pocket.items; i.Kind == stream.Stanza && i.Stanza.Is(element.NSClient, "presence") {
				p, err := xmpp.ParsePresence(i.Stanza, pocket.Self())
				require.NoError(t, err)
				require.NotContains(t, p.Status, "change", "was not held back")
			}
		}
		require.NoError(t, bob.Send(ctx, xmpp.Message{To: pocket.full, Type: "chat", ID: xmpp.NewID(), Body: "urgent"}.Build()))
		pocket.message(func(m xmpp.Message) bool { return m.Body == "urgent" })

		says("last")
		desk.presence(status("last"))
		require.NoError(t, pocket.SetActive(ctx, true))
		pocket.presence(status("last"))
		proves(t, s, "0352")
	})
}
