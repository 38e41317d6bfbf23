// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

var coven = jid.MustParse("coven@chat.shakespeare.example")

// occupant is a presence from the room; more goes into <x/>.
func occupant(nick, typ, more string) string {
	if typ != "" {
		typ = " type='" + typ + "'"
	}
	return `<presence from='coven@chat.shakespeare.example/` + nick + `' to='juliet@capulet.example/balcony'` + typ + `>` +
		`<x xmlns='http://jabber.org/protocol/muc#user'>` + more + `</x></presence>`
}

func item(affiliation Affiliation, role Role, real string) string {
	return fmt.Sprintf("<item affiliation='%s' role='%s' jid='%s'/>", affiliation, role, real)
}

func status(codes ...int) string {
	var b strings.Builder
	for _, c := range codes {
		fmt.Fprintf(&b, "<status code='%d'/>", c)
	}
	return b.String()
}

const member = "<item affiliation='member' role='participant' jid='hag66@shakespeare.example/pda'/>"

func feed(t testing.TB, r *Room, s string) []RoomChange {
	t.Helper()
	e := parse(t, s)
	if e.Name.Local == "message" {
		m, err := ParseMessage(e, juliet)
		require.NoError(t, err)
		_, changes, err := r.Message(m)
		require.NoError(t, err)
		return changes
	}
	p, err := ParsePresence(e, juliet)
	require.NoError(t, err)
	changes, err := r.Presence(p)
	require.NoError(t, err)
	return changes
}

func one(t testing.TB, changes []RoomChange) RoomChange {
	t.Helper()
	require.Len(t, changes, 1)
	return changes[0]
}

// inside returns a room that we are in as Juliet, with First Witch, and the
// status codes given.
func inside(t testing.TB, trust RoomTrust, codes ...int) *Room {
	t.Helper()
	r := NewRoom(coven, trust, 0)
	_, err := r.Join(JoinOptions{Nick: "Juliet", ID: "j1"})
	require.NoError(t, err)
	require.Equal(t, RoomJoining, r.State())
	require.Empty(t, feed(t, r, occupant("First", "", item(AffiliationOwner, RoleModerator, "crone1@shakespeare.example/desktop"))))
	require.Zero(t, r.Len(), "not before we are in")
	c := one(t, feed(t, r, occupant("Juliet", "", item(AffiliationMember, RoleParticipant, "juliet@capulet.example/balcony")+status(append(codes, 110)...))))
	require.Equal(t, RoomEntered, c.Kind)
	require.Equal(t, RoomInside, r.State())
	require.Equal(t, "Juliet", r.Nick())
	require.Equal(t, 2, r.Len())
	return r
}

func nicks(r *Room) []string {
	var all []string
	for o := range r.Occupants() {
		all = append(all, o.Nick)
	}
	slices.Sort(all)
	return all
}

func TestRoomJoinPresence(t *testing.T) {
	r := NewRoom(coven, RoomTrust{}, 0)
	e, err := r.Join(JoinOptions{Nick: " Juliet\u00a0C ", Password: "<p>", Show: "away"})
	require.NoError(t, err)
	p, err := ParsePresence(e, juliet)
	require.NoError(t, err)
	require.NotEmpty(t, p.ID)
	require.Equal(t, "away", p.Show)
	require.Equal(t, " Juliet C ", p.To.Resourcepart(), "RFC 7622 §3.4: the spaces are one kind of space")
	require.Contains(t, text(e), `<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/><password>&lt;p&gt;</password></x>`)

	for _, nick := range []string{"", "  ", "\x00", strings.Repeat("x", 1024)} {
		_, err := r.Join(JoinOptions{Nick: nick})
		require.ErrorIs(t, err, ErrRoomNick, "%q", nick)
	}
	_, err = NewRoom(jid.MustParse("chat.shakespeare.example"), RoomTrust{}, 0).Join(JoinOptions{Nick: "x"})
	require.ErrorIs(t, err, ErrConfig)
	for want, h := range map[string]RoomHistory{
		"<history maxstanzas='7'/>":                                 {MaxStanzas: 7},
		"<history seconds='180' since='1970-01-01T00:00:01.000Z'/>": {Seconds: 180, Since: time.Unix(1, 0)},
	} {
		e, err := JoinPresence(coven, JoinOptions{Nick: "x", History: &h})
		require.NoError(t, err)
		require.Contains(t, text(e), want)
	}
}

