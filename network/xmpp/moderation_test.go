// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

func TestModeration(t *testing.T) {
	const by = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='oid'/>"
	live := func(from, in string) string {
		return `<message type='groupchat' from='` + from + `' id='r1'>` + in + `</message>`
	}
	one := `<retract id='s1' xmlns='urn:xmpp:message-retract:1'><moderated by='` + room + `/macbeth' xmlns='urn:xmpp:message-moderate:1'>` + by + `</moderated><reason>Bad</reason></retract>`
	zero := `<apply-to id='s1' xmlns='urn:xmpp:fasten:0'><moderated by='` + room + `/macbeth' xmlns='urn:xmpp:message-moderate:0'>` + by + `<retract xmlns='urn:xmpp:message-retract:0'/><reason>Bad</reason></moderated></apply-to>`
	read := func(s string) *Moderation {
		rm, err := ParseRoomMessage(mustMessage(t, s), jid.MustParse(room), RoomTrust{})
		require.NoError(t, err)
		return rm.Moderation
	}
	want := &Moderation{ID: "s1", By: jid.MustParse(room + "/macbeth"), ByID: "oid", Reason: "Bad"}
	require.Equal(t, want, read(live(room, one)))
	require.Equal(t, want, read(live(room, zero)))
	require.True(t, read(live(room, strings.Replace(one, room, "cave@evil.example", 1))).By.Equal(jid.JID{}), "somebody in another room")
	for name, s := range map[string]string{
		"an occupant":      live(room+"/macbeth", one),
		"an occupant, old": live(room+"/macbeth", zero),
		"only retracted":   live(room, `<retract id='s1' xmlns='urn:xmpp:message-retract:1'/>`),
		"no id":            live(room, strings.Replace(one, "id='s1'", "", 1)),
		"something else":   live(room, strings.Replace(zero, "<retract", "<other", 1)),
		"not to everybody": strings.Replace(live(room, one), "groupchat", "chat", 1),
	} {
		require.Nil(t, read(s), name)
	}

	const stamp = "2019-09-20T23:19:12Z"
	for _, in := range []string{
		`<retracted stamp='` + stamp + `' xmlns='urn:xmpp:message-retract:1'><moderated by='` + room + `/macbeth' xmlns='urn:xmpp:message-moderate:1'>` + by + `</moderated><reason>Bad</reason></retracted>`,
		`<moderated by='` + room + `/macbeth' xmlns='urn:xmpp:message-moderate:0'>` + by + `<retracted stamp='` + stamp + `' xmlns='urn:xmpp:message-retract:0'/><reason>Bad</reason></moderated>`,
	} {
		s := live(room+"/oldhag", in)
		require.Nil(t, read(s), "a tombstone is only in an archive")
		item := ArchiveItem{ID: "s1", Message: mustMessage(t, s)}
		rm, err := ParseArchivedRoomMessage(item, jid.MustParse(room), RoomTrust{})
		require.NoError(t, err)
		require.Equal(t, "s1", rm.StanzaID)
		require.Equal(t, &Moderation{By: want.By, ByID: "oid", Reason: "Bad", Stamp: time.Date(2019, 9, 20, 23, 19, 12, 0, time.UTC)}, rm.Moderation)
	}

	ctx := context.Background()
	const done1 = `<moderate xmlns='urn:xmpp:message-moderate:1' id='s1'><retract xmlns='urn:xmpp:message-retract:1'/><reason>Bad</reason></moderate>`
	const done0 = `<apply-to xmlns='urn:xmpp:fasten:0' id='s1'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to>`
	c, _ := newTest(t, Config{}, exchange{stanza.SetIQ, room, done1, ""}, exchange{stanza.SetIQ, room, done0, refusal("auth", "forbidden", "")})
	info := RoomInfo{JID: jid.MustParse(room), Info: Info{Features: []string{NSModeration0, NSModeration}}}
	require.NoError(t, c.Moderate(ctx, info, "s1", "Bad"))
	info.Info.Features = info.Info.Features[:1]
	require.ErrorIs(t, c.Moderate(ctx, info, "s1", ""), ErrRoomForbidden)
	require.ErrorIs(t, c.Moderate(ctx, RoomInfo{JID: info.JID}, "s1", ""), ErrRoomRefused)
	require.ErrorIs(t, c.Moderate(ctx, info, "", ""), ErrConfig)
}

func TestRoomArchive(t *testing.T) {
	at := jid.MustParse(room)
	read := func(from, more string) ArchiveItem {
		return parseArchived(parse(t, `<result xmlns='urn:xmpp:mam:2' id='s1'>`+forwardedIn(`<message xmlns='jabber:client' type='groupchat' from='`+from+`'><body>x</body>`+more+`</message>`)+`</result>`), juliet, at)
	}
	item := read(room+"/First", `<x `+userSpace+`><item jid='crone1@shakespeare.example'/></x>`)
	require.NoError(t, item.Err)
	rm, err := ParseArchivedRoomMessage(item, at, RoomTrust{RealJIDs: true})
	require.NoError(t, err)
	require.Equal(t, "crone1@shakespeare.example", rm.RealJID.String())
	rm, err = ParseArchivedRoomMessage(item, at, RoomTrust{})
	require.NoError(t, err)
	require.True(t, rm.RealJID.Equal(jid.JID{}))
	for _, from := range []string{"cave@chat.shakespeare.example/First", "romeo@montague.example", ""} {
		item = read(from, "")
		require.ErrorIs(t, item.Err, ErrForged)
		_, err = ParseArchivedRoomMessage(item, at, RoomTrust{})
		require.ErrorIs(t, err, ErrForged)
	}
}
