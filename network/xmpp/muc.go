// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, the part that rooms add to stanzas

package xmpp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Namespaces of XEP-0045. [NSMUC] is also the feature of a room and of a
// service that has rooms.
const (
	NSMUC      = "http://jabber.org/protocol/muc"
	nsMUCUser  = NSMUC + "#user"
	nsMUCAdmin = NSMUC + "#admin"
	nsMUCOwner = NSMUC + "#owner"
)

// An Affiliation is what somebody is to a room for good, XEP-0045 §5.2. Empty
// means that it was not said. The types of mellium's muc package are not used:
// they cannot tell that from "none", cannot send "none" (its Item leaves it
// out, so that nobody can be removed), write roles as numbers, and fail as a
// whole on one bad attribute.
type Affiliation string

// The affiliations.
const (
	AffiliationOwner   Affiliation = "owner"
	AffiliationAdmin   Affiliation = "admin"
	AffiliationMember  Affiliation = "member"
	AffiliationNone    Affiliation = "none"
	AffiliationOutcast Affiliation = "outcast" // banned
)

// A Role is what an occupant may do while being in the room, XEP-0045 §5.1.
// Empty means that it was not said.
type Role string

// The roles.
const (
	RoleModerator   Role = "moderator"
	RoleParticipant Role = "participant"
	RoleVisitor     Role = "visitor" // may only listen, where the room is moderated
	RoleNone        Role = "none"    // not, or no longer, in the room
)

// Status codes of XEP-0045 §15.6.
const (
	StatusJIDsVisible     = 100 // everybody in the room sees real addresses
	StatusAffiliation     = 101 // an affiliation changed while we were away
	StatusUnavailable     = 102 // the room shows who is not there
	StatusNoUnavailable   = 103 // the room no longer shows who is not there
	StatusConfigured      = 104 // the configuration, or the avatar, changed
	StatusSelf            = 110 // the presence is our own
	StatusLogging         = 170
	StatusNoLogging       = 171
	StatusNonAnonymous    = 172 // the room became non-anonymous
	StatusSemiAnonymous   = 173 // the room became semi-anonymous
	StatusCreated         = 201 // we made the room by joining it
	StatusNickAssigned    = 210 // the room chose or changed our nick
	StatusBanned          = 301
	StatusRenamed         = 303 // not gone, but known by another nick from now on
	StatusKicked          = 307
	StatusAffiliationLost = 321 // removed, because no longer a member
	StatusMembersOnly     = 322 // removed, because the room became members-only
	StatusShutdown        = 332 // removed, because the service shuts down
	StatusFailure         = 333 // removed, because the connection to it failed
)

// Bounds of what is read from rooms; what exceeds them is left out.
const (
	maxStatuses   = 16   // codes of one stanza
	maxRoomItems  = 64   // items of one stanza that is no answer of ours
	maxRoomText   = 4096 // bytes of a reason, a name or a description
	maxRoomStatus = 512  // bytes of the status message of an occupant
	maxOccupantID = 128  // characters, XEP-0421 §4
	maxHats       = 16
)

// A RoomItem is what a room says, or is asked to make true, of one person.
type RoomItem struct {
	Affiliation Affiliation
	Role        Role
	JID         jid.JID // the real address, if it is said
	Nick        string
	Reason      string
	Actor       string // who did it: a nick, or an address where that is all there is
}

// RoomUser is what a room adds to presences and messages, XEP-0045 §15.5.
type RoomUser struct {
	Items    []RoomItem
	Statuses []int
	Destroy  *RoomDestroyed
}

// RoomDestroyed says that a room is no more, XEP-0045 §10.9.
type RoomDestroyed struct {
	Alternate jid.JID // the room to go to instead; zero when there is none
	Password  string  // of that room
	Reason    string
}

// Has reports whether a status code is there.
func (u *RoomUser) Has(status int) bool { return u != nil && slices.Contains(u.Statuses, status) }

// item returns the first item, or an empty one.
func (u *RoomUser) item() RoomItem {
	if u == nil || len(u.Items) == 0 {
		return RoomItem{}
	}
	return u.Items[0]
}

