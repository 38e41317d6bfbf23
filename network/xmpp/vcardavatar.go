// SPDX-License-Identifier: MPL-2.0

// XEP-0153: vCard-Based Avatars, XEP-0398: User Avatar to vCard-Based Avatars
// Conversion

package xmpp

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSAvatarConversion is announced of an account whose server keeps the picture
// in the vCard and the one of XEP-0084 the same: then only one is published.
const NSAvatarConversion = "urn:xmpp:pep-vcard-conversion:0"

// ParsePhotoHash reads the hash of a picture in a presence, XEP-0153 §3.2. It is
// "" when there is no picture, and false when nothing is said, as by a client
// that does not know it yet.
func ParsePhotoHash(presence *element.Element) (hash string, said bool) {
	return roomAvatarHash(presence)
}

// FetchPhoto fetches the picture in somebody's vCard, or in that of an occupant
// of a room by the full address. With a hash only the picture of that name is
// taken. The zero Avatar means that there is none.
//
// Errors: [ErrAvatar], [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchPhoto(ctx context.Context, of jid.JID, hash string) (Avatar, error) {
	card, err := c.fetchCard(ctx, of)
	if err != nil {
		return Avatar{}, fmt.Errorf("fetch photo: %w", err)
	}
	photo := card.Child(nsVCard, "PHOTO")
	text := photo.ChildText(nsVCard, "BINVAL")
	if text == "" {
		return Avatar{}, nil
	}
	data, got, ok := decodePicture(text, MaxAvatar)
	if !ok || hash != "" && !strings.EqualFold(hash, got) {
		return Avatar{}, fmt.Errorf("fetch photo: %w", ErrAvatar)
	}
	return Avatar{Type: strings.Clone(clip(photo.ChildText(nsVCard, "TYPE"), 127)), Data: data, Hash: got}, nil
}

// fetchCard fetches a vCard, nil when there is none. The zero JID is our own.
func (c *Client) fetchCard(ctx context.Context, of jid.JID) (*element.Element, error) {
	if of.Equal(c.self) {
		of = jid.JID{}
	}
	card, err := c.fetch(ctx, of, element.New(nsVCard, "vCard"))
	if Condition(err) == stanza.ItemNotFound {
		return nil, nil
	}
	return card, err
}

// SetPhoto puts a picture into our vCard, or takes it out when there is no Data.
// What else the vCard holds is kept.
//
// Errors: [ErrConfig] when it is larger than [MaxOwnAvatar]; [ErrAnswer] and
// those of [stream.Stream.IQ].
func (c *Client) SetPhoto(ctx context.Context, a Avatar) error {
	if len(a.Data) > MaxOwnAvatar {
		return fmt.Errorf("set photo: %w: size", ErrConfig)
	}
	old, err := c.fetchCard(ctx, jid.JID{})
	if err != nil {
		return fmt.Errorf("set photo: %w", err)
	}
	card := element.New(nsVCard, "vCard")
	if old != nil {
		card = old.Clone()
		card.Children = slices.DeleteFunc(card.Children, func(x *element.Element) bool { return x.Is(nsVCard, "PHOTO") })
	}
	if len(a.Data) > 0 {
		card.Add(element.New(nsVCard, "PHOTO").Add(
			element.New(nsVCard, "TYPE").WithText(a.Type),
			element.New(nsVCard, "BINVAL").WithText(base64.StdEncoding.EncodeToString(a.Data))))
	}
	if _, err := c.set(ctx, jid.JID{}, card); err != nil {
		return fmt.Errorf("set photo: %w", err)
	}
	return nil
}
