// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, what happens in a room

package xmpp

// RoomChangeKind says what a [RoomChange] is.
type RoomChangeKind uint8

// The kinds of changes.
const (
	// RoomEntered: we are in the room; all occupants are known. Statuses may
	// hold StatusCreated and StatusNickAssigned.
	RoomEntered RoomChangeKind = iota + 1
	// RoomNotEntered: the room did not let us in; see Err.
	RoomNotEntered
	// RoomLeft: we are no longer in the room; see Cause, Actor, Reason and
	// Destroyed.
	RoomLeft
	// RoomRefused: a new nick, or another presence, was refused; see Err. We are
	// still in the room, unless Err is ErrRoomNotJoined.
	RoomRefused
	// RoomConfigured: the room's configuration or avatar changed: its RoomInfo
	// is to be fetched again.
	RoomConfigured
	// RoomSubject: the subject was told or changed, by Actor; see Room.Subject.
	RoomSubject
	// OccupantEntered: Occupant came in.
	OccupantEntered
	// OccupantLeft: Occupant is gone; see Cause, Actor and Reason.
	OccupantLeft
	// OccupantChanged: Occupant was Was before.
	OccupantChanged
	// OccupantRenamed: Occupant had the nick of Was before. Self says that it
	// is us.
	OccupantRenamed
	// AffiliationChanged: somebody who need not be in the room is something
	// else to it now; see Item.
	AffiliationChanged
)

// LeaveCause says why somebody is no longer in a room.
type LeaveCause uint8

// The causes.
const (
	LeftByThemselves LeaveCause = iota
	LeftKicked
	LeftBanned
	LeftAffiliation // no longer a member
	LeftMembersOnly // the room became members-only
	LeftShutdown    // the service shuts down: join again later
	LeftFailure     // the connection failed: join again
	LeftDestroyed   // the room is no more
)

// A RoomChange is one thing that happened in a room. What Actor and Reason say
// is chosen by people. A zero field was not said or does not apply.
type RoomChange struct {
	Kind          RoomChangeKind
	Self          bool // it is about us
	Occupant, Was Occupant
	Cause         LeaveCause
	Actor, Reason string
	Statuses      []int
	Item          RoomItem
	Destroyed     *RoomDestroyed
	Err           error
}

// leave fills in why somebody is gone. Some rooms send 307 in addition to what
// really happened.
func (c *RoomChange) leave(user *RoomUser) {
	item := user.item()
	c.Actor, c.Reason = item.Actor, item.Reason
	if user == nil {
		return
	}
	if user.Destroy != nil {
		c.Cause, c.Destroyed, c.Reason = LeftDestroyed, user.Destroy, user.Destroy.Reason
		return
	}
	for _, x := range []struct {
		status int
		cause  LeaveCause
	}{
		{StatusBanned, LeftBanned}, {StatusShutdown, LeftShutdown}, {StatusFailure, LeftFailure},
		{StatusMembersOnly, LeftMembersOnly}, {StatusAffiliationLost, LeftAffiliation}, {StatusKicked, LeftKicked},
	} {
		if user.Has(x.status) {
			c.Cause = x.cause
			return
		}
	}
}
