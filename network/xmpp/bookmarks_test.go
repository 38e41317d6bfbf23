// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/disco/info"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

const (
	bookmarkXML = `<conference xmlns='urn:xmpp:bookmarks:1' name='The Orchard' autojoin='1' xml:lang='en' own='a&amp;b'><nick>JC</nick><password>p</password>` +
		`<extensions id='e'><state xmlns='http://myclient.example/bookmark/state' minimized='true'><b xmlns='urn:b'> x &lt;</b></state><other xmlns='urn:o' xmlns:n1='urn:n' n1:at='1'/></extensions>` +
		`<unknown xmlns='urn:u'/></conference>`
	storageXML = `<storage xmlns='storage:bookmarks'><url name='U' url='https://x.example'/><conference name='Council' autojoin='true' jid='Coven@chat.shakespeare.example' own='1'>` +
		`<nick>Puck</nick><more xmlns='urn:m'/></conference><conference jid='@'/><conference jid='cave@chat.shakespeare.example'/></storage>`
	bookmarkItems  = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>`
	privateAsked   = `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>`
	legacyPEPAsked = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='storage:bookmarks' max_items='1'/></pubsub>`
)

func privateStorage(s string) string { return `<query xmlns='jabber:iq:private'>` + s + `</query>` }

func TestBookmarkKeepsWhatItDoesNotKnow(t *testing.T) {
	b, err := ParseBookmark(Item{ID: room, Payload: parse(t, bookmarkXML)})
	require.NoError(t, err)
	require.Equal(t, []any{room, "The Orchard", true, "JC", "p", 2}, []any{b.Room.String(), b.Name, b.Autojoin, b.Nick, b.Password, len(b.Extensions)})
	require.Equal(t, bookmarkXML, text(b.Element()), "nothing changed")

	b.Name, b.Autojoin, b.Nick, b.Password = "O", false, "J", ""
	want := strings.NewReplacer("The Orchard", "O", "autojoin='1'", "autojoin='false'", "JC", "J", "<password>p</password>", "").Replace(bookmarkXML)
	require.Equal(t, want, text(b.Element()))
	b.Name, b.Nick = "", ""
	require.NotContains(t, text(b.Element()), "name=")
	require.NotContains(t, text(b.Element()), "nick")
	b.Extensions = append(b.Extensions, element.New("urn:mine", "x"))
	require.Contains(t, text(b.Element()), `n1:at='1'/><x xmlns='urn:mine'/></extensions><unknown xmlns='urn:u'/>`)
	again, err := ParseBookmark(Item{ID: room, Payload: parse(t, bookmarkXML)})
	require.NoError(t, err)
	require.Equal(t, bookmarkXML, text(again.Element()))

	fresh := Bookmark{Room: coven, Nick: "n", Extensions: []*element.Element{element.New("urn:mine", "x")}}
	require.Equal(t, `<conference xmlns='urn:xmpp:bookmarks:1'><nick>n</nick><extensions><x xmlns='urn:mine'/></extensions></conference>`, text(fresh.Element()))
	for id, payload := range map[string]string{room: `<conference xmlns='storage:bookmarks'/>`, "@": bookmarkXML, room + "/x": bookmarkXML, "chat.shakespeare.example": bookmarkXML, "": bookmarkXML} {
		_, err := ParseBookmark(Item{ID: id, Payload: parse(t, payload)})
		require.ErrorIs(t, err, ErrMalformed, id)
	}
	_, err = ParseBookmark(Item{ID: room})
	require.ErrorIs(t, err, ErrMalformed)
}

func TestBookmarkEvent(t *testing.T) {
	ev := Event{From: juliet, Node: NSBookmarks, Items: []Item{{ID: room, Payload: parse(t, bookmarkXML)}, {ID: "@"}}, Retracted: []string{"cave@chat.shakespeare.example", "@"}}
	change, ok := ParseBookmarkEvent(ev, jid.MustParse("juliet@capulet.example/balcony"))
	require.True(t, ok)
	require.Len(t, change.Set, 1)
	require.Equal(t, []jid.JID{jid.MustParse("cave@chat.shakespeare.example")}, change.Removed)
	require.False(t, change.Cleared)
	change, ok = ParseBookmarkEvent(Event{From: juliet, Node: NSBookmarks, Deleted: true}, juliet)
	require.True(t, ok)
	require.True(t, change.Cleared)
	ev.From = romeo
	_, ok = ParseBookmarkEvent(ev, juliet)
	require.False(t, ok, "somebody else's")
	_, ok = ParseBookmarkEvent(Event{From: juliet, Node: "urn:x"}, juliet)
	require.False(t, ok)
}

