// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/stretchr/testify/require"
)

// A badWord is what a server says once there is a session, or lets others say.
type badWord struct {
	name  string
	words string // OWN stands for the own device id
	code  string // why the connection ends; empty: it does not
	fatal bool
	// rows are the placeholders that are stored, by their reasons.
	rows []string
}

const (
	fromBob   = `<message from='` + scriptPeer + `/x' to='` + scriptFull + `' type='chat' `
	nsOMEMO   = "eu.siacs.conversations.axolotl"
	payload   = `<payload>AAAAAAAA</payload>`
	ivOf12    = `<iv>AAAAAAAAAAAAAAAA</iv>`
	forBob    = `<key rid='OWN'>MwohBQ==</key>`
	malformed = "omemo.decrypt.malformed"
)

func encrypted(n int, content string) string {
	return fmt.Sprintf(`%sid='e%d'><encrypted xmlns='%s'>%s</encrypted><body>fallback</body></message>`, fromBob, n, nsOMEMO, content)
}

func header(sid, content string) string { return `<header sid='` + sid + `'>` + content + `</header>` }

func deviceEvent(from string, first, n int) string {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, `<device id='%d'/>`, first+i)
	}
	return `<message type='headline' from='` + from + `' to='` + scriptFull + `'><event xmlns='http://jabber.org/protocol/pubsub#event'>` +
		`<items node='` + nsOMEMO + `.devicelist'><item id='current'><list xmlns='` + nsOMEMO + `'>` + list.String() +
		`</list></item></items></event></message>`
}

func deviceLists(lists, each int) string {
	var b strings.Builder
	for i := range lists {
		b.WriteString(deviceEvent(scriptPeer, 1+i*each, each))
	}
	return b.String()
}

