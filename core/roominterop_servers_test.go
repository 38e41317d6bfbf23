// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/peers"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// toRoom awaits a message that u wrote in a room, as a bot reads it.
func (u *user) toRoom(bot *peers.Bot, body string, profile peers.Profile) {
	u.t.Helper()
	event, err := bot.Await(withPatience(u.t), func(e peers.Event) bool {
		own := strings.HasSuffix(e.From, "/bot") // which it cannot read
		return e.Kind == "message" && e.Type == "groupchat" && !e.Empty && !own && (e.Body == body || e.Error != "")
	})
	require.NoError(u.t, err)
	require.Empty(u.t, event.Error)
	require.Equal(u.t, profile, event.Encrypted)
	require.Equal(u.t, u.account.JID(), event.RealJID)
}

// A closed group with somebody whose client shares no code with this module:
// python3-slixmpp, with either version of OMEMO.
func TestInteropClosedGroup(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		for _, profile := range bothProfiles {
			t.Run(string(profile), func(t *testing.T) {
				ctx := withPatience(t)
				account := s.NewAccount(t, "bot")
				ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
				bot := peers.StartBot(t, peers.BotConfig{Server: s, Account: account, Profiles: []peers.Profile{profile}})
				atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{
					Name: "Mixed", Members: []string{account.JID(), bob.account.JID()},
				})
				require.NoError(t, err)
				atBob := bob.accepts(atAnn.Peer())
				require.NoError(t, bot.Join(ctx, atAnn.Peer(), "bot"))
				ann.saysIn(atAnn, "hello bot")
				ann.toRoom(bot, "hello bot", profile)
				bob.readsIn(atBob, "hello bot")
				_, err = bot.Send(ctx, peers.Outgoing{
					To: atAnn.Peer(), Type: "groupchat", Body: "hello people", Encrypted: profile,
					Readers: []string{ann.account.JID(), bob.account.JID()},
				})
				require.NoError(t, err)
				ann.readsIn(atAnn, "hello bot", "hello people")
				bob.readsIn(atBob, "hello bot", "hello people")
				rows, err := atBob.History(ctx, 0, 1)
				require.NoError(t, err)
				require.Equal(t, encryptions[profile], rows[0].Encryption)
				require.Equal(t, account.JID(), rows[0].Sender)
				require.Equal(t, "bot", rows[0].Nick)
				own, err := bot.OwnDevice(ctx)
				require.NoError(t, err)
				require.Equal(t, own.Fingerprint, rows[0].Fingerprint)
				bob.saysIn(atBob, "and to you")
				bob.toRoom(bot, "and to you", profile)
				proves(t, s, "0045", "0384")
			})
		}
	})
}

// The same with profanity, driven through a terminal.
func TestInteropProfanityGroup(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		account := s.NewAccount(t, "prof")
		ann := newUser(t, s, "ann", nil)
		me := ann.account.JID()
		user, _, _ := strings.Cut(me, "@")
		require.NoError(t, s.Befriend(user, account.User)) // it shows its devices to friends only
		profanity := peers.StartProfanity(t, peers.ProfanityConfig{Server: s, Account: account})
		require.NoError(t, profanity.StartOMEMO(ctx, me)) // so that it has keys of its own to be written to
		room, err := ann.account.CreateRoom(ctx, core.RoomOptions{Name: "Terminal", Members: []string{account.JID()}})
		require.NoError(t, err)
		require.NoError(t, profanity.Command(ctx, "/join "+room.Peer()))
		ann.until("profanity in the room", func() bool {
			list, err := room.Occupants(ctx)
			require.NoError(t, err)
			return slices.ContainsFunc(list, func(o core.Occupant) bool { return o.JID == account.JID() })
		})
		_, err = profanity.AwaitScreen(ctx, "You have joined the room")
		require.NoError(t, err)
		// It refuses before it knows what the room is.
		for encrypted := false; !encrypted; {
			require.NoError(t, profanity.Command(ctx, "/omemo start"))
			waiting, cancel := context.WithTimeout(ctx, 2*time.Second)
			_, err := profanity.AwaitScreen(waiting, "[OMEMO]")
			cancel()
			require.NoError(t, ctx.Err())
			encrypted = err == nil
		}
		ann.saysIn(room, "to profanity")
		entry, err := profanity.Await(ctx, func(e peers.LogEntry) bool { return e.Type == "muc" && e.Body == "to profanity" })
		require.NoError(t, err)
		require.Equal(t, "omemo", entry.Encrypted)
		require.NoError(t, profanity.Command(ctx, "from profanity"))
		ann.readsIn(room, "to profanity", "from profanity")
		rows, err := room.History(ctx, 0, 1)
		require.NoError(t, err)
		require.Equal(t, core.OMEMO, rows[0].Encryption)
		require.Equal(t, account.JID(), rows[0].Sender)
		proves(t, s, "0045", "0384")
	})
}
