// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// FuzzRoom has a room say whatever it likes, a line a stanza, and checks that
// nothing from elsewhere counts and that the books are right at any time.
func FuzzRoom(f *testing.F) {
	for _, s := range []string{
		occupant("First", "", member) + "\n" + occupant("Juliet", "", member+status(100, 110, 201)),
		occupant("Juliet", "", member+status(110)) + "\n" + occupant("Juliet", "unavailable", "<item nick='X'/>"+status(303, 110)) + "\n" + occupant("X", "", member+status(110)),
		occupant("Juliet", "", member+status(110)) + "\n" + occupant("First", "", member) + "\n" + occupant("First", "unavailable", "<item nick='Juliet'/>"+status(303)),
		occupant("Juliet", "", member+status(110)) + "\n" + occupant("Juliet", "unavailable", "<destroy jid='a@b'/>"),
		`<presence type='error' id='j1' from='coven@chat.shakespeare.example/Juliet'>` + refusal("cancel", "gone", "") + `</presence>`,
		occupant("Juliet", "", member+status(110)) + "\n" + `<message type='groupchat' from='coven@chat.shakespeare.example'><x xmlns='http://jabber.org/protocol/muc#user'><status code='172'/><item jid='a@b' affiliation='owner'/></x><subject>s</subject></message>`,
		`<message type='groupchat' from='coven@chat.shakespeare.example'><retract id='s1' xmlns='urn:xmpp:message-retract:1'><moderated by='coven@chat.shakespeare.example/x' xmlns='urn:xmpp:message-moderate:1'/></retract></message>`,
		`<presence from='coven@chat.shakespeare.example'><x xmlns='vcard-temp:x:update'><photo>a31c4bd04de69663cfd7f424a8453f4674da37ff</photo></x></presence>`,
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, trusting bool) {
		r := NewRoom(coven, RoomTrust{trusting, trusting, trusting, trusting}, 3)
		_, err := r.Join(JoinOptions{Nick: "Juliet", ID: "j1"})
		require.NoError(t, err)
		for line := range strings.SplitSeq(s, "\n") {
			e, ok := fuzzed(line)
			if !ok {
				continue
			}
			checkRoomSteps(t, r, e)
		}
	})
}

func checkRoomSteps(t *testing.T, r *Room, e *element.Element) {
	before, state, nick := len(r.census.by), r.State(), r.Nick()
	var from jid.JID
	var changes []RoomChange
	var err error
	if p, perr := ParsePresence(e, juliet); perr == nil {
		from = p.From
		changes, err = r.Presence(p)
	} else if m, merr := ParseMessage(e, juliet); merr == nil {
		from = m.From
		var rm RoomMessage
		rm, changes, err = r.Message(m)
		require.False(t, rm.Moderation != nil && from.Resourcepart() != "", "moderated by an occupant")
		require.False(t, rm.StanzaID != "" && (rm.Private || !r.Trust().StanzaIDs))
		require.Equal(t, state, r.State(), "a message does not let in or out")
	} else {
		return
	}
	if err != nil || !from.Bare().Equal(r.JID()) {
		require.Empty(t, changes)
		require.Equal(t, []any{before, state, nick}, []any{len(r.census.by), r.State(), r.Nick()})
	}
	bytes := 0
	for key, rec := range r.census.by {
		require.Equal(t, key, rec.nick)
		bytes += rec.size()
	}
	require.Equal(t, bytes, r.census.bytes)
	require.LessOrEqual(t, r.Len(), 3+1, "and ourselves")
	require.Equal(t, r.State() == RoomInside, r.Nick() != "")
	for o := range r.Occupants() {
		require.True(t, r.Trust().RealJIDs || o.RealJID.Equal(jid.JID{}))
		require.True(t, r.Trust().OccupantIDs || o.ID == "")
	}
	for _, c := range changes {
		require.NotZero(t, c.Kind)
		require.Equal(t, c.Kind == RoomNotEntered || c.Kind == RoomRefused, c.Err != nil)
	}
}

