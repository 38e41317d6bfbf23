// SPDX-License-Identifier: MPL-2.0

// XEP-0486: MUC Avatars

package xmpp

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

const (
	nsVCard       = "vcard-temp"
	nsVCardUpdate = "vcard-temp:x:update"
)

// MaxRoomAvatar is the largest picture of a room in bytes: as base64, and with
// what is around it, it still is a stanza that every server takes.
const MaxRoomAvatar = 128 << 10

// A RoomAvatar is the picture of a room.
type RoomAvatar struct {
	Type string // as whoever published it says: look at Data
	Data []byte
	Hash string // SHA-1 of Data in hexadecimal
}

// FetchRoomAvatar fetches the picture of a room. With hashes, those of its
// [RoomInfo] or of [Room.AvatarHash], only a picture with one of them is
// returned: the answer may be to a newer state. The zero RoomAvatar means that
// there is none.
//
// Errors: [ErrRoomForbidden], [ErrRoomService], [ErrAnswer] and those of
// [stream.Stream.IQ].
func (c *Client) FetchRoomAvatar(ctx context.Context, room jid.JID, hashes ...string) (RoomAvatar, error) {
	card, err := c.fetchRoomCard(ctx, room)
	if err != nil {
		return RoomAvatar{}, fmt.Errorf("fetch room avatar: %w", err)
	}
	for photo := range card.All(nsVCard, "PHOTO") {
		a, ok := parseRoomPhoto(photo)
		if ok && (len(hashes) == 0 || slices.ContainsFunc(hashes, func(h string) bool { return strings.EqualFold(h, a.Hash) })) {
			return a, nil
		}
	}
	return RoomAvatar{}, nil
}

// fetchRoomCard fetches the vCard of a room, nil when it has none.
func (c *Client) fetchRoomCard(ctx context.Context, room jid.JID) (*element.Element, error) {
	card, err := c.fetch(ctx, room.Bare(), element.New(nsVCard, "vCard"))
	switch Condition(err) {
	case stanza.ItemNotFound, stanza.ServiceUnavailable, stanza.FeatureNotImplemented:
		return nil, nil
	}
	return card, roomRefusal(err, requestRefusals)
}

func parseRoomPhoto(photo *element.Element) (RoomAvatar, bool) {
	b, hash, ok := decodePicture(photo.ChildText(nsVCard, "BINVAL"), MaxRoomAvatar)
	if !ok {
		return RoomAvatar{}, false
	}
	return RoomAvatar{Type: strings.Clone(clip(photo.ChildText(nsVCard, "TYPE"), 127)), Data: b, Hash: hash}, true
}

// SetRoomAvatar gives a room a picture, or takes it away when there is no Data.
// What else the vCard of the room holds is kept. Usually only owners may.
//
// Errors: [ErrConfig] for a picture that is too large; [ErrRoomRefused] when the
// room has no pictures; [ErrRoomForbidden], [ErrRoomNotFound], [ErrRoomService],
// and those of [stream.Stream.IQ].
func (c *Client) SetRoomAvatar(ctx context.Context, room jid.JID, a RoomAvatar) error {
	if len(a.Data) > MaxRoomAvatar {
		return fmt.Errorf("set room avatar: %w: too large", ErrConfig)
	}
	old, err := c.fetchRoomCard(ctx, room)
	if err != nil {
		return fmt.Errorf("set room avatar: %w", err)
	}
	card := element.New(nsVCard, "vCard")
	if old != nil {
		for _, x := range old.Children {
			if !x.Is(nsVCard, "PHOTO") {
				card.Add(x)
			}
		}
	}
	if len(a.Data) > 0 {
		card.Add(element.New(nsVCard, "PHOTO").Add(
			element.New(nsVCard, "TYPE").WithText(a.Type),
			element.New(nsVCard, "BINVAL").WithText(base64.StdEncoding.EncodeToString(a.Data))))
	}
	if _, err := c.set(ctx, room.Bare(), card); err != nil {
		return fmt.Errorf("set room avatar: %w", roomRefusal(err, requestRefusals))
	}
	return nil
}

// roomAvatarHash reads the hash in a presence of the room itself, §5.2. It is
// "" when there is no picture, and false when nothing is said.
func roomAvatarHash(presence *element.Element) (string, bool) {
	x := presence.Child(nsVCardUpdate, "x").Child(nsVCardUpdate, "photo")
	if x == nil {
		return "", false
	}
	if hash := strings.ToLower(x.Text); isSHA1(hash) {
		return strings.Clone(hash), true
	}
	return "", x.Text == ""
}

// isSHA1 reports whether s is a SHA-1 in hexadecimal.
func isSHA1(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha1.Size
}
