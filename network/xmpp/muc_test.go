// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

const (
	room       = "coven@chat.shakespeare.example"
	userSpace  = "xmlns='http://jabber.org/protocol/muc#user'"
	adminSpace = "xmlns='http://jabber.org/protocol/muc#admin'"
	ownerSpace = "xmlns='http://jabber.org/protocol/muc#owner'"
	infoAsked  = `<query xmlns='http://jabber.org/protocol/disco#info'/>`
)

const roomConfigForm = `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='form'><title>T</title>` +
	`<field type='hidden' var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field type='fixed'><value>Hello</value></field>` +
	`<field type='text-single' var='muc#roomconfig_roomname'><value>Old</value></field><field type='boolean' var='muc#roomconfig_publicroom'><value>1</value></field>` +
	`<field type='boolean' var='muc#roomconfig_membersonly'/><field type='boolean' var='muc#roomconfig_persistentroom'><value>0</value></field>` +
	`<field type='boolean' var='muc#roomconfig_moderatedroom'/><field type='text-private' var='muc#roomconfig_roomsecret'/>` +
	`<field type='list-single' var='muc#roomconfig_whois'><value>moderators</value><option><value>moderators</value></option><option><value>anyone</value></option></field>` +
	`<field type='list-single' var='muc#roomconfig_maxusers'><value>20</value><option><value>5</value></option><option><value>20</value></option><option><value>50</value></option></field>` +
	`<field type='list-multi' var='muc#roomconfig_presencebroadcast'><value>moderator</value><value>visitor</value></field><field type='boolean' var='mam'><value>0</value></field></x></query>`

func TestParseRoomUser(t *testing.T) {
	u, err := ParseRoomUser(parse(t, `<presence><x `+userSpace+`><status code='110'/><status code='110'/><status code='x'/><status code='-1'/><status/>`+
		`<item affiliation='king' role='admin' jid='@' nick='n'><actor jid='a@b/c'/><reason>`+strings.Repeat("é", 3000)+`</reason></item>`+
		`<item affiliation='none' role='none'/><destroy jid='a@b/c'/></x></presence>`))
	require.NoError(t, err)
	require.Equal(t, []int{110}, u.Statuses)
	require.True(t, u.Has(StatusSelf))
	require.Len(t, u.Items, 2)
	require.Len(t, u.Items[0].Reason, maxRoomText)
	u.Items[0].Reason = ""
	require.Equal(t, RoomItem{Nick: "n", Actor: "a@b/c"}, u.Items[0])
	require.Equal(t, RoomItem{Affiliation: AffiliationNone, Role: RoleNone}, u.Items[1])
	require.Equal(t, &RoomDestroyed{}, u.Destroy, "no room")

	u, err = ParseRoomUser(parse(t, plainMessage))
	require.NoError(t, err)
	require.Nil(t, u)
	require.False(t, u.Has(StatusSelf))
	_, err = ParseRoomUser(parse(t, `<presence><x `+userSpace+`/><x `+userSpace+`/></presence>`))
	require.ErrorIs(t, err, ErrMalformed)

	many, err := ParseRoomUser(parse(t, `<presence><x `+userSpace+`>`+strings.Repeat("<item/>", 1000)+func() (s string) {
		for i := range 1000 {
			s += fmt.Sprintf("<status code='%d'/>", i)
		}
		return s
	}()+`</x></presence>`))
	require.NoError(t, err)
	require.Len(t, many.Items, maxRoomItems)
	require.Len(t, many.Statuses, maxStatuses)
}

func TestOccupantJID(t *testing.T) {
	for nick, want := range map[string]string{"A\u030a": "\u00c5", "x\u00a0y": "x y", "Ｒ": "Ｒ", "🌧": "🌧"} {
		j, err := OccupantJID(jid.MustParse(room+"/other"), nick)
		require.NoError(t, err)
		require.Equal(t, room+"/"+want, j.String())
	}
}

func TestParseOccupantIDAndHats(t *testing.T) {
	const id = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='%s'/>"
	for in, want := range map[string]string{
		fmt.Sprintf(id, "x"): "x", "": "", fmt.Sprintf(id, ""): "", fmt.Sprintf(id+id, "x", "x"): "",
		fmt.Sprintf(id, strings.Repeat("é", 128)): strings.Repeat("é", 128), fmt.Sprintf(id, strings.Repeat("é", 129)): "",
	} {
		require.Equal(t, want, ParseOccupantID(parse(t, "<presence>"+in+"</presence>")), in)
	}
	hats := ParseHats(parse(t, "<presence><hats xmlns='urn:xmpp:hats:0'>"+strings.Repeat("<hat uri='u'/>", 99)+"</hats></presence>"))
	require.Len(t, hats, maxHats)
	require.Empty(t, ParseHats(parse(t, plainMessage)))
}

func TestRoomErrorsHaveCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{
		ErrRoomPassword, ErrRoomBanned, ErrRoomMembersOnly, ErrRoomNickTaken, ErrRoomNick, ErrRoomFull, ErrRoomNotFound, ErrRoomDestroyed, ErrRoomCreation,
		ErrRoomService, ErrRoomLater, ErrRoomForbidden, ErrRoomNotJoined, ErrRoomConfig, ErrRoomRefused, ErrNotRoom,
	} {
		code := err.(interface{ Code() string }).Code()
		require.Regexp(t, `^xmpp\.room\.[a-z-]+$`, code)
		require.False(t, seen[code], code)
		seen[code] = true
		require.Equal(t, code, (&RoomError{Kind: err}).Code())
	}
	require.Equal(t, "xmpp.room.refused", (&RoomError{Kind: errors.New("x")}).Code())
}

func TestRoomsShowNothing(t *testing.T) {
	const canary = "canary"
	r := inside(t, RoomTrust{})
	feed(t, r, occupant(canary, "", member))
	for _, v := range []any{
		JoinOptions{Password: canary}, RoomMessage{Nick: canary}, Invite{Password: canary}, Declined{Reason: canary}, Bookmark{Password: canary},
		RoomSettings{Password: new(canary)}, RoomDestroyed{Password: canary}, RoomChange{Actor: canary}, Occupant{Nick: canary}, RoomItem{Reason: canary},
		Moderation{Reason: canary}, RoomInfo{Name: canary}, VoiceRequest{Nick: canary}, RoomAvatar{Type: canary}, r, []Bookmark{{Name: canary}},
		&RoomError{Kind: ErrRoomFull, Reason: stanza.Error{Text: map[string]string{"": canary}}},
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		fmt.Fprintf(&log, "%v %+v %s", v, v, v)
		if _, isError := v.(error); !isError {
			fmt.Fprintf(&log, "%#v", v)
			b, err := json.Marshal(v)
			require.NoError(t, err)
			log.Write(b)
		}
		require.NotContains(t, log.String(), canary, "%T", v)
	}
}

func TestAffiliations(t *testing.T) {
	ctx := context.Background()
	const asked = `<query ` + adminSpace + `><item affiliation='member'/></query>`
	ban := func(who string) string {
		return `<query ` + adminSpace + `><item affiliation='outcast' jid='` + who + `'><reason>Treason</reason></item></query>`
	}
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, room, asked, `<query ` + adminSpace + `><item affiliation='member' jid='hag66@shakespeare.example/x' nick='third'/>` +
			`<item affiliation='member'/><item affiliation='member' jid='@'/><item affiliation='owner' jid='a@b'/></query>`},
		exchange{stanza.GetIQ, room, asked, refusal("auth", "forbidden", "")},
		exchange{stanza.GetIQ, room, asked, `<query xmlns='urn:x'/>`},
		exchange{stanza.GetIQ, room, `<query ` + adminSpace + `><item role='visitor'/></query>`, `<query ` + adminSpace + `><item role='visitor' nick='a'/><item role='visitor'/><item role='moderator' nick='b'/></query>`},
		exchange{stanza.SetIQ, room, ban("earlofcambridge@shakespeare.example"), ""},
		exchange{stanza.SetIQ, room, ban("evil.example"), refusal("cancel", "conflict", "")},
		exchange{stanza.SetIQ, room, `<query ` + adminSpace + `><item role='none' nick='pistol'/></query>`, refusal("cancel", "item-not-found", "")},
	)
	at := jid.MustParse(room + "/me")
	items, err := c.FetchAffiliations(ctx, at, AffiliationMember)
	require.NoError(t, err)
	require.Equal(t, []RoomItem{{Affiliation: AffiliationMember, JID: jid.MustParse("hag66@shakespeare.example"), Nick: "third"}}, items)
	_, err = c.FetchAffiliations(ctx, at, AffiliationMember)
	require.ErrorIs(t, err, ErrRoomForbidden)
	require.Equal(t, stanza.Forbidden, Condition(err))
	_, err = c.FetchAffiliations(ctx, at, AffiliationMember)
	require.ErrorIs(t, err, ErrAnswer)
	items, err = c.FetchRoles(ctx, at, RoleVisitor)
	require.NoError(t, err)
	require.Equal(t, []RoomItem{{Role: RoleVisitor, Nick: "a"}}, items)

	outcast := func(who string) RoomItem {
		return RoomItem{JID: jid.MustParse(who), Affiliation: AffiliationOutcast, Role: RoleNone, Reason: "Treason"}
	}
	done, err := c.SetAffiliations(ctx, at, outcast("earlofcambridge@shakespeare.example/stabber"), outcast("evil.example"), outcast("never@evil.example"))
	require.ErrorIs(t, err, ErrRoomForbidden)
	require.Equal(t, 1, done)
	_, err = c.SetRoles(ctx, at, RoomItem{Nick: "pistol", Role: RoleNone})
	require.ErrorIs(t, err, ErrRoomNotJoined)
	for _, bad := range []RoomItem{{}, {JID: juliet}, {Affiliation: AffiliationOwner}, {JID: juliet.Domain(), Affiliation: AffiliationOwner}} {
		done, err = c.SetAffiliations(ctx, at, outcast("a@b"), bad)
		require.ErrorIs(t, err, ErrConfig)
		require.Zero(t, done)
	}
	_, err = c.SetRoles(ctx, at, RoomItem{Nick: "x"})
	require.ErrorIs(t, err, ErrConfig)
}

