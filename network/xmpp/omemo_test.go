// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

func key(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

// wire is a key as Profile03 sends it.
func wire(n byte) string { return encodeBase64(append([]byte{5}, key(n)...)) }

var testBundle = Bundle{
	Identity: key(1), SignedPreKeyID: 7, SignedPreKey: key(2), Signature: bytes.Repeat([]byte{3}, 64),
	PreKeys: []PreKey{{1, key(4)}, {2147483647, key(5)}},
}

func bundle03() string {
	return `<bundle xmlns='eu.siacs.conversations.axolotl'><signedPreKeyPublic signedPreKeyId='7'>` + wire(2) + `</signedPreKeyPublic>` +
		`<signedPreKeySignature>` + encodeBase64(testBundle.Signature) + `</signedPreKeySignature><identityKey>` + wire(1) + `</identityKey>` +
		`<prekeys><preKeyPublic preKeyId='1'>` + wire(4) + `</preKeyPublic><preKeyPublic preKeyId='2147483647'>` + wire(5) + `</preKeyPublic></prekeys></bundle>`
}

func bundle2() string {
	return `<bundle xmlns='urn:xmpp:omemo:2'><spk id='7'>` + encodeBase64(key(2)) + `</spk><spks>` + encodeBase64(testBundle.Signature) + `</spks>` +
		`<ik>` + encodeBase64(key(1)) + `</ik><prekeys><pk id='1'>` + encodeBase64(key(4)) + `</pk><pk id='2147483647'>` + encodeBase64(key(5)) + `</pk></prekeys></bundle>`
}

func TestBundles(t *testing.T) {
	for profile, s := range map[uint8]string{OMEMO03: bundle03(), OMEMO2: bundle2()} {
		p, b, err := ParseBundle(parse(t, s))
		require.NoError(t, err)
		require.Equal(t, profile, p)
		require.Equal(t, testBundle, b)
		require.Equal(t, s, text(b.Element(profile)))
	}
	for name, s := range map[string]string{
		"other element":      `<bundles xmlns='urn:xmpp:omemo:2'/>`,
		"empty":              `<bundle xmlns='urn:xmpp:omemo:2'/>`,
		"identity bare":      strings.Replace(bundle03(), wire(1), encodeBase64(key(1)), 1),
		"identity of type 6": strings.Replace(bundle03(), wire(1), encodeBase64(append([]byte{6}, key(1)...)), 1),
		"identity prefixed":  strings.Replace(bundle2(), encodeBase64(key(1)), wire(1), 1),
		"identity short":     strings.Replace(bundle2(), encodeBase64(key(1)), encodeBase64(key(1)[1:]), 1),
		"no base64":          strings.Replace(bundle2(), encodeBase64(key(1)), "???", 1),
		"no signed prekey":   strings.ReplaceAll(strings.Replace(bundle2(), "<spk id='7'>", "<x>", 1), "</spk>", "</x>"),
		"id 0":               strings.Replace(bundle03(), "signedPreKeyId='7'", "signedPreKeyId='0'", 1),
		"short signature":    strings.Replace(bundle03(), encodeBase64(testBundle.Signature), encodeBase64(testBundle.Signature[1:]), 1),
	} {
		_, _, err := ParseBundle(parse(t, s))
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

func TestBundlePreKeysThatCannotBeUsed(t *testing.T) {
	var more strings.Builder
	for _, pk := range []string{`<pk id='0'>` + encodeBase64(key(9)), `<pk id='1'>` + encodeBase64(key(9)), `<pk id='2147483648'>` + encodeBase64(key(9)), `<pk id='3'>x`, `<pk>` + encodeBase64(key(9)), `<pk id='4'>`} {
		more.WriteString(pk + `</pk>`)
	}
	_, b, err := ParseBundle(parse(t, strings.Replace(bundle2(), "</prekeys>", more.String()+"</prekeys>", 1)))
	require.NoError(t, err)
	require.Equal(t, testBundle, b)

	more.Reset()
	for id := range MaxPreKeys {
		fmt.Fprintf(&more, "<pk id='%d'>\n %s </pk>", id+10, encodeBase64(key(9)))
	}
	_, b, err = ParseBundle(parse(t, strings.Replace(bundle2(), "</prekeys>", more.String()+"</prekeys>", 1)))
	require.NoError(t, err)
	require.Len(t, b.PreKeys, MaxPreKeys)
}

func TestDevices(t *testing.T) {
	sig := encodeBase64(make([]byte, 64))
	p, devices, err := ParseDevices(parse(t, `<list xmlns='eu.siacs.conversations.axolotl'><device id='12345'/><device id=' 4223 '/><device id='0'/><device id='-1'/>`+
		`<device id='2147483648'/><device/><device id='12345'/><device xmlns='urn:x' id='9'/></list>`))
	require.NoError(t, err)
	require.Equal(t, OMEMO03, p)
	require.Equal(t, []Device{{ID: 12345}, {ID: 4223}}, devices)

	p, devices, err = ParseDevices(parse(t, `<devices xmlns='urn:xmpp:omemo:2'><device id='1' label='Phone' labelsig='`+sig+`'/><device id='2' label='unsigned'/>`+
		`<device id='3' label='bad' labelsig='AA=='/><device id='4' label='`+strings.Repeat("x", 257)+`' labelsig='`+sig+`'/></devices>`))
	require.NoError(t, err)
	require.Equal(t, OMEMO2, p)
	require.Equal(t, []Device{{ID: 1, Label: "Phone", LabelSig: make([]byte, 64)}, {ID: 2}, {ID: 3}, {ID: 4}}, devices)
	require.Equal(t, `<devices xmlns='urn:xmpp:omemo:2'><device id='1' label='Phone' labelsig='`+sig+`'/><device id='2'/></devices>`, text(DevicesElement(OMEMO2, devices[:2])))
	require.Equal(t, `<list xmlns='eu.siacs.conversations.axolotl'><device id='1'/><device id='2'/></list>`, text(DevicesElement(OMEMO03, devices[:2])))

	var many strings.Builder
	for id := range element.DefaultChildren {
		fmt.Fprintf(&many, "<device id='%d'/>", id+1)
	}
	_, devices, err = ParseDevices(parse(t, `<list xmlns='eu.siacs.conversations.axolotl'>`+many.String()+`</list>`))
	require.NoError(t, err)
	require.Len(t, devices, MaxDevices)

	for _, s := range []string{`<devices xmlns='eu.siacs.conversations.axolotl'/>`, `<list xmlns='urn:xmpp:omemo:2'/>`, `<list/>`} {
		_, _, err := ParseDevices(parse(t, s))
		require.ErrorIs(t, err, ErrMalformed, s)
	}
}

func TestDeviceNotifications(t *testing.T) {
	ev := func(node, items string) *Event {
		return mustMessage(t, `<message from='romeo@montague.example' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='`+node+`'>`+items+`</items></event></message>`).Event
	}
	const list = `<list xmlns='eu.siacs.conversations.axolotl'><device id='1'/></list>`
	devices, ok := ev("eu.siacs.conversations.axolotl.devicelist", `<item id='x'><list xmlns='eu.siacs.conversations.axolotl'/></item><item id='current'>`+list+`</item>`).Devices(OMEMO03)
	require.True(t, ok)
	require.Equal(t, []Device{{ID: 1}}, devices)
	devices, ok = ev("eu.siacs.conversations.axolotl.devicelist", `<item id='x'>`+list+`</item>`).Devices(OMEMO03)
	require.True(t, ok)
	require.Equal(t, []Device{{ID: 1}}, devices)
	devices, ok = ev("eu.siacs.conversations.axolotl.devicelist", `<item id='x'><list xmlns='eu.siacs.conversations.axolotl'/></item>`).Devices(OMEMO03)
	require.True(t, ok)
	require.Empty(t, devices)
	for name, e := range map[string]*Event{
		"other node":    ev("urn:x", `<item id='x'>`+list+`</item>`),
		"other profile": ev("urn:xmpp:omemo:2:devices", `<item id='x'><devices xmlns='urn:xmpp:omemo:2'/></item>`),
		"wrong payload": ev("eu.siacs.conversations.axolotl.devicelist", `<item id='x'><devices xmlns='urn:xmpp:omemo:2'/></item>`),
		"no payload":    ev("eu.siacs.conversations.axolotl.devicelist", `<item id='x'/>`),
		"retracted":     ev("eu.siacs.conversations.axolotl.devicelist", `<retract id='current'/>`),
	} {
		_, ok := e.Devices(OMEMO03)
		require.False(t, ok, name)
	}
}

func TestEncrypted(t *testing.T) {
	e := Encrypted{Profile: OMEMO2, SID: 1, Payload: []byte{}, Keys: []EncryptedKey{
		{RID: 2, JID: "romeo@montague.example", PreKey: true, Data: []byte("a")},
		{RID: 3, JID: "juliet@capulet.example", Data: []byte("b")},
		{RID: 4, JID: "romeo@montague.example", Data: []byte("c")},
	}}
	const want = `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'><keys jid='romeo@montague.example'><key rid='2' kex='true'>YQ==</key><key rid='4'>Yw==</key></keys>` +
		`<keys jid='juliet@capulet.example'><key rid='3'>Yg==</key></keys></header><payload/></encrypted>`
	require.Equal(t, want, text(e.Element()))
	got, err := ParseEncrypted(parse(t, want))
	require.NoError(t, err)
	e.Keys[1], e.Keys[2] = e.Keys[2], e.Keys[1]
	require.Equal(t, e, got)
	require.NotNil(t, got.Payload)

	got, err = ParseEncrypted(parse(t, `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key prekey='true' rid='2'>YQ==</key><key prekey='false' rid='3'/><iv/></header></encrypted>`))
	require.NoError(t, err)
	require.Nil(t, got.Payload, "an empty message")
	require.Equal(t, []EncryptedKey{{RID: 2, PreKey: true, Data: []byte("a")}, {RID: 3, Data: []byte{}}}, got.Keys)

	var many strings.Builder
	for range MaxKeys + 10 {
		many.WriteString("<key rid='1'>AA==</key>")
	}
	got, err = ParseEncrypted(parse(t, `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'>`+many.String()+`<iv/></header></encrypted>`))
	require.NoError(t, err)
	require.Len(t, got.Keys, MaxKeys)

	for name, s := range map[string]string{
		"other":       `<encrypted xmlns='urn:x'><header sid='1'/></encrypted>`,
		"no header":   `<encrypted xmlns='urn:xmpp:omemo:2'/>`,
		"no sid":      `<encrypted xmlns='urn:xmpp:omemo:2'><header/></encrypted>`,
		"sid 0":       `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='0'/></encrypted>`,
		"big sid":     `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='2147483648'/></encrypted>`,
		"no iv":       `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>`,
		"bad iv":      `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><iv>?</iv></header></encrypted>`,
		"bad payload": `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>?</payload></encrypted>`,
	} {
		_, err := ParseEncrypted(parse(t, s))
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

func TestBothProfilesInOneMessage(t *testing.T) {
	two := `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='2'/></encrypted>`
	three := `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='3'><iv/></header></encrypted>`
	broken := `<encrypted xmlns='eu.siacs.conversations.axolotl'/>`
	for in, want := range map[string][]uint8{
		two + three: {OMEMO03, OMEMO2}, three + two: {OMEMO03, OMEMO2}, two: {OMEMO2}, three: {OMEMO03},
		two + broken: {OMEMO2}, broken: nil, two + two: {OMEMO2},
	} {
		m := mustMessage(t, "<message>"+in+"</message>")
		var got []uint8
		for _, x := range m.OMEMO {
			got = append(got, x.Profile)
		}
		require.Equal(t, want, got, in)
		require.Equal(t, in == broken, m.OMEMOErr != nil, in)
	}
}

func TestFetchOMEMO(t *testing.T) {
	items := func(node, item string) string {
		return `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='` + node + `'>` + item + `</items></pubsub>`
	}
	const (
		devices03, devices2 = "eu.siacs.conversations.axolotl.devicelist", "urn:xmpp:omemo:2:devices"
		bundles03, bundles2 = "eu.siacs.conversations.axolotl.bundles:42", "urn:xmpp:omemo:2:bundles"
		peer                = "romeo@montague.example"
		ask2                = `<item id='42'/>`
	)
	item := func(id, in string) string { return `<item id='` + id + `'>` + in + `</item>` }
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, peer, items(devices03, ""), items(devices03, item("x", `<list xmlns='eu.siacs.conversations.axolotl'><device id='42'/></list>`))},
		exchange{stanza.GetIQ, peer, items(devices2, ""), items(devices2, item("current", `<devices xmlns='urn:xmpp:omemo:2'><device id='42'/></devices>`))},
		exchange{stanza.GetIQ, peer, items(devices03, ""), refusal("auth", "forbidden", "")},
		exchange{stanza.GetIQ, peer, items(devices03, ""), items(devices03, "")},
		exchange{stanza.GetIQ, peer, items(bundles03, ""), items(bundles03, item("x", bundle03()))},
		exchange{stanza.GetIQ, peer, items(bundles2, ask2), items(bundles2, item("42", bundle2()))},
		exchange{stanza.GetIQ, peer, items(bundles2, ask2), items(bundles2, item("43", bundle2()))},
		exchange{stanza.GetIQ, peer, items(bundles03, ""), items(bundles03, item("x", bundle2()))},
		exchange{stanza.GetIQ, peer, items(bundles03, ""), items(bundles03, "")},
	)
	ctx := context.Background()
	for _, profile := range []uint8{OMEMO03, OMEMO2} {
		d, err := c.FetchDevices(ctx, romeo, profile)
		require.NoError(t, err)
		require.Equal(t, []Device{{ID: 42}}, d)
	}
	for range 2 {
		_, err := c.FetchDevices(ctx, romeo, OMEMO03)
		require.ErrorIs(t, err, ErrNoNode)
	}
	for _, profile := range []uint8{OMEMO03, OMEMO2} {
		b, err := c.FetchBundle(ctx, romeo, profile, 42)
		require.NoError(t, err)
		require.Equal(t, testBundle, b)
	}
	_, err := c.FetchBundle(ctx, romeo, OMEMO2, 42)
	require.ErrorIs(t, err, ErrNoNode, "the bundle of another device")
	_, err = c.FetchBundle(ctx, romeo, OMEMO03, 42)
	require.ErrorIs(t, err, ErrMalformed)
	_, err = c.FetchBundle(ctx, romeo, OMEMO03, 42)
	require.ErrorIs(t, err, ErrNoNode)
}

func TestPublishOMEMO(t *testing.T) {
	publish := func(node, id, payload, more string) string {
		return `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='` + node + `'><item id='` + id + `'>` + payload + `</item></publish><publish-options>` +
			`<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
			`<field var='pubsub#access_model'><value>open</value></field>` + more + `</x></publish-options></pubsub>`
	}
	c, _ := newTest(t, Config{},
		exchange{stanza.SetIQ, "", publish("eu.siacs.conversations.axolotl.devicelist", "current", `<list xmlns='eu.siacs.conversations.axolotl'><device id='42'/></list>`, ""), ``},
		exchange{stanza.SetIQ, "", publish("urn:xmpp:omemo:2:devices", "current", `<devices xmlns='urn:xmpp:omemo:2'><device id='42'/></devices>`, ""), ``},
		exchange{stanza.SetIQ, "", publish("eu.siacs.conversations.axolotl.bundles:42", "current", bundle03(), ""), ``},
		exchange{stanza.SetIQ, "", publish("urn:xmpp:omemo:2:bundles", "42", bundle2(), `<field var='pubsub#max_items'><value>max</value></field>`), ``},
		exchange{stanza.SetIQ, "", `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='eu.siacs.conversations.axolotl.bundles:42'/></pubsub>`, ``},
		exchange{stanza.SetIQ, "", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:xmpp:omemo:2:bundles' notify='true'><item id='42'/></retract></pubsub>`, refusal("cancel", "item-not-found", "")},
		exchange{stanza.SetIQ, "", `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='eu.siacs.conversations.axolotl.bundles:42'/></pubsub>`, refusal("wait", "resource-constraint", "")},
	)
	ctx := context.Background()
	for _, profile := range []uint8{OMEMO03, OMEMO2} {
		require.NoError(t, c.PublishDevices(ctx, profile, []Device{{ID: 42}}))
	}
	for _, profile := range []uint8{OMEMO03, OMEMO2} {
		require.NoError(t, c.PublishBundle(ctx, profile, 42, testBundle))
	}
	for _, profile := range []uint8{OMEMO03, OMEMO2} {
		require.NoError(t, c.DeleteBundle(ctx, profile, 42))
	}
	require.Equal(t, stanza.ResourceConstraint, Condition(c.DeleteBundle(ctx, OMEMO03, 42)))
}
