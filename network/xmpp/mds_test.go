// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

func readMark(id, by string) string {
	return `<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='` + by + `' id='` + id + `'/></displayed>`
}

func TestReadMarks(t *testing.T) {
	list := `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='` + NSReadMarks + `'>` +
		`<item id='romeo@montague.example'>` + readMark("1", "juliet@capulet.example") + `</item>` +
		`<item id='@'>` + readMark("2", "juliet@capulet.example") + `</item>` +
		`<item id='a@example.org'>` + readMark("", "juliet@capulet.example") + `</item>` +
		`<item id='b@example.org'>` + readMark("3", "@") + `</item>` +
		`<item id='c@example.org'><displayed xmlns='urn:x'/></item><item id='d@example.org'/>` +
		`<item id='room@rooms.example'>` + readMark("4", "room@rooms.example") + `</item></items></pubsub>`
	c, f := newTest(t, Config{}, exchange{
		stanza.GetIQ, "", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='` + NSReadMarks + `'/></pubsub>`, list,
	})
	got, err := c.FetchReadMarks(t.Context())
	require.NoError(t, err)
	room := jid.MustParse("room@rooms.example")
	want := []ReadMark{{romeo, "1", juliet}, {room, "4", room}}
	require.Equal(t, want, got)

	f.handle = func(typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
		require.Equal(t, stanza.SetIQ, typ)
		item := payload.Child("http://jabber.org/protocol/pubsub", "publish").Child("http://jabber.org/protocol/pubsub", "item")
		m, err := ParseReadMark(Item{ID: item.AttrValue("id"), Payload: item.Children[0]})
		require.NoError(t, err)
		require.Equal(t, want[0], m)
		require.Contains(t, text(payload), "whitelist")
		return nil, nil
	}
	require.NoError(t, c.PublishReadMark(t.Context(), want[0]))
	f.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) {
		return answered(t, refusal("cancel", "item-not-found", ""))
	}
	got, err = c.FetchReadMarks(t.Context())
	require.NoError(t, err)
	require.Empty(t, got)

	for from, ours := range map[string]bool{"juliet@capulet.example": true, "": true, "romeo@montague.example": false} {
		e := `<message from='` + from + `'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='` + NSReadMarks +
			`'><item id='romeo@montague.example'>` + readMark("1", "juliet@capulet.example") + `</item></items></event></message>`
		ev, err := ParseEvent(parse(t, e), juliet)
		require.NoError(t, err)
		marks, ok := ev.ReadMarks(juliet)
		require.Equal(t, ours, ok)
		require.Equal(t, ours, len(marks) == 1)
	}
}

// FuzzReadMark checks that a mark that is read can be published and read again.
func FuzzReadMark(f *testing.F) {
	f.Add("romeo@montague.example", readMark("1", "juliet@capulet.example"))
	f.Add("x", "<displayed xmlns='urn:xmpp:mds:displayed:0'/>")
	f.Fuzz(func(t *testing.T, id, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		m, err := ParseReadMark(Item{ID: id, Payload: e})
		if err != nil {
			return
		}
		require.NotEmpty(t, m.ID)
		require.NotEqual(t, jid.JID{}, m.Chat)
	})
}
