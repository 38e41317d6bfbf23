// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

func TestFetchRoster(t *testing.T) {
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, "", `<query xmlns='jabber:iq:roster'/>`,
			`<query xmlns='jabber:iq:roster' ver='v1'><item jid='romeo@montague.example' name='Romeo' subscription='both'><group>Friends</group><group/></item>` +
				`<item jid='nurse@capulet.example/x' ask='subscribe' approved='true'/><item jid='@' subscription='both'/><item/>` +
				`<item jid='a@b' subscription='maybe'/><item jid='gone@b' subscription='remove'/><other xmlns='urn:x'/></query>`},
		exchange{stanza.GetIQ, "", `<query xmlns='jabber:iq:roster' ver=''/>`, `<query xmlns='jabber:iq:roster' ver='v1'/>`},
		exchange{stanza.GetIQ, "", `<query xmlns='jabber:iq:roster' ver='v1'/>`, ``},
		exchange{stanza.GetIQ, "", `<query xmlns='jabber:iq:roster'/>`, ``},
		exchange{stanza.GetIQ, "", `<query xmlns='jabber:iq:roster'/>`, `<query xmlns='urn:x'/>`},
		exchange{stanza.GetIQ, "", `<query xmlns='jabber:iq:roster'/>`, refusal("cancel", "forbidden", "")},
	)
	ctx := context.Background()
	r, err := c.FetchRoster(ctx, false, "ignored")
	require.NoError(t, err)
	require.Equal(t, Roster{Version: "v1", Items: []RosterItem{
		{JID: romeo, Name: "Romeo", Subscription: SubscriptionBoth, Groups: []string{"Friends"}},
		{JID: jid.MustParse("nurse@capulet.example"), Subscription: SubscriptionNone, Ask: true, Approved: true},
	}}, r)
	r, err = c.FetchRoster(ctx, true, "")
	require.NoError(t, err)
	require.Equal(t, Roster{Version: "v1"}, r)
	r, err = c.FetchRoster(ctx, true, "v1")
	require.NoError(t, err)
	require.Equal(t, Roster{Version: "v1", Unchanged: true}, r)
	r, err = c.FetchRoster(ctx, false, "")
	require.NoError(t, err)
	require.Equal(t, Roster{}, r)
	_, err = c.FetchRoster(ctx, false, "")
	require.ErrorIs(t, err, ErrAnswer)
	_, err = c.FetchRoster(ctx, false, "")
	require.Equal(t, stanza.Forbidden, Condition(err))
}

const rosterPush = `<iq to='juliet@capulet.example/balcony' type='set' id='push1'><query xmlns='jabber:iq:roster' ver='v2'><item jid='romeo@montague.example' subscription='remove'/></query></iq>`

func TestRosterPush(t *testing.T) {
	want := RosterPush{Version: "v2", Item: RosterItem{JID: romeo, Subscription: SubscriptionRemove}}
	for _, from := range []string{"", " from='juliet@capulet.example'"} {
		p, err := ParseRosterPush(parse(t, strings.Replace(rosterPush, "<iq", "<iq"+from, 1)), jid.MustParse("juliet@capulet.example/balcony"))
		require.NoError(t, err)
		require.Equal(t, want, p)
	}
	for _, from := range []string{"mallory@evil.example", "juliet@capulet.example/garden", "capulet.example", "romeo@montague.example"} {
		_, err := ParseRosterPush(parse(t, strings.Replace(rosterPush, "<iq", "<iq from='"+from+"'", 1)), juliet)
		require.ErrorIs(t, err, ErrForged, from)
	}
	for _, s := range []string{
		`<iq type='set'/>`, `<iq type='get'><query xmlns='jabber:iq:roster'/></iq>`, `<iq type='set'><query xmlns='jabber:iq:roster'/></iq>`,
		`<iq type='set' from='@'><query xmlns='jabber:iq:roster'/></iq>`,
		`<iq type='set'><query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='b@b'/></query></iq>`,
		`<iq type='set'><query xmlns='jabber:iq:roster'><item/></query></iq>`,
	} {
		_, err := ParseRosterPush(parse(t, s), juliet)
		require.ErrorIs(t, err, ErrMalformed, s)
	}
}

func TestChangeRoster(t *testing.T) {
	c, _ := newTest(t, Config{},
		exchange{stanza.SetIQ, "", `<query xmlns='jabber:iq:roster'><item jid='romeo@montague.example' name='R &amp; J'><group>A</group><group>B</group></item></query>`, ``},
		exchange{stanza.SetIQ, "", `<query xmlns='jabber:iq:roster'><item jid='romeo@montague.example' subscription='remove'/></query>`, refusal("cancel", "item-not-found", "")},
	)
	require.NoError(t, c.SetContact(context.Background(), jid.MustParse("romeo@montague.example/orchard"), "R & J", "A", "B"))
	require.Equal(t, stanza.ItemNotFound, Condition(c.RemoveContact(context.Background(), romeo)))
}