func TestConfigureRoom(t *testing.T) {
	ctx := context.Background()
	form := ParseForm(parse(t, roomConfigForm))
	next, err := PrivateRoom("New").apply(form)
	require.NoError(t, err)
	for name, want := range map[string]string{
		formType: "http://jabber.org/protocol/muc#roomconfig", "muc#roomconfig_roomname": "New", "muc#roomconfig_publicroom": "0",
		"muc#roomconfig_membersonly": "1", "muc#roomconfig_whois": "anyone", "muc#roomconfig_persistentroom": "1", "mam": "1",
		"muc#roomconfig_maxusers": "20",
	} {
		require.Equal(t, want, next.Value(name), name)
	}
	require.Equal(t, []string{"moderator", "visitor"}, next.Field("muc#roomconfig_presencebroadcast").Values, "what is not asked for stays")
	require.Equal(t, "Old", form.Value("muc#roomconfig_roomname"), "the form is not changed")
	next, err = PublicRoom("New", false).apply(form)
	require.NoError(t, err)
	require.Equal(t, []string{"1", "0", "moderators"}, []string{next.Value("muc#roomconfig_publicroom"), next.Value("muc#roomconfig_membersonly"), next.Value("muc#roomconfig_whois")})
	for users, want := range map[int]string{1: "5", 5: "5", 6: "20", 21: "50", 1000: "50"} {
		next, err = RoomSettings{MaxUsers: users, Password: new("p"), Description: new("there is no field for it")}.apply(form)
		require.NoError(t, err)
		require.Equal(t, []string{want, "p"}, []string{next.Value("muc#roomconfig_maxusers"), next.Value("muc#roomconfig_roomsecret")})
	}
	for _, broken := range []string{
		strings.ReplaceAll(roomConfigForm, "muc#roomconfig_membersonly", "other"),
		strings.ReplaceAll(roomConfigForm, "muc#roomconfig_whois", "other"),
		strings.ReplaceAll(roomConfigForm, "<option><value>anyone</value></option>", ""),
	} {
		_, err = PrivateRoom("x").apply(ParseForm(parse(t, broken)))
		require.ErrorIs(t, err, ErrRoomConfig)
	}

	const asked = `<query ` + ownerSpace + `/>`
	const accept = `<query ` + ownerSpace + `><x xmlns='jabber:x:data' type='submit'/></query>`
	renamed, err := RoomSettings{Name: new("New")}.apply(form)
	require.NoError(t, err)
	submitted := `<query ` + ownerSpace + `>` + string(renamed.Element().AppendXMLIn(nil, nsMUCOwner)) + `</query>`
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, room, asked, roomConfigForm}, exchange{stanza.SetIQ, room, submitted, ""},
		exchange{stanza.GetIQ, room, asked, roomConfigForm}, exchange{stanza.SetIQ, room, submitted, refusal("modify", "not-acceptable", "")},
		exchange{stanza.GetIQ, room, asked, `<query ` + ownerSpace + `/>`},
		exchange{stanza.GetIQ, room, asked, refusal("auth", "forbidden", "")},
		exchange{stanza.SetIQ, room, accept, ""},
		exchange{stanza.SetIQ, room, `<query ` + ownerSpace + `><destroy jid='next@chat.shakespeare.example'><reason>R</reason><password>p</password></destroy></query>`, ""},
		exchange{stanza.SetIQ, room, `<query ` + ownerSpace + `><destroy/></query>`, refusal("auth", "forbidden", "")},
	)
	at, s := jid.MustParse(room), RoomSettings{Name: new("New")}
	require.NoError(t, c.ConfigureRoom(ctx, at, s))
	for _, want := range []error{ErrRoomConfig, ErrRoomConfig, ErrRoomForbidden} {
		require.ErrorIs(t, c.ConfigureRoom(ctx, at, s), want)
	}
	require.NoError(t, c.SubmitRoomConfig(ctx, at, Form{}))
	require.NoError(t, c.DestroyRoom(ctx, at, RoomDestroyed{Alternate: jid.MustParse("next@chat.shakespeare.example/x"), Reason: "R", Password: "p"}))
	require.ErrorIs(t, c.DestroyRoom(ctx, at, RoomDestroyed{}), ErrRoomForbidden)

	fresh, err := NewRoomJID(jid.MustParse("chat.shakespeare.example"))
	require.NoError(t, err)
	again, err := NewRoomJID(jid.MustParse("chat.shakespeare.example"))
	require.NoError(t, err)
	require.False(t, fresh.Equal(again))
	_, err = NewRoomJID(jid.JID{})
	require.ErrorIs(t, err, ErrConfig)
}