func TestRoomEntered(t *testing.T) {
	r := inside(t, RoomTrust{}, StatusJIDsVisible, StatusLogging)
	require.True(t, r.Trust().RealJIDs)
	self, ok := r.Self()
	require.True(t, ok)
	require.Equal(t, Occupant{Nick: "Juliet", Affiliation: AffiliationMember, Role: RoleParticipant, RealJID: jid.MustParse("juliet@capulet.example/balcony")}, self)
	require.Equal(t, "coven@chat.shakespeare.example/Juliet", r.Me().String())
	_, known := r.Subject()
	require.False(t, known)
	feed(t, r, `<message type='groupchat' from='coven@chat.shakespeare.example/First'><subject>Fire Burn</subject></message>`)
	subject, known := r.Subject()
	require.True(t, known)
	require.Equal(t, "Fire Burn", subject)
	feed(t, r, `<message type='groupchat' from='coven@chat.shakespeare.example/First'><subject>No</subject><body>one</body></message>`)
	subject, _ = r.Subject()
	require.Equal(t, "Fire Burn", subject)
	feed(t, r, `<message type='groupchat' from='coven@chat.shakespeare.example'><subject/></message>`)
	subject, known = r.Subject()
	require.True(t, known)
	require.Empty(t, subject)
}

func TestRoomGivesAnotherNick(t *testing.T) {
	r := NewRoom(coven, RoomTrust{}, 0)
	_, err := r.Join(JoinOptions{Nick: "Juliet"})
	require.NoError(t, err)
	c := one(t, feed(t, r, occupant("Juliet2", "", item(AffiliationOwner, RoleModerator, "")+status(110, 201, 210))))
	require.Equal(t, []int{110, 201, 210}, c.Statuses)
	require.Equal(t, "Juliet2", r.Nick())

	// And another one later, without a word before.
	c = one(t, feed(t, r, occupant("Juliet3", "", member+status(110))))
	require.Equal(t, OccupantRenamed, c.Kind)
	require.True(t, c.Self)
	require.Equal(t, "Juliet2", c.Was.Nick)
	require.Equal(t, []string{"Juliet3"}, nicks(r))
}

