// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// What a room says it is, as bits of storage.Room's Features.
const (
	RoomKnown        uint64 = 1 << iota // it has said what it is
	RoomMembersOnly                     // nobody else may enter
	RoomNonAnonymous                    // everybody sees real addresses
	RoomModerated                       // only who was given a voice may speak
	RoomPersistent                      // it stays when it is empty
	RoomHidden                          // it is in no list
	RoomPassword                        // one is needed
	RoomArchive                         // it keeps what was said (XEP-0313)
	RoomStanzaIDs                       // it names messages (XEP-0359)
	RoomOccupantIDs                     // it names occupants (XEP-0421)
	RoomModeration                      // moderators can take messages back (XEP-0425)
	RoomMembersKnown                    // the members stored are all of them
	RoomSubjectKnown                    // the subject stored is what it was when we were there last
)

// RoomEncryptable says whether messages can be encrypted in a room: it is for
// members, who see who they are.
func RoomEncryptable(features uint64) bool {
	const all = RoomKnown | RoomMembersOnly | RoomNonAnonymous
	return features&all == all
}

// Affiliations to rooms and roles in them, as stored. They are what
// XEP-0045 section 5 says.
const (
	AffiliationNone    uint8 = 0
	AffiliationMember  uint8 = 1
	AffiliationAdmin   uint8 = 2
	AffiliationOwner   uint8 = 3
	AffiliationOutcast uint8 = 4

	RoleNone        uint8 = 0
	RoleVisitor     uint8 = 1
	RoleParticipant uint8 = 2
	RoleModerator   uint8 = 3
)

// Belongs says whether an affiliation lets somebody read what is said in a room
// for members.
func Belongs(affiliation uint8) bool {
	return affiliation == AffiliationMember || affiliation == AffiliationAdmin || affiliation == AffiliationOwner
}

// Codes of rooms, beside those of package xmpp.
const (
	ReasonNotEncryptable = "room.not-encryptable" // of a message: the room is open, or hides who is in it
	ReasonUnknownSender  = "room.unknown-sender"  // of a message: it cannot be told whose keys it was encrypted with
)

// WantRoom makes an account have a room and want to be in it; change says what
// is kept of it.
func (a *Account) WantRoom(ctx context.Context, room string, change func(*storage.Room)) (row storage.Room, err error) {
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		c, _, err := tx.EnsureConversation(a.ID, room, ConversationRoom)
		if err != nil {
			return err
		}
		if c.Kind != ConversationRoom {
			c.Kind = ConversationRoom // somebody wrote to it before it was known to be one
			if err := tx.UpdateConversation(c); err != nil {
				return err
			}
		}
		row, err = tx.Room(c.ID)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		row.ConversationID, row.Wanted, row.Reason = c.ID, true, ""
		if change != nil {
			change(&row)
		}
		emit.room(c.ID)
		return tx.PutRoom(row)
	})
	if err != nil {
		return row, fmt.Errorf("keep room: %w", err)
	}
	return row, nil
}

// ChangeRoom changes what is kept of a room, if it is kept.
func (a *Account) ChangeRoom(ctx context.Context, conversation int64, change func(*storage.Room)) (row storage.Room, err error) {
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		if row, err = tx.Room(conversation); err != nil {
			return err
		}
		change(&row)
		emit.room(conversation)
		return tx.PutRoom(row)
	})
	if err != nil {
		return row, fmt.Errorf("change room: %w", err)
	}
	return row, nil
}

// DescribeRoom stores what a room says it is. Which encryption its messages get
// is decided when that is first known: a room that turns into another later
// keeps it, so that what was private is never sent in the clear.
func (a *Account) DescribeRoom(ctx context.Context, conversation int64, features uint64, name, description string) (row storage.Room, err error) {
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		if row, err = tx.Room(conversation); err != nil {
			return err
		}
		c, err := tx.Conversation(conversation)
		if err != nil {
			return err
		}
		const ours = RoomMembersKnown | RoomSubjectKnown
		before := row
		row.Features = features | RoomKnown | row.Features&ours
		row.Name, row.Description = name, description
		if c.Encryption == EncryptionDefault {
			if c.Encryption = EncryptionNone; RoomEncryptable(row.Features) {
				c.Encryption = EncryptionOMEMO
			}
			if err := tx.UpdateConversation(c); err != nil {
				return err
			}
		}
		if before.Features&RoomKnown != 0 {
			if err := a.noteDescription(tx, emit, before, row); err != nil {
				return err
			}
		}
		emit.room(conversation)
		return tx.PutRoom(row)
	})
	if err != nil {
		return row, fmt.Errorf("describe room: %w", err)
	}
	return row, nil
}

func (a *Account) noteDescription(tx *storage.Tx, emit *emitter, before, now storage.Room) error {
	if before.Name != now.Name {
		if err := a.note(tx, emit, now.ConversationID, RoomEvent{Code: EventRoomRenamed, Text: now.Name}); err != nil {
			return err
		}
	}
	was, is := RoomEncryptable(before.Features), RoomEncryptable(now.Features)
	switch {
	case was && !is:
		return a.note(tx, emit, now.ConversationID, RoomEvent{Code: EventRoomOpened})
	case is && !was:
		return a.note(tx, emit, now.ConversationID, RoomEvent{Code: EventRoomClosed})
	}
	return nil
}

// SetSubject stores the subject of a room; by is who set it, if that is known.
// What was said while we were away is shown when it differs from what it was.
func (a *Account) SetSubject(tx *storage.Tx, emit func(event.Event), conversation int64, subject, by string) error {
	row, err := tx.Room(conversation)
	if err != nil {
		return err
	}
	known := row.Features&RoomSubjectKnown != 0
	if known && row.Subject == subject {
		return nil
	}
	row.Subject, row.SubjectBy = subject, by
	row.Features |= RoomSubjectKnown
	e := emitter{account: a.ID}
	e.room(conversation)
	if known || subject != "" && by != "" {
		if err := a.note(tx, &e, conversation, RoomEvent{Code: EventSubject, By: by, Text: subject}); err != nil {
			return err
		}
	}
	for _, ev := range e.events {
		emit(ev)
	}
	return tx.PutRoom(row)
}

// room says that a room, or who is in it, is to be looked at again.
func (e *emitter) room(conversation int64) {
	e.add(event.Event{Kind: event.RoomChanged, Conversation: conversation})
	e.conversation(conversation)
}
