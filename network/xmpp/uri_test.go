// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// RFC 5122, XEP-0147, XEP-0379.
func TestURI(t *testing.T) {
	for s, want := range map[string]URI{
		"xmpp:romeo@montague.example":                           {JID: romeo},
		"XMPP:romeo@montague.example?message":                   {JID: romeo, Action: ActionMessage},
		"xmpp://us@here.example/romeo@montague.example":         {JID: romeo},
		"xmpp:romeo@montague.example?message;body=a%20%26+b;;x": {JID: romeo, Action: ActionMessage, Params: []URIParam{{"body", "a &+b"}, {"x", ""}}},
		"xmpp:coven@chat.example/a%2Fb?join#fragment":           {JID: jid.MustParse("coven@chat.example/a/b"), Action: ActionJoin},
		"xmpp:romeo@montague.example?roster;preauth=T;ibr=y":    {JID: romeo, Action: ActionRoster, Params: []URIParam{{"preauth", "T"}, {"ibr", "y"}}},
		"xmpp:montague.example?register;preauth=T":              {JID: romeo.Domain(), Action: ActionRegister, Params: []URIParam{{"preauth", "T"}}},
	} {
		u, err := ParseURI(s)
		require.NoError(t, err, s)
		require.Equal(t, want, u, s)
		again, err := ParseURI(u.String())
		require.NoError(t, err, u.String())
		require.Equal(t, u, again)
	}
	for _, s := range []string{
		"", "xmpp:", "romeo@montague.example", "mailto:a@b", "xmpp:@", "xmpp:a@b?%", "xmpp:a@b?message;body=%ff", "xmpp:a@b?m;x=%00",
		"xmpp://a@b", "xmpp:a@b?" + strings.Repeat("x;", maxParams+1), "xmpp:a@b?" + strings.Repeat("x", maxLink), "https://x/#a@b",
	} {
		_, err := ParseURI(s)
		require.ErrorIs(t, err, ErrURI, s)
	}
	for _, s := range []string{
		"https://x.example/i/#romeo@montague.example?roster;preauth=T", "https://x.example/#xmpp:romeo@montague.example?roster;preauth=T",
		"xmpp:romeo@montague.example?roster;preauth=T",
	} {
		u, err := ParseLink(s)
		require.NoError(t, err, s)
		require.True(t, u.JID.Equal(romeo))
		require.Equal(t, "T", u.Param("preauth"))
	}
	for _, s := range []string{"https://x.example/", "https://x.example/#about", "http://x.example/#a@b", "https://x/#" + strings.Repeat("x", maxLink)} {
		_, err := ParseLink(s)
		require.ErrorIs(t, err, ErrURI, s)
	}
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"xmpp:a@b?roster;preauth=T;name=x%20y", "https://x/#a@b?join", "xmpp://a@b/c@d/e", "xmpp:a@b/%2F?;=;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseLink(s)
		if err != nil {
			require.ErrorIs(t, err, ErrURI)
			return
		}
		out := u.String()
		if len(out) > maxLink {
			return
		}
		again, err := ParseURI(out)
		require.NoError(t, err, out)
		require.Equal(t, out, again.String())
	})
}

// XEP-0401, XEP-0379.
func TestInvite(t *testing.T) {
	ctx := t.Context()
	const ask = `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite' action='execute'/>`
	answer := func(uri string) string {
		return `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite' status='completed'><x xmlns='jabber:x:data' type='result'>` +
			`<field var='uri'><value>` + uri + `</value></field><field var='landing-url'><value>https://x/</value></field><field var='expire'><value>2030-01-01T00:00:00Z</value></field></x></command>`
	}
	const self = "capulet.example"
	c, f := newTest(t, Config{},
		exchange{stanza.SetIQ, self, ask, answer("xmpp:juliet@capulet.example?roster;preauth=T;ibr=y")},
		exchange{stanza.SetIQ, self, ask, answer("xmpp:romeo@montague.example?roster;preauth=T")},
		exchange{stanza.SetIQ, self, ask, answer("xmpp:juliet@capulet.example?roster")},
		exchange{stanza.SetIQ, self, ask, ""},
		exchange{stanza.SetIQ, self, ask, refusal("auth", "forbidden", "")},
	)
	i, err := c.CreateInvite(ctx)
	require.NoError(t, err)
	require.Equal(t, []any{"T", "y", "https://x/", 2030}, []any{i.URI.Param("preauth"), i.URI.Param("ibr"), i.Landing, i.Expires.In(time.UTC).Year()})
	for range 3 {
		_, err = c.CreateInvite(ctx)
		require.ErrorIs(t, err, ErrAnswer)
	}
	_, err = c.CreateInvite(ctx)
	require.ErrorIs(t, err, ErrNoInvites)
	require.NoError(t, c.SubscribeInvited(ctx, romeo, "", "T"))
	sent := parse(t, f.all()[0])
	p, err := ParsePresence(sent, juliet)
	require.NoError(t, err)
	require.Equal(t, "T", p.Preauth)
	require.Empty(t, preauthOf(parse(t, `<presence><preauth xmlns='urn:xmpp:pars:0' token='`+strings.Repeat("x", maxToken+1)+`'/></presence>`)))
}
