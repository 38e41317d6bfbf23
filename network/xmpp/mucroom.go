// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, following a room that we are in

package xmpp

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// DefaultMaxOccupants is how many occupants a [Room] keeps by default.
const DefaultMaxOccupants = 10_000

// RoomTrust says what a room vouches for: what a room does not announce, it
// passes on as its occupants forged it. [RoomInfo.Trust] tells.
type RoomTrust struct {
	StanzaIDs   bool // XEP-0359 and XEP-0313
	OccupantIDs bool // XEP-0421
	RealJIDs    bool // the room is non-anonymous
	Hats        bool // XEP-0317
}

// RoomState says whether we are in a room.
type RoomState uint8

// The states.
const (
	RoomOutside RoomState = iota
	RoomJoining           // asked to be let in
	RoomInside
)

// A Room follows one room: it is told of our own presences and of everything
// that comes from the room, and says what that changes. It does nothing by
// itself and knows no network, clock or lock: one goroutine owns it.
//
// It believes only the room, and only about itself. Its memory is bounded: see
// DefaultMaxOccupants, and 8 MiB for what occupants choose. Who does not fit is
// counted, see Missed.
type Room struct {
	jid     jid.JID
	limit   int
	state   RoomState
	nick    string  // ours, while inside
	join    attempt // to get in
	rename  attempt // to get another nick
	trust   RoomTrust
	open    bool // non-anonymous, as the room itself says
	census  census
	next    census // of an attempt to get in
	subject *string
	avatar  string
	leaving bool // asked to be let out
}

// An attempt is a presence of ours that has not been answered.
type attempt struct{ id, nick string }

// NewRoom returns a Room for an address. maxOccupants bounds how many are kept,
// 0 means DefaultMaxOccupants.
func NewRoom(room jid.JID, trust RoomTrust, maxOccupants int) *Room {
	return &Room{jid: room.Bare(), trust: trust, limit: cmp.Or(max(maxOccupants, 0), DefaultMaxOccupants)}
}

// JID returns the address of the room.
func (r *Room) JID() jid.JID { return r.jid }

// State returns whether we are in the room.
func (r *Room) State() RoomState { return r.state }

// Nick returns our nick in the room, "" when we are not in it.
func (r *Room) Nick() string { return r.nick }

// Me returns our own address in the room, the zero JID when we are not in it.
func (r *Room) Me() jid.JID {
	if r.nick == "" {
		return jid.JID{}
	}
	j, _ := OccupantJID(r.jid, r.nick) // it has been one
	return j
}

// Trust returns what the room vouches for.
func (r *Room) Trust() RoomTrust {
	t := r.trust
	t.RealJIDs = t.RealJIDs || r.open
	return t
}

// SetTrust changes what the room vouches for: after its [RoomInfo] was fetched.
func (r *Room) SetTrust(t RoomTrust) { r.trust, r.open = t, false }

// Subject returns the subject, and false as long as it is not known.
func (r *Room) Subject() (string, bool) {
	if r.subject == nil {
		return "", false
	}
	return *r.subject, true
}

// Self returns us as an occupant.
func (r *Room) Self() (Occupant, bool) { return r.Occupant(r.nick) }

// Occupant returns who has a nick.
func (r *Room) Occupant(nick string) (Occupant, bool) {
	rec := r.census.by[nick]
	if rec == nil {
		return Occupant{}, false
	}
	return rec.as(r.Trust()), true
}

// Occupants yields everybody in the room, us included, in no order.
func (r *Room) Occupants() iter.Seq[Occupant] {
	return func(yield func(Occupant) bool) {
		t := r.Trust()
		for _, rec := range r.census.by {
			if !yield(rec.as(t)) {
				return
			}
		}
	}
}

// Len returns how many occupants are known; Missed how many more there are that
// did not fit.
func (r *Room) Len() int { return len(r.census.by) }

// Missed is an estimate; see Len.
func (r *Room) Missed() int { return r.census.missed }

// Join notes that we are about to join, or to join again, and returns the
// presence to send: with [Client.SendRoomPresence]. Until the room has let us
// in, the occupants are those of before. It gives o an id if it has none.
//
// Errors: [ErrRoomNick], [ErrConfig].
func (r *Room) Join(o JoinOptions) (*element.Element, error) {
	o.ID = cmp.Or(o.ID, NewID())
	e, err := JoinPresence(r.jid, o)
	if err != nil {
		return nil, err
	}
	to, err := OccupantJID(r.jid, o.Nick)
	if err != nil {
		return nil, err
	}
	r.state, r.join, r.rename = RoomJoining, attempt{o.ID, to.Resourcepart()}, attempt{}
	r.next, r.leaving = census{}, false
	return e, nil
}

