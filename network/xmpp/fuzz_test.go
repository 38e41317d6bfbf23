// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

func fuzzed(s string) (*element.Element, bool) {
	e, err := element.Parse([]byte(s), element.Limits{})
	return e, err == nil
}

// FuzzMessage checks that no message claims what its sender may not say, and
// that what we would send of it reads the same.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		plainMessage, omemoMessage, errorMessage, offlineMessage, roomMessage, "<message/>",
		carbon("juliet@capulet.example", "received", forwardedMessage), carbon("juliet@capulet.example", "sent", forwardedOwn),
		carbon("mallory@evil.example", "sent", forwardedOwn), archived("", "q", "m1", archivedMessage),
		`<message from='romeo@montague.example'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item id='1'/></items></event></message>`,
		`<message><displayed xmlns='urn:xmpp:chat-markers:0' id='1'/><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		m, err := ParseMessage(e, juliet)
		if err != nil {
			require.Equal(t, Message{}, m)
			return
		}
		if m.Carbon != NotCarbon {
			from, err := addressOr(e.AttrValue("from"), juliet)
			require.NoError(t, err)
			require.True(t, from.Equal(juliet), "a carbon by %s", e.AttrValue("from"))
			require.True(t, m.From.Bare().Equal(juliet) || m.To.Bare().Equal(juliet))
		}
		for _, id := range m.StanzaIDs {
			require.NotEmpty(t, id.ID)
			require.True(t, id.By.Equal(juliet) || m.Type == "groupchat" && id.By.Equal(m.From.Bare()))
		}
		require.False(t, m.OMEMO != nil && m.OMEMOErr != nil)
		if m.Event != nil {
			require.Empty(t, m.Event.From.Resourcepart())
		}
		again, err := ParseMessage(parse(t, text(m.Build())), m.From)
		require.NoError(t, err)
		if m.Type == "error" {
			return
		}
		require.Equal(t, []any{m.ID, m.Type, m.Body, m.Thread, m.OriginID, m.Receipt, m.State, m.Marker, m.EME, m.Hints},
			[]any{again.ID, again.Type, again.Body, again.Thread, again.OriginID, again.Receipt, again.State, again.Marker, again.EME, again.Hints})
		require.True(t, m.To.Equal(again.To))
	})
}

// FuzzStanza feeds whatever the stream may find to what looks at it there.
func FuzzStanza(f *testing.F) {
	for _, s := range []string{
		awayPresence, rosterPush, plainMessage, archived("", "q", "m1", archivedMessage),
		`<iq type='get' id='1' from='a@b'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info' node='x'/></iq>`,
		`<iq type='get' id='1'><query xmlns='jabber:iq:version'/></iq>`, `<iq type='get' id='1'><time xmlns='urn:xmpp:time'/></iq>`, `<iq type='set' id='1'/>`,
		`<presence type='error' from='a@b'>` + refusal("cancel", "conflict", "") + `</presence>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		c, _ := newTest(t, Config{Software: Software{Name: "Brand"}, Now: func() time.Time { return time.Unix(0, 0) }})
		if p, err := ParsePresence(e, juliet); err == nil {
			again, err := ParsePresence(parse(t, text(p.Build())), juliet)
			require.NoError(t, err)
			require.Equal(t, []any{p.ID, p.Type}, []any{again.ID, again.Type})
			if p.Type != PresenceError {
				require.Equal(t, []any{p.Show, p.Status, p.Priority, p.Nick, p.Caps}, []any{again.Show, again.Status, again.Priority, again.Nick, again.Caps})
			}
		}
		if p, err := ParseRosterPush(e, juliet); err == nil {
			require.Contains(t, []string{"", juliet.String()}, jidString(t, e.AttrValue("from")))
			require.Empty(t, p.Item.JID.Resourcepart())
		}
		c.archive.open("q", juliet, 1)
		taken := c.divert(e)
		if e.Name.Local == "message" && taken {
			require.Contains(t, []string{"", juliet.String()}, jidString(t, e.AttrValue("from")))
			item := parseArchived(e.Child(NSMAM, "result"), juliet, juliet)
			require.True(t, item.Err == nil || item.Message.Element == nil)
		}
		if len(c.requests) > 0 {
			answer := c.reply(context.Background(), <-c.requests)
			require.Equal(t, e.AttrValue("id"), parse(t, text(answer)).AttrValue("id"))
		}
	})
}

func jidString(t *testing.T, s string) string {
	j, err := parseJID(s)
	require.NoError(t, err)
	return j.String()
}

// FuzzAnswer feeds whatever servers and contacts answer to the decoders of
// answers.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		psiInfo, exodusInfo, configForm, captchaForm, legacyFields, fin, publishResult,
		`<query xmlns='jabber:iq:roster' ver='v1'><item jid='romeo@montague.example' name='Romeo' subscription='both'><group>Friends</group></item></query>`,
		`<query xmlns='http://jabber.org/protocol/disco#items'><item jid='muc.capulet.example'/></query>`,
		`<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>2006-12-19T17:58:35Z</utc></time>`,
		`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='a'><x xmlns='urn:x'/></item></items></pubsub>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		ctx := context.Background()
		c, conn := newTest(t, Config{})
		conn.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) { return e, nil }
		if i, err := ParseInfo(e); err == nil {
			if ver, err := i.Hash(); err == nil {
				again, err := ParseInfo(parse(t, text(i.Element())))
				require.NoError(t, err)
				ver2, err := again.Hash()
				require.NoError(t, err)
				require.Equal(t, ver, ver2, "the cached form hashes otherwise")
			}
		}
		if form := ParseForm(e); form != nil {
			again := ParseForm(element.New("", "x").Add(parse(t, text(form.Element()))))
			require.Len(t, again.Fields, len(form.Fields))
			for i := range form.Fields {
				require.Equal(t, form.Fields[i].Values, again.Fields[i].Values)
			}
		}
		_, _ = fillRegistration(ctx, e, RegisterOptions{JID: juliet, Password: "x"})
		_, _ = c.FetchRoster(ctx, true, "v0")
		_, _ = c.FetchDiscoItems(ctx, juliet, "")
		_, _ = c.FetchTime(ctx, juliet)
		_, _ = c.FetchVersion(ctx, juliet)
		_, _ = c.FetchItems(ctx, juliet, "n", 0)
		_, _ = c.Publish(ctx, "n", "", element.New("urn:x", "x"), openMany)
		_ = c.configureNode(ctx, "n", openMany)
		_, _ = c.QueryArchive(ctx, ArchiveQuery{})
	})
}

