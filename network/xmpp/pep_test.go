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

const (
	publishRequest = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='current'><x xmlns='urn:x'/></item></publish>` +
		`<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
		`<field var='pubsub#access_model'><value>open</value></field><field var='pubsub#max_items'><value>max</value></field></x></publish-options></pubsub>`
	publishAgain = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='current'><x xmlns='urn:x'/></item></publish>` +
		`<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
		`<field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub>`
	publishResult = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='current'/></publish></pubsub>`
	configRequest = `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'/></pubsub>`
	configForm    = `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'><x xmlns='jabber:x:data' type='form'><title>T</title>` +
		`<field type='hidden' var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#node_config</value></field><field type='fixed'><value>Hello</value></field>` +
		`<field type='text-single' var='pubsub#title' label='Title'><value/></field>` +
		`<field type='list-single' var='pubsub#access_model'><value>presence</value><option><value>open</value></option></field>` +
		`<field type='list-multi' var='pubsub#groups'><value>a</value><value>b</value></field>` +
		`<field type='text-single' var='pubsub#max_items'><value>1</value></field></x></configure></pubsub>`
	configSubmit = `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'><x xmlns='jabber:x:data' type='submit'>` +
		`<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>` +
		`<field var='pubsub#title' type='text-single'><value/></field><field var='pubsub#access_model' type='list-single'><value>open</value></field>` +
		`<field var='pubsub#groups' type='list-multi'><value>a</value><value>b</value></field>` +
		`<field var='pubsub#max_items' type='text-single'><value>max</value></field></x></configure></pubsub>`
	createRequest = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='n'/><configure><x xmlns='jabber:x:data' type='submit'>` +
		`<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>` +
		`<field var='pubsub#access_model'><value>open</value></field><field var='pubsub#max_items'><value>max</value></field></x></configure></pubsub>`
)

var (
	openMany        = NodeConfig{Access: AccessOpen, MaxItems: MaxItemsMax}
	preconditionErr = refusal("cancel", "conflict", `<precondition-not-met xmlns='http://jabber.org/protocol/pubsub#errors'/>`)
)

func TestPublish(t *testing.T) {
	for name, x := range map[string]struct {
		script []exchange
		err    error
		cond   stanza.Condition
	}{
		"at once":      {script: []exchange{{stanza.SetIQ, "", publishRequest, publishResult}}},
		"empty answer": {script: []exchange{{stanza.SetIQ, "", publishRequest, ``}}},
		"node is otherwise, as Prosody says": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, preconditionErr},
			{stanza.GetIQ, "", configRequest, configForm},
			{stanza.SetIQ, "", configSubmit, ``},
			{stanza.SetIQ, "", publishAgain, publishResult},
		}},
		"option unknown, as ejabberd says": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, refusal("modify", "not-acceptable", "")},
			{stanza.GetIQ, "", configRequest, refusal("cancel", "item-not-found", "")},
			{stanza.SetIQ, "", createRequest, `<pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='n'/></pubsub>`},
			{stanza.SetIQ, "", publishAgain, publishResult},
		}},
		"never without its access model": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, preconditionErr},
			{stanza.GetIQ, "", configRequest, configForm},
			{stanza.SetIQ, "", configSubmit, ``},
			{stanza.SetIQ, "", publishAgain, preconditionErr},
		}, cond: stanza.Conflict},
		"any max_items refused, as ejabberd does": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, refusal("wait", "resource-constraint", "")},
			{stanza.GetIQ, "", configRequest, configForm},
			{stanza.SetIQ, "", configSubmit, ``},
			{stanza.SetIQ, "", publishAgain, publishResult},
		}},
		"cannot be configured": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, preconditionErr},
			{stanza.GetIQ, "", configRequest, configForm},
			{stanza.SetIQ, "", configSubmit, refusal("modify", "not-acceptable", "")},
		}, err: ErrNodeConfig, cond: stanza.NotAcceptable},
		"has no such option": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, preconditionErr},
			{stanza.GetIQ, "", configRequest, `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'><x xmlns='jabber:x:data' type='form'/></configure></pubsub>`},
		}, err: ErrNodeConfig},
		"has no configuration": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, preconditionErr},
			{stanza.GetIQ, "", configRequest, ``},
		}, err: ErrNodeConfig},
		"cannot be made": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, preconditionErr},
			{stanza.GetIQ, "", configRequest, refusal("cancel", "item-not-found", "")},
			{stanza.SetIQ, "", createRequest, refusal("cancel", "conflict", "")},
		}, err: ErrNodeConfig, cond: stanza.Conflict},
		"is not ours to configure": {script: []exchange{
			{stanza.SetIQ, "", publishRequest, preconditionErr},
			{stanza.GetIQ, "", configRequest, refusal("auth", "forbidden", "")},
		}, cond: stanza.Forbidden},
		"refused": {script: []exchange{{stanza.SetIQ, "", publishRequest, refusal("wait", "internal-server-error", "")}}, cond: stanza.InternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newTest(t, Config{}, x.script...)
			id, err := c.Publish(context.Background(), "n", CurrentItem, parse(t, `<x xmlns='urn:x'/>`), openMany)
			if x.err == nil && x.cond == "" {
				require.NoError(t, err)
				require.Equal(t, CurrentItem, id)
				return
			}
			require.Error(t, err)
			require.Equal(t, x.cond, Condition(err))
			if x.err != nil {
				require.ErrorIs(t, err, x.err)
			}
		})
	}
}

