// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// A RoomEvent is what a row of the kind KindEvent tells: something that
// happened in a room and matters to what is said there. Who comes and goes does
// not.
type RoomEvent struct {
	Code   string `json:"-"`                // the row's Reason
	Who    string `json:"who,omitempty"`    // whom it happened to: a bare JID, else a nick
	By     string `json:"by,omitempty"`     // who did it, as the room says: a nick or an address
	Reason string `json:"reason,omitempty"` // in the words of who did it
	Text   string `json:"text,omitempty"`   // the new subject or name
}

// The codes of such rows. Without Who they are about ourselves.
const (
	EventMemberAdded   = "room.member-added"   // may be in the room from now on
	EventMemberRemoved = "room.member-removed" // may not any more
	EventKicked        = "room.kicked"
	EventBanned        = "room.banned"
	EventRoomLeft      = "room.left"      // removed because the room is for members now
	EventDestroyed     = "room.destroyed" // the room is no more; Text is the address of the next
	EventSubject       = "room.subject"
	EventRoomRenamed   = "room.renamed"
	EventRoomOpened    = "room.opened" // no longer fit for encryption: strangers may enter, or addresses are hidden
	EventRoomClosed    = "room.closed" // fit for encryption from now on
)

// note stores a row that tells what happened. It is stored as one of ours, so
// that it does not count as unread.
func (a *Account) note(tx *storage.Tx, emit *emitter, conversation int64, e RoomEvent) error {
	c, err := tx.Conversation(conversation)
	if err != nil {
		return err
	}
	row := storage.Message{
		ConversationID: conversation, AccountID: a.ID, Outgoing: true, Sender: c.Peer, Channel: a.Channel,
		Kind: KindEvent, Reason: e.Code, State: StateReceived, Encryption: EncryptionNone, At: a.Now(), ReceivedAt: a.Now(),
	}
	x := Extra{Event: &e}
	if row.Extra, err = x.bytes(); err != nil {
		return err
	}
	if err := tx.InsertMessage(&row); err != nil {
		return err
	}
	emit.message(event.MessageAdded, conversation, row.ID, e.Code)
	emit.conversation(conversation)
	return nil
}

// Note is note for the transport.
func (a *Account) Note(tx *storage.Tx, emit func(event.Event), conversation int64, e RoomEvent) error {
	own := emitter{account: a.ID}
	if err := a.note(tx, &own, conversation, e); err != nil {
		return err
	}
	for _, ev := range own.events {
		emit(ev)
	}
	return nil
}

// SetMembers stores all who have an affiliation to a room. Who was added or
// removed since it was asked the last time is told by rows.
func (a *Account) SetMembers(ctx context.Context, conversation int64, list []storage.Member) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		row, err := tx.Room(conversation)
		if err != nil {
			return err
		}
		old, err := tx.Members(conversation)
		if err != nil {
			return err
		}
		if row.Features&RoomMembersKnown != 0 {
			if err := a.noteMembers(tx, emit, conversation, old, list); err != nil {
				return err
			}
		}
		row.Features |= RoomMembersKnown
		if err := tx.ReplaceMembers(conversation, list); err != nil {
			return err
		}
		emit.room(conversation)
		var n int
		if err := a.unblockRoom(tx, emit, conversation, &n); err != nil {
			return err
		}
		emit.outcome.Queued = n > 0
		return tx.PutRoom(row)
	})
	if err != nil {
		return fmt.Errorf("store members: %w", err)
	}
	return nil
}

func (a *Account) noteMembers(tx *storage.Tx, emit *emitter, conversation int64, old, list []storage.Member) error {
	byJID := func(m storage.Member, jid string) int { return strings.Compare(m.JID, jid) }
	find := func(in []storage.Member, jid string) uint8 {
		if i, ok := slices.BinarySearchFunc(in, jid, byJID); ok {
			return in[i].Affiliation
		}
		return AffiliationNone
	}
	now := slices.SortedFunc(slices.Values(list), func(x, y storage.Member) int { return strings.Compare(x.JID, y.JID) })
	for _, m := range now {
		if err := a.noteMember(tx, emit, conversation, m.JID, find(old, m.JID), m.Affiliation, RoomEvent{}); err != nil {
			return err
		}
	}
	for _, m := range old {
		if find(now, m.JID) != AffiliationNone {
			continue
		}
		if err := a.noteMember(tx, emit, conversation, m.JID, m.Affiliation, AffiliationNone, RoomEvent{}); err != nil {
			return err
		}
	}
	return nil
}

// noteMember tells of a change between belonging and not belonging to a room.
func (a *Account) noteMember(tx *storage.Tx, emit *emitter, conversation int64, jid string, was, is uint8, e RoomEvent) error {
	e.Who = jid
	switch {
	case is == AffiliationOutcast && was != AffiliationOutcast:
		e.Code = EventBanned
	case Belongs(is) && !Belongs(was):
		e.Code = EventMemberAdded
	case Belongs(was) && !Belongs(is):
		e.Code = EventMemberRemoved
	default:
		return nil
	}
	return a.note(tx, emit, conversation, e)
}

// ChangeMember stores what somebody is to a room now. how says who did it, and
// why.
func (a *Account) ChangeMember(tx *storage.Tx, emit func(event.Event), m storage.Member, how RoomEvent) error {
	row, err := tx.Room(m.ConversationID)
	if err != nil {
		return err
	}
	if row.Features&RoomMembersKnown == 0 {
		return nil // all of them are about to be asked for
	}
	list, err := tx.Members(m.ConversationID)
	if err != nil {
		return err
	}
	var was storage.Member
	for _, other := range list {
		if other.JID == m.JID {
			was = other
		}
	}
	if m.Nick == "" {
		m.Nick = was.Nick
	}
	if was == m || was.JID == "" && m.Affiliation == AffiliationNone {
		return nil
	}
	own := emitter{account: a.ID}
	if err := a.noteMember(tx, &own, m.ConversationID, m.JID, was.Affiliation, m.Affiliation, how); err != nil {
		return err
	}
	own.room(m.ConversationID)
	for _, ev := range own.events {
		emit(ev)
	}
	if m.Affiliation == AffiliationNone {
		return tx.DeleteMember(m.ConversationID, m.JID)
	}
	return tx.PutMember(m)
}

// NowMember is ChangeMember in a transaction of its own. Messages that waited for
// it may go out.
func (a *Account) NowMember(ctx context.Context, m storage.Member, how RoomEvent) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		if err := a.ChangeMember(tx, emit.add, m, how); err != nil {
			return err
		}
		var n int
		return a.unblockRoom(tx, emit, m.ConversationID, &n)
	})
	if err != nil {
		return fmt.Errorf("store member: %w", err)
	}
	return nil
}
