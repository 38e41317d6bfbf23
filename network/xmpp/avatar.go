// SPDX-License-Identifier: MPL-2.0

// XEP-0084: User Avatar

package xmpp

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// The nodes of pictures, and the feature that asks for news of them.
const (
	NSAvatarData     = "urn:xmpp:avatar:data"
	NSAvatarMetadata = "urn:xmpp:avatar:metadata"
	NotifyAvatar     = NSAvatarMetadata + "+notify"
)

// Bounds on pictures of people in bytes: of what is taken from others, and of
// what is published, which as base64 is to fit into a stanza of every server.
const (
	MaxAvatar    = 512 << 10
	MaxOwnAvatar = 96 << 10
)

// maxAvatarInfos bounds the forms of one picture.
const maxAvatarInfos = 16

// An AvatarInfo is what is said of a picture: the same one may be there in
// several sizes and formats. All of it is hearsay.
type AvatarInfo struct {
	Hash          string // SHA-1 of the picture in lower case hexadecimal
	Type          string
	Bytes         int
	Width, Height int    // pixels, 0 where not said
	URL           string // if it is not in the node of the data
}

// An Avatar is a picture.
type Avatar struct {
	Type          string // as whoever published it says: look at Data
	Data          []byte
	Hash          string // SHA-1 of Data in hexadecimal
	Width, Height int    // pixels, 0 where not said
}

// AvatarHash returns the name of a picture: its SHA-1 in hexadecimal.
func AvatarHash(data []byte) string {
	sum := sha1.Sum(data)
	return hex.EncodeToString(sum[:])
}

// ParseAvatarEvent reads news of somebody's picture; no forms mean that there is
// none any more. It is false for an event about something else.
func ParseAvatarEvent(ev Event) (infos []AvatarInfo, ok bool) {
	if ev.Node != NSAvatarMetadata {
		return nil, false
	}
	for _, item := range ev.Items {
		infos = parseAvatarInfos(item.Payload)
	}
	return infos, len(ev.Items) > 0 || len(ev.Retracted) > 0 || ev.Purged || ev.Deleted
}

func parseAvatarInfos(metadata *element.Element) []AvatarInfo {
	if !metadata.Is(NSAvatarMetadata, "metadata") {
		return nil
	}
	var infos []AvatarInfo
	for x := range metadata.All(NSAvatarMetadata, "info") {
		i := AvatarInfo{
			Hash: strings.ToLower(x.AttrValue("id")), Type: clip(x.AttrValue("type"), 127), URL: x.AttrValue("url"),
			Bytes: pixels(x.AttrValue("bytes")), Width: pixels(x.AttrValue("width")), Height: pixels(x.AttrValue("height")),
		}
		if !isSHA1(i.Hash) || len(i.URL) > 2048 {
			continue
		}
		if infos = append(infos, i); len(infos) == maxAvatarInfos {
			break
		}
	}
	return infos
}

// pixels reads a number that is not negative; everything else is 0.
func pixels(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// ChooseAvatar returns the form to fetch: the largest of those in the node that
// are not beyond measure.
func ChooseAvatar(infos []AvatarInfo) (best AvatarInfo, ok bool) {
	for _, i := range infos {
		if i.URL == "" && i.Bytes <= MaxAvatar && (!ok || i.Width*i.Height > best.Width*best.Height) {
			best, ok = i, true
		}
	}
	return best, ok
}

// FetchAvatarInfo fetches what somebody says of their picture.
//
// Errors: [ErrNoNode] and those of [Client.FetchItems].
func (c *Client) FetchAvatarInfo(ctx context.Context, of jid.JID) ([]AvatarInfo, error) {
	items, err := c.FetchItems(ctx, of, NSAvatarMetadata, 1)
	if err != nil {
		return nil, fmt.Errorf("fetch avatar metadata: %w", err)
	}
	for _, item := range items {
		return parseAvatarInfos(item.Payload), nil
	}
	return nil, nil
}

// FetchAvatar fetches a picture by its hash, which it must have.
//
// Errors: [ErrNoNode], also when there is no such picture; [ErrAvatar];
// [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchAvatar(ctx context.Context, of jid.JID, info AvatarInfo) (Avatar, error) {
	items, err := c.FetchItems(ctx, of, NSAvatarData, 0, info.Hash)
	if err != nil {
		return Avatar{}, fmt.Errorf("fetch avatar: %w", err)
	}
	for _, item := range items {
		if !item.Payload.Is(NSAvatarData, "data") {
			continue
		}
		data, hash, ok := decodePicture(item.Payload.Text, MaxAvatar)
		if !ok || hash != strings.ToLower(info.Hash) {
			return Avatar{}, fmt.Errorf("fetch avatar: %w", ErrAvatar)
		}
		return Avatar{Type: strings.Clone(info.Type), Data: data, Hash: hash, Width: info.Width, Height: info.Height}, nil
	}
	return Avatar{}, fmt.Errorf("fetch avatar: %w", ErrNoNode)
}

// ErrAvatar: a picture is not what its hash says, no base64, or too large.
var ErrAvatar error = &codedError{"xmpp.avatar.bad", "unusable avatar"}

// decodePicture reads a picture in base64 of at most limit bytes.
func decodePicture(text string, limit int) (data []byte, hash string, ok bool) {
	if len(text) > 2*base64.StdEncoding.EncodedLen(limit) { // with white space
		return nil, "", false
	}
	b64 := strings.Join(strings.Fields(text), "")
	if len(b64) > base64.StdEncoding.EncodedLen(limit) {
		return nil, "", false
	}
	data, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(data) == 0 {
		return nil, "", false
	}
	return data, AvatarHash(data), true
}

// PublishAvatar makes a picture ours: first its data, then the word of it.
// Whoever may see our presence may see it.
//
// Errors: [ErrConfig] when it is empty or larger than [MaxOwnAvatar], and those
// of [Client.Publish].
func (c *Client) PublishAvatar(ctx context.Context, a Avatar) error {
	if len(a.Data) == 0 || len(a.Data) > MaxOwnAvatar {
		return fmt.Errorf("publish avatar: %w: size", ErrConfig)
	}
	hash := AvatarHash(a.Data)
	cfg := NodeConfig{Access: AccessPresence}
	data := element.New(NSAvatarData, "data").WithText(base64.StdEncoding.EncodeToString(a.Data))
	if _, err := c.Publish(ctx, NSAvatarData, hash, data, cfg); err != nil {
		return fmt.Errorf("publish avatar: %w", err)
	}
	info := element.New(NSAvatarMetadata, "info").
		With("bytes", strconv.Itoa(len(a.Data))).With("id", hash).With("type", a.Type)
	if a.Width > 0 && a.Height > 0 {
		info.With("width", strconv.Itoa(a.Width)).With("height", strconv.Itoa(a.Height))
	}
	metadata := element.New(NSAvatarMetadata, "metadata").Add(info)
	if _, err := c.Publish(ctx, NSAvatarMetadata, hash, metadata, cfg); err != nil {
		return fmt.Errorf("publish avatar: %w", err)
	}
	return nil
}

// RemoveAvatar says that we have no picture any more, XEP-0084 §4.2.3.
//
// Errors: those of [Client.Publish].
func (c *Client) RemoveAvatar(ctx context.Context) error {
	metadata := element.New(NSAvatarMetadata, "metadata")
	if _, err := c.Publish(ctx, NSAvatarMetadata, "", metadata, NodeConfig{Access: AccessPresence}); err != nil {
		return fmt.Errorf("remove avatar: %w", err)
	}
	return nil
}
