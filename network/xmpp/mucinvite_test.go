// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/stream"
)

func TestInvites(t *testing.T) {
	mediated := func(from, typ string) string {
		return `<message from='` + from + `' to='hecate@shakespeare.example' type='` + typ + `'><x ` + userSpace + `><invite from='crone1@shakespeare.example/desktop'>` +
			`<reason>Hey</reason><continue thread='t'/></invite><password>cauldronburn</password></x><x xmlns='jabber:x:conference' jid='other@chat.shakespeare.example'/></message>`
	}
	require.Equal(t, &Invite{
		Room: jid.MustParse(room), From: jid.MustParse("crone1@shakespeare.example/desktop"), Reason: "Hey", Password: "cauldronburn", Thread: "t",
	}, ParseInvite(mustMessage(t, mediated(room, "normal"))))
	direct := func(in string) string {
		return `<message from='crone1@shakespeare.example/desktop'><x xmlns='jabber:x:conference' ` + in + `/></message>`
	}
	require.Equal(t, &Invite{Room: jid.MustParse(room), From: jid.MustParse("crone1@shakespeare.example/desktop"), Direct: true, Password: "p", Reason: "r", Thread: "t"},
		ParseInvite(mustMessage(t, direct(`jid='`+room+`' password='p' reason='r' thread='t' continue='true'`))))
	for name, s := range map[string]string{
		"by an occupant":  mediated(room+"/crone", "normal"),
		"to everybody":    mediated(room, "groupchat"),
		"bounced":         mediated(room, "error"),
		"by a service":    mediated("chat.shakespeare.example", "normal"),
		"no room":         direct(``),
		"not a room":      direct(`jid='chat.shakespeare.example'`),
		"an occupant":     direct(`jid='` + room + `/x'`),
		"not an address":  direct(`jid='@'`),
		"nothing":         plainMessage,
		"our own, copied": carbon("juliet@capulet.example", "sent", forwardedIn(`<message xmlns='jabber:client' from='juliet@capulet.example/a' to='romeo@montague.example'><x xmlns='jabber:x:conference' jid='`+room+`'/></message>`)),
	} {
		require.Nil(t, ParseInvite(mustMessage(t, s)), name)
	}
	declined := func(from string) string {
		return `<message from='` + from + `'><x ` + userSpace + `><decline from='hecate@shakespeare.example'><reason>Sorry</reason></decline></x></message>`
	}
	require.Equal(t, &Declined{Room: jid.MustParse(room), From: jid.MustParse("hecate@shakespeare.example"), Reason: "Sorry"}, ParseDeclined(mustMessage(t, declined(room))))
	require.Nil(t, ParseDeclined(mustMessage(t, declined(room+"/x"))))
	require.Nil(t, ParseDeclined(mustMessage(t, plainMessage)))

	ctx := context.Background()
	c, f := newTest(t, Config{})
	i := Invite{Room: jid.MustParse(room), Reason: "Hey", Thread: "t", Password: "p"}
	id, err := c.Invite(ctx, romeo, i)
	require.NoError(t, err)
	require.Equal(t, `<message to='`+room+`' id='`+id+`'><x `+userSpace+`><invite to='romeo@montague.example'><reason>Hey</reason><continue thread='t'/></invite></x></message>`, f.all()[0])
	id, err = c.InviteDirectly(ctx, romeo, i)
	require.NoError(t, err)
	m := mustMessage(t, strings.Replace(f.all()[1], "to='romeo", "from='juliet@capulet.example' to='romeo", 1))
	require.Equal(t, id, m.ID)
	i.From, i.Direct = juliet, true
	require.Equal(t, &i, ParseInvite(m))
	require.ErrorIs(t, c.Decline(ctx, i, ""), ErrConfig)
	require.NoError(t, c.Decline(ctx, Invite{Room: i.Room, From: romeo}, "No"))
	require.Contains(t, f.all()[2], `<x `+userSpace+`><decline to='romeo@montague.example'><reason>No</reason></decline></x></message>`)
	_, err = c.Invite(ctx, romeo, Invite{})
	require.ErrorIs(t, err, ErrConfig)
	_, err = c.InviteDirectly(ctx, romeo, Invite{Room: romeo.Domain()})
	require.ErrorIs(t, err, ErrConfig)
	f.err = stream.ErrClosed
	_, err = c.Invite(ctx, romeo, i)
	require.ErrorIs(t, err, stream.ErrClosed)
	_, err = c.InviteDirectly(ctx, romeo, i)
	require.ErrorIs(t, err, stream.ErrClosed)
	_, err = c.SetSubject(ctx, i.Room, "x")
	require.ErrorIs(t, err, stream.ErrClosed)
	require.ErrorIs(t, c.SendRoomPresence(ctx, Presence{}.Build()), stream.ErrClosed)
}

