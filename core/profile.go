// SPDX-License-Identifier: MPL-2.0

package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/confab-im/confab/core/internal/picture"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
)

// Profile is what somebody says of themselves, as far as it is known here. Of
// contacts it is kept up to date; of strangers nothing is asked unless
// RefreshProfile is called.
type Profile struct {
	JID     string
	Nick    string    // XEP-0172, at most 256 bytes, one line
	Avatar  string    // names a picture, see Client.Avatar; empty: none
	Fetched time.Time // when all of it was last asked for; zero: never
}

// Avatar is a picture of somebody. Its format and size in pixels have been
// looked at: at most 4 million pixels, and nothing but JPEG, PNG, GIF and WebP.
type Avatar struct {
	Hash      string // SHA-1 in hexadecimal
	MediaType string
	Data      []byte
}

// ownAvatarBox is the size in pixels that an own picture is made to fit in, and
// ownAvatarBytes what it may take, for the sake of all who fetch it.
const (
	ownAvatarBox   = 320
	ownAvatarBytes = 64 << 10
)

// Profile returns what is known here of a contact, or of ourselves by our own
// JID.
//
// Errors: ErrBadAddress.
func (a *Account) Profile(ctx context.Context, peer string) (Profile, error) {
	bare, err := bareJID(peer)
	if err != nil {
		return Profile{}, err
	}
	var row storage.Profile
	err = a.client.db.View(ctx, func(r *storage.Reader) (err error) {
		row, err = r.Profile(a.id, bare)
		return err
	})
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return Profile{}, fmt.Errorf("read profile: %w", err)
	}
	return Profile{JID: bare, Nick: row.Nick, Avatar: row.Avatar, Fetched: row.Fetched}, nil
}

// RefreshProfile asks somebody's server for all that they say of themselves. It
// tells that server that we ask.
//
// Errors: ErrBadAddress, ErrSignedOut; the network's.
func (a *Account) RefreshProfile(ctx context.Context, peer string) error {
	return a.contact(ctx, peer, "refresh profile", func(l link, bare string) error {
		return l.RefreshProfile(ctx, bare)
	})
}

// SetNick publishes what we call ourselves, to those who may see our presence
// (XEP-0172); empty takes it back.
//
// Errors: ErrBadNick, ErrSignedOut; the network's.
func (a *Account) SetNick(ctx context.Context, nick string) error {
	nick = strings.TrimSpace(nick)
	if len(nick) > xmpp.MaxNick || !utf8.ValidString(nick) || strings.ContainsFunc(nick, isControl) {
		return ErrBadNick
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.SetNick(ctx, nick); err != nil {
		return failed("set nick", err)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7F && r < 0xA0 }

// SetAvatar publishes our picture, a JPEG, PNG, GIF or WebP, to those who may
// see our presence (XEP-0084, and XEP-0153 where the server does not see to
// that by itself, XEP-0398). It is made to fit in 320 by 320 pixels and 64 KiB
// as a JPEG, which leaves nothing of what a camera has written into it.
//
// Errors: the picture's ("picture.…"), ErrSignedOut; the network's.
func (a *Account) SetAvatar(ctx context.Context, data []byte) (hash string, err error) {
	small, err := picture.MakeThumbnail(bytes.NewReader(data), ownAvatarBox, ownAvatarBytes, picture.Limits{})
	if err != nil {
		return "", fmt.Errorf("set avatar: %w", err)
	}
	l, err := a.online()
	if err != nil {
		return "", err
	}
	avatar := xmpp.Avatar{
		Type: picture.JPEG, Data: small.Data, Hash: xmpp.AvatarHash(small.Data), Width: small.Width, Height: small.Height,
	}
	if err := l.SetAvatar(ctx, &avatar); err != nil {
		return "", failed("set avatar", err)
	}
	return avatar.Hash, nil
}

// RemoveAvatar says that we have no picture any more.
//
// Errors: ErrSignedOut; the network's.
func (a *Account) RemoveAvatar(ctx context.Context) error {
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.SetAvatar(ctx, nil); err != nil {
		return failed("remove avatar", err)
	}
	return nil
}

// Avatar returns a picture by its name. One that is named before it has been
// fetched is not here yet: EventProfileChanged tells when it is.
//
// Errors: ErrNoAvatar.
func (c *Client) Avatar(ctx context.Context, hash string) (Avatar, error) {
	var row storage.Avatar
	err := c.db.View(ctx, func(r *storage.Reader) (err error) {
		row, err = r.Avatar(hash)
		return err
	})
	if err != nil {
		return Avatar{}, notFound(err, ErrNoAvatar, "read avatar")
	}
	return Avatar{Hash: row.Hash, MediaType: row.MediaType, Data: row.Data}, nil
}

// PruneAvatars removes the pictures that nobody has any more and returns how
// many they were.
func (c *Client) PruneAvatars(ctx context.Context) (n int, err error) {
	err = c.db.Update(ctx, func(tx *storage.Tx) error {
		removed, err := tx.PruneAvatars()
		n = int(removed)
		return err
	})
	if err != nil {
		return 0, failed("prune avatars", err)
	}
	return n, nil
}
