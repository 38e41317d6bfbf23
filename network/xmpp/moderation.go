// SPDX-License-Identifier: MPL-2.0

// XEP-0425: Moderated Message Retraction

package xmpp

import (
	"context"
	"fmt"
	"time"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Features of a room whose moderators can retract messages of others: that of
// the present version, and that of before 2023, which servers still have.
const (
	NSModeration  = "urn:xmpp:message-moderate:1"
	NSModeration0 = "urn:xmpp:message-moderate:0"
)

// A Moderation says that a moderator took a message back.
type Moderation struct {
	// ID is the message's id in the archive of the room; "" in a tombstone,
	// which stands in the place of its message.
	ID string
	// By is who did it: the occupant as it then was, or zero.
	By jid.JID
	// ByID is the occupant id of who did it, or "".
	ByID   string
	Reason string
	// Stamp is when it was done, in a tombstone.
	Stamp time.Time
}

// parseModeration reads what the room itself sent to everybody; nil when it is
// something else.
func parseModeration(e *element.Element, room jid.JID) *Moderation {
	if x := e.Child(NSRetraction, "retract"); x != nil {
		return moderated(x.AttrValue("id"), x.Child(NSModeration, "moderated"), x.ChildText(NSRetraction, "reason"), room)
	}
	x := e.Child(nsFasten, "apply-to")
	y := x.Child(NSModeration0, "moderated")
	if y.Child(nsRetraction0, "retract") == nil {
		return nil
	}
	return moderated(x.AttrValue("id"), y, y.ChildText(NSModeration0, "reason"), room)
}

func moderated(id string, x *element.Element, reason string, room jid.JID) *Moderation {
	if x == nil || id == "" {
		return nil
	}
	m := &Moderation{ID: id, ByID: ParseOccupantID(x), Reason: clip(reason, maxRoomText)}
	if by, err := parseJID(x.AttrValue("by")); err == nil && (by.Bare().Equal(room) || room.Equal(jid.JID{})) {
		m.By = by
	}
	return m
}

// parseTombstone reads what is left in an archive of a message that was
// moderated; nil when it was not.
func parseTombstone(e *element.Element) *Moderation {
	const self = "." // a tombstone names no other message
	gone := e.Child(NSRetraction, "retracted")
	m := moderated(self, gone.Child(NSModeration, "moderated"), gone.ChildText(NSRetraction, "reason"), jid.JID{})
	if m == nil {
		x := e.Child(NSModeration0, "moderated")
		if gone = x.Child(nsRetraction0, "retracted"); gone == nil {
			return nil
		}
		m = moderated(self, x, x.ChildText(NSModeration0, "reason"), jid.JID{})
	}
	m.ID = ""
	m.Stamp, _ = parseTime(gone.AttrValue("stamp"))
	return m
}

// Moderate retracts a message of anybody in a room, for which one must be its
// moderator. stanzaID is the message's id in the archive of the room; a reason
// for everybody to read may be given. The room tells everybody, us included.
//
// Errors: [ErrRoomRefused] when the room cannot do that, or does not know the
// message; [ErrRoomForbidden], [ErrRoomNotFound], [ErrRoomNotJoined] and those
// of [stream.Stream.IQ].
func (c *Client) Moderate(ctx context.Context, room RoomInfo, stanzaID, reason string) error {
	var why, request *element.Element
	switch {
	case stanzaID == "":
		return fmt.Errorf("moderate message: %w: no id", ErrConfig)
	case room.Info.Has(NSModeration):
		if reason != "" {
			why = element.New(NSModeration, "reason").WithText(reason)
		}
		request = element.New(NSModeration, "moderate").With("id", stanzaID).
			Add(element.New(NSRetraction, "retract"), why)
	case room.Info.Has(NSModeration0):
		if reason != "" {
			why = element.New(NSModeration0, "reason").WithText(reason)
		}
		request = element.New(nsFasten, "apply-to").With("id", stanzaID).
			Add(element.New(NSModeration0, "moderate").Add(element.New(nsRetraction0, "retract"), why))
	default:
		return fmt.Errorf("moderate message: %w: no moderation", ErrRoomRefused)
	}
	if _, err := c.set(ctx, room.JID, request); err != nil {
		return fmt.Errorf("moderate message: %w", roomRefusal(err, requestRefusals))
	}
	return nil
}
