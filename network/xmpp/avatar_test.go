// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

const (
	smile     = "smile"
	smileHash = "0ceed6d8a19ea9a83cb04b0fb8a4e86f6b1fdf69"
)

// XEP-0084.
func TestAvatar(t *testing.T) {
	ctx := t.Context()
	hash := AvatarHash([]byte(smile))
	b64 := base64.StdEncoding.EncodeToString([]byte(smile))
	items := func(node, inner string) string {
		return `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='` + node + `'>` + inner + `</items></pubsub>`
	}
	data := func(text string) string {
		return items(NSAvatarData, `<item id='`+hash+`'><data xmlns='urn:xmpp:avatar:data'>`+text+`</data></item>`)
	}
	ask := items(NSAvatarData, `<item id='`+hash+`'/>`)
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, romeo.String(), `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata' max_items='1'/></pubsub>`,
			items(NSAvatarMetadata, `<item id='x'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='`+strings.ToUpper(hash)+`' bytes='5' type='image/png' width='64' height='-1'/><info id='no'/><info id='`+hash+`' url='https://x/'/></metadata></item>`)},
		exchange{stanza.GetIQ, romeo.String(), ask, data("\n " + b64[:4] + "\n" + b64[4:] + " ")},
		exchange{stanza.GetIQ, romeo.String(), ask, data(base64.StdEncoding.EncodeToString([]byte("other")))},
		exchange{stanza.GetIQ, romeo.String(), ask, data("%")},
		exchange{stanza.GetIQ, romeo.String(), ask, items(NSAvatarData, "")},
	)
	infos, err := c.FetchAvatarInfo(ctx, romeo)
	require.NoError(t, err)
	require.Equal(t, []AvatarInfo{{Hash: hash, Type: "image/png", Bytes: 5, Width: 64}, {Hash: hash, URL: "https://x/"}}, infos)
	info, ok := ChooseAvatar(infos)
	require.True(t, ok)
	a, err := c.FetchAvatar(ctx, romeo, info)
	require.NoError(t, err)
	require.Equal(t, []any{smile, hash, "image/png"}, []any{string(a.Data), a.Hash, a.Type})
	for range 2 {
		_, err = c.FetchAvatar(ctx, romeo, info)
		require.ErrorIs(t, err, ErrAvatar)
	}
	_, err = c.FetchAvatar(ctx, romeo, info)
	require.ErrorIs(t, err, ErrNoNode)
	require.ErrorIs(t, c.PublishAvatar(ctx, Avatar{}), ErrConfig)
	require.ErrorIs(t, c.PublishAvatar(ctx, Avatar{Data: make([]byte, MaxOwnAvatar+1)}), ErrConfig)
	for _, large := range []string{strings.Repeat("A", 100), strings.Repeat(" ", 200) + "AAAA"} {
		_, _, ok = decodePicture(large, 60)
		require.False(t, ok)
	}
	_, ok = ChooseAvatar([]AvatarInfo{{Hash: hash, Bytes: MaxAvatar + 1}, {Hash: hash, URL: "https://x/"}})
	require.False(t, ok)
}

// XEP-0084 §4.2, XEP-0172 §3.2: what an event says, and what it does not.
func TestPeopleEvents(t *testing.T) {
	event := func(inner string) Event {
		ev, err := ParseEvent(parse(t, `<message from='romeo@montague.example'><event xmlns='http://jabber.org/protocol/pubsub#event'>`+inner+`</event></message>`), juliet)
		require.NoError(t, err)
		return ev
	}
	infos, ok := ParseAvatarEvent(event(`<items node='urn:xmpp:avatar:metadata'><item id='a'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='` + smileHash + `' bytes='1'/></metadata></item></items>`))
	require.True(t, ok)
	require.Len(t, infos, 1)
	for _, gone := range []string{`<items node='N'><item><metadata xmlns='urn:xmpp:avatar:metadata'/></item></items>`, `<items node='N'><retract id='a'/></items>`, `<purge node='N'/>`, `<delete node='N'/>`} {
		infos, ok = ParseAvatarEvent(event(strings.Replace(gone, "N", NSAvatarMetadata, 1)))
		require.True(t, ok, gone)
		require.Empty(t, infos)
	}
	_, ok = ParseAvatarEvent(event(`<purge node='x'/>`))
	require.False(t, ok)
	for text, want := range map[string]string{
		"Romeo": "Romeo", " R\n o ": "R o", "\u202eoemoR": "oemoR", strings.Repeat("é", 1000): strings.Repeat("é", MaxNick/2), "": "",
	} {
		nick, ok := ParseNickEvent(event(`<items node='http://jabber.org/protocol/nick'><item id='current'><nick xmlns='http://jabber.org/protocol/nick'>` + text + `</nick></item></items>`))
		require.True(t, ok)
		require.Equal(t, want, nick)
	}
	_, ok = ParseNickEvent(event(`<purge node='x'/>`))
	require.False(t, ok)
}

