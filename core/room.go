// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// Room is a group chat (XEP-0045): a conversation with more than one person.
//
// What is written in a room that its members only may enter, and who can see
// each other, is encrypted to all of them, whether they are there or not. In any
// other room that is not possible: nothing says who reads it. Which of the two a
// room is, is decided when it is first entered; it never falls back by itself,
// so messages to a room that was opened since are blocked with the reason
// "room.not-encryptable". So are those that a member has no device for, with
// "omemo.no-devices": see WithoutDevices and LeaveOut.
//
// A message is MessageSent once the room has shown it. Rooms send no receipts.
// What members do that matters to the others stands in the history as messages
// of the kind Notice: who was added, removed or banned, the subject, the
// name.
//
// Messages of one occupant to another by way of the room are kept in a
// conversation of its own with the occupant's address, which nothing in it can be
// encrypted for: answers are blocked unless it was set to Plain.
type Room struct{ *Conversation }

// RoomInfo is a room as it was when it was read.
type RoomInfo struct {
	ConversationInfo
	Address      string
	Wanted       bool   // to be in it whenever there is a connection
	Joined       bool   // it is entered now
	Reason       string // code of why we are not in it: "room.kicked", "xmpp.room.banned", …
	Nick         string // ours
	Name         string
	Description  string
	Subject      string
	SubjectBy    string // who set it, as the room says
	Affiliation  Affiliation
	Role         Role
	MembersOnly  bool
	NonAnonymous bool // everybody sees the others' addresses
	Moderated    bool // only who was given a voice may speak
	Persistent   bool
	Hidden       bool
	HasPassword  bool
	HasArchive   bool // it keeps what was said (XEP-0313)
	Moderation   bool // moderators can take messages back (XEP-0425)
	Encryptable  bool
}

// Format keeps what a room is about out of whatever is printed.
func (i RoomInfo) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "room of conversation %d", i.ID) }

// LogValue keeps it out of logs.
func (i RoomInfo) LogValue() slog.Value { return slog.GroupValue(slog.Int64("conversation", i.ID)) }

// Affiliation is what somebody is to a room for good.
type Affiliation uint8

// The affiliations (XEP-0045 section 5.2).
const (
	NoAffiliation = Affiliation(pipeline.AffiliationNone)
	Member        = Affiliation(pipeline.AffiliationMember)
	Admin         = Affiliation(pipeline.AffiliationAdmin)
	Owner         = Affiliation(pipeline.AffiliationOwner)
	Banned        = Affiliation(pipeline.AffiliationOutcast)
)

var affiliationNames = map[Affiliation]string{
	NoAffiliation: "none", Member: "member", Admin: "admin", Owner: "owner", Banned: "outcast",
}

// String returns the affiliation's name in XEP-0045.
func (a Affiliation) String() string { return name(affiliationNames, a) }

// Role is what an occupant may do while being in a room.
type Role uint8

// The roles (XEP-0045 section 5.1).
const (
	NoRole      = Role(pipeline.RoleNone)
	Visitor     = Role(pipeline.RoleVisitor) // may only listen, where the room is moderated
	Participant = Role(pipeline.RoleParticipant)
	Moderator   = Role(pipeline.RoleModerator)
)

var roleNames = map[Role]string{NoRole: "none", Visitor: "visitor", Participant: "participant", Moderator: "moderator"}

// String returns the role's name in XEP-0045.
func (r Role) String() string { return name(roleNames, r) }

// Room returns the room with that address, or ErrNoConversation if this account
// has never been in it.
func (a *Account) Room(ctx context.Context, address string) (*Room, error) {
	bare, err := bareJID(address)
	if err != nil {
		return nil, err
	}
	var row storage.Conversation
	err = a.client.db.View(ctx, func(r *storage.Reader) (err error) {
		if row, err = r.ConversationByPeer(a.id, bare); err == nil {
			_, err = r.Room(row.ID)
		}
		return err
	})
	if err != nil {
		return nil, notFound(err, ErrNoConversation, "open room")
	}
	return a.room(row.ID, bare), nil
}

func (a *Account) room(id ConversationID, address string) *Room {
	return &Room{&Conversation{client: a.client, account: a, id: id, peer: address}}
}

// Room returns the conversation as a room; false if it is none.
func (cv *Conversation) Room(ctx context.Context) (*Room, bool, error) {
	var kind uint8
	err := cv.client.db.View(ctx, func(r *storage.Reader) error {
		row, err := r.Conversation(cv.id)
		kind = row.Kind
		return err
	})
	if err != nil {
		return nil, false, notFound(err, ErrNoConversation, "read conversation")
	}
	return &Room{cv}, kind == pipeline.ConversationRoom, nil
}