func TestBookmarkSupport(t *testing.T) {
	pep := []info.Identity{{Category: "pubsub", Type: "pep"}}
	for name, x := range map[string]struct {
		info Info
		want BookmarkSupport
	}{
		"nothing":  {Info{Features: []string{nsPublishOptions, "urn:xmpp:bookmarks:1#compat"}}, BookmarkSupport{}},
		"Prosody":  {Info{pep, []string{nsPublishOptions, "urn:xmpp:bookmarks:1#compat", "urn:xmpp:bookmarks-conversion:0"}, nil}, BookmarkSupport{true, true, true, true}},
		"ejabberd": {Info{pep, []string{nsPublishOptions, "urn:xmpp:bookmarks-conversion:0"}, nil}, BookmarkSupport{Native: true, Options: true, Converted: true}},
		"old":      {Info{pep, nil, nil}, BookmarkSupport{Native: true}},
	} {
		require.Equal(t, x.want, ParseBookmarkSupport(x.info), name)
	}
}

func TestFetchBookmarks(t *testing.T) {
	ctx := context.Background()
	native := `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'><item id='` + room + `'>` + bookmarkXML + `</item><item id='@'/></items></pubsub>`
	pep := `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='storage:bookmarks'><item id='current'><storage xmlns='storage:bookmarks'><conference jid='third@chat.shakespeare.example'/></storage></item></items></pubsub>`
	none := refusal("cancel", "item-not-found", "")
	for name, x := range map[string]struct {
		support BookmarkSupport
		script  []exchange
		want    []string
	}{
		"unified":    {BookmarkSupport{Native: true, Unified: true}, []exchange{{stanza.GetIQ, "", bookmarkItems, native}}, []string{"The Orchard"}},
		"none yet":   {BookmarkSupport{Native: true, Unified: true}, []exchange{{stanza.GetIQ, "", bookmarkItems, none}}, nil},
		"converted":  {BookmarkSupport{Native: true, Converted: true}, []exchange{{stanza.GetIQ, "", bookmarkItems, native}, {stanza.GetIQ, "", privateAsked, privateStorage(storageXML)}}, []string{"The Orchard", ""}},
		"everywhere": {BookmarkSupport{Native: true}, []exchange{{stanza.GetIQ, "", bookmarkItems, none}, {stanza.GetIQ, "", privateAsked, privateStorage(storageXML)}, {stanza.GetIQ, "", legacyPEPAsked, pep}}, []string{"Council", "", ""}},
		"no storage": {BookmarkSupport{Native: true}, []exchange{{stanza.GetIQ, "", bookmarkItems, native}, {stanza.GetIQ, "", privateAsked, refusal("cancel", "service-unavailable", "")}, {stanza.GetIQ, "", legacyPEPAsked, none}}, []string{"The Orchard"}},
		"old":        {BookmarkSupport{}, []exchange{{stanza.GetIQ, "", privateAsked, privateStorage(storageXML)}}, []string{"Council", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newTest(t, Config{}, x.script...)
			found, err := c.FetchBookmarks(ctx, x.support)
			require.NoError(t, err)
			var names []string
			for _, b := range found {
				names = append(names, b.Name)
				require.Equal(t, b.Name != "The Orchard", b.Legacy)
			}
			require.Equal(t, x.want, names)
		})
	}
	for _, script := range [][]exchange{
		{{stanza.GetIQ, "", bookmarkItems, refusal("wait", "internal-server-error", "")}},
		{{stanza.GetIQ, "", bookmarkItems, none}, {stanza.GetIQ, "", privateAsked, refusal("wait", "internal-server-error", "")}},
		{{stanza.GetIQ, "", bookmarkItems, none}, {stanza.GetIQ, "", privateAsked, ""}},
		{{stanza.GetIQ, "", bookmarkItems, none}, {stanza.GetIQ, "", privateAsked, privateStorage("")}, {stanza.GetIQ, "", legacyPEPAsked, refusal("wait", "internal-server-error", "")}},
	} {
		c, _ := newTest(t, Config{}, script...)
		_, err := c.FetchBookmarks(ctx, BookmarkSupport{Native: true})
		require.Error(t, err)
	}
	many := parse(t, `<storage xmlns='storage:bookmarks'>`+strings.Repeat(`<conference jid='a@b'/>`, 2000)+`</storage>`)
	require.Len(t, parseLegacyBookmarks(many), maxLegacyBookmarks)
}