func TestRoomNotEntered(t *testing.T) {
	for condition, want := range map[stanza.Condition]error{
		stanza.NotAuthorized: ErrRoomPassword, stanza.Forbidden: ErrRoomBanned, stanza.RegistrationRequired: ErrRoomMembersOnly,
		stanza.Conflict: ErrRoomNickTaken, stanza.NotAcceptable: ErrRoomNick, stanza.JIDMalformed: ErrRoomNick,
		stanza.ServiceUnavailable: ErrRoomFull, stanza.ItemNotFound: ErrRoomNotFound, stanza.NotAllowed: ErrRoomCreation,
		stanza.RemoteServerNotFound: ErrRoomService, stanza.RemoteServerTimeout: ErrRoomService, stanza.PolicyViolation: ErrRoomLater,
		stanza.Gone: ErrRoomDestroyed, stanza.UndefinedCondition: ErrRoomRefused, "made-up": ErrRoomRefused,
	} {
		for _, id := range []string{" id='j1'", ""} {
			r := NewRoom(coven, RoomTrust{}, 0)
			_, err := r.Join(JoinOptions{Nick: "Juliet", ID: "j1"})
			require.NoError(t, err)
			c := one(t, feed(t, r, `<presence type='error' from='coven@chat.shakespeare.example/Juliet'`+id+`>`+refusal("auth", string(condition), "")+`</presence>`))
			require.Equal(t, RoomNotEntered, c.Kind)
			require.ErrorIs(t, c.Err, want)
			var re *RoomError
			require.ErrorAs(t, c.Err, &re)
			require.Equal(t, want.(*codedError).code, re.Code())
			require.Equal(t, RoomOutside, r.State())
		}
	}
	r := NewRoom(coven, RoomTrust{}, 0)
	_, err := r.Join(JoinOptions{Nick: "Juliet", ID: "j1"})
	require.NoError(t, err)
	for _, other := range []string{
		`<presence type='error' id='j0' from='coven@chat.shakespeare.example/Juliet'>` + refusal("auth", "forbidden", "") + `</presence>`,
		`<presence type='error' from='coven@chat.shakespeare.example/Other'>` + refusal("auth", "forbidden", "") + `</presence>`,
	} {
		require.Empty(t, feed(t, r, other))
		require.Equal(t, RoomJoining, r.State())
	}
	c := one(t, feed(t, r, `<presence type='error' id='j1' from='coven@chat.shakespeare.example/Juliet'><error type='cancel'>`+
		`<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:caf%C3%A9@chat.shakespeare.example?join</gone></error></presence>`))
	var re *RoomError
	require.ErrorAs(t, c.Err, &re)
	require.Equal(t, "café@chat.shakespeare.example", re.Alternate.String())
}

func TestRoomOccupants(t *testing.T) {
	r := inside(t, RoomTrust{RealJIDs: true})
	c := one(t, feed(t, r, occupant("Third", "", member)))
	require.Equal(t, OccupantEntered, c.Kind)
	require.Equal(t, "hag66@shakespeare.example/pda", c.Occupant.RealJID.String())
	require.Empty(t, feed(t, r, occupant("Third", "", member)), "nothing new")
	c = one(t, feed(t, r, occupant("Third", "", item(AffiliationMember, RoleVisitor, "hag66@shakespeare.example/pda"))))
	require.Equal(t, OccupantChanged, c.Kind)
	require.Equal(t, []Role{RoleParticipant, RoleVisitor}, []Role{c.Was.Role, c.Occupant.Role})

	c = one(t, feed(t, r, occupant("Third", "unavailable", "<item affiliation='member' role='participant' nick='Hecate'/>"+status(303))))
	require.Equal(t, OccupantRenamed, c.Kind)
	require.Equal(t, []string{"Third", "Hecate"}, []string{c.Was.Nick, c.Occupant.Nick})
	require.Equal(t, []string{"First", "Hecate", "Juliet"}, nicks(r))
	require.Empty(t, feed(t, r, occupant("Hecate", "", item(AffiliationMember, RoleVisitor, "hag66@shakespeare.example/pda"))))

	for _, x := range []struct {
		more  string
		cause LeaveCause
	}{
		{"<item affiliation='member' role='none'/>", LeftByThemselves}, {status(307), LeftKicked}, {status(301), LeftBanned},
		{status(301, 307), LeftBanned}, {status(321), LeftAffiliation}, {status(322), LeftMembersOnly},
		{status(332), LeftShutdown}, {status(307, 333), LeftFailure},
	} {
		feed(t, r, occupant("Fourth", "", member))
		c = one(t, feed(t, r, occupant("Fourth", "unavailable", x.more)))
		require.Equal(t, OccupantLeft, c.Kind)
		require.Equal(t, x.cause, c.Cause, x.more)
		require.Equal(t, "Fourth", c.Occupant.Nick)
		require.Empty(t, feed(t, r, occupant("Fourth", "unavailable", x.more)), "gone already")
	}
	feed(t, r, occupant("Fourth", "", member))
	c = one(t, feed(t, r, occupant("Fourth", "unavailable", "<item role='none'><actor nick='First'/><reason>Avaunt</reason></item>"+status(307))))
	require.Equal(t, []string{"First", "Avaunt"}, []string{c.Actor, c.Reason})
}

