// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/stanza"
)

const awayPresence = `<presence xml:lang='en' to='juliet@capulet.example/balcony' from='romeo@montague.example/orchard' id='p1'>` +
	`<show>away</show><status>out</status><priority>-5</priority>` +
	`<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://psi-im.org' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>` +
	`<delay xmlns='urn:xmpp:delay' from='romeo@montague.example/orchard' stamp='2024-05-06T07:08:09Z'/></presence>`

func TestParsePresence(t *testing.T) {
	p, err := ParsePresence(parse(t, awayPresence), juliet)
	require.NoError(t, err)
	require.Equal(t, "romeo@montague.example/orchard", p.From.String())
	require.Equal(t, []string{"p1", "", "away", "out"}, []string{p.ID, p.Type, p.Show, p.Status})
	require.Equal(t, int8(-5), p.Priority)
	require.Equal(t, &Caps{Hash: "sha-1", Node: "http://psi-im.org", Ver: "q07IKJEyjvHSyhy//CH0CxmKi8w="}, p.Caps)
	require.False(t, p.Delay.IsZero())

	p, err = ParsePresence(parse(t, `<presence type='subscribe' from='romeo@montague.example'><nick xmlns='http://jabber.org/protocol/nick'>Romeo</nick></presence>`), juliet)
	require.NoError(t, err)
	require.Equal(t, "Romeo", p.Nick)
	require.Equal(t, PresenceSubscribe, p.Type)

	p, err = ParsePresence(parse(t, `<presence><show>party</show><priority>300</priority><c xmlns='http://jabber.org/protocol/caps' node='n' ver='0.9'/></presence>`), juliet)
	require.NoError(t, err)
	require.Equal(t, Presence{From: juliet, To: juliet, Element: p.Element}, p)

	p, err = ParsePresence(parse(t, `<presence type='error' from='room@muc.example/x'>`+refusal("cancel", "conflict", "")+`</presence>`), juliet)
	require.NoError(t, err)
	require.Equal(t, stanza.Conflict, p.Error.Condition)

	for _, s := range []string{`<presence type='probe'/>`, `<presence from='@'/>`, `<presence to='@'/>`, `<message/>`} {
		_, err := ParsePresence(parse(t, s), juliet)
		require.ErrorIs(t, err, ErrMalformed, s)
	}
}

func TestSendPresence(t *testing.T) {
	c, f := newTest(t, Config{})
	ctx := context.Background()
	require.NoError(t, c.SendPresence(ctx, Presence{Show: "dnd", Status: "x", Priority: 3}))
	require.NoError(t, c.SendPresence(ctx, Presence{Type: PresenceUnavailable}))
	require.NoError(t, c.Subscribe(ctx, romeo, "Juliet"))
	require.NoError(t, c.PreApprove(ctx, romeo))
	require.NoError(t, c.Unsubscribe(ctx, romeo))
	require.NoError(t, c.Unsubscribed(ctx, romeo))
	sent := f.all()
	p, err := ParsePresence(parse(t, sent[0]), juliet)
	require.NoError(t, err)
	require.Equal(t, c.caps, *p.Caps)
	require.Equal(t, int8(3), p.Priority)
	require.Equal(t, "<presence type='unavailable'/>", sent[1])
	for i, want := range []string{PresenceSubscribe, PresenceSubscribed, PresenceUnsubscribe, PresenceUnsubscribed} {
		p, err := ParsePresence(parse(t, sent[2+i]), juliet)
		require.NoError(t, err)
		require.Equal(t, want, p.Type)
		require.Equal(t, romeo, p.To)
		require.NotEmpty(t, p.ID)
		require.Nil(t, p.Caps)
	}
	require.Contains(t, sent[2], ">Juliet</nick>")

	f.err = errors.New("offline")
	require.ErrorIs(t, c.SendPresence(ctx, Presence{}), f.err)
	require.ErrorIs(t, c.SetActive(ctx, true), f.err)
}

func TestSetActive(t *testing.T) {
	c, f := newTest(t, Config{})
	require.NoError(t, c.SetActive(context.Background(), false))
	require.NoError(t, c.SetActive(context.Background(), true))
	require.Equal(t, []string{"<inactive xmlns='urn:xmpp:csi:0'/>", "<active xmlns='urn:xmpp:csi:0'/>"}, f.all())
}