// ParseRoomUser reads what a room has added to a presence or message, nil when
// that is nothing. Only a room may say it: whoever calls this checks that the
// stanza is from one. Bad addresses and unknown words count as not said.
//
// Errors: [ErrMalformed] when it is there twice, one of which cannot be from
// the room.
func ParseRoomUser(e *element.Element) (*RoomUser, error) {
	var x *element.Element
	for y := range e.All(nsMUCUser, "x") {
		if x != nil {
			return nil, fmt.Errorf("parse room user: %w: twice", ErrMalformed)
		}
		x = y
	}
	if x == nil {
		return nil, nil
	}
	u := &RoomUser{Statuses: parseStatuses(x)}
	for y := range x.All(nsMUCUser, "item") {
		if len(u.Items) == maxRoomItems {
			break
		}
		u.Items = append(u.Items, parseRoomItem(y, nsMUCUser))
	}
	if d := x.Child(nsMUCUser, "destroy"); d != nil {
		gone := RoomDestroyed{
			Password: d.ChildText(nsMUCUser, "password"),
			Reason:   clip(d.ChildText(nsMUCUser, "reason"), maxRoomText),
		}
		gone.Alternate, _ = parseRoomJID(d.AttrValue("jid"))
		u.Destroy = &gone
	}
	return u, nil
}

func parseStatuses(x *element.Element) []int {
	var codes []int
	for s := range x.All(nsMUCUser, "status") {
		code, err := strconv.ParseUint(s.AttrValue("code"), 10, 16)
		if err != nil || slices.Contains(codes, int(code)) {
			continue
		}
		if codes = append(codes, int(code)); len(codes) == maxStatuses {
			break
		}
	}
	return codes
}

// parseRoomItem reads an <item/> of the given namespace.
func parseRoomItem(x *element.Element, space string) RoomItem {
	item := RoomItem{Nick: x.AttrValue("nick"), Reason: clip(x.ChildText(space, "reason"), maxRoomText)}
	switch a := Affiliation(x.AttrValue("affiliation")); a {
	case AffiliationOwner, AffiliationAdmin, AffiliationMember, AffiliationNone, AffiliationOutcast:
		item.Affiliation = a
	}
	switch r := Role(x.AttrValue("role")); r {
	case RoleModerator, RoleParticipant, RoleVisitor, RoleNone:
		item.Role = r
	}
	if j, err := parseJID(x.AttrValue("jid")); err == nil {
		item.JID = j
	}
	actor := x.Child(space, "actor")
	if item.Actor = clip(actor.AttrValue("nick"), maxRoomStatus); item.Actor == "" {
		if j, err := parseJID(actor.AttrValue("jid")); err == nil {
			item.Actor = j.String()
		}
	}
	return item
}

// element builds an <item/> as it is sent, in the namespace of administration.
func (i RoomItem) element() *element.Element {
	x := element.New(nsMUCAdmin, "item").
		WithOptional("affiliation", string(i.Affiliation)).
		WithOptional("role", string(i.Role)).
		WithOptional("jid", i.JID.String()).
		WithOptional("nick", i.Nick)
	if i.Reason != "" {
		x.Add(element.New(nsMUCAdmin, "reason").WithText(i.Reason))
	}
	return x
}

// OccupantJID returns the address of an occupant, with the nick as the rules of
// RFC 7622 §3.4 make it. Whoever compares nicks compares these: "Ｒomeo" and
// "Romeo" are two nicks, "A\u030a" and "Å" are one.
//
// Errors: [ErrRoomNick]; [ErrConfig] when room is no address of one.
func OccupantJID(room jid.JID, nick string) (jid.JID, error) {
	if !isRoomJID(room) {
		return jid.JID{}, fmt.Errorf("make occupant address: %w: no room", ErrConfig)
	}
	if strings.TrimSpace(nick) == "" {
		return jid.JID{}, fmt.Errorf("make occupant address: %w: empty", ErrRoomNick)
	}
	j, err := room.Bare().WithResource(nick)
	if err != nil || j.Resourcepart() == "" {
		return jid.JID{}, fmt.Errorf("make occupant address: %w", ErrRoomNick)
	}
	return j, nil
}

// isRoomJID reports whether j could be, or be in, a room.
func isRoomJID(j jid.JID) bool { return j.Localpart() != "" }

// parseRoomJID reads the address of a room.
func parseRoomJID(s string) (jid.JID, error) {
	j, err := parseJID(s)
	if err != nil {
		return jid.JID{}, err
	}
	if !isRoomJID(j) || j.Resourcepart() != "" {
		return jid.JID{}, fmt.Errorf("%w: no address of a room", ErrMalformed)
	}
	return j, nil
}

// clip shortens s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