// Rooms returns the rooms of the account, those left included, by address.
func (a *Account) Rooms(ctx context.Context) ([]RoomInfo, error) {
	var list []RoomInfo
	err := a.client.db.View(ctx, func(r *storage.Reader) error {
		list = nil
		rows, err := r.Rooms(a.id)
		for _, row := range rows {
			var c storage.Conversation
			if c, err = r.Conversation(row.ConversationID); err != nil {
				break
			}
			list = append(list, roomInfoOf(c, row))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	for i := range list {
		a.present(ctx, &list[i])
	}
	slices.SortFunc(list, func(x, y RoomInfo) int { return strings.Compare(x.Address, y.Address) })
	return list, nil
}

// Info reads the room.
func (r *Room) Info(ctx context.Context) (RoomInfo, error) {
	var info RoomInfo
	err := r.client.db.View(ctx, func(tx *storage.Reader) error {
		c, err := tx.Conversation(r.id)
		if err != nil {
			return err
		}
		row, err := tx.Room(r.id)
		info = roomInfoOf(c, row)
		return err
	})
	if err != nil {
		return RoomInfo{}, notFound(err, ErrNoConversation, "read room")
	}
	r.account.present(ctx, &info)
	return info, nil
}

// present fills in what is known of a room only while being in it.
func (a *Account) present(ctx context.Context, info *RoomInfo) {
	a.withLink(func(l link) {
		if _, nick, err := l.Occupants(ctx, info.Address); err == nil {
			info.Joined, info.Nick = true, nick
		}
	})
}

func roomInfoOf(c storage.Conversation, row storage.Room) RoomInfo {
	has := func(bit uint64) bool { return row.Features&bit != 0 }
	return RoomInfo{
		ConversationInfo: infoOf(c), Address: c.Peer, Wanted: row.Wanted, Reason: row.Reason, Nick: row.Nick, Name: row.Name,
		Description: row.Description, Subject: row.Subject, SubjectBy: row.SubjectBy,
		Affiliation: Affiliation(row.Affiliation), Role: Role(row.Role),
		MembersOnly: has(pipeline.RoomMembersOnly), NonAnonymous: has(pipeline.RoomNonAnonymous),
		Moderated: has(pipeline.RoomModerated), Persistent: has(pipeline.RoomPersistent), Hidden: has(pipeline.RoomHidden),
		HasPassword: has(pipeline.RoomPassword), HasArchive: has(pipeline.RoomArchive),
		Moderation: has(pipeline.RoomModeration), Encryptable: pipeline.RoomEncryptable(row.Features),
	}
}

// Private returns the conversation with one occupant by way of the room, starting
// one if there is none. Nothing in it can be encrypted, and nothing is sent
// unless it is set to Plain.
//
// Errors: ErrBadAddress for what cannot be a nick.
func (r *Room) Private(ctx context.Context, nick string) (*Conversation, error) {
	room, err := jid.Parse(r.peer)
	if err != nil {
		return nil, ErrBadAddress
	}
	occupant, err := xmpp.OccupantJID(room, nick)
	if err != nil {
		return nil, ErrBadAddress
	}
	var row storage.Conversation
	err = r.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) (err error) {
		var created bool
		row, created, err = tx.EnsureConversation(r.account.id, occupant.String(), pipeline.ConversationPrivate)
		if created {
			emit(event.Event{Kind: event.ConversationChanged, Account: r.account.id, Conversation: row.ID})
		}
		return err
	})
	if err != nil {
		return nil, failed("open private conversation", err)
	}
	return &Conversation{client: r.client, account: r.account, id: row.ID, peer: row.Peer}, nil
}

// RoomMember is somebody with an affiliation to a room, there or not.
type RoomMember struct {
	JID         string // bare
	Nick        string // the last one known
	Affiliation Affiliation
}

// Members returns who belongs to the room, by address: those who can read what
// is encrypted in it. Of a room that is open to strangers none are known.
func (r *Room) Members(ctx context.Context) ([]RoomMember, error) {
	var rows []storage.Member
	err := r.client.db.View(ctx, func(tx *storage.Reader) (err error) {
		rows, err = tx.Members(r.id)
		return err
	})
	if err != nil {
		return nil, failed("list members", err)
	}
	list := make([]RoomMember, len(rows))
	for i, row := range rows {
		list[i] = RoomMember{JID: row.JID, Nick: row.Nick, Affiliation: Affiliation(row.Affiliation)}
	}
	return list, nil
}

// Occupant is somebody who is in a room now.
type Occupant struct {
	Nick        string
	JID         string // bare, where the room shows addresses; else empty
	ID          string // that does not change with the nick (XEP-0421), where the room has such
	Affiliation Affiliation
	Role        Role
	Self        bool
	Presence    Presence
}

// Occupants returns who is in the room now, by nick.
//
// Errors: ErrSignedOut; "xmpp.room.not-joined".
func (r *Room) Occupants(ctx context.Context) ([]Occupant, error) {
	l, err := r.account.online()
	if err != nil {
		return nil, err
	}
	found, nick, err := l.Occupants(ctx, r.peer)
	if err != nil {
		return nil, failed("list occupants", err)
	}
	list := make([]Occupant, len(found))
	for i := range found {
		list[i] = occupantOf(&found[i])
		list[i].Self = list[i].Nick == nick
	}
	slices.SortFunc(list, func(x, y Occupant) int { return strings.Compare(x.Nick, y.Nick) })
	return list, nil
}

var occupantShows = map[string]Availability{"": Available, "chat": Chatty, "away": Away, "xa": ExtendedAway, "dnd": DoNotDisturb}

func occupantOf(o *xmpp.Occupant) Occupant {
	v := Occupant{
		Nick: o.Nick, ID: o.ID, Presence: Presence{Availability: occupantShows[o.Show], Status: o.Status},
		Affiliation: affiliationNamed(string(o.Affiliation)), Role: roleNamed(string(o.Role)),
	}
	if o.RealJID.Domainpart() != "" {
		v.JID = o.RealJID.Bare().String()
	}
	return v
}

func affiliationNamed(name string) Affiliation {
	for a, n := range affiliationNames {
		if n == name {
			return a
		}
	}
	return NoAffiliation
}

func roleNamed(name string) Role {
	for r, n := range roleNames {
		if n == name {
			return r
		}
	}
	return NoRole
}
