// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// XEP-0191, XEP-0377.
func TestBlock(t *testing.T) {
	ctx := t.Context()
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, "", `<blocklist xmlns='urn:xmpp:blocking'/>`,
			`<blocklist xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'/><item/><item jid='@'/><item jid='iago.example'/></blocklist>`},
		exchange{stanza.GetIQ, "", `<blocklist xmlns='urn:xmpp:blocking'/>`, ``},
		exchange{stanza.SetIQ, "", `<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'/></block>`, ``},
		exchange{stanza.SetIQ, "", `<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'>` +
			`<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:abuse'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='7'/><text>Never</text></report></item></block>`, ``},
		exchange{stanza.SetIQ, "", `<unblock xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'/><item jid='iago.example'/></unblock>`, ``},
		exchange{stanza.SetIQ, "", `<unblock xmlns='urn:xmpp:blocking'/>`, ``},
		exchange{stanza.SetIQ, "", `<unblock xmlns='urn:xmpp:blocking'/>`, refusal("cancel", "feature-not-implemented", "")},
	)
	list, err := c.FetchBlocked(ctx)
	require.NoError(t, err)
	iago := jid.MustParse("iago.example")
	require.Equal(t, []jid.JID{romeo, iago}, list)
	_, err = c.FetchBlocked(ctx)
	require.ErrorIs(t, err, ErrAnswer)
	require.NoError(t, c.Block(ctx, romeo, nil))
	require.NoError(t, c.Block(ctx, romeo, &Report{Reason: ReportAbuse, Text: "Never", Messages: []StanzaID{{By: juliet, ID: "7"}}}))
	require.NoError(t, c.Unblock(ctx, romeo, iago))
	require.ErrorIs(t, c.Unblock(ctx), ErrConfig, "nobody must not become everybody")
	require.NoError(t, c.UnblockAll(ctx))
	require.Equal(t, stanza.FeatureNotImplemented, Condition(c.UnblockAll(ctx)))
}

// XEP-0191 §3.3: pushes count from the own account only.
func TestParseBlockPush(t *testing.T) {
	push := func(attrs, payload string) *element.Element {
		return parse(t, `<iq id='1' `+attrs+`>`+payload+`</iq>`)
	}
	const block = `<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'/></block>`
	for _, from := range []string{"", "from='juliet@capulet.example'"} {
		p, err := ParseBlockPush(push("type='set' "+from, block), juliet)
		require.NoError(t, err)
		require.Equal(t, BlockPush{Blocked: []jid.JID{romeo}}, p)
	}
	for _, from := range []string{"romeo@montague.example", "capulet.example", "juliet@capulet.example/balcony"} {
		_, err := ParseBlockPush(push("type='set' from='"+from+"'", block), juliet)
		require.ErrorIs(t, err, ErrForged, from)
	}
	p, err := ParseBlockPush(push("type='set'", `<unblock xmlns='urn:xmpp:blocking'/>`), juliet)
	require.NoError(t, err)
	require.Equal(t, BlockPush{UnblockedAll: true}, p)
	p, err = ParseBlockPush(push("type='set'", `<unblock xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'/></unblock>`), juliet)
	require.NoError(t, err)
	require.Equal(t, BlockPush{Unblocked: []jid.JID{romeo}}, p)
	var many strings.Builder
	for i := range maxBlocked + 1 {
		fmt.Fprintf(&many, "<item jid='%d.example'/>", i)
	}
	for _, bad := range []string{
		``, `<block xmlns='urn:xmpp:blocking'/>`, `<unblock xmlns='urn:xmpp:blocking'><item jid='@'/></unblock>`, `<x xmlns='urn:xmpp:blocking'/>`,
	} {
		_, err := ParseBlockPush(push("type='set'", bad), juliet)
		require.ErrorIs(t, err, ErrMalformed, bad)
	}
	_, err = ParseBlockPush(push("type='get'", block), juliet)
	require.ErrorIs(t, err, ErrMalformed)
	x, err := element.Parse([]byte(`<block xmlns='urn:xmpp:blocking'>`+many.String()+`</block>`), element.Limits{})
	if err == nil {
		_, err = blockedItems(x)
	}
	require.Error(t, err, "a list beyond all measure")
}

// A push of blocked addresses goes to who makes it durable, a forged one is
// refused. XEP-0191.
func TestBlockPushIsNotAnsweredAtOnce(t *testing.T) {
	c, _ := newTest(t, Config{})
	const block = `<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'/></block>`
	require.False(t, c.takeRequest(parse(t, `<iq type='set' id='1'>`+block+`</iq>`)))
	forged := parse(t, `<iq type='set' id='1' from='romeo@montague.example/x'>`+block+`</iq>`)
	require.True(t, c.takeRequest(forged))
	require.Contains(t, text(c.reply(t.Context(), <-c.requests)), "service-unavailable")
}

func FuzzBlockPush(f *testing.F) {
	for _, s := range []string{
		`<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block></iq>`,
		`<iq type='set' id='1' from='x@y'><unblock xmlns='urn:xmpp:blocking'/></iq>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		p, err := ParseBlockPush(e, juliet)
		if err != nil {
			return
		}
		from := e.AttrValue("from")
		if from != "" {
			j, err := jid.Parse(from)
			require.NoError(t, err)
			require.True(t, j.Equal(juliet))
		}
		require.True(t, p.UnblockedAll != (len(p.Blocked)+len(p.Unblocked) > 0))
	})
}