const roomInfoAnswer = `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' name='A Dark Cave' type='text'/>` +
	`<feature var='http://jabber.org/protocol/muc'/><feature var='muc_passwordprotected'/><feature var='muc_hidden'/><feature var='muc_persistent'/><feature var='muc_membersonly'/>` +
	`<feature var='muc_nonanonymous'/><feature var='urn:xmpp:mam:2'/><feature var='urn:xmpp:occupant-id:0'/>` +
	`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roominfo</value></field>` +
	`<field var='muc#roominfo_description'><value>The place</value></field><field var='muc#roominfo_contactjid'><value>crone1@shakespeare.example</value><value>@</value></field>` +
	`<field var='muc#roominfo_subject'><value>Spells</value></field><field var='muc#roominfo_occupants'><value>3</value></field><field var='muc#roominfo_lang'><value>en</value></field>` +
	`<field var='muc#roominfo_avatarhash'><value>A31c4bd04de69663cfd7f424a8453f4674da37ff</value><value>x</value></field></x></query>`

func TestRoomInfo(t *testing.T) {
	ctx := context.Background()
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, room, infoAsked, roomInfoAnswer},
		exchange{stanza.GetIQ, room, infoAsked, refusal("cancel", "item-not-found", "")},
		exchange{stanza.GetIQ, room, infoAsked, psiInfo})
	at := jid.MustParse(room)
	r, err := c.FetchRoomInfo(ctx, at)
	require.NoError(t, err)
	require.Equal(t, RoomTrust{StanzaIDs: true, OccupantIDs: true, RealJIDs: true}, r.Trust())
	r.Info = Info{}
	require.Equal(t, RoomInfo{
		JID: at, Name: "A Dark Cave", Description: "The place", Language: "en", Subject: "Spells", Occupants: 3,
		Contacts: []jid.JID{jid.MustParse("crone1@shakespeare.example")}, AvatarHashes: []string{"a31c4bd04de69663cfd7f424a8453f4674da37ff"},
		Password: true, MembersOnly: true, NonAnonymous: true, Persistent: true, Hidden: true,
	}, r)
	require.NoError(t, PrivateRoom("x").Check(r))
	for _, s := range []RoomSettings{PublicRoom("x", true), {NonAnonymous: new(false)}, {Persistent: new(false)}, {Moderated: new(true)}} {
		require.ErrorIs(t, s.Check(r), ErrRoomConfig)
	}
	_, err = c.FetchRoomInfo(ctx, at)
	require.ErrorIs(t, err, ErrRoomNotFound)
	_, err = c.FetchRoomInfo(ctx, at)
	require.ErrorIs(t, err, ErrNotRoom)
	both, err := ParseInfo(parse(t, strings.Replace(roomInfoAnswer, "<feature", "<feature var='muc_semianonymous'/><feature", 1)))
	require.NoError(t, err)
	r, err = ParseRoomInfo(at, both)
	require.NoError(t, err)
	require.False(t, r.NonAnonymous)
	_, err = ParseRoomInfo(at.Domain(), both)
	require.ErrorIs(t, err, ErrNotRoom)
}

