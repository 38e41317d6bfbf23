// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// What servers and clients send, give or take names and keys.
const (
	plainMessage = `<message xml:lang='en' to='juliet@capulet.example/balcony' from='romeo@montague.example/orchard' type='chat' id='m1'>` +
		`<body>Hi</body><thread>t1</thread><origin-id xmlns='urn:xmpp:sid:0' id='m1'/><request xmlns='urn:xmpp:receipts'/>` +
		`<markable xmlns='urn:xmpp:chat-markers:0'/><active xmlns='http://jabber.org/protocol/chatstates'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='a1'/></message>`
	omemoMessage = `<message to='juliet@capulet.example' from='romeo@montague.example/orchard' type='chat' id='m2'>` +
		`<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='27183'>` +
		"<key rid='31415' prekey='1'>\n\tAA\r\nEC </key><key rid='12321'>BAUG</key><key rid='0'>AAAA</key><key rid='2147483648'>AAAA</key><key rid='5'>?</key>" +
		`<iv>AAECAwQFBgcICQoL</iv></header><payload>3q2+7w==</payload></encrypted>` +
		`<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl' name='OMEMO'/>` +
		`<body>I sent you an OMEMO encrypted message but your client doesn’t seem to support that.</body><store xmlns='urn:xmpp:hints'/></message>`
	errorMessage = `<message to='juliet@capulet.example/balcony' from='romeo@montague.example' type='error' id='m3'><body>echo</body>` +
		`<request xmlns='urn:xmpp:receipts'/><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>` +
		`<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>No.</text></error></message>`
	offlineMessage = `<message to='juliet@capulet.example' from='romeo@montague.example/orchard' type='chat'><body>late</body>` +
		`<delay xmlns='urn:xmpp:delay' from='capulet.example' stamp='2024-05-06T07:08:09.5Z'>Offline Storage</delay></message>`
	roomMessage = `<message to='juliet@capulet.example/balcony' from='room@muc.example/nick' type='groupchat' id='g1'><body>all</body>` +
		`<delay xmlns='urn:xmpp:delay' from='room@muc.example' stamp='2024-05-06T07:08:09Z'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example' id='r1'/><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='forged'/></message>`
	forwardedMessage = `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2024-05-06T07:08:09Z'/>` +
		`<message xmlns='jabber:client' from='romeo@montague.example/orchard' to='juliet@capulet.example/garden' type='chat' id='c1'><body>copy</body></message></forwarded>`
	forwardedOwn = `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='juliet@capulet.example/garden' to='romeo@montague.example' type='chat' id='c2'><body>mine</body></message></forwarded>`
)

func carbon(from, kind, forwarded string) string {
	return `<message from='` + from + `' to='juliet@capulet.example/balcony' type='chat'><` + kind + ` xmlns='urn:xmpp:carbons:2'>` + forwarded + `</` + kind + `></message>`
}

func mustMessage(t *testing.T, s string) Message {
	t.Helper()
	m, err := ParseMessage(parse(t, s), juliet)
	require.NoError(t, err)
	return m
}

func TestParsePlainMessage(t *testing.T) {
	m := mustMessage(t, plainMessage)
	require.Equal(t, "romeo@montague.example/orchard", m.From.String())
	require.Equal(t, "juliet@capulet.example/balcony", m.To.String())
	require.Equal(t, []string{"m1", "chat", "Hi", "t1", "m1"}, []string{m.ID, m.Type, m.Body, m.Thread, m.OriginID})
	require.Equal(t, []StanzaID{{"a1", juliet}}, m.StanzaIDs)
	require.Equal(t, &ReceiptInfo{Request: true}, m.Receipt)
	require.Equal(t, &Marker{Kind: Markable}, m.Marker)
	require.Equal(t, Active, m.State)
	require.True(t, m.Delay.IsZero())
	require.Nil(t, m.OMEMO)
	require.Nil(t, m.Error)
	require.Equal(t, NotCarbon, m.Carbon)
	require.True(t, m.Element.Is(element.NSClient, "message"))
}

func TestParseOMEMOMessage(t *testing.T) {
	m := mustMessage(t, omemoMessage)
	require.NoError(t, m.OMEMOErr)
	require.Equal(t, []Encrypted{{
		Profile: OMEMO03, SID: 27183,
		Keys: []EncryptedKey{
			{RID: 31415, PreKey: true, Data: []byte{0, 1, 2}},
			{RID: 12321, Data: []byte{4, 5, 6}},
			{RID: 5},
		},
		IV:      []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
		Payload: []byte{0xde, 0xad, 0xbe, 0xef},
	}}, m.OMEMO)
	require.Equal(t, NSOMEMO03, m.EME)
	require.Equal(t, HintStore, m.Hints)

	m = mustMessage(t, `<message from='a@b'><encrypted xmlns='eu.siacs.conversations.axolotl'/></message>`)
	require.Nil(t, m.OMEMO)
	require.ErrorIs(t, m.OMEMOErr, ErrMalformed)
}

