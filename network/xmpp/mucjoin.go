// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, entering a room

package xmpp

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// JoinOptions say how to enter a room.
type JoinOptions struct {
	Nick     string
	Password string // of the room, if it has one
	// History is what the room is to repeat of what was said; nil means
	// nothing, as its archive has all of it.
	History *RoomHistory
	// ID is the id of the presence, which a refusal bears.
	ID           string
	Show, Status string
}

// RoomHistory asks a room to repeat messages, XEP-0045 §7.2.14. Fields that are
// zero are not sent.
type RoomHistory struct {
	MaxStanzas int
	Seconds    int // those of the last seconds
	Since      time.Time
}

func (h *RoomHistory) element() *element.Element {
	x := element.New(NSMUC, "history")
	if h == nil {
		// The way to ask for none in §7.2.14 is maxchars; all servers know
		// both, and a message that has no characters is one all the same.
		return x.With("maxstanzas", "0")
	}
	if h.MaxStanzas > 0 {
		x.With("maxstanzas", strconv.Itoa(h.MaxStanzas))
	}
	if h.Seconds > 0 {
		x.With("seconds", strconv.Itoa(h.Seconds))
	}
	if !h.Since.IsZero() {
		x.With("since", formatTime(h.Since))
	}
	return x
}

// JoinPresence builds the presence that enters a room, XEP-0045 §7.2. [Room.Join]
// does, too, for a room that is followed.
//
// Errors: [ErrRoomNick], [ErrConfig].
func JoinPresence(room jid.JID, o JoinOptions) (*element.Element, error) {
	to, err := OccupantJID(room, o.Nick)
	if err != nil {
		return nil, fmt.Errorf("join room: %w", err)
	}
	x := element.New(NSMUC, "x").Add(o.History.element())
	if o.Password != "" {
		x.Add(element.New(NSMUC, "password").WithText(o.Password))
	}
	return Presence{To: to, ID: o.ID, Show: o.Show, Status: o.Status}.Build().Add(x), nil
}

// SendRoomPresence sends a presence to a room: one of [JoinPresence] or of a
// method of [Room]. To an available one it adds our capabilities.
//
// Errors: those of [stream.Stream.Send].
func (c *Client) SendRoomPresence(ctx context.Context, presence *element.Element) error {
	if _, ok := presence.LookupAttr("", "type"); !ok && ParseCaps(presence) == nil {
		presence.Add(c.caps.Element())
	}
	if err := c.conn.Send(ctx, presence); err != nil {
		return fmt.Errorf("send room presence: %w", err)
	}
	return nil
}
