// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

func answerOf(t *testing.T, c *Client, request string) string {
	t.Helper()
	return text(c.reply(context.Background(), parse(t, request)))
}

func TestAnswers(t *testing.T) {
	now := time.Date(2024, 5, 6, 7, 8, 9, 0, time.FixedZone("", 2*3600))
	c, _ := newTest(t, Config{Software: Software{Name: "Brand", Version: "1", OS: "Plan 9"}, Now: func() time.Time { return now }})
	unavailable := `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
	get := func(from, payload string) string { return `<iq type='get' id='q1'` + from + `>` + payload + `</iq>` }
	result := func(to, payload string) string {
		if payload == "" {
			return `<iq type='result' id='q1'` + to + `/>`
		}
		return `<iq type='result' id='q1'` + to + `>` + payload + `</iq>`
	}
	failure := func(to, payload string) string { return `<iq type='error' id='q1'` + to + `>` + payload + `</iq>` }
	const (
		server, toServer     = ` from='capulet.example'`, ` to='capulet.example'`
		own, toOwn           = ` from='juliet@capulet.example/garden'`, ` to='juliet@capulet.example/garden'`
		stranger, toStranger = ` from='romeo@montague.example/orchard'`, ` to='romeo@montague.example/orchard'`
	)
	version := `<query xmlns='jabber:iq:version'><name>Brand</name><version>1</version><os>Plan 9</os></query>`
	clock := `<time xmlns='urn:xmpp:time'><tzo>+02:00</tzo><utc>2024-05-06T05:08:09Z</utc></time>`
	for name, x := range map[string]struct{ request, answer string }{
		"ping by server":       {get(server, `<ping xmlns='urn:xmpp:ping'/>`), result(toServer, ``)},
		"ping without sender":  {get(``, `<ping xmlns='urn:xmpp:ping'/>`), result(``, ``)},
		"ping by stranger":     {get(stranger, `<ping xmlns='urn:xmpp:ping'/>`), result(toStranger, ``)},
		"version by own":       {get(own, `<query xmlns='jabber:iq:version'/>`), result(toOwn, version)},
		"version by stranger":  {get(stranger, `<query xmlns='jabber:iq:version'/>`), failure(toStranger, unavailable)},
		"time by server":       {get(server, `<time xmlns='urn:xmpp:time'/>`), result(toServer, clock)},
		"time by stranger":     {get(stranger, `<time xmlns='urn:xmpp:time'/>`), failure(toStranger, unavailable)},
		"items":                {get(stranger, `<query xmlns='http://jabber.org/protocol/disco#items'/>`), result(toStranger, `<query xmlns='http://jabber.org/protocol/disco#items'/>`)},
		"items of node":        {get(stranger, `<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>`), failure(toStranger, refusal("cancel", "item-not-found", ""))},
		"info of node":         {get(stranger, `<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>`), failure(toStranger, refusal("cancel", "item-not-found", ""))},
		"unknown":              {get(stranger, `<query xmlns='jabber:iq:last'/>`), failure(toStranger, unavailable)},
		"set":                  {`<iq type='set' id='q1' from='a@b'><ping xmlns='urn:xmpp:ping'/></iq>`, failure(` to='a@b'`, refusal("cancel", "feature-not-implemented", ""))},
		"nothing":              {get(stranger, ``), failure(toStranger, refusal("modify", "bad-request", ""))},
		"two things":           {get(stranger, `<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>`), failure(toStranger, refusal("modify", "bad-request", ""))},
		"forged roster push":   {strings.Replace(strings.Replace(rosterPush, "<iq", "<iq from='a@b'", 1), "push1", "q1", 1), failure(` to='a@b'`, unavailable)},
		"id needs escaping":    {`<iq type='get' id='&apos;/>' from='a@b'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='result' id='&apos;/&gt;' to='a@b'/>`},
		"unreadable requester": {`<iq type='get' id='q1' from='@'><ping xmlns='urn:xmpp:ping'/></iq>`, failure(` to='@'`, refusal("modify", "bad-request", ""))},
	} {
		require.Equal(t, x.answer, answerOf(t, c, x.request), name)
	}
	for _, node := range []string{"", " node='" + c.caps.Node + "#" + c.caps.Ver + "'"} {
		answer := parse(t, answerOf(t, c, get(stranger, `<query xmlns='http://jabber.org/protocol/disco#info'`+node+`/>`)))
		query := answer.Child("http://jabber.org/protocol/disco#info", "query")
		require.Equal(t, node != "", query.AttrValue("node") != "")
		i, err := ParseInfo(query)
		require.NoError(t, err)
		require.True(t, c.caps.verify(i), "what we say is what our presence promises")
	}
}

func TestTrustsDecides(t *testing.T) {
	c, _ := newTest(t, Config{Software: Software{Name: "Brand"}, Trusts: func(_ context.Context, j jid.JID) bool { return j.Bare().Equal(romeo) }})
	require.Contains(t, answerOf(t, c, `<iq type='get' id='1' from='romeo@montague.example/x'><query xmlns='jabber:iq:version'/></iq>`), "Brand")
	require.NotContains(t, answerOf(t, c, `<iq type='get' id='1' from='juliet@capulet.example/x'><query xmlns='jabber:iq:version'/></iq>`), "Brand")
}

func TestRequestsAreAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newTest(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.answer(ctx) }()

		require.True(t, c.divert(parse(t, `<iq type='get' id='1' from='a@b'><ping xmlns='urn:xmpp:ping'/></iq>`)))
		require.True(t, c.divert(parse(t, `<iq type='get' from='a@b'><ping xmlns='urn:xmpp:ping'/></iq>`)), "no id, no answer")
		require.True(t, c.divert(parse(t, strings.Replace(rosterPush, "<iq", "<iq from='a@b'", 1))))
		push := parse(t, rosterPush)
		require.False(t, c.divert(push), "the caller makes it durable and answers")
		require.False(t, c.divert(parse(t, `<iq type='result' id='1'/>`)))
		require.False(t, c.divert(parse(t, plainMessage)))
		require.False(t, c.divert(parse(t, awayPresence)))
		synctest.Wait()
		require.Equal(t, []string{`<iq type='result' id='1' to='a@b'/>`, `<iq type='error' id='push1' to='a@b'>` + refusal("cancel", "service-unavailable", "") + `</iq>`}, f.all())
		require.NoError(t, c.AnswerPush(ctx, push))
		require.Equal(t, `<iq type='result' id='push1'/>`, f.all()[2])
		cancel()
		<-done
	})
}

func TestRequestFloodDoesNotBlock(t *testing.T) {
	c, _ := newTest(t, Config{})
	ping := parse(t, `<iq type='get' id='1' from='a@b'><ping xmlns='urn:xmpp:ping'/></iq>`)
	for range 3 * maxRequests {
		require.True(t, c.divert(ping))
	}
	require.Len(t, c.requests, maxRequests)
}

func TestAsking(t *testing.T) {
	ping := `<ping xmlns='urn:xmpp:ping'/>`
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, "", ping, ``},
		exchange{stanza.GetIQ, "", ping, refusal("cancel", "service-unavailable", "")},
		exchange{stanza.GetIQ, "a@b/c", ping, refusal("cancel", "feature-not-implemented", "")},
		exchange{stanza.GetIQ, "a@b/c", ping, refusal("cancel", "service-unavailable", "")},
		exchange{stanza.GetIQ, "a@b", `<query xmlns='jabber:iq:version'/>`, `<query xmlns='jabber:iq:version'><name>N</name><version>V</version></query>`},
		exchange{stanza.GetIQ, "a@b", `<query xmlns='jabber:iq:version'/>`, ``},
		exchange{stanza.GetIQ, "a@b", `<time xmlns='urn:xmpp:time'/>`, `<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>2006-12-19T17:58:35Z</utc></time>`},
		exchange{stanza.GetIQ, "a@b", `<time xmlns='urn:xmpp:time'/>`, `<time xmlns='urn:xmpp:time'><utc>soon</utc></time>`},
		exchange{stanza.GetIQ, "capulet.example", `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
			`<query xmlns='http://jabber.org/protocol/disco#items'><item jid='muc.capulet.example' name='Rooms'/><item/><item jid='@'/></query>`},
		exchange{stanza.GetIQ, "capulet.example", `<query xmlns='http://jabber.org/protocol/disco#info'/>`, exodusInfo},
		exchange{stanza.SetIQ, "", `<enable xmlns='urn:xmpp:carbons:2'/>`, ``},
	)
	ctx := context.Background()
	peer := jid.MustParse("a@b")
	full := jid.MustParse("a@b/c")
	require.NoError(t, c.Ping(ctx, jid.JID{}))
	require.NoError(t, c.Ping(ctx, jid.JID{}), "a refusal is an answer")
	require.NoError(t, c.Ping(ctx, full))
	require.Error(t, c.Ping(ctx, full), "nobody there")
	s, err := c.FetchVersion(ctx, peer)
	require.NoError(t, err)
	require.Equal(t, Software{Name: "N", Version: "V"}, s)
	_, err = c.FetchVersion(ctx, peer)
	require.ErrorIs(t, err, ErrAnswer)
	clock, err := c.FetchTime(ctx, peer)
	require.NoError(t, err)
	require.Equal(t, int64(1166551115), clock.Unix())
	_, err = c.FetchTime(ctx, peer)
	require.ErrorIs(t, err, ErrAnswer)
	items, err := c.FetchDiscoItems(ctx, c.Self().Domain(), "")
	require.NoError(t, err)
	require.Equal(t, []DiscoItem{{JID: jid.MustParse("muc.capulet.example"), Name: "Rooms"}}, items)
	_, err = c.FetchServerInfo(ctx)
	require.NoError(t, err)
	require.NoError(t, c.EnableCarbons(ctx))
}