func TestReservedNick(t *testing.T) {
	const asked = `<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`
	c, f := newTest(t, Config{},
		exchange{stanza.GetIQ, room, asked, `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text' name='third'/></query>`},
		exchange{stanza.GetIQ, room, asked, `<query xmlns='http://jabber.org/protocol/disco#info'/>`},
		exchange{stanza.GetIQ, room, asked, refusal("cancel", "item-not-found", "")})
	for _, want := range []string{"third", "", ""} {
		nick, err := c.FetchReservedNick(context.Background(), jid.MustParse(room))
		require.NoError(t, err)
		require.Equal(t, want, nick)
	}
	f.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) { return nil, stream.ErrClosed }
	_, err := c.FetchReservedNick(context.Background(), jid.MustParse(room))
	require.ErrorIs(t, err, stream.ErrClosed)
}

func TestRoomList(t *testing.T) {
	ctx := context.Background()
	const service = "chat.shakespeare.example"
	asked := func(n int, after string) string {
		if after != "" {
			after = "<after>" + after + "</after>"
		}
		return fmt.Sprintf(`<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>%d</max>%s</set></query>`, n, after)
	}
	answer := func(set, items string) string {
		return `<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'>` + set + `</set>` + items + `</query>`
	}
	const a, b = `<item jid='a@chat.shakespeare.example' name='A'/>`, `<item jid='b@chat.shakespeare.example'/>`
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, service, asked(2, ""), answer("<count>3</count><last>b</last>", a+b+`<item jid='evil@elsewhere.example'/><item jid='@'/><item jid='chat.shakespeare.example'/>`)},
		exchange{stanza.GetIQ, service, asked(2, "b"), answer("<count>3</count><last>b</last>", b)},
		exchange{stanza.GetIQ, service, asked(100, ""), `<query xmlns='http://jabber.org/protocol/disco#items'>` + strings.Repeat(a, 600) + `</query>`},
		exchange{stanza.GetIQ, service, asked(200, ""), answer("<count>700</count>", "")},
		exchange{stanza.GetIQ, service, asked(500, ""), answer("<count>700</count>", "")},
		exchange{stanza.GetIQ, service, asked(500, "x"), refusal("cancel", "item-not-found", "")},
		exchange{stanza.GetIQ, service, asked(1, ""), refusal("cancel", "remote-server-not-found", "")},
	)
	at := jid.MustParse(service)
	page, err := c.FetchRoomList(ctx, at, "", 2)
	require.NoError(t, err)
	require.Equal(t, RoomList{Rooms: []ListedRoom{{jid.MustParse("a@" + service), "A"}, {jid.MustParse("b@" + service), ""}}, Next: "b", Count: 3}, page)
	page, err = c.FetchRoomList(ctx, at, "b", 2)
	require.NoError(t, err)
	require.Empty(t, page.Next, "it does not go on")
	page, err = c.FetchRoomList(ctx, at, "", 0)
	require.NoError(t, err)
	require.Len(t, page.Rooms, MaxRoomList)
	require.Empty(t, page.Next)
	page, err = c.FetchRoomList(ctx, at, "", 200)
	require.NoError(t, err)
	require.Empty(t, page.Rooms)
	_, err = c.FetchRoomList(ctx, at, "x", 9999)
	require.ErrorIs(t, err, ErrNoCursor)
	_, err = c.FetchRoomList(ctx, at, "", 1)
	require.ErrorIs(t, err, ErrRoomService)
}

func TestRoomServices(t *testing.T) {
	items := `<query xmlns='http://jabber.org/protocol/disco#items'><item jid='a.capulet.example'/><item jid='b.capulet.example'/><item jid='b.capulet.example'/><item jid='x@b.capulet.example'/>` +
		`<item jid='c.capulet.example' node='n'/><item jid='irc.capulet.example'/>`
	for i := range 40 {
		items += fmt.Sprintf("<item jid='n%d.capulet.example'/>", i)
	}
	c, f := newTest(t, Config{})
	asked := map[string]int{}
	f.handle = func(_ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
		asked[to.String()]++
		switch {
		case payload.Name.Space == nsDiscoItems:
			return parse(t, items+"</query>"), nil
		case to.String() == "b.capulet.example":
			return parse(t, `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text'/><feature var='http://jabber.org/protocol/muc'/></query>`), nil
		case to.String() == "irc.capulet.example":
			return parse(t, `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='irc'/><feature var='http://jabber.org/protocol/muc'/></query>`), nil
		}
		return nil, stream.ErrIQTimeout
	}
	services, err := c.FetchRoomServices(context.Background())
	require.NoError(t, err)
	require.Equal(t, []jid.JID{jid.MustParse("b.capulet.example")}, services)
	require.LessOrEqual(t, len(asked), maxServices+1)
	require.Equal(t, 1, asked["b.capulet.example"])
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = c.FetchRoomServices(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