// Rename returns the presence that asks for another nick. The room answers with
// [OccupantRenamed] or [RoomRefused].
//
// Errors: [ErrRoomNick]; [ErrRoomNotJoined].
func (r *Room) Rename(nick string) (*element.Element, error) {
	if r.state != RoomInside {
		return nil, fmt.Errorf("change nick: %w", ErrRoomNotJoined)
	}
	to, err := OccupantJID(r.jid, nick)
	if err != nil {
		return nil, fmt.Errorf("change nick: %w", err)
	}
	r.rename = attempt{NewID(), to.Resourcepart()}
	return Presence{To: to, ID: r.rename.id}.Build(), nil
}

// Leave returns the presence that leaves the room. The room answers with
// [RoomLeft]; [Room.Forget] is for when it does not.
//
// Errors: [ErrRoomNotJoined].
func (r *Room) Leave(status string) (*element.Element, error) {
	nick := cmp.Or(r.nick, r.join.nick)
	if r.state == RoomOutside || nick == "" {
		return nil, fmt.Errorf("leave room: %w", ErrRoomNotJoined)
	}
	to, err := OccupantJID(r.jid, nick)
	if err != nil {
		return nil, fmt.Errorf("leave room: %w", err)
	}
	r.leaving = true
	return Presence{To: to, ID: NewID(), Type: PresenceUnavailable, Status: status}.Build(), nil
}

// Forget notes that we are not in the room any more: the session is a new one,
// or the room does not know us ([SelfPingNotJoined]).
func (r *Room) Forget() {
	r.state, r.nick, r.leaving = RoomOutside, "", false
	r.join, r.rename = attempt{}, attempt{}
	r.census, r.next = census{}, census{}
}

// Message takes a message that is from the room or one of its occupants, or the
// copy of a private one that we sent there with another client, and reads it as
// such.
//
// Errors: [ErrForged] when it is from somebody else, or a carbon of what is
// never copied; [ErrMalformed]. Nothing has changed then. For a message of type
// error see [RoomMessageError].
func (r *Room) Message(m Message) (RoomMessage, []RoomChange, error) {
	rm, err := ParseRoomMessage(m, r.jid, r.Trust())
	if err != nil {
		return RoomMessage{}, nil, fmt.Errorf("follow room: %w", err)
	}
	if live := m.Delay.IsZero(); live && !rm.Private && r.state == RoomInside {
		if rec := r.census.by[rm.Nick]; rec != nil {
			rm.RealJID = rec.as(r.Trust()).RealJID
		}
		rm.Own = rm.Nick != "" && rm.Nick == r.nick
	}
	var changes []RoomChange
	if rm.Subject != nil && r.state != RoomOutside {
		s := strings.Clone(clip(*rm.Subject, maxRoomText))
		r.subject = &s
		changes = append(changes, RoomChange{Kind: RoomSubject, Actor: rm.Nick})
	}
	if rm.user == nil || rm.Nick != "" {
		return rm, changes, nil
	}
	return rm, append(changes, r.noticed(rm.user)...), nil
}

// noticed takes what the room itself says, XEP-0045 §9 and §10.2.1.
func (r *Room) noticed(user *RoomUser) []RoomChange {
	switch {
	case user.Has(StatusSemiAnonymous):
		r.open, r.trust.RealJIDs = false, false
	case user.Has(StatusNonAnonymous):
		r.open = r.state == RoomInside
	}
	var changes []RoomChange
	if slices.ContainsFunc(user.Statuses, isConfiguration) {
		changes = r.configured(user.Statuses)
	}
	for _, item := range user.Items {
		self := user.Has(StatusAffiliation) && item.JID.Equal(jid.JID{})
		if item.Affiliation == "" || !self && item.JID.Equal(jid.JID{}) {
			continue
		}
		changes = append(changes, RoomChange{Kind: AffiliationChanged, Self: self, Item: item, Actor: item.Actor, Reason: item.Reason})
	}
	return changes
}

// isConfiguration reports whether a status code tells of a configuration.
func isConfiguration(status int) bool {
	switch status {
	case StatusUnavailable, StatusNoUnavailable, StatusConfigured, StatusLogging, StatusNoLogging, StatusNonAnonymous, StatusSemiAnonymous:
		return true
	}
	return false
}

func (r *Room) configured(statuses []int) []RoomChange {
	if r.state != RoomInside {
		return nil // what was fetched before we are in is not out of date
	}
	return []RoomChange{{Kind: RoomConfigured, Statuses: statuses}}
}