func TestRoomRename(t *testing.T) {
	r := inside(t, RoomTrust{})
	e, err := r.Rename("Capulet")
	require.NoError(t, err)
	id := e.AttrValue("id")
	require.Equal(t, "coven@chat.shakespeare.example/Capulet", e.AttrValue("to"))
	c := one(t, feed(t, r, `<presence type='error' id='`+id+`' from='coven@chat.shakespeare.example'>`+refusal("cancel", "conflict", "")+`</presence>`))
	require.Equal(t, RoomRefused, c.Kind)
	require.ErrorIs(t, c.Err, ErrRoomNickTaken)
	require.Equal(t, RoomInside, r.State())

	c = one(t, feed(t, r, occupant("Juliet", "unavailable", "<item nick='Capulet'/>"+status(303, 110))))
	require.True(t, c.Self)
	require.Equal(t, "Capulet", r.Nick())
	require.Empty(t, feed(t, r, occupant("Capulet", "", item(AffiliationMember, RoleParticipant, "juliet@capulet.example/balcony")+status(110))))
	require.Equal(t, []string{"Capulet", "First"}, nicks(r))
	c = one(t, feed(t, r, `<presence type='error' from='coven@chat.shakespeare.example/Capulet'>`+refusal("cancel", "not-acceptable", "")+`</presence>`))
	require.ErrorIs(t, c.Err, ErrRoomNotJoined)
	_, err = r.Rename("\x00")
	require.ErrorIs(t, err, ErrRoomNick)
	_, err = NewRoom(coven, RoomTrust{}, 0).Rename("x")
	require.ErrorIs(t, err, ErrRoomNotJoined)
}