func TestVoice(t *testing.T) {
	request := func(from, more string) string {
		return `<message from='` + from + `'><x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#request</value></field>` +
			`<field var='muc#role'><value>moderator</value></field><field var='muc#jid'><value>hag66@shakespeare.example/pda</value></field><field var='muc#roomnick'><value>third</value></field></x>` + more + `</message>`
	}
	v := ParseVoiceRequest(mustMessage(t, request(room, "")))
	require.Equal(t, &VoiceRequest{Room: jid.MustParse(room), Nick: "third", JID: jid.MustParse("hag66@shakespeare.example/pda"), Role: RoleParticipant}, v)
	require.Nil(t, ParseVoiceRequest(mustMessage(t, request(room+"/x", ""))))
	require.Nil(t, ParseVoiceRequest(mustMessage(t, strings.Replace(request(room, ""), "type='form'", "type='submit'", 1))))
	c, f := newTest(t, Config{})
	ctx := context.Background()
	_, err := c.RequestVoice(ctx, v.Room)
	require.NoError(t, err)
	require.NoError(t, c.AnswerVoice(ctx, *v, true))
	require.NoError(t, c.AnswerVoice(ctx, *v, false))
	for i, allow := range []string{"", "true", "false"} {
		form := ParseForm(parse(t, f.all()[i]))
		require.Equal(t, []string{"http://jabber.org/protocol/muc#request", "participant", allow}, []string{form.Value(formType), form.Value("muc#role"), form.Value("muc#request_allow")})
	}
}

func TestRoomRegistration(t *testing.T) {
	ctx, at := context.Background(), jid.MustParse(room)
	const asked = `<query xmlns='jabber:iq:register'/>`
	form := func(typ, more, nick string) string {
		return `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='` + typ + `'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#register</value></field>` +
			`<field var='muc#register_roomnick' type='text-single'>` + nick + `</field>` + more + `</x></query>`
	}
	const registered = `<query xmlns='jabber:iq:register'><registered/><username>third</username></query>`
	submitted := form("submit", "", "<value>third</value>")
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, room, asked, form("form", "", "<required/>")}, exchange{stanza.SetIQ, room, submitted, ""},
		exchange{stanza.GetIQ, room, asked, form("form", "", "<required/>")}, exchange{stanza.SetIQ, room, submitted, refusal("cancel", "conflict", "")},
		exchange{stanza.GetIQ, room, asked, form("form", "<field var='muc#register_email'><required/></field>", "")},
		exchange{stanza.GetIQ, room, asked, `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='form'/></query>`},
		exchange{stanza.GetIQ, room, asked, registered},
		exchange{stanza.GetIQ, room, asked, registered},
		exchange{stanza.SetIQ, room, strings.Replace(strings.Replace(submitted, " type='text-single'", "", 1), "third", "other", 1), ""},
		exchange{stanza.SetIQ, room, `<query xmlns='jabber:iq:register'><remove/></query>`, ""},
		exchange{stanza.SetIQ, room, `<query xmlns='jabber:iq:register'><remove/></query>`, refusal("auth", "registration-required", "")},
		exchange{stanza.GetIQ, room, asked, refusal("cancel", "service-unavailable", "")},
	)
	require.NoError(t, c.RegisterWithRoom(ctx, at, "third"))
	require.ErrorIs(t, c.RegisterWithRoom(ctx, at, "third"), ErrRoomNickTaken)
	require.ErrorIs(t, c.RegisterWithRoom(ctx, at, "third"), ErrRegisterForm)
	require.ErrorIs(t, c.RegisterWithRoom(ctx, at, "third"), ErrRegisterForm)
	require.NoError(t, c.RegisterWithRoom(ctx, at, "third"))
	require.NoError(t, c.RegisterWithRoom(ctx, at, "other"))
	require.NoError(t, c.UnregisterFromRoom(ctx, at))
	require.ErrorIs(t, c.UnregisterFromRoom(ctx, at), ErrRoomForbidden)
	require.ErrorIs(t, c.RegisterWithRoom(ctx, at, "third"), ErrRoomRefused)
}