func TestPublishWithoutMaxItemsTakesRefusal(t *testing.T) {
	request := strings.Replace(publishRequest, `<field var='pubsub#max_items'><value>max</value></field>`, "", 1)
	c, _ := newTest(t, Config{}, exchange{stanza.SetIQ, "", request, refusal("wait", "resource-constraint", "")})
	_, err := c.Publish(context.Background(), "n", CurrentItem, parse(t, `<x xmlns='urn:x'/>`), NodeConfig{Access: AccessOpen})
	require.Equal(t, stanza.ResourceConstraint, Condition(err))
}

func TestPublishLetsServerName(t *testing.T) {
	c, _ := newTest(t, Config{}, exchange{stanza.SetIQ, "",
		`<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item><x xmlns='urn:x'/></item></publish></pubsub>`,
		`<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='i7'/></publish></pubsub>`})
	id, err := c.Publish(context.Background(), "n", "", parse(t, `<x xmlns='urn:x'/>`), NodeConfig{})
	require.NoError(t, err)
	require.Equal(t, "i7", id)
}

func TestNodeConfigFields(t *testing.T) {
	f := NodeConfig{Access: AccessWhitelist, MaxItems: "7", Persist: true, SendLast: "never"}.form(nsNodeConfig)
	require.Equal(t, nsNodeConfig, f.Value(formType))
	require.Equal(t, "whitelist", f.Value("pubsub#access_model"))
	require.Equal(t, "7", f.Value("pubsub#max_items"))
	require.Equal(t, "true", f.Value("pubsub#persist_items"))
	require.Equal(t, "never", f.Value("pubsub#send_last_published_item"))
}

func TestFetchItems(t *testing.T) {
	const all = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'/></pubsub>`
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, "romeo@montague.example", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n' max_items='2'><item id='a'/><item id='b'/></items></pubsub>`,
			`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='a'><x xmlns='urn:x'/></item><item id='b'/></items></pubsub>`},
		exchange{stanza.GetIQ, "", all, `<pubsub xmlns='http://jabber.org/protocol/pubsub'/>`},
		exchange{stanza.GetIQ, "", all, ``},
	)
	ctx := context.Background()
	items, err := c.FetchItems(ctx, jid.MustParse("romeo@montague.example/x"), "n", 2, "a", "b")
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Equal(t, "a", items[0].ID)
	require.True(t, items[0].Payload.Is("urn:x", "x"))
	require.Nil(t, items[1].Payload)
	items, err = c.FetchItems(ctx, juliet, "n", 0)
	require.NoError(t, err)
	require.Empty(t, items)
	_, err = c.FetchItems(ctx, jid.JID{}, "n", 0)
	require.ErrorIs(t, err, ErrAnswer)

	for _, x := range []struct {
		condition     string
		contact, mine bool
	}{
		{"item-not-found", true, true},
		{"forbidden", true, false},
		{"not-authorized", true, false},
		{"not-allowed", true, false},
		{"feature-not-implemented", true, false},
		{"service-unavailable", false, false},
		{"remote-server-timeout", false, false},
	} {
		c, _ := newTest(t, Config{},
			exchange{stanza.GetIQ, "romeo@montague.example", all, refusal("cancel", x.condition, "")},
			exchange{stanza.GetIQ, "", all, refusal("cancel", x.condition, "")})
		_, err := c.FetchItems(ctx, romeo, "n", 0)
		require.Equal(t, stanza.Condition(x.condition), Condition(err))
		require.Equal(t, x.contact, isNoNode(err), x.condition)
		_, err = c.FetchItems(ctx, juliet, "n", 0)
		require.Equal(t, x.mine, isNoNode(err), x.condition)
	}
}