var badWords = []badWord{
	{name: "half a stanza", words: fromBob + `><body>hal`, code: "xmpp.stream.ended"},
	{name: "random bytes", words: random(4096), code: "xmpp.stream.protocol"},
	{name: "two roots", words: `</stream:stream><stream:stream>`, code: "xmpp.stream.ended"},
	{name: "bomb", words: bomb + fromBob + `><body>&d;</body></message>`, code: "xmpp.stream.protocol"},
	{name: "comment", words: `<!-- x -->`, code: "xmpp.stream.protocol"},
	{name: "processing instruction", words: `<?xml-stylesheet href='x'?>`, code: "xmpp.stream.protocol"},
	{name: "unbalanced", words: fromBob + `><body></message></body>`, code: "xmpp.stream.protocol"},
	{name: "endless stanza", words: fromBob + `><body>` + strings.Repeat("endless ", 1<<20), code: "xmpp.stream.protocol"},
	{name: "count too high", words: `<a xmlns='` + nsManagement + `' h='4000000000'/>`, code: "xmpp.stream.count"},
	{name: "count not a number", words: `<a xmlns='` + nsManagement + `' h='x'/>`, code: "xmpp.stream.protocol"},
	{name: "replaced", words: streamError("conflict", ""), code: "xmpp.stream.conflict", fatal: true},
	{name: "policy", words: streamError("policy-violation", ""), code: "xmpp.stream.policy-violation"},
	{name: "host gone", words: streamError("host-gone", ""), code: "xmpp.stream.host-gone"},
	{name: "shutdown", words: streamError("system-shutdown", ""), code: "xmpp.stream.system-shutdown"},
	{name: "reset", words: streamError("reset", ""), code: "xmpp.stream.reset"},
	{name: "elsewhere", words: streamError("see-other-host", "127.0.0.1:1"), code: "xmpp.stream.see-other-host"},
	{name: "invented condition", words: streamError("call-555-0199", ""), code: "xmpp.stream.undefined-condition"},

	{name: "large stanza", words: fromBob + `id='l'><body>` + strings.Repeat("large ", 60_000) + `</body></message>`},
	{name: "deep stanza", words: fromBob + `>` + strings.Repeat("<x>", 1000) + strings.Repeat("</x>", 1000) + `</message>`},
	{name: "many attributes", words: fromBob + strings.Repeat(" a='b'", 1000) + `/>`},
	{name: "undefined entity", words: fromBob + `><body>&lol;</body></message>`},
	{name: "undefined prefix", words: fromBob + `><x:body>x</x:body></message>`},
	{name: "bad UTF-8", words: fromBob + "><body>\xff\xfe</body></message>"},
	{name: "bad characters", words: fromBob + `><body>&#0;&#x1;</body></message>`},
	{name: "unknown elements", words: `<x xmlns='y'/><message/><iq/><presence/><message xmlns='y'/>`},
	{name: "bad addresses", words: `<message from='@@' type='chat'><body>x</body></message><presence from='/'/><iq type='get' from='@' id='1'/>` +
		`<message from='` + strings.Repeat("a", 2000) + `@b' type='chat'><body>x</body></message>`},
	{name: "unasked answers", words: `<iq type='result' id='1'/><iq type='error' id='2' from='` + scriptPeer + `/x'/><iq type='what' id='3'/>`},
	{name: "bad requests", words: `<iq type='get' id='1' from='` + scriptPeer + `/x'/><iq type='set' id='2'><query xmlns='jabber:iq:roster'/></iq>` +
		`<iq type='set' id='3'><query xmlns='jabber:iq:roster'><item/><item/></query></iq>` +
		`<iq type='set' id='4' from='` + scriptPeer + `/x'><query xmlns='jabber:iq:roster'><item jid='mallory@evil.test' subscription='both'/></query></iq>`},
	{name: "flood of requests", words: strings.Repeat(`<iq type='get' id='f' from='`+scriptPeer+`/x'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`, 2000)},
	{name: "flood of presence", words: strings.Repeat(`<presence from='`+scriptPeer+`/x'><show>away</show></presence><presence from='`+scriptPeer+`/x' type='unavailable'/>`, 2000)},

	{name: "encrypted nothing", words: encrypted(1, ""), rows: []string{""}},
	{name: "encrypted without payload", words: encrypted(1, header("7", forBob+ivOf12))},
	{name: "encrypted badly", rows: []string{"", "", "", "", "", "", "", "", "", "", ""}, words: encrypted(1, payload) +
		encrypted(2, header("", forBob+ivOf12)+payload) + encrypted(3, header("x", forBob+ivOf12)+payload) +
		encrypted(4, header("0", forBob+ivOf12)+payload) + encrypted(5, header("4294967296", forBob+ivOf12)+payload) +
		encrypted(6, header("-1", forBob+ivOf12)+payload) + encrypted(7, header("7", forBob)+payload) +
		encrypted(8, header("7", `<key rid='OWN'>!</key>`+ivOf12)+payload) + encrypted(9, header("7", forBob+`<iv>AA==</iv>`)+payload) +
		encrypted(10, header("7", forBob+ivOf12)+`<payload>?</payload>`) + encrypted(11, header("7", `<key rid='x'>AAAA</key>`+ivOf12)+payload)},
	{name: "encrypted to us", words: encrypted(1, header("7", forBob+ivOf12)+payload), rows: []string{"omemo.decrypt.no-session"}},
	{name: "key exchange of nobody", words: encrypted(1, header("7", `<key prekey='true' rid='OWN'>MwohBQ==</key>`+ivOf12)+payload), rows: []string{malformed}},
	{name: "encrypted to thousands", words: encrypted(1, header("7", strings.Repeat(`<key rid='9'>AA==</key>`, 5000)+ivOf12)+payload), rows: []string{""}},
	{name: "encrypted by a server", words: `<message from='` + scriptDomain + `' type='chat' id='s'><encrypted xmlns='` + nsOMEMO + `'>` +
		header("7", forBob+ivOf12) + payload + `</encrypted></message>`},
	{name: "devices of a server", words: deviceEvent(scriptDomain, 1, 3) + deviceEvent(scriptDomain+"/x", 1, 3)},
	{name: "devices of a device", words: deviceEvent(scriptPeer+"/x", 1, 3)},
	{name: "ten thousand devices", words: deviceEvent(scriptPeer, 1, 9_000)},
	{name: "ever new devices", words: deviceLists(20, 200)},
	{name: "own devices thousands", words: deviceEvent(scriptJID, 1, 9_000)},
	{name: "malformed events", words: strings.ReplaceAll(deviceEvent(scriptPeer, 1, 1), "<device id='1'/>", "<device id='x'/><device/><device id='-1'/><device id='99999999999999999999'/>") +
		`<message from='` + scriptPeer + `'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>` +
		`<message from='` + scriptPeer + `'><event xmlns='http://jabber.org/protocol/pubsub#event'><items/></event></message>`},
	{name: "forged carbons", words: `<message from='` + scriptPeer + `'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>` +
		fromBob + `xmlns='jabber:client'><body>forged</body></message></forwarded></received></message>` +
		`<message from='` + scriptPeer + `'><sent xmlns='urn:xmpp:carbons:2'/></message>`},
	{name: "empty carbons", words: `<message from='` + scriptJID + `'><sent xmlns='urn:xmpp:carbons:2'/></message>` +
		`<message from='` + scriptJID + `'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></received></message>`},
	{name: "forged archive", words: `<message from='` + scriptPeer + `'><result xmlns='urn:xmpp:mam:2' queryid='x' id='1'><forwarded xmlns='urn:xmpp:forward:0'>` +
		fromBob + `xmlns='jabber:client'><body>forged</body></message></forwarded></result></message>`},
	{name: "errors about nothing", words: `<message from='` + scriptPeer + `' type='error' id='x'><error type='cancel'><call-555-0199 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>` +
		`<message from='` + scriptPeer + `' type='error'/><message type='error'/><presence type='error' from='` + scriptPeer + `'/>`},
}

// after is the message which shows that all before it was overcome.
const after = `<message from='` + scriptPeer + `/x' to='` + scriptFull + `' type='chat' id='after'><body>after</body></message>`

// Whatever comes in a session, the session or the next one goes on, and what
// comes then is not lost.
func TestBadSession(t *testing.T) {
	settles(t)
	t.Run("", func(t *testing.T) {
		for _, bad := range badWords {
			t.Run(bad.name, func(t *testing.T) { t.Parallel(); bad.say(t) })
		}
	})
}