func TestParseErrorMessage(t *testing.T) {
	m := mustMessage(t, errorMessage)
	require.Equal(t, &stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable, Text: map[string]string{"en": "No."}}, m.Error)
	require.Empty(t, m.Body, "an error echoes what had been sent")
	require.Nil(t, m.Receipt)

	m = mustMessage(t, `<message type='error' id='1'><error/></message>`)
	require.Equal(t, stanza.UndefinedCondition, m.Error.Condition)
}

func TestParseMessageAddresses(t *testing.T) {
	m := mustMessage(t, `<message><body>from our server</body></message>`)
	require.Equal(t, juliet, m.From)
	require.Equal(t, juliet, m.To)
	require.Equal(t, "normal", m.Type)
	require.Equal(t, "normal", mustMessage(t, `<message type='fancy'/>`).Type)
	for _, s := range []string{`<message from='@'/>`, `<message to='a@'/>`, `<presence/>`, `<message xmlns='urn:x'/>`} {
		_, err := ParseMessage(parse(t, s), juliet)
		require.ErrorIs(t, err, ErrMalformed, s)
	}
}

func TestParseMessageLanguages(t *testing.T) {
	require.Equal(t, "plain", mustMessage(t, `<message><body xml:lang='de'>deutsch</body><body>plain</body></message>`).Body)
	require.Equal(t, "deutsch", mustMessage(t, `<message><body xml:lang='de'>deutsch</body><body xml:lang='en'>english</body></message>`).Body)
	require.Equal(t, "real", mustMessage(t, `<message><body xmlns='urn:x'>fake</body><body>real</body></message>`).Body)
}

func TestDelayIsOfServerOrRoom(t *testing.T) {
	require.Equal(t, time.Date(2024, 5, 6, 7, 8, 9, 5e8, time.UTC), mustMessage(t, offlineMessage).Delay)
	require.Equal(t, time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), mustMessage(t, roomMessage).Delay)
	for _, from := range []string{"romeo@montague.example", "montague.example", "@"} {
		m := mustMessage(t, strings.Replace(offlineMessage, "from='capulet.example'", "from='"+from+"'", 1))
		require.True(t, m.Delay.IsZero(), from)
	}
	require.True(t, mustMessage(t, `<message from='a@b'><delay xmlns='urn:xmpp:delay' stamp='yesterday'/></message>`).Delay.IsZero())
}

func TestStanzaIDsOfStrangersAreIgnored(t *testing.T) {
	require.Equal(t, []StanzaID{{"r1", jid.MustParse("room@muc.example")}}, mustMessage(t, roomMessage).StanzaIDs)
	for name, ids := range map[string]string{
		"sender":     `<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@montague.example' id='x'/>`,
		"server":     `<stanza-id xmlns='urn:xmpp:sid:0' by='capulet.example' id='x'/>`,
		"client":     `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example/balcony' id='x'/>`,
		"nobody":     `<stanza-id xmlns='urn:xmpp:sid:0' id='x'/>`,
		"no id":      `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example'/>`,
		"repetition": `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='x'/><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='y'/>`,
		"thrice":     strings.Repeat(`<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='x'/>`, 3),
		"room":       `<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example' id='x'/>`,
	} {
		require.Empty(t, mustMessage(t, `<message from='romeo@montague.example/orchard' type='chat'>`+ids+`</message>`).StanzaIDs, name)
	}
	m := mustMessage(t, `<message from='other@muc.example/nick' type='groupchat'><stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example' id='x'/></message>`)
	require.Empty(t, m.StanzaIDs)
}

func TestCarbons(t *testing.T) {
	for _, from := range []string{"juliet@capulet.example", "JULIET@Capulet.Example"} {
		m := mustMessage(t, carbon(from, "received", forwardedMessage))
		require.Equal(t, CarbonReceived, m.Carbon)
		require.Equal(t, "romeo@montague.example/orchard", m.From.String())
		require.Equal(t, "copy", m.Body)
		require.Equal(t, time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), m.Delay)
		require.Equal(t, "c1", m.Element.AttrValue("id"))
	}
	m := mustMessage(t, carbon("juliet@capulet.example", "sent", forwardedOwn))
	require.Equal(t, CarbonSent, m.Carbon)
	require.Equal(t, romeo, m.To)
	m = mustMessage(t, strings.Replace(carbon("", "sent", forwardedOwn), "from='' ", "", 1))
	require.Equal(t, CarbonSent, m.Carbon)
}

