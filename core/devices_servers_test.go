// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/internal/peers"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// receiveOwn waits for a message that another device of u has sent.
func (u *user) receiveOwn(jid, body string) {
	u.t.Helper()
	c := u.conversationWith(jid)
	u.until("a message from another own device", func() bool {
		list, err := c.History(withPatience(u.t), 0, 50)
		require.NoError(u.t, err)
		return slices.ContainsFunc(list, func(m core.Message) bool { return m.Outgoing && m.Body == body })
	})
}

// signInAnew ends the session on the server and begins another.
func (u *user) signInAnew() {
	u.t.Helper()
	ctx := withPatience(u.t)
	require.NoError(u.t, u.account.SignOut(ctx))
	require.NoError(u.t, u.account.SignIn(ctx))
	u.online()
}

// looks asks the server for the devices of u, as a bot does, until they are as
// they should be.
func (u *user) looks(bot *peers.Bot, what string, ok func(map[uint32]peers.Device) bool) {
	u.t.Helper()
	ctx := withPatience(u.t)
	for {
		list, err := bot.Devices(ctx, u.account.JID())
		require.NoError(u.t, err, what)
		byID := map[uint32]peers.Device{}
		for _, d := range list {
			byID[d.ID] = d
		}
		if ok(byID) {
			return
		}
	}
}

func in(d peers.Device, profiles ...peers.Profile) bool { return slices.Equal(d.Active, profiles) }

// Two devices of one account beside each other in both profiles: what servers
// keep of the one does not suffer from the other, and what is lost is published
// again.
func TestDevicesInBothProfiles(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		account := s.NewAccount(t, "bot")
		tablet := newUser(t, s, "alice", nil)
		phone := tablet.another("phone")
		me, err := tablet.account.OwnDevice(ctx)
		require.NoError(t, err)
		other, err := phone.account.OwnDevice(ctx)
		require.NoError(t, err)
		require.NoError(t, tablet.account.SetDeviceLabel(ctx, "Alice's tablet"))
		bot := peers.StartBot(t, peers.BotConfig{Server: s, Account: account, Profiles: bothProfiles})
		require.NoError(t, tablet.account.AddContact(ctx, account.JID(), ""))
		tablet.looks(bot, "two devices, one with a label", func(d map[uint32]peers.Device) bool {
			return len(d) == 2 && in(d[me.ID], bothProfiles...) && in(d[other.ID], bothProfiles...) &&
				d[me.ID].Label == "Alice's tablet" && d[other.ID].Label == ""
		})
		exchange := func(turn string) {
			t.Helper()
			m := tablet.sendTo(account.JID(), "to the bot, "+turn)
			require.Equal(t, core.OMEMO2, m.Encryption)
			tablet.hears(bot, "to the bot, "+turn, peers.OMEMO2)
			phone.receiveOwn(account.JID(), "to the bot, "+turn)
			_, err := bot.Send(ctx, peers.Outgoing{To: tablet.account.JID(), Body: "to both, " + turn, Encrypted: peers.OMEMO2})
			require.NoError(t, err)
			for _, u := range []*user{tablet, phone} {
				require.Equal(t, core.OMEMO2, u.receiveFrom(account.JID(), "to both, "+turn).Encryption)
			}
		}
		exchange("first")
		require.NoError(t, phone.account.RefreshDevices(ctx, tablet.account.JID()))
		list, err := phone.account.Devices(ctx, tablet.account.JID())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "Alice's tablet", list[0].Label, "the signature is good")

		// Somebody loses the bundle; the next session puts it back.
		vandal := peers.StartBot(t, peers.BotConfig{Server: s, Account: accountOf(tablet), Profiles: []peers.Profile{}})
		require.NoError(t, vandal.Raw(ctx, fmt.Sprintf(`<iq type='set' id='retract'><pubsub xmlns='http://jabber.org/protocol/pubsub'>`+
			`<retract node='urn:xmpp:omemo:2:bundles'><item id='%d'/></retract></pubsub></iq>`, me.ID)))
		tablet.signInAnew()
		newcomer := newUser(t, s, "carol", nil)
		newcomer.sendTo(tablet.account.JID(), "is it there?")
		require.Equal(t, core.OMEMO2, tablet.receiveFrom(newcomer.account.JID(), "is it there?").Encryption)
		exchange("second")

		// With an engine that speaks 0.3 only, the device is not on the other
		// list any more, and is written to all the same.
		require.NoError(t, tablet.account.SignOut(ctx))
		require.NoError(t, tablet.client.Close())
		tablet.config.Engine = libsignal.New()
		tablet.open()
		require.NoError(t, tablet.account.SignIn(ctx))
		tablet.online()
		tablet.looks(bot, "an old device and a new one", func(d map[uint32]peers.Device) bool {
			return in(d[me.ID], peers.OMEMO03) && in(d[other.ID], bothProfiles...)
		})
		require.NoError(t, phone.account.RefreshDevices(ctx, tablet.account.JID()))
		require.Equal(t, core.OMEMO, phone.sendTo(account.JID(), "in the old way").Encryption)
		phone.hears(bot, "in the old way", peers.OMEMO03)
		tablet.receiveOwn(account.JID(), "in the old way")
		for _, u := range []*user{tablet, phone} {
			list, err := u.conversationWith(account.JID()).History(ctx, 0, 50)
			require.NoError(t, err)
			var bodies []string
			for _, m := range list {
				require.Equal(t, core.Text, m.Kind, m.Reason)
				bodies = append(bodies, m.Body)
			}
			require.Len(t, bodies, 5, "%q", bodies)
		}
	})
}

func accountOf(u *user) testserver.Account {
	user, domain, _ := strings.Cut(u.where.JID, "@")
	return testserver.Account{User: user, Domain: domain, Password: string(u.where.Password)}
}
