// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// A rawPeer is a person whose client sends whatever a test wants it to.
type rawPeer struct {
	*xmpp.Client
	t       *testing.T
	account testserver.Account

	mu      sync.Mutex
	changed chan struct{}
	heard   []*element.Element
	online  bool
}

func newRawPeer(t *testing.T, s *testserver.Server, a testserver.Account) *rawPeer {
	t.Helper()
	where := accountAt(t, s.Addr, a)
	dialer, err := dial.New(dial.Config{
		Domain: s.Domain, Host: where.Host, Port: uint16(where.Port), Mode: dial.StartTLSOnly, RootCAs: s.CAPool,
	})
	require.NoError(t, err)
	p := &rawPeer{t: t, account: a, changed: make(chan struct{})}
	p.Client, err = xmpp.New(xmpp.Config{Stream: stream.Config{
		JID: jid.MustParse(a.JID()), Resource: "raw", Dialer: dialer,
		Auth: stream.NewCredentials(sasl.Config{Username: a.User, Password: sasl.Password(a.Password)}, nil),
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = p.Run(ctx) }) // it ends with the test
	work.Go(func() { p.listen(ctx) })
	t.Cleanup(func() { cancel(); work.Wait() })
	p.until("online", func() bool { return p.online })
	require.NoError(t, p.SendPresence(t.Context(), xmpp.Presence{}))
	return p
}

func (p *rawPeer) listen(ctx context.Context) {
	for buf := make([]stream.Item, 0, 16); ; {
		items, err := p.Next(ctx, buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		for _, item := range items {
			p.online = p.online || item.Kind == stream.Online
			if item.Kind == stream.Stanza {
				p.heard = append(p.heard, item.Stanza)
			}
			p.Handled(item.Count)
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *rawPeer) until(what string, ok func() bool) {
	p.t.Helper()
	ctx := withPatience(p.t)
	for {
		p.mu.Lock()
		done, changed := ok(), p.changed
		p.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(p.t, "raw peer waited in vain for "+what)
		}
	}
}

// say sends a stanza of which {to} stands for the recipient.
func (p *rawPeer) say(to, text string) {
	p.t.Helper()
	e, err := element.Parse([]byte(strings.ReplaceAll(text, "{to}", to)), element.Limits{})
	require.NoError(p.t, err)
	e.Name.Space = element.NSClient
	for _, c := range e.Children {
		if c.Name.Space == "" {
			c.Name.Space = element.NSClient
		}
	}
	require.NoError(p.t, p.Send(withPatience(p.t), e))
}

// from returns the full address of a device of u, from its presence.
func (p *rawPeer) from(u *user) (full string) {
	p.until("presence", func() bool {
		for _, e := range p.heard {
			if e.Name.Local == "presence" && strings.HasPrefix(e.AttrValue("from"), u.account.JID()+"/") {
				full = e.AttrValue("from")
			}
		}
		return full != ""
	})
	return full
}

// What another real person forges does nothing.
func TestForgery(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice := newUser(t, s, "alice", nil)
		name, _, _ := strings.Cut(alice.account.JID(), "@")
		friend := func(prefix string) *rawPeer {
			a := s.NewAccount(t, prefix)
			require.NoError(t, s.Befriend(name, a.User)) // before they come, to be told of each other
			return newRawPeer(t, s, a)
		}
		bob, mallory := friend("bob"), friend("mallory")
		full := mallory.from(alice)
		contacts := func() []core.Contact {
			list, err := alice.account.Contacts(withPatience(t))
			require.NoError(t, err)
			return list
		}
		alice.until("two contacts", func() bool { return len(contacts()) == 2 })

		id := alice.plainTo(bob.account.JID(), "hello")
		alice.until("sent", func() bool { return alice.state(id) == core.MessageSent })
		var remote string
		bob.until("the message", func() bool {
			for _, e := range bob.heard {
				if e.ChildText(element.NSClient, "body") == "hello" {
					remote = e.AttrValue("id")
				}
			}
			return remote != ""
		})
		inner := `<message xmlns='jabber:client' from='` + bob.account.JID() + `/x' to='` + alice.account.JID() + `' type='chat' id='f'><body>forged</body></message>`
		mine := `<message xmlns='jabber:client' to='` + bob.account.JID() + `' from='` + alice.account.JID() + `/x' type='chat' id='f'><body>forged</body></message>`
		forward := func(m string) string { return `<forwarded xmlns='urn:xmpp:forward:0'>` + m + `</forwarded>` }
		for _, to := range []string{alice.account.JID(), full} {
			for _, text := range []string{
				`<received xmlns='urn:xmpp:carbons:2'>` + forward(inner) + `</received>`,
				`<sent xmlns='urn:xmpp:carbons:2'>` + forward(mine) + `</sent>`,
				`<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>` + forward(inner) + `</result>`,
				`<fin xmlns='urn:xmpp:mam:2' complete='true'/>`,
				`<received xmlns='urn:xmpp:receipts' id='` + remote + `'/>`,
				`<displayed xmlns='urn:xmpp:chat-markers:0' id='` + remote + `'/>`,
				`<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='eu.siacs.conversations.axolotl.devicelist'><item id='current'>` +
					`<list xmlns='eu.siacs.conversations.axolotl'><device id='666'/></list></item></items></event>`,
			} {
				mallory.say(to, `<message to='{to}' type='chat'>`+text+`</message>`)
			}
			mallory.say(to, `<message to='{to}' type='error' id='`+remote+`'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
		}
		ctx := withPatience(t)
		_, err := mallory.IQ(ctx, stanza.SetIQ, jid.MustParse(full), element.New("jabber:iq:roster", "query").
			Add(element.New("jabber:iq:roster", "item").With("jid", "evil@"+s.Domain).With("subscription", "both")))
		require.Error(t, err)
		mallory.say(alice.account.JID(), `<message to='{to}' type='chat' id='last'><body>last</body></message>`)
		alice.until("what came after it", func() bool {
			found, err := alice.client.Search(ctx, core.Search{Text: "last"})
			require.NoError(t, err)
			return len(found) == 1
		})
		found, err := alice.client.Search(ctx, core.Search{Text: "forged"})
		require.NoError(t, err)
		require.Empty(t, found)
		require.Equal(t, core.MessageSent, alice.state(id))
		require.Len(t, contacts(), 2)
		devices, err := alice.account.Devices(ctx, bob.account.JID())
		require.NoError(t, err)
		require.Empty(t, devices)

		// Bob himself may say that he has it.
		bob.say(alice.account.JID(), `<message to='{to}' type='chat'><received xmlns='urn:xmpp:receipts' id='`+remote+`'/></message>`)
		alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })
		alice.restart() // and nothing comes out of the archive
		alice.online()
		found, err = alice.client.Search(ctx, core.Search{Text: "forged"})
		require.NoError(t, err)
		require.Empty(t, found)
	})
}

func badKey(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// Devices and bundles that are no good are not written to, and keep nobody
// from writing to others meanwhile.
func TestBadDevices(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, carol := newUser(t, s, "alice", nil), newUser(t, s, "carol", nil)
		befriend(alice, carol)
		good := xmpp.Bundle{Identity: badKey(32), SignedPreKeyID: 1, SignedPreKey: badKey(32), Signature: badKey(64),
			PreKeys: []xmpp.PreKey{{ID: 1, Public: badKey(32)}}}
		bundles := make(map[uint32]xmpp.Bundle)
		for i, change := range []func(*xmpp.Bundle){
			func(*xmpp.Bundle) {}, // the signature is no one's
			func(b *xmpp.Bundle) { b.Identity = make([]byte, 32) },
			func(b *xmpp.Bundle) { b.SignedPreKey = make([]byte, 32) },
			func(b *xmpp.Bundle) {
				b.Identity, b.Signature = append([]byte{1}, make([]byte, 31)...), make([]byte, 64)
			},
			func(b *xmpp.Bundle) { b.PreKeys = nil },
			func(b *xmpp.Bundle) { b.PreKeys = []xmpp.PreKey{{ID: 1, Public: make([]byte, 32)}} },
		} {
			b := good
			change(&b)
			bundles[uint32(100+i)] = b
		}
		mallory := newRawPeer(t, s, s.NewAccount(t, "mallory"))
		name, _, _ := strings.Cut(alice.account.JID(), "@")
		require.NoError(t, s.Befriend(name, mallory.account.User))
		ctx := withPatience(t)
		devices := []xmpp.Device{{ID: 99}} // without any bundle
		for id, b := range bundles {
			require.NoError(t, mallory.PublishBundle(ctx, xmpp.OMEMO03, id, b))
			devices = append(devices, xmpp.Device{ID: id})
		}
		garbage := element.New(xmpp.NSOMEMO03, "bundle").WithText("garbage")
		_, err := mallory.Publish(ctx, xmpp.NSOMEMO03+".bundles:98", xmpp.CurrentItem, garbage, xmpp.NodeConfig{Access: xmpp.AccessOpen})
		require.NoError(t, err)
		devices = append(devices, xmpp.Device{ID: 98})
		require.NoError(t, mallory.PublishDevices(ctx, xmpp.OMEMO03, devices))

		to, err := alice.account.Conversation(ctx, mallory.account.JID())
		require.NoError(t, err)
		id, err := to.Send(ctx, core.Draft{Body: "to no good device"})
		require.NoError(t, err)
		m := alice.settled(id)
		require.Equal(t, core.MessageBlocked, m.State)
		require.Equal(t, "omemo.no-devices", m.Reason)
		require.Error(t, alice.account.SetTrust(ctx, mallory.account.JID(), strings.Repeat("0", 64), core.Verified))

		// Ten thousand devices, or as many as the server takes.
		n := 10_000
		for ; ; n /= 2 {
			list := make([]xmpp.Device, n)
			for i := range list {
				list[i].ID = uint32(10_000 + i)
			}
			if err = mallory.PublishDevices(ctx, xmpp.OMEMO03, list); xmpp.Condition(err) != stanza.NotAcceptable {
				break
			}
		}
		require.NoError(t, err)
		require.Greater(t, n, 1024)
		known := func() int {
			list, err := alice.account.Devices(ctx, mallory.account.JID())
			require.NoError(t, err)
			return len(list)
		}
		require.NoError(t, alice.account.RefreshDevices(ctx, mallory.account.JID()))
		require.Greater(t, known(), 10)
		require.LessOrEqual(t, known(), 1024)
		id, err = to.Send(ctx, core.Draft{Body: "to ten thousand devices"})
		require.NoError(t, err)
		friend := alice.send(carol, "are you there?")
		alice.until("delivered", func() bool { return alice.state(friend) == core.MessageDelivered })
		require.Equal(t, core.MessageBlocked, alice.settled(id).State)
		t.Logf("%s: %d devices of %d kept", s.Kind, known(), n)
		require.Equal(t, core.Online, alice.account.State().State)
	})
}

// Nodes that only some may read, as another client may have left them, are put
// right, so that everybody can write to us.
func TestClosedNodes(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		a := s.NewAccount(t, "alice")
		other := newRawPeer(t, s, a)
		ctx := withPatience(t)
		_, err := other.Publish(ctx, xmpp.DevicesNode(xmpp.OMEMO03), xmpp.CurrentItem,
			xmpp.DevicesElement(xmpp.OMEMO03, []xmpp.Device{{ID: 77}}), xmpp.NodeConfig{Access: xmpp.AccessWhitelist})
		require.NoError(t, err)
		bob := newUser(t, s, "bob", nil) // no contact: sees only what is open
		alice := &user{t: t, config: bob.config, where: accountAt(t, s.Addr, a)}
		alice.config.Path += ".alice"
		alice.open()
		t.Cleanup(func() { require.NoError(t, alice.client.Close()) })
		alice.account, err = alice.client.AddAccount(ctx, alice.where)
		require.NoError(t, err)
		own, err := alice.account.OwnDevice(ctx)
		require.NoError(t, err)
		require.Eventually(t, func() bool { // nobody tells him
			if err := bob.account.RefreshDevices(ctx, alice.account.JID()); err != nil {
				return false
			}
			list, err := bob.account.Devices(ctx, alice.account.JID())
			return err == nil && slices.ContainsFunc(list, func(d core.Device) bool { return d.Fingerprint == own.Fingerprint })
		}, patience, 200*time.Millisecond)
		bob.send(alice, "hello")
		alice.until("the message", func() bool { return fmt.Sprint(alice.received(bob)) == "[hello]" })
	})
}