// FuzzRoomAnswer feeds whatever rooms, services and our own server answer to
// the decoders of answers.
func FuzzRoomAnswer(f *testing.F) {
	for _, s := range []string{
		roomConfigForm, roomInfoAnswer, storageXML, privateStorage(storageXML), bookmarkXML,
		`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='a@b' nick='n' role='none'/></query>`,
		`<query xmlns='jabber:iq:register'><registered/><username>third</username></query>`,
		`<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><count>3</count><last>b</last></set><item jid='a@chat.shakespeare.example'/></query>`,
		`<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>`,
		`<message from='coven@chat.shakespeare.example'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/><decline from='a@b'/></x></message>`,
		`<message from='a@b'><x xmlns='jabber:x:conference' jid='a@b' password='p'/></message>`,
		`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'><item id='a@b'>` + bookmarkXML + `</item></items></pubsub>`,
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
		if b, err := ParseBookmark(Item{ID: room, Payload: e}); err == nil {
			again, err := ParseBookmark(Item{ID: room, Payload: parse(t, text(b.Element()))})
			require.NoError(t, err)
			require.Equal(t, text(e), text(b.Element()), "nothing is lost")
			require.Equal(t, []any{b.Name, b.Nick, b.Password, b.Autojoin}, []any{again.Name, again.Nick, again.Password, again.Autojoin})
			b.Name, b.Nick, b.Password, b.Autojoin = "n", "m", "p", !b.Autojoin
			changed, err := ParseBookmark(Item{ID: room, Payload: parse(t, text(b.Element()))})
			require.NoError(t, err)
			require.Equal(t, []any{"n", "m", "p", b.Autojoin, len(b.Extensions)}, []any{changed.Name, changed.Nick, changed.Password, changed.Autojoin, len(changed.Extensions)})
		}
		if next, changed := replaceLegacyBookmark(e, coven, &Bookmark{Room: coven, Name: "n"}); e.Is(nsLegacyBookmarks, "storage") {
			require.True(t, changed)
			require.NotEmpty(t, parseLegacyBookmarks(next))
			gone, _ := replaceLegacyBookmark(next, coven, nil)
			for _, b := range parseLegacyBookmarks(gone) {
				require.False(t, b.Room.Equal(coven))
			}
		}
		if m, err := ParseMessage(e, juliet); err == nil {
			if i := ParseInvite(m); i != nil {
				require.NotEmpty(t, i.Room.Localpart())
				require.Empty(t, i.Room.Resourcepart())
				require.True(t, i.Direct || i.Room.Equal(m.From))
			}
			for _, from := range []jid.JID{coven, m.From} {
				_, _ = ParseArchivedRoomMessage(ArchiveItem{ID: "x", Message: m}, from, RoomTrust{true, true, true, true})
			}
			_ = ParseDeclined(m)
			_ = ParseVoiceRequest(m)
			_ = RoomMessageError(m)
		}
		_, _ = c.FetchAffiliations(ctx, coven, AffiliationMember)
		_, _ = c.FetchRoles(ctx, coven, RoleModerator)
		_ = c.ConfigureRoom(ctx, coven, PrivateRoom("x"))
		_, _ = c.FetchRoomInfo(ctx, coven)
		_, _ = c.FetchReservedNick(ctx, coven)
		_, _ = c.FetchRoomServices(ctx)
		_, _ = c.FetchRoomList(ctx, coven, "", 0)
		_ = c.RegisterWithRoom(ctx, coven, "n")
		_ = c.SetRoomAvatar(ctx, coven, RoomAvatar{})
		if a, err := c.FetchRoomAvatar(ctx, coven); err == nil {
			require.LessOrEqual(t, len(a.Data), MaxRoomAvatar+2)
		}
		for _, s := range []BookmarkSupport{{}, {Native: true}, {Native: true, Unified: true}} {
			_, _ = c.FetchBookmarks(ctx, s)
			_ = c.RemoveBookmark(ctx, s, Bookmark{Room: coven})
		}
	})
}