// TestForgedCarbons is CVE-2017-5589 and what is near to it.
func TestTrap12_ForgedCarbons(t *testing.T) {
	for name, s := range map[string]string{
		"stranger":         carbon("mallory@evil.example", "received", forwardedMessage),
		"stranger's sent":  carbon("mallory@evil.example/x", "sent", forwardedOwn),
		"own client":       carbon("juliet@capulet.example/garden", "received", forwardedMessage),
		"own server":       carbon("capulet.example", "received", forwardedMessage),
		"similar":          carbon("juliet@capulet.example.evil.example", "received", forwardedMessage),
		"sent by other":    carbon("juliet@capulet.example", "sent", forwardedMessage),
		"to someone else":  carbon("juliet@capulet.example", "received", strings.Replace(forwardedMessage, "juliet@", "nurse@", 1)),
		"received by peer": carbon("juliet@capulet.example", "received", forwardedOwn),
	} {
		_, err := ParseMessage(parse(t, s), juliet)
		require.ErrorIs(t, err, ErrForged, name)
	}
	for name, s := range map[string]string{
		"empty":      carbon("juliet@capulet.example", "received", ""),
		"no message": carbon("juliet@capulet.example", "received", `<forwarded xmlns='urn:xmpp:forward:0'><presence xmlns='jabber:client'/></forwarded>`),
		"both":       `<message><received xmlns='urn:xmpp:carbons:2'/><sent xmlns='urn:xmpp:carbons:2'/></message>`,
		"bad stamp":  carbon("juliet@capulet.example", "received", strings.Replace(forwardedMessage, "2024", "x", 1)),
	} {
		_, err := ParseMessage(parse(t, s), juliet)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

func TestCarbonInCarbonIsNotUnwrapped(t *testing.T) {
	inner := `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='mallory@evil.example/x' to='juliet@capulet.example'>` +
		`<sent xmlns='urn:xmpp:carbons:2'>` + forwardedOwn + `</sent></message></forwarded>`
	m := mustMessage(t, carbon("juliet@capulet.example", "received", inner))
	require.Equal(t, "mallory@evil.example/x", m.From.String())
	require.Equal(t, CarbonReceived, m.Carbon)
	require.Empty(t, m.Body)
}

func TestBuildMessage(t *testing.T) {
	m := Message{
		To: romeo, ID: "m1", Type: "chat", Body: "<&>\n", Thread: "t", OriginID: "m1",
		Receipt: &ReceiptInfo{Request: true, Received: "m0"}, State: Composing,
		Marker: &Marker{Kind: Displayed, ID: "m0"}, EME: NSOMEMO03, Hints: HintStore | HintNoCopy,
		OMEMO: []Encrypted{
			{Profile: OMEMO03, SID: 7, IV: make([]byte, 12), Keys: []EncryptedKey{{RID: 1, PreKey: true, Data: []byte("x")}, {RID: 2, Data: []byte("y")}}},
			{Profile: OMEMO2, SID: 7, Keys: []EncryptedKey{{RID: 3, JID: "romeo@montague.example", Data: []byte("z")}}, Payload: []byte("p")},
		},
	}
	e := m.Build()
	require.NotContains(t, text(e), "xmlns='jabber:client'")
	got, err := ParseMessage(parse(t, text(e)), juliet)
	require.NoError(t, err)
	m.From = juliet
	got.Element = nil
	require.Equal(t, m, got)

	require.Equal(t, "<message/>", text(Message{}.Build()))
	require.Equal(t, `<message to='romeo@montague.example' type='chat' id='r'><received xmlns='urn:xmpp:receipts' id='m'/></message>`,
		text(Message{To: romeo, Type: "chat", ID: "r", Receipt: &ReceiptInfo{Received: "m"}}.Build()))
}

func TestMarkersAndReceipts(t *testing.T) {
	for in, want := range map[string]*Marker{
		`<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>`:                                            {Displayed, "1"},
		`<received xmlns='urn:xmpp:chat-markers:0' id='1'/>`:                                             {Received, "1"},
		`<acknowledged xmlns='urn:xmpp:chat-markers:0' id='1'/>`:                                         {Acknowledged, "1"},
		`<displayed xmlns='urn:xmpp:chat-markers:0'/>`:                                                   nil,
		`<other xmlns='urn:xmpp:chat-markers:0' id='1'/>`:                                                nil,
		`<displayed xmlns='urn:xmpp:chat-markers:0'/><received xmlns='urn:xmpp:chat-markers:0' id='2'/>`: {Received, "2"},
	} {
		require.Equal(t, want, ParseMarker(parse(t, "<message>"+in+"</message>")), in)
	}
	require.Equal(t, &ReceiptInfo{Received: "1"}, ParseReceipt(parse(t, `<message><received xmlns='urn:xmpp:receipts' id='1'/></message>`)))
	require.Nil(t, ParseReceipt(parse(t, `<message><received xmlns='urn:xmpp:receipts'/></message>`)))
	require.Equal(t, ChatState(""), ParseChatState(parse(t, `<message><dancing xmlns='http://jabber.org/protocol/chatstates'/></message>`)))
	for _, s := range []ChatState{Active, Composing, Paused, Inactive, Gone} {
		require.Equal(t, s, ParseChatState(Message{State: s}.Build()))
	}
	require.Equal(t, "<message/>", text(Message{State: "dancing"}.Build()))
}
