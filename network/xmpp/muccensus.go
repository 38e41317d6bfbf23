// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, who is in a room

package xmpp

import (
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
)

// maxCensusBytes bounds the memory of what the occupants of one room choose or
// have chosen for them: names, addresses, ids.
const maxCensusBytes = 8 << 20

// An Occupant is somebody in a room.
type Occupant struct {
	Nick        string
	Affiliation Affiliation
	Role        Role
	// RealJID is who it is: only in a room that is non-anonymous.
	RealJID jid.JID
	// ShownJID is what another room shows us, as one of its moderators, of
	// who it is. It will do for a ban; it proves nothing.
	ShownJID jid.JID
	// ID is that of XEP-0421: only in a room that has them.
	ID     string
	Show   string // see Presence
	Status string // 512 bytes at most
	Hats   []Hat  // only in a room that has them
}

// A record is what is kept of an occupant: all of it, as what may be believed
// is known only in the end. It is not changed once it is in a census.
type record struct {
	nick, id     string
	affiliation  Affiliation
	role         Role
	jid          jid.JID
	show, status string
	hats         []Hat
}

// newRecord reads a presence. It shares no memory with it.
func newRecord(nick string, p Presence, user *RoomUser) *record {
	item := user.item()
	rec := &record{
		nick: strings.Clone(nick), id: strings.Clone(ParseOccupantID(p.Element)), jid: item.JID.Copy(),
		affiliation: Affiliation(strings.Clone(string(item.Affiliation))), role: Role(strings.Clone(string(item.Role))),
		show: strings.Clone(p.Show), status: strings.Clone(clip(p.Status, maxRoomStatus)),
	}
	for _, h := range ParseHats(p.Element) {
		rec.hats = append(rec.hats, Hat{URI: strings.Clone(h.URI), Title: strings.Clone(h.Title)})
	}
	return rec
}

// as returns the occupant as far as the room can be believed.
func (rec *record) as(t RoomTrust) Occupant {
	o := Occupant{Nick: rec.nick, Affiliation: rec.affiliation, Role: rec.role, Show: rec.show, Status: rec.status}
	if t.RealJIDs {
		o.RealJID = rec.jid
	} else {
		o.ShownJID = rec.jid
	}
	if t.OccupantIDs {
		o.ID = rec.id
	}
	if t.Hats {
		o.Hats = slices.Clone(rec.hats)
	}
	return o
}

func (rec *record) same(other *record) bool {
	return rec.nick == other.nick && rec.id == other.id && rec.affiliation == other.affiliation && rec.role == other.role &&
		rec.jid.Equal(other.jid) && rec.show == other.show && rec.status == other.status && slices.Equal(rec.hats, other.hats)
}

func (rec *record) size() int {
	n := len(rec.nick) + len(rec.id) + len(rec.jid.String()) + len(rec.show) + len(rec.status)
	for _, h := range rec.hats {
		n += len(h.URI) + len(h.Title)
	}
	return n
}

// A census holds the occupants of a room by nick. Its zero value is empty.
type census struct {
	by     map[string]*record
	bytes  int
	missed int // occupants that did not fit
}

// put adds or replaces a record. It reports false when there is no room for it
// and it need not be kept.
func (c *census) put(rec *record, limit int, must bool) bool {
	old := c.by[rec.nick]
	bytes := c.bytes + rec.size()
	if old != nil {
		bytes -= old.size()
	}
	if !must && (bytes > maxCensusBytes || old == nil && len(c.by) >= limit) {
		if old != nil {
			c.drop(rec.nick) // it would be wrong to keep what no longer holds
		}
		c.missed++
		return false
	}
	if c.by == nil {
		c.by = make(map[string]*record)
	}
	c.by[rec.nick], c.bytes = rec, bytes
	return true
}

// drop removes a record and returns it, nil when there is none.
func (c *census) drop(nick string) *record {
	rec := c.by[nick]
	if rec != nil {
		c.bytes -= rec.size()
		delete(c.by, nick)
	}
	return rec
}

// remove is drop for somebody who is gone: who is not known was missed.
func (c *census) remove(nick string) *record {
	rec := c.drop(nick)
	if rec == nil && c.missed > 0 {
		c.missed--
	}
	return rec
}

// move gives a record another nick and returns it as it is now, nil when there
// is none. Who had that nick, if a room says such things, is gone.
func (c *census) move(from, to string) *record {
	old := c.drop(from)
	if old == nil {
		return nil
	}
	moved := *old
	moved.nick = strings.Clone(to)
	c.drop(to)
	c.by[moved.nick] = &moved
	c.bytes += moved.size()
	return &moved
}
