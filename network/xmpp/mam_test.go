// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// archived is a result as Prosody and ejabberd send it.
func archived(from, query, id, message string) string {
	return `<message to='juliet@capulet.example/balcony'` + from + `><result xmlns='urn:xmpp:mam:2' queryid='` + query + `' id='` + id + `'>` +
		`<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2024-05-06T07:08:09Z'/>` + message + `</forwarded></result></message>`
}

const (
	archivedMessage = `<message xmlns='jabber:client' from='romeo@montague.example/orchard' to='juliet@capulet.example' type='chat' id='o1'><body>old</body>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='m1'/></message>`
	fin = `<fin xmlns='urn:xmpp:mam:2' complete='true' stable='true'><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>m1</first><last>m2</last><count>2</count></set></fin>`
	own = ` from='juliet@capulet.example'`
)

// archiveServer answers queries: with results given the query's id, then fin.
func archiveServer(t *testing.T, c *Client, f *fakeConn, results func(query string), fin string) *[]string {
	requests := &[]string{}
	f.handle = func(typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
		require.Equal(t, stanza.SetIQ, typ)
		id := payload.AttrValue("queryid")
		require.NotEmpty(t, id)
		*requests = append(*requests, to.String()+" "+text(payload.With("queryid", "Q")))
		results(id)
		return answered(t, fin)
	}
	return requests
}

func TestQueryArchive(t *testing.T) {
	c, f := newTest(t, Config{})
	requests := archiveServer(t, c, f, func(q string) {
		require.True(t, c.divert(parse(t, archived(own, q, "m1", archivedMessage))))
		require.True(t, c.divert(parse(t, archived("", q, "m2", archivedMessage))), "no sender means our account")
	}, fin)
	page, err := c.QueryArchive(context.Background(), ArchiveQuery{
		With: romeo, After: "m0", Max: 50, Start: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), End: time.Date(2024, 5, 7, 7, 8, 9, 0, time.UTC),
	})
	require.NoError(t, err)
	require.Equal(t, []string{` <query xmlns='urn:xmpp:mam:2' queryid='Q'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>` +
		`<field var='with'><value>romeo@montague.example</value></field><field var='start'><value>2024-05-06T07:08:09.000Z</value></field><field var='end'><value>2024-05-07T07:08:09.000Z</value></field></x>` +
		`<set xmlns='http://jabber.org/protocol/rsm'><max>50</max><after>m0</after></set></query>`}, *requests)
	require.Equal(t, []string{"m1", "m2"}, []string{page.First, page.Last})
	require.True(t, page.Complete)
	require.Equal(t, 2, page.Count)
	require.Len(t, page.Items, 2)
	item := page.Items[0]
	require.NoError(t, item.Err)
	require.Equal(t, "m1", item.ID)
	require.Equal(t, time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), item.Stamp)
	require.Equal(t, item.Stamp, item.Message.Delay)
	require.Equal(t, "old", item.Message.Body)
	require.Equal(t, []StanzaID{{"m1", juliet}}, item.Message.StanzaIDs)
	require.Empty(t, c.archive.pending)
}

func TestQueryArchivePaging(t *testing.T) {
	c, f := newTest(t, Config{})
	requests := archiveServer(t, c, f, func(string) {}, `<fin xmlns='urn:xmpp:mam:2'/>`)
	room := jid.MustParse("room@muc.example/nick")
	for _, q := range []ArchiveQuery{{}, {Last: true, Max: 10}, {Before: "m9", Max: 1 << 20}, {Archive: room, After: "a", Before: "b", Last: true}} {
		page, err := c.QueryArchive(context.Background(), q)
		require.NoError(t, err)
		require.Equal(t, ArchivePage{Count: -1}, page)
	}
	want := func(to, set string) string {
		return to + ` <query xmlns='urn:xmpp:mam:2' queryid='Q'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field></x>` +
			`<set xmlns='http://jabber.org/protocol/rsm'>` + set + `</set></query>`
	}
	require.Equal(t, []string{
		want("", `<max>100</max>`), want("", `<max>10</max><before/>`), want("", `<max>500</max><before>m9</before>`),
		want("room@muc.example", `<max>100</max><after>a</after>`),
	}, *requests)
}