func TestDeletePublished(t *testing.T) {
	ctx := context.Background()
	const (
		retract = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='n' notify='true'><item id='i'/></retract></pubsub>`
		remove  = `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='n'/></pubsub>`
	)
	c, _ := newTest(t, Config{},
		exchange{stanza.SetIQ, "", retract, ``},
		exchange{stanza.SetIQ, "", retract, refusal("cancel", "item-not-found", "")},
		exchange{stanza.SetIQ, "", remove, ``},
		exchange{stanza.SetIQ, "", remove, refusal("auth", "forbidden", "")},
	)
	require.NoError(t, c.RetractItem(ctx, "n", "i"))
	require.ErrorIs(t, c.RetractItem(ctx, "n", "i"), ErrNoNode)
	require.NoError(t, c.DeleteNode(ctx, "n"))
	err := c.DeleteNode(ctx, "n")
	require.NotErrorIs(t, err, ErrNoNode)
	require.Equal(t, stanza.Forbidden, Condition(err))
}

func TestParseEvent(t *testing.T) {
	event := func(from, in string) string {
		return `<message from='` + from + `' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + in + `</event></message>`
	}
	for name, x := range map[string]struct {
		in   string
		want Event
	}{
		"items": {`<items node='n'><item id='1' publisher='x'/><retract id='0'/></items>`, Event{Items: []Item{{ID: "1"}}, Retracted: []string{"0"}}},
		"purge": {`<purge node='n'/>`, Event{Purged: true}},
		"gone":  {`<delete node='n'/>`, Event{Deleted: true}},
		"later": {`<configuration node='n'/><purge node='n'/>`, Event{Purged: true}},
	} {
		x.want.From, x.want.Node = romeo, "n"
		ev, err := ParseEvent(parse(t, event("romeo@montague.example", x.in)), juliet)
		require.NoError(t, err, name)
		require.Equal(t, x.want, ev, name)
		m := mustMessage(t, event("romeo@montague.example", x.in))
		require.Equal(t, &x.want, m.Event, name)
	}
	own, err := ParseEvent(parse(t, `<message><event xmlns='http://jabber.org/protocol/pubsub#event'><purge node='n'/></event></message>`), juliet)
	require.NoError(t, err)
	require.Equal(t, juliet, own.From)
	for name, s := range map[string]string{
		"a client speaks":  event("romeo@montague.example/orchard", `<purge node='n'/>`),
		"an occupant":      event("room@muc.example/nick", `<purge node='n'/>`),
		"no node":          event("romeo@montague.example", `<purge/>`),
		"nothing":          event("romeo@montague.example", ``),
		"unknown":          event("romeo@montague.example", `<subscription node='n'/>`),
		"unreadable":       event("@", `<purge node='n'/>`),
		"plain message":    plainMessage,
		"foreign in event": event("romeo@montague.example", `<purge xmlns='urn:x' node='n'/>`),
	} {
		_, err := ParseEvent(parse(t, s), juliet)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	require.Nil(t, mustMessage(t, event("romeo@montague.example/orchard", `<purge node='n'/>`)).Event)
}