func (bad badWord) say(t *testing.T) {
	s := newScript(t)
	c := openBad(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), badPatience)
	defer cancel()
	a, err := c.AddAccount(ctx, s.account())
	require.NoError(t, err)
	becomes(t, c, "online", func() bool { return a.State().State == core.Online })
	own, err := a.OwnDevice(ctx)
	require.NoError(t, err)
	kept := sendPlain(t, a, "kept")
	becomes(t, c, "sent", func() bool { return stateOf(t, c, kept) == core.MessageSent })
	words := strings.ReplaceAll(bad.words, "OWN", fmt.Sprint(own.ID))

	events := c.Subscribe(core.Filter{Kinds: []core.EventKind{core.EventAccountState, core.EventStorage}})
	defer events.Close()
	again := make(chan struct{})
	said, before := false, s.connections()
	s.behaves(func(p *scripted) error {
		p.mu.Lock()
		first := !said
		said = true
		p.mu.Unlock()
		if first && bad.code != "" {
			if err := p.ready(); err != nil {
				return err
			}
			p.work.Go(func() { _ = p.drain() })
			_ = p.write(words) // the client may leave in the middle
			if bad.code == "xmpp.stream.ended" {
				return nil
			}
			<-again
			return nil
		}
		if first {
			return then(words, after)(p)
		}
		return then(after)(p)
	})
	seen := make(map[string]bool)
	for online := false; !online; {
		e, err := events.Next(ctx)
		require.NoError(t, err, "codes %v, state %+v", seen, a.State())
		require.NotEqual(t, core.EventStorage, e.Kind, e.Code)
		seen[e.Code] = true
		if e.State == core.Failed {
			require.True(t, bad.fatal, e.Code)
			require.Equal(t, bad.code, e.Code)
			require.NoError(t, a.SignIn(ctx))
		}
		c.NetworkChanged() // no need to wait
		online = e.State == core.Online && seen[bad.code]
	}
	close(again)
	peer, err := a.Conversation(ctx, scriptPeer)
	require.NoError(t, err)
	rows := func() (list []string) {
		all, err := peer.HistoryAfter(ctx, 0, core.MaxPage)
		require.NoError(t, err)
		for _, m := range all {
			switch {
			case m.Kind == core.Unreadable:
				require.NotEmpty(t, m.Reason)
				require.Empty(t, m.Body)
				list = append(list, m.Reason)
			default:
				list = append(list, m.Body)
			}
		}
		return list
	}
	becomes(t, c, "the message after it", func() bool { l := rows(); return l[len(l)-1] == "after" })
	got := rows()
	require.Equal(t, "kept", got[0])
	require.Len(t, got, len(bad.rows)+2, "%v", got)
	for i, want := range bad.rows {
		if want != "" {
			require.Equal(t, want, got[1+i])
		}
	}
	if bad.code == "" {
		require.Equal(t, before+1, s.connections(), "the connection did not survive: %+v", a.State())
	}
	devices, err := a.Devices(ctx, scriptPeer)
	require.NoError(t, err)
	require.LessOrEqual(t, len(devices), 1024)
	// And it is still of use.
	last := sendPlain(t, a, "last")
	becomes(t, c, "sent", func() bool { return stateOf(t, c, last) == core.MessageSent })
	require.Equal(t, []string{"kept", "last"}, s.bodies())
	t.Logf("%v", got)
}

// A server that ends the stream for a message it finds too large is not sent
// that message for ever, and gets all the others.
func TestServerRefusesLarge(t *testing.T) {
	settles(t)
	s := newScript(t)
	limited := func(p *scripted) error {
		if err := p.ready(); err != nil {
			return err
		}
		return p.goOn(func(e *element.Element) error {
			if len(e.Bytes()) < 20_000 {
				return nil
			}
			_ = p.write(streamError("policy-violation", ""))
			return errScript
		})
	}
	s.behaves(limited)
	c := openBad(t, s)
	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	becomes(t, c, "online", func() bool { return a.State().State == core.Online })
	large := strings.Repeat("large ", 2_000)
	var ids []core.MessageID
	for _, body := range []string{"first", large, large + large, "last"} {
		ids = append(ids, sendPlain(t, a, body))
	}
	becomes(t, c, "all decided", func() bool {
		c.NetworkChanged()
		for _, id := range ids {
			if stateOf(t, c, id) == core.MessageQueued {
				return false
			}
		}
		return true
	})
	for i, id := range ids {
		m, err := c.Message(t.Context(), id)
		require.NoError(t, err)
		if i == 2 {
			require.Equal(t, core.MessageFailed, m.State)
			require.Equal(t, "xmpp.stream.policy-violation", m.Reason)
			continue
		}
		require.Equal(t, core.MessageSent, m.State)
	}
	var got []string
	for _, body := range s.bodies() {
		if !slices.Contains(got, body) { // in doubt the server gets it again, and knows the id
			got = append(got, body)
		}
	}
	require.Equal(t, []string{"first", large, "last"}, got)
}