func TestPublishBookmark(t *testing.T) {
	ctx := context.Background()
	published := func(id, payload string) string {
		return `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='` + id + `'>` + payload + `</item></publish>` +
			`<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
			`<field var='pubsub#access_model'><value>whitelist</value></field><field var='pubsub#max_items'><value>max</value></field><field var='pubsub#persist_items'><value>true</value></field>` +
			`<field var='pubsub#send_last_published_item'><value>never</value></field></x></publish-options></pubsub>`
	}
	const plain = `<conference xmlns='urn:xmpp:bookmarks:1' autojoin='true'/>`
	b := Bookmark{Room: coven, Autojoin: true}
	full := BookmarkSupport{Native: true, Options: true}
	c, _ := newTest(t, Config{}, exchange{stanza.SetIQ, "", published(room, plain), ""})
	require.NoError(t, c.PublishBookmark(ctx, full, b))

	// Who wrote the address in another way keeps one bookmark.
	read, err := ParseBookmark(Item{ID: "COVEN@chat.shakespeare.example", Payload: parse(t, plain)})
	require.NoError(t, err)
	c, _ = newTest(t, Config{}, exchange{stanza.SetIQ, "", published("COVEN@chat.shakespeare.example", plain), ""})
	require.NoError(t, c.PublishBookmark(ctx, full, read))

	// Without publish-options the node is closed before anything is in it.
	const configAsked = `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='urn:xmpp:bookmarks:1'/></pubsub>`
	c, _ = newTest(t, Config{}, exchange{stanza.GetIQ, "", configAsked, refusal("auth", "forbidden", "")})
	require.Equal(t, stanza.Forbidden, Condition(c.PublishBookmark(ctx, BookmarkSupport{Native: true}, b)))

	for _, bad := range []jid.JID{{}, juliet.Domain(), jid.MustParse(room + "/x")} {
		require.ErrorIs(t, c.PublishBookmark(ctx, full, Bookmark{Room: bad}), ErrConfig)
	}
}

func TestLegacyBookmarks(t *testing.T) {
	ctx := context.Background()
	changed := strings.NewReplacer("Council", "Mine", "autojoin='true'", "autojoin='false'", "<nick>Puck</nick>", "").Replace(storageXML)
	added := strings.Replace(storageXML, "</storage>", `<conference jid='new@chat.shakespeare.example' name='New' autojoin='true'><nick>n</nick></conference></storage>`, 1)
	removed := storageXML[:strings.Index(storageXML, "<conference name")] + storageXML[strings.Index(storageXML, "<conference jid='@'"):]
	asked := exchange{stanza.GetIQ, "", privateAsked, privateStorage(storageXML)}
	for name, x := range map[string]struct {
		b      Bookmark
		remove bool
		want   string
	}{
		"changed": {Bookmark{Room: coven, Name: "Mine"}, false, changed},
		"added":   {Bookmark{Room: jid.MustParse("new@chat.shakespeare.example"), Name: "New", Nick: "n", Autojoin: true}, false, added},
		"removed": {Bookmark{Room: coven}, true, removed},
		"none":    {Bookmark{Room: jid.MustParse("none@chat.shakespeare.example")}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			script := []exchange{asked}
			if x.want != "" {
				script = append(script, exchange{stanza.SetIQ, "", privateStorage(x.want), ""})
			}
			c, _ := newTest(t, Config{}, script...)
			if x.remove {
				require.NoError(t, c.RemoveBookmark(ctx, BookmarkSupport{}, x.b))
			} else {
				require.NoError(t, c.PublishBookmark(ctx, BookmarkSupport{}, x.b))
			}
		})
	}
	c, _ := newTest(t, Config{}, exchange{stanza.GetIQ, "", privateAsked, refusal("cancel", "item-not-found", "")},
		exchange{stanza.SetIQ, "", privateStorage(`<storage xmlns='storage:bookmarks'><conference jid='` + room + `'/></storage>`), refusal("auth", "forbidden", "")})
	require.Equal(t, stanza.Forbidden, Condition(c.PublishBookmark(ctx, BookmarkSupport{}, Bookmark{Room: coven})))
}

func TestRemoveBookmark(t *testing.T) {
	ctx := context.Background()
	const retract = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:xmpp:bookmarks:1' notify='true'><item id='` + room + `'/></retract></pubsub>`
	b, unified := Bookmark{Room: coven}, BookmarkSupport{Native: true, Unified: true}
	c, _ := newTest(t, Config{}, exchange{stanza.SetIQ, "", retract, ""}, exchange{stanza.SetIQ, "", retract, refusal("cancel", "item-not-found", "")},
		exchange{stanza.SetIQ, "", retract, refusal("auth", "forbidden", "")},
		exchange{stanza.SetIQ, "", retract, ""}, exchange{stanza.GetIQ, "", privateAsked, refusal("wait", "internal-server-error", "")})
	require.NoError(t, c.RemoveBookmark(ctx, unified, b))
	require.NoError(t, c.RemoveBookmark(ctx, unified, b))
	require.Equal(t, stanza.Forbidden, Condition(c.RemoveBookmark(ctx, unified, b)))
	require.Equal(t, stanza.InternalServerError, Condition(c.RemoveBookmark(ctx, BookmarkSupport{Native: true}, b)))
}
