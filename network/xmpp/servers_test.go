// SPDX-License-Identifier: MPL-2.0

//go:build servers

package xmpp_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
	"github.com/confab-im/confab/network/xmpp/stream"
)

var (
	prosody  = testserver.NewShared(testserver.Prosody)
	ejabberd = testserver.NewShared(testserver.Ejabberd)
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody, ejabberd)) }

func onServers(t *testing.T, test func(t *testing.T, s *testserver.Server)) {
	for _, shared := range []*testserver.Shared{prosody, ejabberd} {
		t.Run(string(shared.Kind), func(t *testing.T) { test(t, shared.Server(t)) })
	}
}

func dialer(t *testing.T, s *testserver.Server) *dial.Dialer {
	host, port, err := net.SplitHostPort(s.Addr)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	d, err := dial.New(dial.Config{Domain: s.Domain, Host: host, Port: uint16(n), Mode: dial.StartTLSOnly, RootCAs: s.CAPool})
	require.NoError(t, err)
	return d
}

// A user is a client that is online, and what came out of its stream.
type user struct {
	*xmpp.Client
	t     *testing.T
	items chan stream.Item
	full  jid.JID
}

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

func online(t *testing.T, s *testserver.Server, account testserver.Account, resource string) *user {
	t.Helper()
	return onlineWith(t, s, account, resource, xmpp.NotifyDevices(xmpp.OMEMO2))
}

// onlineWith is online for a client that announces other features.
func onlineWith(t *testing.T, s *testserver.Server, account testserver.Account, resource string, features ...string) *user {
	t.Helper()
	c, err := xmpp.New(xmpp.Config{
		Stream: stream.Config{
			JID: jid.MustParse(account.JID()), Resource: resource, Dialer: dialer(t, s),
			Auth: stream.NewCredentials(sasl.Config{Username: account.User, Password: sasl.Password(account.Password)}, nil),
		},
		Software: xmpp.Software{Name: "Test", Version: "1"},
		Features: features,
	})
	require.NoError(t, err)
	u := &user{Client: c, t: t, items: make(chan stream.Item, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); _ = c.Run(ctx) }()
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]stream.Item, 0, 16)
		for {
			items, err := c.Next(ctx, buf)
			if err != nil {
				return
			}
			for _, i := range items {
				select {
				case u.items <- i:
				case <-ctx.Done():
					return
				}
				c.Handled(i.Count)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ran; <-read })
	i := u.wait(func(i stream.Item) bool { return i.Kind == stream.Online || i.Kind == stream.Offline })
	require.Equal(t, stream.Online, i.Kind, "%v", i.Err)
	u.full = i.Online.JID
	return u
}

// wait returns the next item that fits, dropping what is ahead of it.
func (u *user) wait(fits func(stream.Item) bool) stream.Item {
	u.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case i := <-u.items:
			if fits(i) {
				return i
			}
		case <-deadline:
			require.FailNow(u.t, "nothing that fits arrived")
		}
	}
}

// message returns the next message that fits.
func (u *user) message(fits func(xmpp.Message) bool) xmpp.Message {
	u.t.Helper()
	var m xmpp.Message
	u.wait(func(i stream.Item) bool {
		if i.Kind != stream.Stanza || !i.Stanza.Is(element.NSClient, "message") {
			return false
		}
		var err error
		m, err = u.Message(i.Stanza)
		require.NoError(u.t, err)
		return fits(m)
	})
	return m
}

func (u *user) presence(fits func(xmpp.Presence) bool) xmpp.Presence {
	u.t.Helper()
	var p xmpp.Presence
	u.wait(func(i stream.Item) bool {
		if i.Kind != stream.Stanza || !i.Stanza.Is(element.NSClient, "presence") {
			return false
		}
		var err error
		p, err = xmpp.ParsePresence(i.Stanza, u.Self())
		require.NoError(u.t, err)
		return fits(p)
	})
	return p
}

// push returns the next roster push, and answers it.
func (u *user) push(fits func(xmpp.RosterItem) bool) xmpp.RosterPush {
	u.t.Helper()
	var push xmpp.RosterPush
	u.wait(func(i stream.Item) bool {
		if i.Kind != stream.Stanza || !i.Stanza.Is(element.NSClient, "iq") {
			return false
		}
		var err error
		push, err = xmpp.ParseRosterPush(i.Stanza, u.Self())
		require.NoError(u.t, err, "only roster pushes come out of Next")
		require.NoError(u.t, u.AnswerPush(u.t.Context(), i.Stanza))
		return fits(push.Item)
	})
	return push
}

func TestRosterOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		alice := online(t, s, s.NewAccount(t, "alice"), "a")
		bob := online(t, s, s.NewAccount(t, "bob"), "b")
		roster, err := alice.FetchRoster(ctx, true, "")
		require.NoError(t, err)
		require.Empty(t, roster.Items)
		_, err = bob.FetchRoster(ctx, true, "")
		require.NoError(t, err)
		require.NoError(t, alice.SendPresence(ctx, xmpp.Presence{}))
		require.NoError(t, bob.SendPresence(ctx, xmpp.Presence{Show: "away", Status: "out"}))

		require.NoError(t, alice.SetContact(ctx, bob.Self(), "Bob <&>", "Friends"))
		push := alice.push(func(i xmpp.RosterItem) bool { return i.JID.Equal(bob.Self()) })
		require.Equal(t, "Bob <&>", push.Item.Name)
		require.Equal(t, []string{"Friends"}, push.Item.Groups)
		require.NoError(t, alice.Subscribe(ctx, bob.Self(), "Alice"))
		bob.presence(func(p xmpp.Presence) bool {
			return p.Type == xmpp.PresenceSubscribe && p.From.Equal(alice.Self())
		})
		require.NoError(t, bob.Subscribed(ctx, alice.Self()))
		alice.push(func(i xmpp.RosterItem) bool { return i.Subscription == xmpp.SubscriptionTo })
		p := alice.presence(func(p xmpp.Presence) bool { return p.From.Equal(bob.full) })
		require.Equal(t, []string{"away", "out"}, []string{p.Show, p.Status})

		// What the presence promises is what the client answers.
		require.NotNil(t, p.Caps)
		info, err := alice.Capabilities(ctx, p.From, p.Caps)
		require.NoError(t, err)
		require.True(t, info.Has("urn:xmpp:ping"))
		ver, err := info.Hash()
		require.NoError(t, err)
		require.Equal(t, p.Caps.Ver, ver)

		roster, err = alice.FetchRoster(ctx, true, "")
		require.NoError(t, err)
		require.Len(t, roster.Items, 1)
		require.NotEmpty(t, roster.Version)
		again, err := alice.FetchRoster(ctx, true, roster.Version)
		require.NoError(t, err)
		require.True(t, again.Unchanged)

		require.NoError(t, alice.RemoveContact(ctx, bob.Self()))
		alice.push(func(i xmpp.RosterItem) bool { return i.Subscription == xmpp.SubscriptionRemove })
		proves(t, s, "RFC6121", "0030", "0115")
	})
}

func TestAskingServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		account := s.NewAccount(t, "alice")
		alice, garden := online(t, s, account, "balcony"), online(t, s, account, "garden")
		bob := online(t, s, s.NewAccount(t, "bob"), "b")
		server := alice.Self().Domain()
		require.NoError(t, alice.Ping(ctx, server))
		require.NoError(t, alice.Ping(ctx, jid.JID{}))
		require.NoError(t, alice.Ping(ctx, garden.full))
		_, err := alice.FetchVersion(ctx, server)
		require.NoError(t, err)
		now, err := alice.FetchTime(ctx, garden.full)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), now, time.Hour)
		info, err := alice.FetchServerInfo(ctx)
		require.NoError(t, err)
		require.True(t, info.Is("server", "im"))
		account2, err := alice.FetchInfo(ctx, alice.Self(), "")
		require.NoError(t, err)
		require.True(t, account2.Has(xmpp.NSMAM))
		require.True(t, account2.Is("pubsub", "pep"))
		items, err := alice.FetchDiscoItems(ctx, server, "")
		require.NoError(t, err)
		require.NotEmpty(t, items)

		// Our own clients may know who we are, others may not.
		software, err := alice.FetchVersion(ctx, garden.full)
		require.NoError(t, err)
		require.Equal(t, xmpp.Software{Name: "Test", Version: "1"}, software)
		_, err = bob.FetchVersion(ctx, garden.full)
		require.Equal(t, stanza.ServiceUnavailable, xmpp.Condition(err))
		proves(t, s, "0030", "0092", "0199", "0202")
	})
}

func TestCarbonsAndArchiveOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		account := s.NewAccount(t, "alice")
		balcony, garden := online(t, s, account, "balcony"), online(t, s, account, "garden")
		bob := online(t, s, s.NewAccount(t, "bob"), "b")
		for _, u := range []*user{balcony, garden, bob} {
			require.NoError(t, u.EnableCarbons(ctx))
			require.NoError(t, u.SendPresence(ctx, xmpp.Presence{Priority: 1}))
		}
		body := func(s string) func(xmpp.Message) bool { return func(m xmpp.Message) bool { return m.Body == s } }
		const n = 7
		var sent []string
		for i := range n {
			m := xmpp.Message{To: bob.full, Type: "chat", ID: xmpp.NewID(), Body: fmt.Sprint("<", i, ">"), Receipt: &xmpp.ReceiptInfo{Request: true}, Hints: xmpp.HintStore}
			m.OriginID = m.ID
			require.NoError(t, balcony.Send(ctx, m.Build()))
			got := bob.message(body(m.Body))
			require.Equal(t, m.ID, got.OriginID)
			require.True(t, got.From.Equal(balcony.full))
			require.True(t, got.Receipt.Request)
			require.Len(t, got.StanzaIDs, 1)
			require.True(t, got.StanzaIDs[0].By.Equal(bob.Self()))
			sent = append(sent, got.StanzaIDs[0].ID)
			copied := garden.message(body(m.Body))
			require.Equal(t, xmpp.CarbonSent, copied.Carbon)
			require.True(t, copied.To.Equal(bob.full))
		}
		require.NoError(t, bob.Send(ctx, xmpp.Message{To: balcony.full, Type: "chat", ID: xmpp.NewID(), Body: "back"}.Build()))
		require.Equal(t, xmpp.NotCarbon, balcony.message(body("back")).Carbon)
		require.Equal(t, xmpp.CarbonReceived, garden.message(body("back")).Carbon)

		// Forward by cursor, in pages.
		var ids, bodies []string
		query := xmpp.ArchiveQuery{With: balcony.Self(), Max: 3}
		for {
			page, err := bob.QueryArchive(ctx, query)
			require.NoError(t, err)
			for _, item := range page.Items {
				require.NoError(t, item.Err)
				require.WithinDuration(t, time.Now(), item.Stamp, time.Hour)
				ids, bodies = append(ids, item.ID), append(bodies, item.Message.Body)
			}
			if page.Complete {
				break
			}
			require.NotEqual(t, query.After, page.Last)
			query.After = page.Last
		}
		require.Equal(t, []string{"<0>", "<1>", "<2>", "<3>", "<4>", "<5>", "<6>", "back"}, bodies)
		require.Equal(t, sent, ids[:n], "archive ids are the stanza-ids of the live messages")

		page, err := bob.QueryArchive(ctx, xmpp.ArchiveQuery{Last: true, Max: 2})
		require.NoError(t, err)
		require.Len(t, page.Items, 2)
		require.Equal(t, ids[n-1:], []string{page.Items[0].ID, page.Items[1].ID})
		page, err = bob.QueryArchive(ctx, xmpp.ArchiveQuery{Before: page.First, Max: 2})
		require.NoError(t, err)
		require.Len(t, page.Items, 2)
		require.Equal(t, ids[n-3:n-1], []string{page.Items[0].ID, page.Items[1].ID})
		page, err = bob.QueryArchive(ctx, xmpp.ArchiveQuery{After: ids[n], Max: 2})
		require.NoError(t, err)
		require.Empty(t, page.Items)
		require.True(t, page.Complete)
		proves(t, s, "0280", "0313", "0359")
	})
}

func TestOMEMOOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		alice := online(t, s, s.NewAccount(t, "alice"), "a")
		bob := online(t, s, s.NewAccount(t, "bob"), "b")
		for _, u := range []*user{alice, bob} {
			require.NoError(t, u.SendPresence(ctx, xmpp.Presence{}))
		}
		key := func(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }
		bundle := func(n byte) xmpp.Bundle {
			b := xmpp.Bundle{Identity: key(n), SignedPreKeyID: 1, SignedPreKey: key(n + 1), Signature: bytes.Repeat([]byte{n}, 64)}
			for i := range uint32(100) {
				b.PreKeys = append(b.PreKeys, xmpp.PreKey{ID: i + 1, Public: key(n)})
			}
			return b
		}
		for _, profile := range []uint8{xmpp.OMEMO03, xmpp.OMEMO2} {
			// Bob is a stranger: no subscription either way.
			_, err := bob.FetchDevices(ctx, alice.Self(), profile)
			require.ErrorIs(t, err, xmpp.ErrNoNode)
			_, err = alice.FetchDevices(ctx, alice.Self(), profile)
			require.ErrorIs(t, err, xmpp.ErrNoNode)
			_, err = bob.FetchBundle(ctx, alice.Self(), profile, 11)
			require.ErrorIs(t, err, xmpp.ErrNoNode)

			devices := []xmpp.Device{{ID: 11}, {ID: 22}}
			require.NoError(t, alice.PublishDevices(ctx, profile, devices))
			require.NoError(t, alice.PublishBundle(ctx, profile, 11, bundle(1)))
			require.NoError(t, alice.PublishBundle(ctx, profile, 22, bundle(3)))
			require.NoError(t, alice.PublishBundle(ctx, profile, 11, bundle(5)))
			got, err := bob.FetchDevices(ctx, alice.Self(), profile)
			require.NoError(t, err)
			require.Equal(t, devices, got)
			for device, want := range map[uint32]xmpp.Bundle{11: bundle(5), 22: bundle(3)} {
				b, err := bob.FetchBundle(ctx, alice.Self(), profile, device)
				require.NoError(t, err, "device %d of profile %d", device, profile)
				require.Equal(t, want, b)
			}
			m := alice.message(func(m xmpp.Message) bool { return m.Event != nil && m.Event.Node == xmpp.DevicesNode(profile) })
			got, ok := m.Event.Devices(profile)
			require.True(t, ok)
			require.Equal(t, devices, got)

			require.NoError(t, alice.DeleteBundle(ctx, profile, 22))
			require.NoError(t, alice.DeleteBundle(ctx, profile, 22))
			_, err = bob.FetchBundle(ctx, alice.Self(), profile, 22)
			require.ErrorIs(t, err, xmpp.ErrNoNode)
			_, err = bob.FetchBundle(ctx, alice.Self(), profile, 11)
			require.NoError(t, err)
		}
		proves(t, s, "0163", "0384")
	})
}

// TestReconfigureOnServers starts with nodes as other clients leave them: closed
// and for a single item.
func TestReconfigureOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		alice := online(t, s, s.NewAccount(t, "alice"), "a")
		bob := online(t, s, s.NewAccount(t, "bob"), "b")
		payload := func() *element.Element { return element.New("urn:x", "x") }
		_, err := alice.Publish(ctx, "urn:x:node", "1", payload(), xmpp.NodeConfig{Access: xmpp.AccessWhitelist, MaxItems: "1"})
		require.NoError(t, err)
		_, err = bob.FetchItems(ctx, alice.Self(), "urn:x:node", 0)
		require.ErrorIs(t, err, xmpp.ErrNoNode)
		for _, id := range []string{"2", "3"} {
			_, err = alice.Publish(ctx, "urn:x:node", id, payload(), xmpp.NodeConfig{Access: xmpp.AccessOpen, MaxItems: xmpp.MaxItemsMax})
			require.NoError(t, err)
		}
		items, err := bob.FetchItems(ctx, alice.Self(), "urn:x:node", 0)
		require.NoError(t, err)
		var ids []string
		for _, i := range items {
			ids = append(ids, i.ID)
		}
		require.Subset(t, ids, []string{"2", "3"})
		require.NoError(t, alice.DeleteNode(ctx, "urn:x:node"))
		require.ErrorIs(t, alice.DeleteNode(ctx, "urn:x:node"), xmpp.ErrNoNode)
	})
}

func TestRegistrationOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		account := testserver.Account{User: "reg" + fmt.Sprint(time.Now().UnixNano()), Domain: s.Domain, Password: "pässword & <1>"}
		o := xmpp.RegisterOptions{JID: jid.MustParse(account.JID()), Password: account.Password}
		require.NoError(t, xmpp.Register(ctx, dialer(t, s), o))
		require.ErrorIs(t, xmpp.Register(ctx, dialer(t, s), o), xmpp.ErrRegisterTaken)

		alice := online(t, s, account, "a")
		require.NoError(t, alice.ChangePassword(ctx, "second"))
		account.Password = "second"
		again := online(t, s, account, "b")
		if err := again.DeleteAccount(ctx); err != nil {
			require.ErrorIs(t, err, stream.ErrSessionLost)
		}
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			require.NoError(c, xmpp.Register(ctx, dialer(t, s), o), "the name is free again")
		}, patience, 100*time.Millisecond)
		proves(t, s, "0077")
	})
}
