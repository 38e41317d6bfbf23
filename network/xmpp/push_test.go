// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/disco/info"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// XEP-0357.
func TestPush(t *testing.T) {
	ctx := t.Context()
	service := jid.MustParse("push.example")
	c, _ := newTest(t, Config{},
		exchange{stanza.SetIQ, "", `<enable xmlns='urn:xmpp:push:0' jid='push.example' node='n'/>`, ""},
		exchange{stanza.SetIQ, "", `<enable xmlns='urn:xmpp:push:0' jid='push.example' node='n'><x xmlns='jabber:x:data' type='submit'>` +
			`<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
			`<field var='device'><value>1</value></field><field var='secret'><value>s</value></field></x></enable>`, refusal("cancel", "not-allowed", "")},
		exchange{stanza.SetIQ, "", `<disable xmlns='urn:xmpp:push:0' jid='push.example' node='n'/>`, ""},
		exchange{stanza.SetIQ, "", `<disable xmlns='urn:xmpp:push:0' jid='push.example'/>`, ""},
	)
	require.NoError(t, c.EnablePush(ctx, PushService{JID: service, Node: "n"}))
	err := c.EnablePush(ctx, PushService{JID: service, Node: "n", Options: map[string]string{"secret": "s", "device": "1"}})
	require.Equal(t, stanza.NotAllowed, Condition(err))
	require.ErrorIs(t, c.EnablePush(ctx, PushService{JID: service}), ErrConfig)
	require.ErrorIs(t, c.EnablePush(ctx, PushService{Node: "n"}), ErrConfig)
	require.NoError(t, c.DisablePush(ctx, service, "n"))
	require.NoError(t, c.DisablePush(ctx, service, ""))
	require.True(t, IsPushService(Info{Identities: []info.Identity{{Category: "pubsub", Type: "push"}}}))
	require.False(t, IsPushService(Info{Features: []string{NSPush}}))
}

// XEP-0357 §8: only the service itself may say so.
func TestPushAffiliation(t *testing.T) {
	const message = `<message from='push.example'><pubsub xmlns='http://jabber.org/protocol/pubsub' node='n'><affiliation jid='juliet@capulet.example' affiliation='none'/></pubsub></message>`
	node, gone, err := PushAffiliation(parse(t, message), jid.MustParse("push.example"))
	require.NoError(t, err)
	require.True(t, gone)
	require.Equal(t, "n", node)
	_, _, err = PushAffiliation(parse(t, message), jid.MustParse("other.example"))
	require.ErrorIs(t, err, ErrForged)
	_, _, err = PushAffiliation(parse(t, `<message from='push.example'/>`), jid.MustParse("push.example"))
	require.ErrorIs(t, err, ErrMalformed)
	_, gone, err = PushAffiliation(parse(t, `<message from='push.example'><pubsub xmlns='http://jabber.org/protocol/pubsub' node='n'/></message>`), jid.MustParse("push.example"))
	require.NoError(t, err)
	require.False(t, gone)
}
