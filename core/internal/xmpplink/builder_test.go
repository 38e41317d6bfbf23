// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
)

// One stanza carries a message in each version of OMEMO that its readers need.
// Its text is nowhere else, and beside version 2 alone there is no text at all.
func TestEnvelopesInOneStanza(t *testing.T) {
	const secret = "the text itself"
	env := func(p engine.Profile) omemo.Envelope {
		return omemo.Envelope{Profile: p, SID: 7, IV: []byte("iv"), Payload: []byte("p"), Keys: []omemo.Key{{RID: 9, JID: "bob@" + domain, Data: []byte("k")}}}
	}
	for name, c := range map[string]struct {
		envs []omemo.Envelope
		eme  string
		body bool
	}{
		"0.3":  {[]omemo.Envelope{env(engine.Profile03)}, xmpp.NSOMEMO03, true},
		"2":    {[]omemo.Envelope{env(engine.Profile2)}, xmpp.NSOMEMO2, false},
		"both": {[]omemo.Envelope{env(engine.Profile03), env(engine.Profile2)}, xmpp.NSOMEMO03, true},
	} {
		b, err := xmpplink.Builder{}.Message(pipeline.Stanza{
			To: "bob@" + domain, ID: "id", Content: pipeline.Content{Body: secret}, Envelopes: c.envs,
		})
		require.NoError(t, err, name)
		require.NotContains(t, string(b), secret, name)
		e, err := element.Parse(b, element.Limits{})
		require.NoError(t, err, name)
		m, err := xmpp.ParseMessage(e, jid.MustParse(alice))
		require.NoError(t, err, name)
		require.Equal(t, c.eme, m.EME, name)
		require.Equal(t, c.body, m.Body != "", name)
		require.Equal(t, []string{"id", "id"}, []string{m.ID, m.OriginID}, name)
		require.Equal(t, xmpp.HintStore, m.Hints, name)
		var got []engine.Profile
		for _, x := range m.OMEMO {
			got = append(got, engine.Profile(x.Profile))
		}
		require.Len(t, got, len(c.envs), name)
		for i := range got {
			require.Equal(t, c.envs[i].Profile, got[i], name)
		}
	}
}

// What is encrypted in version 2 says whose it is, and is believed as that only.
func TestEnvelopeAgreesWithStanza(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	bob := "bob@" + domain
	made := pipeline.Affix{From: alice, To: bob, At: now}
	text := pipeline.Content{Body: "hello <&> 🦊"}
	b, err := xmpplink.Builder{}.Plaintext(engine.Profile2, made, text)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		a    pipeline.Affix
		want string
	}{
		"as made":            {made, ""},
		"found a year later": {pipeline.Affix{From: alice, To: bob, At: now.Add(364 * 24 * time.Hour)}, ""},
		"a slow clock":       {pipeline.Affix{From: alice, To: bob, At: now.Add(-47 * time.Hour)}, ""},
		"from the future":    {pipeline.Affix{From: alice, To: bob, At: now.Add(-49 * time.Hour)}, "xmpp.sce.time"},
		"of another age":     {pipeline.Affix{From: alice, To: bob, At: now.Add(366 * 24 * time.Hour)}, "xmpp.sce.time"},
		"passed on":          {pipeline.Affix{From: "mallory@" + domain, To: bob, At: now}, "xmpp.sce.sender"},
		"to somebody else":   {pipeline.Affix{From: alice, To: "carol@" + domain, At: now}, "xmpp.sce.recipient"},
		"into a room":        {pipeline.Affix{From: alice, To: "room@muc." + domain, At: now, Room: true}, "xmpp.sce.recipient"},
	} {
		got, err := xmpplink.Builder{}.Content(engine.Profile2, c.a, pipeline.Content{}, b)
		require.Equal(t, c.want, code.Of(err), name)
		if c.want == "" {
			require.Equal(t, text.Body, got.Body, name)
		} else {
			require.Equal(t, pipeline.Content{}, got, name)
		}
	}
	for _, junk := range []string{"", "hello", "<envelope/>", "<envelope xmlns='urn:xmpp:sce:1'/>"} {
		_, err := xmpplink.Builder{}.Content(engine.Profile2, made, pipeline.Content{}, []byte(junk))
		require.Equal(t, "xmpp.stanza.malformed", code.Of(err), junk)
	}
	// 0.3 encrypts the text and nothing else.
	b, err = xmpplink.Builder{}.Plaintext(engine.Profile03, made, text)
	require.NoError(t, err)
	require.Equal(t, text.Body, string(b))
}