func TestRoomLeft(t *testing.T) {
	for name, x := range map[string]struct {
		presence string
		want     RoomChange
	}{
		"by ourselves":    {occupant("Juliet", "unavailable", status(110)), RoomChange{}},
		"without a code":  {occupant("Juliet", "unavailable", ""), RoomChange{}},
		"kicked":          {occupant("Juliet", "unavailable", "<item><actor jid='a@b'/><reason>R</reason></item>"+status(307, 110)), RoomChange{Cause: LeftKicked, Actor: "a@b", Reason: "R"}},
		"the server ends": {occupant("Juliet", "unavailable", status(332, 110)), RoomChange{Cause: LeftShutdown}},
		"destroyed": {
			occupant("Juliet", "unavailable", "<item affiliation='none' role='none'/><destroy jid='next@chat.shakespeare.example'><reason>R</reason><password>p</password></destroy>"),
			RoomChange{Cause: LeftDestroyed, Reason: "R", Destroyed: &RoomDestroyed{Alternate: jid.MustParse("next@chat.shakespeare.example"), Password: "p", Reason: "R"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := inside(t, RoomTrust{})
			c := one(t, feed(t, r, x.presence))
			require.Equal(t, RoomLeft, c.Kind)
			require.True(t, c.Self)
			require.Equal(t, "Juliet", c.Occupant.Nick)
			require.Equal(t, []any{x.want.Cause, x.want.Actor, x.want.Reason, x.want.Destroyed}, []any{c.Cause, c.Actor, c.Reason, c.Destroyed})
			require.Equal(t, RoomOutside, r.State())
			require.Zero(t, r.Len())
			require.True(t, r.Me().Equal(jid.JID{}))
			require.Empty(t, feed(t, r, occupant("First", "", member)), "the stragglers")
			require.Empty(t, feed(t, r, x.presence))
		})
	}
	r := inside(t, RoomTrust{})
	e, err := r.Leave("bye")
	require.NoError(t, err)
	require.Equal(t, "unavailable", e.AttrValue("type"))
	require.Equal(t, "coven@chat.shakespeare.example/Juliet", e.AttrValue("to"))
	r.Forget()
	_, err = r.Leave("")
	require.ErrorIs(t, err, ErrRoomNotJoined)
}

// TestRoomJoinedAgain joins while the room still has us, as after a connection
// that was lost.
func TestRoomJoinedAgain(t *testing.T) {
	r := inside(t, RoomTrust{})
	_, err := r.Join(JoinOptions{Nick: "Juliet"})
	require.NoError(t, err)
	require.Equal(t, []string{"First", "Juliet"}, nicks(r), "those of before")
	require.Empty(t, feed(t, r, occupant("Juliet", "unavailable", status(110, 333))), "the stay of before")
	require.Equal(t, RoomJoining, r.State())
	require.Empty(t, feed(t, r, occupant("Second", "", member)))
	require.Empty(t, feed(t, r, occupant("Third", "", member)))
	require.Empty(t, feed(t, r, occupant("Third", "unavailable", member)))
	require.Empty(t, feed(t, r, occupant("Second", "unavailable", "<item nick='2nd'/>"+status(303))))
	require.Equal(t, RoomEntered, one(t, feed(t, r, occupant("Juliet", "", member+status(110)))).Kind)
	require.Equal(t, []string{"2nd", "Juliet"}, nicks(r), "First is not there any more")

	// The same answer once more changes nothing.
	require.Empty(t, feed(t, r, occupant("Juliet", "", member+status(110, 201))))

	// We give up while the room is still answering.
	_, err = r.Join(JoinOptions{Nick: "Juliet"})
	require.NoError(t, err)
	_, err = r.Leave("")
	require.NoError(t, err)
	require.Equal(t, RoomLeft, one(t, feed(t, r, occupant("Juliet", "unavailable", status(110)))).Kind)
}

func TestRoomIsNotEnteredUnasked(t *testing.T) {
	r := NewRoom(coven, RoomTrust{}, 0)
	require.Empty(t, feed(t, r, occupant("Juliet", "", member+status(110, 201))))
	require.Equal(t, RoomOutside, r.State())
	require.Zero(t, r.Len())
}

func TestRoomBelievesOnlyItself(t *testing.T) {
	r := inside(t, RoomTrust{})
	before := maps.Clone(r.census.by)
	for name, s := range map[string]string{
		"another room":     strings.ReplaceAll(occupant("First", "unavailable", status(307)), "coven@", "cave@"),
		"a person":         `<presence from='romeo@montague.example/x' type='unavailable'/>`,
		"the service":      `<presence from='chat.shakespeare.example'/>`,
		"our own account":  `<presence type='unavailable'/>`,
		"another server's": `<presence from='coven@chat.shakespeare.example.evil.example/First' type='unavailable'/>`,
	} {
		p, err := ParsePresence(parse(t, s), juliet)
		require.NoError(t, err)
		_, err = r.Presence(p)
		require.ErrorIs(t, err, ErrForged, name)
	}
	p, err := ParsePresence(parse(t, strings.Replace(occupant("First", "", member), "</x>", "</x><x xmlns='http://jabber.org/protocol/muc#user'>"+status(110)+"</x>", 1)), juliet)
	require.NoError(t, err)
	_, err = r.Presence(p)
	require.ErrorIs(t, err, ErrMalformed, "one of the two is not the room's")
	require.Equal(t, before, r.census.by)

	// Somebody takes our nick: the room may do strange things, but nobody else
	// becomes us by it.
	c := one(t, feed(t, r, occupant("First", "unavailable", "<item nick='Juliet'/>"+status(303))))
	require.Equal(t, OccupantLeft, c.Kind)
	self, _ := r.Self()
	require.Equal(t, AffiliationMember, self.Affiliation)
}

// TestRoomForgedMessages: codes and items in messages are the room's alone.
func TestRoomForgedMessages(t *testing.T) {
	r := inside(t, RoomTrust{})
	notice := func(from, typ, more string) string {
		return `<message from='coven@chat.shakespeare.example` + from + `' type='` + typ + `'><x xmlns='http://jabber.org/protocol/muc#user'>` + more + `</x><body>b</body></message>`
	}
	all := status(104, 172, 110, 301, 307) + "<item jid='romeo@montague.example' affiliation='owner'/>"
	require.Empty(t, feed(t, r, notice("/First", "groupchat", all)))
	require.Empty(t, feed(t, r, notice("/First", "chat", all)))
	require.False(t, r.Trust().RealJIDs)
	require.Equal(t, RoomInside, r.State())

	changes := feed(t, r, notice("", "groupchat", all))
	require.Len(t, changes, 2)
	require.Equal(t, RoomConfigured, changes[0].Kind)
	require.Equal(t, AffiliationChanged, changes[1].Kind)
	require.Equal(t, "romeo@montague.example", changes[1].Item.JID.String())
	require.Equal(t, RoomInside, r.State())
	require.True(t, r.Trust().RealJIDs)
	first, _ := r.Occupant("First")
	require.Equal(t, "crone1@shakespeare.example/desktop", first.RealJID.String())

	feed(t, r, notice("", "groupchat", status(173)))
	first, _ = r.Occupant("First")
	require.True(t, first.RealJID.Equal(jid.JID{}))
	require.Equal(t, "crone1@shakespeare.example/desktop", first.ShownJID.String())

	c := one(t, feed(t, r, notice("", "normal", status(101)+"<item affiliation='admin'/>")))
	require.True(t, c.Self)
	require.Equal(t, AffiliationAdmin, c.Item.Affiliation)
}

func TestRoomTrust(t *testing.T) {
	claims := strings.Replace(occupant("Third", "", member), "</presence>",
		"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='oid'/><hats xmlns='urn:xmpp:hats:0'><hat uri='urn:h' title='H'/><hat/></hats></presence>", 1)
	r := inside(t, RoomTrust{})
	o := one(t, feed(t, r, claims)).Occupant
	require.Empty(t, o.ID)
	require.Empty(t, o.Hats)
	require.True(t, o.RealJID.Equal(jid.JID{}))
	r.SetTrust(RoomTrust{OccupantIDs: true, Hats: true, RealJIDs: true})
	o, ok := r.Occupant("Third")
	require.True(t, ok)
	require.Equal(t, "oid", o.ID)
	require.Equal(t, []Hat{{URI: "urn:h", Title: "H"}}, o.Hats)
	require.Equal(t, "hag66@shakespeare.example/pda", o.RealJID.String())
	r.SetTrust(RoomTrust{})
	o, _ = r.Occupant("Third")
	require.True(t, o.RealJID.Equal(jid.JID{}))
}

func TestRoomPicture(t *testing.T) {
	r := inside(t, RoomTrust{})
	const hash = "a31c4bd04de69663cfd7f424a8453f4674da37ff"
	picture := func(photo string) string {
		return `<presence from='coven@chat.shakespeare.example'><x xmlns='vcard-temp:x:update'>` + photo + `</x></presence>`
	}
	require.Equal(t, RoomConfigured, one(t, feed(t, r, picture("<photo>"+strings.ToUpper(hash)+"</photo>"))).Kind)
	require.Equal(t, hash, r.AvatarHash())
	for _, same := range []string{"<photo>" + hash + "</photo>", "", "<photo>nonsense</photo>"} {
		require.Empty(t, feed(t, r, picture(same)))
	}
	require.Equal(t, hash, r.AvatarHash())
	require.Len(t, feed(t, r, picture("<photo/>")), 1)
	require.Empty(t, r.AvatarHash())
}

func TestRoomIsBounded(t *testing.T) {
	r := inside(t, RoomTrust{})
	const crowd = DefaultMaxOccupants + 1000
	for i := range crowd {
		feed(t, r, occupant(fmt.Sprint("n", i), "", item(AffiliationNone, RoleParticipant, fmt.Sprint("u", i, "@h.example"))))
	}
	require.Equal(t, DefaultMaxOccupants, r.Len())
	require.Equal(t, crowd-(DefaultMaxOccupants-2), r.Missed())
	for i := range crowd {
		feed(t, r, occupant(fmt.Sprint("n", i), "unavailable", ""))
	}
	require.Equal(t, []string{"First", "Juliet"}, nicks(r))
	require.Zero(t, r.Missed())

	long := strings.Repeat("x", 900)
	for i := range maxCensusBytes / 2500 {
		feed(t, r, strings.Replace(occupant(fmt.Sprint(i, long), "", item("", "", long+"@h.example/"+long)), "</presence>", "<status>"+strings.Repeat("é", 300)+"</status></presence>", 1))
	}
	require.Positive(t, r.Missed())
	require.LessOrEqual(t, r.census.bytes, maxCensusBytes)
	require.Greater(t, r.census.bytes, maxCensusBytes/2)
	_, ok := r.Self()
	require.True(t, ok)
	feed(t, r, occupant("Juliet", "", item(AffiliationOwner, RoleModerator, "")))
	self, _ := r.Self()
	require.Equal(t, AffiliationOwner, self.Affiliation, "we are always kept")
	for o := range r.Occupants() {
		require.LessOrEqual(t, len(o.Status), maxRoomStatus)
	}
	r.Forget()
	require.Zero(t, r.census.bytes)

	small := NewRoom(coven, RoomTrust{}, 1)
	_, err := small.Join(JoinOptions{Nick: "Juliet"})
	require.NoError(t, err)
	feed(t, small, occupant("First", "", member))
	feed(t, small, occupant("Second", "", member))
	feed(t, small, occupant("Juliet", "", member+status(110)))
	require.Equal(t, 2, small.Len())
	require.Equal(t, 1, small.Missed())
}

// TestCensusCounts keeps the sum right whatever happens.
func TestCensusCounts(t *testing.T) {
	var c census
	sum := func() (n int) {
		for _, rec := range c.by {
			n += rec.size()
		}
		return n
	}
	rec := func(nick, status string) *record { return &record{nick: nick, status: status, hats: []Hat{{"u", "t"}}} }
	for _, do := range []func(){
		func() { c.put(rec("a", "long status"), 3, false) }, func() { c.put(rec("a", "s"), 3, false) }, func() { c.put(rec("b", "t"), 3, false) },
		func() { c.move("a", "b") }, func() { c.move("a", "x") }, func() { c.move("b", "b") }, func() { c.drop("none") },
		func() { c.put(rec("c", "t"), 1, true) }, func() { c.put(rec("d", "t"), 1, false) }, func() { c.remove("c") }, func() { c.remove("b") },
	} {
		do()
		require.Equal(t, sum(), c.bytes)
	}
	require.Empty(t, c.by)
}

func forwardedIn(message string) string {
	return `<forwarded xmlns='urn:xmpp:forward:0'>` + message + `</forwarded>`
}

func TestRoomMessages(t *testing.T) {
	trust := RoomTrust{StanzaIDs: true, OccupantIDs: true, RealJIDs: true}
	r := inside(t, trust)
	hear := func(s string) RoomMessage {
		m, err := ParseMessage(parse(t, s), juliet)
		require.NoError(t, err)
		rm, _, err := r.Message(m)
		require.NoError(t, err)
		return rm
	}
	const ids = "<stanza-id xmlns='urn:xmpp:sid:0' id='s1' by='coven@chat.shakespeare.example'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='oid'/>"
	const said = `<message type='groupchat' id='1' from='coven@chat.shakespeare.example/First'><body>x</body>` + ids + `</message>`
	rm := hear(said)
	require.Equal(t, RoomMessage{Nick: "First", StanzaID: "s1", OccupantID: "oid", RealJID: jid.MustParse("crone1@shakespeare.example/desktop")}, rm)
	m := mustMessage(t, said)
	require.Equal(t, "s1", m.MarkerID(&rm))
	require.Empty(t, m.MarkerID(nil))
	require.True(t, hear(strings.Replace(said, "First", "Juliet", 1)).Own)
	old := hear(strings.Replace(said, "<body>", "<delay xmlns='urn:xmpp:delay' stamp='2024-05-06T07:08:09Z'/><body>", 1))
	require.True(t, old.RealJID.Equal(jid.JID{}), "somebody else may have had the nick")

	r.SetTrust(RoomTrust{})
	require.Equal(t, RoomMessage{Nick: "First"}, hear(said))
	r.SetTrust(trust)
	private := hear(`<message type='chat' from='coven@chat.shakespeare.example/First'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`)
	require.True(t, private.Private)
	require.Equal(t, "First", private.Nick)
	sent := hear(carbon("juliet@capulet.example", "sent", forwardedIn(`<message xmlns='jabber:client' type='chat' from='juliet@capulet.example/garden' to='coven@chat.shakespeare.example/First'><body>x</body></message>`)))
	require.Equal(t, RoomMessage{Nick: "First", Private: true, Own: true}, sent)

	for _, s := range []string{
		strings.Replace(said, "coven@", "cave@", 1),
		`<message type='groupchat' from='romeo@montague.example/coven'><body>x</body></message>`,
		carbon("juliet@capulet.example", "received", forwardedIn(`<message xmlns='jabber:client' type='groupchat' to='juliet@capulet.example/garden' from='coven@chat.shakespeare.example/First'><subject>x</subject></message>`)),
	} {
		m := mustMessage(t, s)
		_, _, err := r.Message(m)
		require.ErrorIs(t, err, ErrForged, s)
	}
	_, known := r.Subject()
	require.False(t, known)
	_, _, err := r.Message(mustMessage(t, strings.Replace(said, "<body>", strings.Repeat("<x xmlns='http://jabber.org/protocol/muc#user'/>", 2)+"<body>", 1)))
	require.ErrorIs(t, err, ErrMalformed)
	_, _, err = r.Message(Message{From: coven})
	require.ErrorIs(t, err, ErrMalformed)
}

func TestRoomMessageError(t *testing.T) {
	bounce := func(condition string) Message {
		return mustMessage(t, `<message type='error' from='coven@chat.shakespeare.example' id='1'>`+refusal("auth", condition, "")+`</message>`)
	}
	for condition, want := range map[string]error{
		"not-acceptable": ErrRoomNotJoined, "forbidden": ErrRoomForbidden, "item-not-found": ErrRoomNotFound, "gone": ErrRoomDestroyed,
		"remote-server-timeout": ErrRoomService, "resource-constraint": ErrRoomLater, "bad-request": ErrRoomRefused,
	} {
		require.ErrorIs(t, RoomMessageError(bounce(condition)), want, condition)
		rm, changes, err := inside(t, RoomTrust{}).Message(bounce(condition))
		require.NoError(t, err)
		require.Empty(t, changes)
		require.Equal(t, RoomMessage{}, rm)
	}
	require.ErrorIs(t, RoomMessageError(mustMessage(t, `<message type='error' from='coven@chat.shakespeare.example'/>`)), ErrRoomRefused)
	require.NoError(t, RoomMessageError(mustMessage(t, plainMessage)))
}

func TestAnswersReceipt(t *testing.T) {
	const request = "<request xmlns='urn:xmpp:receipts'/>"
	for s, want := range map[string]bool{
		`<message id='1' type='chat'>` + request + `</message>`:      true,
		`<message id='1'>` + request + `</message>`:                  true,
		`<message type='chat'>` + request + `</message>`:             false,
		`<message id='1' type='groupchat'>` + request + `</message>`: false,
		`<message id='1' type='error'>` + request + `</message>`:     false,
		`<message id='1' type='chat'/>`:                              false,
	} {
		m := mustMessage(t, s)
		require.Equal(t, want, m.AnswersReceipt(), s)
		require.Equal(t, m.Type != "groupchat", m.MarkerID(nil) == m.ID)
	}
}
