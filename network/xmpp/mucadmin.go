// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, affiliations and roles

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// FetchAffiliations fetches who is to a room what a says: its members, for
// example, or with [AffiliationOutcast] whom it has banned. In a room for members
// everybody in it may usually ask for owners, admins and members. Items without
// a usable address are left out.
//
// Errors: [ErrRoomForbidden], [ErrRoomNotFound], [ErrRoomService], [ErrAnswer]
// and those of [stream.Stream.IQ].
func (c *Client) FetchAffiliations(ctx context.Context, room jid.JID, a Affiliation) ([]RoomItem, error) {
	items, err := c.fetchRoomItems(ctx, room, RoomItem{Affiliation: a})
	if err != nil {
		return nil, fmt.Errorf("fetch affiliations: %w", err)
	}
	found := items[:0]
	for _, item := range items {
		if item.JID = item.JID.Bare(); !item.JID.Equal(jid.JID{}) && item.Affiliation == a {
			found = append(found, item)
		}
	}
	return found, nil
}

// FetchRoles fetches the occupants who have a role; only moderators may ask.
//
// Errors: those of [Client.FetchAffiliations].
func (c *Client) FetchRoles(ctx context.Context, room jid.JID, role Role) ([]RoomItem, error) {
	items, err := c.fetchRoomItems(ctx, room, RoomItem{Role: role})
	if err != nil {
		return nil, fmt.Errorf("fetch roles: %w", err)
	}
	found := items[:0]
	for _, item := range items {
		if item.Nick != "" && item.Role == role {
			found = append(found, item)
		}
	}
	return found, nil
}

func (c *Client) fetchRoomItems(ctx context.Context, room jid.JID, of RoomItem) ([]RoomItem, error) {
	answer, err := c.fetch(ctx, room.Bare(), element.New(nsMUCAdmin, "query").Add(of.element()))
	if err != nil {
		return nil, roomRefusal(err, requestRefusals)
	}
	var items []RoomItem
	for x := range answer.All(nsMUCAdmin, "item") {
		items = append(items, parseRoomItem(x, nsMUCAdmin))
	}
	return items, nil
}

// SetAffiliations makes people to a room what the items say, XEP-0045 §9: each
// has a JID and an Affiliation, and perhaps a Nick to reserve and a Reason.
// [AffiliationOutcast] bans, [AffiliationNone] takes back whatever there was. It
// returns how many items are done: all of them, unless there is an error.
//
// Errors: [ErrConfig] for an item that lacks something, before anything is
// done; [ErrRoomForbidden], also when the room would be left without an
// owner; [ErrRoomNotFound], [ErrRoomService], and those of [stream.Stream.IQ].
func (c *Client) SetAffiliations(ctx context.Context, room jid.JID, items ...RoomItem) (done int, err error) {
	var checked []RoomItem
	for _, i := range items {
		if i.JID.Localpart() == "" && i.Affiliation != AffiliationOutcast || i.JID.Equal(jid.JID{}) || i.Affiliation == "" {
			return 0, fmt.Errorf("set affiliations: %w: item without address or affiliation", ErrConfig)
		}
		checked = append(checked, RoomItem{JID: i.JID.Bare(), Affiliation: i.Affiliation, Nick: i.Nick, Reason: i.Reason})
	}
	if done, err = c.setRoomItems(ctx, room, checked, ownerRefusals); err != nil {
		return done, fmt.Errorf("set affiliations: %w", err)
	}
	return done, nil
}

// SetRoles gives occupants roles, XEP-0045 §8: each item has a Nick and a Role,
// and perhaps a Reason. [RoleNone] kicks, [RoleVisitor] takes somebody's voice.
// It returns how many items are done.
//
// Errors: those of [Client.SetAffiliations], and [ErrRoomNotJoined] when there
// is no such occupant.
func (c *Client) SetRoles(ctx context.Context, room jid.JID, items ...RoomItem) (done int, err error) {
	var checked []RoomItem
	for _, i := range items {
		if i.Nick == "" || i.Role == "" {
			return 0, fmt.Errorf("set roles: %w: item without nick or role", ErrConfig)
		}
		checked = append(checked, RoomItem{Nick: i.Nick, Role: i.Role, Reason: i.Reason})
	}
	if done, err = c.setRoomItems(ctx, room, checked, roleRefusals); err != nil {
		return done, fmt.Errorf("set roles: %w", err)
	}
	return done, nil
}

// setRoomItems sends a request for each item: of several in one, Prosody 0.12
// heeds the first and confirms them all.
func (c *Client) setRoomItems(ctx context.Context, room jid.JID, items []RoomItem, by map[stanza.Condition]error) (done int, err error) {
	for _, i := range items {
		if _, err := c.set(ctx, room.Bare(), element.New(nsMUCAdmin, "query").Add(i.element())); err != nil {
			return done, roomRefusal(err, by)
		}
		done++
	}
	return done, nil
}
