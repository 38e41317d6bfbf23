// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, messages of rooms

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A RoomMessage is what a message means because it is from a room. Its strings
// share the memory of the stanza.
type RoomMessage struct {
	// Nick is who wrote it: the room itself when it is empty. Of a private
	// message it is the other one of the two.
	Nick string
	// Private: it is not for everybody in the room, XEP-0045 §7.5.
	Private bool
	// Own: we wrote it. It is only known of live messages, and of copies of
	// private ones.
	Own bool
	// StanzaID is the id in the archive of the room, "" when it has none that
	// can be believed. Replies, reactions, markers and moderation name a
	// message for everybody by this id.
	StanzaID string
	// OccupantID is that of the author, "" unless the room vouches for it.
	OccupantID string
	// RealJID is who the author is, the zero JID unless the room vouches for
	// it.
	RealJID jid.JID
	// Subject is the new subject of the room; such a message is not to be
	// shown as one. The empty one removes it.
	Subject *string
	// Statuses are what the room itself says with it.
	Statuses []int
	// Moderation is what a moderator did to another message, or, in an archive,
	// to this one. Only the room itself can say so.
	Moderation *Moderation

	user *RoomUser
}

// ParseRoomMessage reads a message that room, or somebody in it, sent, or the
// copy of a private one that we sent there with another client. [Room.Message]
// does more for a room that we are in.
//
// Errors: [ErrForged] when it is from somebody else, or a carbon of what is
// never copied; [ErrMalformed].
func ParseRoomMessage(m Message, room jid.JID, t RoomTrust) (RoomMessage, error) {
	rm, err := parseRoomMessage(m, room.Bare(), t)
	if err != nil {
		return RoomMessage{}, fmt.Errorf("parse room message: %w", err)
	}
	return rm, nil
}

func parseRoomMessage(m Message, room jid.JID, t RoomTrust) (RoomMessage, error) {
	if m.Element == nil {
		return RoomMessage{}, fmt.Errorf("%w: not a message", ErrMalformed)
	}
	private := m.Type == "chat" || m.Type == "normal"
	if m.Carbon == CarbonSent && private && m.To.Bare().Equal(room) {
		return RoomMessage{Nick: m.To.Resourcepart(), Private: m.To.Resourcepart() != "", Own: true}, nil
	}
	if !m.From.Bare().Equal(room) {
		return RoomMessage{}, fmt.Errorf("%w: message of another room", ErrForged)
	}
	rm := RoomMessage{Nick: m.From.Resourcepart()}
	if m.Type == "error" {
		return rm, nil
	}
	if m.Carbon != NotCarbon && !private {
		return RoomMessage{}, fmt.Errorf("%w: carbon of a room", ErrForged)
	}
	user, err := ParseRoomUser(m.Element)
	if err != nil {
		return RoomMessage{}, err
	}
	rm.Private = private && rm.Nick != ""
	if t.OccupantIDs {
		rm.OccupantID = ParseOccupantID(m.Element)
	}
	if rm.Nick == "" && user != nil {
		// What somebody in the room says about it is theirs alone.
		rm.user, rm.Statuses = user, user.Statuses
	}
	if m.Type != "groupchat" {
		return rm, nil
	}
	if t.StanzaIDs && len(m.StanzaIDs) == 1 {
		rm.StanzaID = m.StanzaIDs[0].ID
	}
	if x := m.Element.Child(element.NSClient, "subject"); x != nil && m.Element.Child(element.NSClient, "body") == nil && m.OMEMO == nil {
		s := textOf(m.Element, "subject")
		rm.Subject = &s
	}
	if rm.Nick == "" {
		rm.Moderation = parseModeration(m.Element, room)
	}
	return rm, nil
}

// ParseArchivedRoomMessage reads a message in the archive of a room, which
// [Client.QueryArchive] returned. Its id there is known, and it may have been
// moderated, or say who its author is, XEP-0313 §5.1.2.
//
// Errors: those of [ParseRoomMessage], and that of the item.
func ParseArchivedRoomMessage(item ArchiveItem, room jid.JID, t RoomTrust) (RoomMessage, error) {
	if item.Err != nil {
		return RoomMessage{}, item.Err
	}
	rm, err := ParseRoomMessage(item.Message, room, t)
	if err != nil || item.Message.Type == "error" {
		return rm, err
	}
	if rm.StanzaID = item.ID; rm.Moderation == nil {
		rm.Moderation = parseTombstone(item.Message.Element)
	}
	if user, err := ParseRoomUser(item.Message.Element); err == nil && t.RealJIDs && rm.Nick != "" {
		rm.RealJID = user.item().JID
	}
	return rm, nil
}

// AnswersReceipt reports whether a receipt is to be sent for m, if at all: never
// to a room, where everybody would have to, XEP-0184 §5.3.
func (m Message) AnswersReceipt() bool {
	return m.Receipt != nil && m.Receipt.Request && m.Type != "groupchat" && m.Type != "error" && m.ID != ""
}

// MarkerID returns the id by which a marker names m, XEP-0333 §4: in a room that
// which the room has given it, as rm says, else that of its author. "" means
// that m cannot be marked.
func (m Message) MarkerID(rm *RoomMessage) string {
	if m.Type != "groupchat" {
		return m.ID
	}
	if rm == nil {
		return ""
	}
	return rm.StanzaID
}

// SetSubject changes the subject of a room that we are in, XEP-0045 §8.1; ""
// removes it. A refusal comes back as a message of type error with the id
// returned.
//
// Errors: those of [stream.Stream.Send].
func (c *Client) SetSubject(ctx context.Context, room jid.JID, subject string) (id string, err error) {
	id = NewID()
	e := element.New(element.NSClient, "message").
		With("to", room.Bare().String()).With("type", "groupchat").With("id", id).
		Add(element.New(element.NSClient, "subject").WithText(subject))
	if err := c.conn.Send(ctx, e); err != nil {
		return "", fmt.Errorf("set subject: %w", err)
	}
	return id, nil
}

// PrivateMark is what is added to a private message to an occupant, so that
// clients and servers see what it is, XEP-0045 §7.5.
func PrivateMark() *element.Element { return element.New(nsMUCUser, "x") }