// XEP-0153.
func TestPhoto(t *testing.T) {
	ctx := t.Context()
	b64 := base64.StdEncoding.EncodeToString([]byte(smile))
	card := `<vCard xmlns='vcard-temp'><FN>Juliet</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>` + b64 + `</BINVAL></PHOTO><X-ODD a='1'/></vCard>`
	const ask = `<vCard xmlns='vcard-temp'/>`
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, romeo.String(), ask, card},
		exchange{stanza.GetIQ, romeo.String(), ask, card},
		exchange{stanza.GetIQ, romeo.String(), ask, ask},
		exchange{stanza.GetIQ, "", ask, card},
		exchange{stanza.SetIQ, "", `<vCard xmlns='vcard-temp'><FN>Juliet</FN><X-ODD a='1'/></vCard>`, ""},
		exchange{stanza.GetIQ, "", ask, refusal("cancel", "item-not-found", "")},
		exchange{stanza.SetIQ, "", `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>` + b64 + `</BINVAL></PHOTO></vCard>`, ""},
	)
	a, err := c.FetchPhoto(ctx, romeo, strings.ToUpper(AvatarHash([]byte(smile))))
	require.NoError(t, err)
	require.Equal(t, smile, string(a.Data))
	_, err = c.FetchPhoto(ctx, romeo, smileHash)
	require.ErrorIs(t, err, ErrAvatar)
	a, err = c.FetchPhoto(ctx, romeo, "")
	require.NoError(t, err)
	require.Empty(t, a.Data)
	require.NoError(t, c.SetPhoto(ctx, Avatar{}))
	require.NoError(t, c.SetPhoto(ctx, Avatar{Type: "image/png", Data: []byte(smile)}))
	require.ErrorIs(t, c.SetPhoto(ctx, Avatar{Data: make([]byte, MaxOwnAvatar+1)}), ErrConfig)

	for inner, want := range map[string]struct {
		hash string
		said bool
	}{
		``: {}, `<x xmlns='vcard-temp:x:update'/>`: {}, `<x xmlns='vcard-temp:x:update'><photo/></x>`: {said: true},
		`<x xmlns='vcard-temp:x:update'><photo>x</photo></x>`:                 {},
		`<x xmlns='vcard-temp:x:update'><photo>` + smileHash + `</photo></x>`: {smileHash, true},
	} {
		p, err := ParsePresence(parse(t, `<presence from='romeo@montague.example/x'>`+inner+`</presence>`), juliet)
		require.NoError(t, err)
		require.Equal(t, want.hash, p.Photo, inner)
		require.Equal(t, want.said, p.SaysPhoto, inner)
	}
}

func FuzzProfileEvent(f *testing.F) {
	f.Add(`<message from='a@b'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:metadata'><item><metadata xmlns='urn:xmpp:avatar:metadata'><info id='` + smileHash + `' bytes='1' width='9' height='9'/></metadata></item></items></event></message>`)
	f.Add(`<message from='a@b'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/nick'><item><nick xmlns='http://jabber.org/protocol/nick'>x</nick></item></items></event></message>`)
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		ev, err := ParseEvent(e, juliet)
		if err != nil {
			return
		}
		require.Empty(t, jid.JID.Resourcepart(ev.From))
		infos, _ := ParseAvatarEvent(ev)
		require.LessOrEqual(t, len(infos), maxAvatarInfos)
		for _, i := range infos {
			require.True(t, isSHA1(i.Hash))
			require.False(t, i.Bytes < 0 || i.Width < 0 || i.Height < 0)
		}
		nick, _ := ParseNickEvent(ev)
		require.LessOrEqual(t, len(nick), MaxNick)
		require.NotContains(t, nick, "\n")
	})
}