// FuzzOMEMO checks that what is accepted obeys the bounds and is sent as it was
// read.
func FuzzOMEMO(f *testing.F) {
	for _, s := range []string{
		bundle03(), bundle2(), `<list xmlns='eu.siacs.conversations.axolotl'><device id='1'/></list>`,
		`<devices xmlns='urn:xmpp:omemo:2'><device id='1' label='a' labelsig='AA=='/></devices>`,
		`<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2' prekey='1'> YQ= =</key><iv>AA==</iv></header><payload>AA==</payload></encrypted>`,
		`<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'><keys jid='a@b'><key rid='2' kex='true'>YQ==</key></keys></header></encrypted>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		if x, err := ParseEncrypted(e); err == nil {
			require.LessOrEqual(t, len(x.Keys), MaxKeys)
			sent, err := ParseEncrypted(parse(t, text(x.Element())))
			require.NoError(t, err)
			require.Len(t, sent.Keys, len(x.Keys))
			require.Equal(t, x.Payload, sent.Payload)
			require.Equal(t, x.IV, sent.IV)
		}
		if p, devices, err := ParseDevices(e); err == nil {
			require.LessOrEqual(t, len(devices), MaxDevices)
			_, again, err := ParseDevices(parse(t, text(DevicesElement(p, devices))))
			require.NoError(t, err)
			require.Equal(t, devices, again)
		}
		if p, b, err := ParseBundle(e); err == nil {
			require.LessOrEqual(t, len(b.PreKeys), MaxPreKeys)
			require.Len(t, b.Identity, keySize)
			_, again, err := ParseBundle(parse(t, text(b.Element(p))))
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
	})
}
