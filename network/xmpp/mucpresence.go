// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, presences of a room that we are in

package xmpp

import "fmt"

// Presence takes a presence from the room.
//
// Errors: [ErrForged] when it is from somebody else; [ErrMalformed]. Nothing
// has changed then.
func (r *Room) Presence(p Presence) ([]RoomChange, error) {
	if !p.From.Bare().Equal(r.jid) {
		return nil, fmt.Errorf("follow room: %w: presence of another room", ErrForged)
	}
	if p.Type == PresenceError {
		return r.refused(p), nil
	}
	user, err := ParseRoomUser(p.Element)
	if err != nil {
		return nil, fmt.Errorf("follow room: %w", err)
	}
	nick := p.From.Resourcepart()
	switch {
	case p.Type == "" && nick == "":
		return r.pictured(p), nil
	case nick == "" || r.state == RoomOutside:
		return nil, nil // we have left, or never asked to be let in
	case p.Type == "":
		return r.available(nick, p, user), nil
	case p.Type == PresenceUnavailable:
		return r.unavailable(nick, user), nil
	}
	return nil, nil
}

// pictured takes a presence of the room itself: that is how some tell of an
// avatar, XEP-0486 §5.2.
func (r *Room) pictured(p Presence) []RoomChange {
	hash, ok := roomAvatarHash(p.Element)
	if !ok || r.state == RoomOutside || hash == r.avatar {
		return nil
	}
	r.avatar = hash
	return r.configured(nil)
}

// AvatarHash returns the SHA-1 of the picture of the room as the room has told
// its occupants: "" when there is none, or when it is said in the [RoomInfo] only.
func (r *Room) AvatarHash() string { return r.avatar }

// available takes the presence of an occupant who is there.
func (r *Room) available(nick string, p Presence, user *RoomUser) []RoomChange {
	rec := newRecord(nick, p, user)
	switch self := user.Has(StatusSelf); {
	case self && r.state == RoomJoining:
		return r.enter(rec, user)
	case self && nick != r.nick:
		return r.renamedSelf(rec, user)
	case r.state == RoomJoining:
		r.next.put(rec, r.limit, false)
		return nil
	}
	return r.update(rec, user)
}

// enter takes our own presence, the last one of those that a join is answered
// with, XEP-0045 §7.2.2.
func (r *Room) enter(rec *record, user *RoomUser) []RoomChange {
	r.next.put(rec, r.limit, true)
	r.census, r.next = r.next, census{}
	r.state, r.nick, r.join, r.rename = RoomInside, rec.nick, attempt{}, attempt{}
	r.open = user.Has(StatusJIDsVisible)
	return []RoomChange{{Kind: RoomEntered, Self: true, Occupant: rec.as(r.Trust()), Statuses: user.Statuses}}
}

// renamedSelf takes our own presence under another nick, when the room did not
// say before that we would get it.
func (r *Room) renamedSelf(rec *record, user *RoomUser) []RoomChange {
	was, _ := r.Self()
	r.census.drop(r.nick)
	r.census.put(rec, r.limit, true)
	r.nick, r.rename = rec.nick, attempt{}
	return []RoomChange{{Kind: OccupantRenamed, Self: true, Was: was, Occupant: rec.as(r.Trust()), Statuses: user.Statuses}}
}

// update takes the presence of somebody while we are inside.
func (r *Room) update(rec *record, user *RoomUser) []RoomChange {
	t := r.Trust()
	self := rec.nick == r.nick
	old := r.census.by[rec.nick]
	if !r.census.put(rec, r.limit, self) {
		return nil
	}
	c := RoomChange{Kind: OccupantEntered, Self: self, Occupant: rec.as(t)}
	if old != nil {
		if old.same(rec) {
			return nil
		}
		item := user.item()
		c.Kind, c.Was, c.Actor, c.Reason = OccupantChanged, old.as(t), item.Actor, item.Reason
	}
	return []RoomChange{c}
}

// unavailable takes the presence of somebody who is gone, or gets another nick.
func (r *Room) unavailable(nick string, user *RoomUser) []RoomChange {
	self := user.Has(StatusSelf) || r.nick != "" && nick == r.nick
	if user.Has(StatusRenamed) && user.Destroy == nil {
		to, err := OccupantJID(r.jid, user.item().Nick)
		if err == nil && (self || to.Resourcepart() != r.nick) {
			return r.renamed(nick, to.Resourcepart(), self)
		}
	}
	if self {
		return r.left(user)
	}
	if r.state == RoomJoining {
		r.next.remove(nick)
	}
	t := r.Trust()
	rec := r.census.remove(nick)
	if rec == nil || r.state != RoomInside {
		return nil
	}
	c := RoomChange{Kind: OccupantLeft, Occupant: rec.as(t)}
	c.leave(user)
	return []RoomChange{c}
}

// renamed moves an occupant to the nick that a 303 tells; the presence under it
// follows, XEP-0045 §7.6.
func (r *Room) renamed(from, to string, self bool) []RoomChange {
	if r.state == RoomJoining {
		r.next.move(from, to)
	}
	t := r.Trust()
	old := r.census.by[from]
	var was Occupant
	if old != nil {
		was = old.as(t)
	}
	now := r.census.move(from, to)
	if self && r.state == RoomInside {
		r.nick, r.rename = to, attempt{}
	}
	if now == nil || r.state != RoomInside || from == to {
		return nil
	}
	return []RoomChange{{Kind: OccupantRenamed, Self: self, Was: was, Occupant: now.as(t)}}
}

// left takes our own unavailable presence: nobody is known any more.
func (r *Room) left(user *RoomUser) []RoomChange {
	if r.state == RoomJoining && !r.leaving {
		return nil // the end of a stay before the one that we are asking for
	}
	c := RoomChange{Kind: RoomLeft, Self: true}
	c.Occupant, _ = r.Self()
	if a := user.item().Affiliation; a != "" {
		c.Occupant.Affiliation = a
	}
	c.leave(user)
	r.Forget()
	return []RoomChange{c}
}

// refused takes an error. It is the answer to an attempt when it bears its id,
// or, without any id, comes from where the attempt went to.
func (r *Room) refused(p Presence) []RoomChange {
	answers := func(a attempt) bool {
		nick := p.From.Resourcepart()
		return a.id != "" && (p.ID == a.id || p.ID == "" && (nick == a.nick || nick == ""))
	}
	switch {
	case r.state == RoomJoining && answers(r.join):
		r.Forget()
		return []RoomChange{{Kind: RoomNotEntered, Self: true, Err: roomErrorOf(p.Element, joinRefusals)}}
	case r.state == RoomInside && answers(r.rename):
		r.rename = attempt{}
		return []RoomChange{{Kind: RoomRefused, Self: true, Err: roomErrorOf(p.Element, joinRefusals)}}
	case r.state == RoomInside:
		return []RoomChange{{Kind: RoomRefused, Self: true, Err: roomErrorOf(p.Element, requestRefusals)}}
	}
	return nil
}