func TestForgedArchiveResults(t *testing.T) {
	c, f := newTest(t, Config{})
	room := jid.MustParse("room@muc.example")
	var refused []string
	try := func(q string, forgeries map[string]string) {
		for name, s := range forgeries {
			if c.divert(parse(t, s)) {
				refused = append(refused, name)
			}
		}
		_ = q
	}
	// Ours is being read: nobody else can add to it.
	archiveServer(t, c, f, func(q string) {
		try(q, map[string]string{
			"stranger":     archived(` from='mallory@evil.example'`, q, "x", archivedMessage),
			"own client":   archived(` from='juliet@capulet.example/garden'`, q, "x", archivedMessage),
			"own server":   archived(` from='capulet.example'`, q, "x", archivedMessage),
			"room":         archived(` from='room@muc.example'`, q, "x", archivedMessage),
			"unreadable":   archived(` from='@'`, q, "x", archivedMessage),
			"stale query":  archived(` from='mallory@evil.example'`, "old", "x", archivedMessage),
			"old protocol": `<message><result xmlns='urn:xmpp:mam:1' queryid='` + q + `'/></message>`,
		})
		require.True(t, c.divert(parse(t, archived(own, "given up", "x", archivedMessage))), "nobody waits for it any more")
	}, fin)
	page, err := c.QueryArchive(context.Background(), ArchiveQuery{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	require.Empty(t, refused)

	// A room's is being read: neither another room nor we can.
	archiveServer(t, c, f, func(q string) {
		try(q, map[string]string{
			"other room": archived(` from='other@muc.example'`, q, "x", archivedMessage),
			"occupant":   archived(` from='room@muc.example/nick'`, q, "x", archivedMessage),
		})
		require.True(t, c.divert(parse(t, archived(own, q, "x", archivedMessage))))
		require.True(t, c.divert(parse(t, archived(` from='room@muc.example'`, q, "m1", `<message xmlns='jabber:client' type='groupchat' from='room@muc.example/n'>`+
			`<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example' id='m1'/><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='x'/></message>`))))
	}, fin)
	page, err = c.QueryArchive(context.Background(), ArchiveQuery{Archive: room})
	require.NoError(t, err)
	require.Empty(t, refused)
	require.Len(t, page.Items, 1)
	require.Equal(t, []StanzaID{{"m1", room}}, page.Items[0].Message.StanzaIDs)
}

func TestArchivedRubbishKeepsItsPlace(t *testing.T) {
	c, f := newTest(t, Config{})
	archiveServer(t, c, f, func(q string) {
		c.divert(parse(t, archived(own, q, "m1", `<message xmlns='jabber:client' from='@'/>`)))
		c.divert(parse(t, archived(own, q, "m2", ``)))
		c.divert(parse(t, archived(own, q, "m3", archivedMessage)))
	}, `<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><count>-7</count></set></fin>`)
	page, err := c.QueryArchive(context.Background(), ArchiveQuery{})
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
	require.ErrorIs(t, page.Items[0].Err, ErrMalformed)
	require.False(t, page.Items[0].Stamp.IsZero())
	require.ErrorIs(t, page.Items[1].Err, ErrMalformed)
	require.NoError(t, page.Items[2].Err)
	require.Equal(t, []string{"m1", "m3"}, []string{page.First, page.Last}, "the server did not say")
	require.Equal(t, -1, page.Count)
	require.False(t, page.Complete)
}

func TestArchiveErrors(t *testing.T) {
	c, f := newTest(t, Config{})
	none := func(string) {}
	archiveServer(t, c, f, none, refusal("cancel", "item-not-found", ""))
	_, err := c.QueryArchive(context.Background(), ArchiveQuery{After: "gone"})
	require.ErrorIs(t, err, ErrNoCursor)
	require.Equal(t, stanza.ItemNotFound, Condition(err))
	_, err = c.QueryArchive(context.Background(), ArchiveQuery{})
	require.NotErrorIs(t, err, ErrNoCursor)
	require.Equal(t, stanza.ItemNotFound, Condition(err))

	archiveServer(t, c, f, none, ``)
	_, err = c.QueryArchive(context.Background(), ArchiveQuery{})
	require.ErrorIs(t, err, ErrAnswer)

	archiveServer(t, c, f, func(q string) {
		for i := range 3 {
			require.True(t, c.divert(parse(t, archived(own, q, fmt.Sprint(i), archivedMessage))))
		}
		require.Len(t, c.archive.pending[q].found, 2)
	}, fin)
	_, err = c.QueryArchive(context.Background(), ArchiveQuery{Max: 2})
	require.ErrorIs(t, err, ErrPage)
	require.Empty(t, c.archive.pending)

	lost := errors.New("lost")
	f.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) { return nil, lost }
	_, err = c.QueryArchive(context.Background(), ArchiveQuery{})
	require.ErrorIs(t, err, lost)
	require.Empty(t, c.archive.pending)
}
