// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/picture"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// Card is what is kept of a profile beside nickname and picture.
type Card struct {
	// Published: the picture was published by itself (XEP-0084), which goes
	// before what presences say of vCards (XEP-0153).
	Published bool `json:"published,omitempty"`
}

// CardOf reads what is kept of a profile.
func CardOf(p storage.Profile) (c Card) {
	if json.Unmarshal(p.Card, &c) != nil {
		return Card{} // it is fetched again
	}
	return c
}

// A sought picture is one that is to be fetched.
type sought struct {
	peer  jid.JID
	info  xmpp.AvatarInfo
	photo bool // from the vCard
}

// maxSought bounds the pictures that wait to be fetched. Others are fetched when
// their profile is refreshed.
const maxSought = 256

// avatarPixels bounds pictures of people: 2048 by 2048.
const avatarPixels = 1 << 22

// profileEvent takes in what a contact says of themselves; strangers may say
// what they like.
func (l *Link) profileEvent(b *batch, from string, ev *xmpp.Event) {
	if nick, ok := xmpp.ParseNickEvent(*ev); ok {
		l.changeProfile(b, from, func(p *storage.Profile, _ *Card) *sought {
			p.Nick = nick
			return nil
		})
	}
	if infos, ok := xmpp.ParseAvatarEvent(*ev); ok {
		info, _ := xmpp.ChooseAvatar(infos)
		l.changeProfile(b, from, func(p *storage.Profile, c *Card) *sought {
			p.Avatar, c.Published = info.Hash, true
			return &sought{peer: ev.From, info: info}
		})
	}
}

// photo takes in what a presence says of the picture in the sender's vCard.
func (l *Link) photo(b *batch, peer string, p *xmpp.Presence) {
	if !p.SaysPhoto || p.Type != "" {
		return
	}
	hash, of := p.Photo, p.From.Bare()
	l.changeProfile(b, peer, func(p *storage.Profile, c *Card) *sought {
		if c.Published && p.Avatar != "" {
			return nil
		}
		p.Avatar, c.Published = hash, false
		return &sought{peer: of, info: xmpp.AvatarInfo{Hash: hash}, photo: true}
	})
}

// changeProfile changes the profile of a contact or ourselves, and has the
// picture fetched that it names if it is not here.
func (l *Link) changeProfile(b *batch, peer string, change func(*storage.Profile, *Card) *sought) {
	var want *sought
	b.apply(func(tx *storage.Tx, emit func(event.Event)) error {
		want = nil
		if peer != l.account.JID {
			if _, err := tx.RosterItem(l.account.ID, peer); err != nil {
				return ignoreAbsent(err)
			}
		}
		w, err := l.putProfile(tx, emit, peer, change)
		if err != nil || w == nil || w.info.Hash == "" {
			return err
		}
		if has, err := tx.HasAvatar(w.info.Hash); err != nil || has {
			return err
		}
		want = w
		return nil
	})
	b.then(func() {
		if want == nil {
			return
		}
		select {
		case l.people.sought <- *want:
		default:
			l.log.Debug("picture not fetched: too many wait")
		}
	})
}

func (l *Link) putProfile(tx *storage.Tx, emit func(event.Event), peer string, change func(*storage.Profile, *Card) *sought) (*sought, error) {
	p, err := tx.Profile(l.account.ID, peer)
	if ignoreAbsent(err) != nil {
		return nil, err
	}
	old, card := p, CardOf(p)
	p.AccountID, p.JID = l.account.ID, peer
	want := change(&p, &card)
	if p.Card, err = json.Marshal(card); err != nil {
		return nil, err
	}
	if p.Nick == old.Nick && p.Avatar == old.Avatar && bytes.Equal(p.Card, old.Card) && p.Fetched.Equal(old.Fetched) {
		return want, nil
	}
	emit(event.Event{Kind: event.ProfileChanged, Account: l.account.ID, Peer: peer})
	return want, tx.PutProfile(p)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// fetchSought fetches pictures one after the other until the session ends.
func (l *Link) fetchSought(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-l.people.sought:
			if err := l.retry(ctx, func() error { return l.fetchPicture(ctx, w) }); err != nil && ctx.Err() == nil {
				l.log.Info("picture not fetched", "code", code.Of(err))
			}
		}
	}
}

func (l *Link) fetchPicture(ctx context.Context, w sought) (err error) {
	var a xmpp.Avatar
	if w.photo {
		a, err = l.client.FetchPhoto(ctx, w.peer, w.info.Hash)
	} else {
		a, err = l.client.FetchAvatar(ctx, w.peer, w.info)
	}
	if err != nil || len(a.Data) == 0 {
		return err
	}
	return l.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		emit(event.Event{Kind: event.ProfileChanged, Peer: w.peer.Bare().String()})
		return putPicture(tx, a)
	})
}

// putPicture keeps a picture, which must be one that can be shown.
func putPicture(tx *storage.Tx, a xmpp.Avatar) error {
	info, err := picture.Inspect(bytes.NewReader(a.Data), picture.Limits{Pixels: avatarPixels})
	if err != nil {
		return fmt.Errorf("keep avatar: %w", err)
	}
	return tx.PutAvatar(storage.Avatar{Hash: a.Hash, MediaType: info.MediaType, Data: a.Data})
}

// RefreshProfile asks for all that somebody says of themselves.
func (l *Link) RefreshProfile(ctx context.Context, peer string) error {
	of, err := jid.Parse(peer)
	if err != nil {
		return err
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	nick, err := l.client.FetchNick(ctx, of)
	if err != nil {
		return err
	}
	infos, err := l.client.FetchAvatarInfo(ctx, of)
	if err != nil && !errors.Is(err, xmpp.ErrNoNode) {
		return err
	}
	info, published := xmpp.ChooseAvatar(infos)
	var a xmpp.Avatar
	if published {
		a, err = l.client.FetchAvatar(ctx, of, info)
	}
	if !published || err != nil {
		published = false
		if a, err = l.client.FetchPhoto(ctx, of, ""); err != nil && !unsupported(err) {
			return err
		}
	}
	return l.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		if a.Hash != "" {
			if err := putPicture(tx, a); code.In(err, "picture") {
				a.Hash = "" // nothing that can be shown
			} else if err != nil {
				return err
			}
		}
		_, err := l.putProfile(tx, emit, peer, func(p *storage.Profile, c *Card) *sought {
			p.Nick, p.Avatar, p.Fetched, c.Published = nick, a.Hash, l.account.Now(), published
			return nil
		})
		return err
	})
}

// SetNick publishes what we call ourselves; empty takes it back.
func (l *Link) SetNick(ctx context.Context, nick string) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := l.client.PublishNick(ctx, nick); err != nil {
		return err
	}
	return l.changeOwn(ctx, nil, func(p *storage.Profile, _ *Card) *sought {
		p.Nick = nick
		return nil
	})
}

func (l *Link) changeOwn(ctx context.Context, a *xmpp.Avatar, change func(*storage.Profile, *Card) *sought) error {
	return l.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		if a != nil {
			if err := putPicture(tx, *a); err != nil {
				return err
			}
		}
		_, err := l.putProfile(tx, emit, l.account.JID, change)
		return err
	})
}

// SetAvatar publishes our picture, nil for none: once where the server puts it
// into the vCard too (XEP-0398), else there as well.
func (l *Link) SetAvatar(ctx context.Context, a *xmpp.Avatar) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	var hash string
	var err error
	photo := xmpp.Avatar{}
	if a != nil {
		hash, photo = a.Hash, *a
		err = l.client.PublishAvatar(ctx, *a)
	} else {
		err = l.client.RemoveAvatar(ctx)
	}
	if err != nil {
		return err
	}
	info, err := l.client.FetchInfo(ctx, jid.JID{}, "")
	if err != nil {
		return err
	}
	if !info.Has(xmpp.NSAvatarConversion) {
		if err := l.client.SetPhoto(ctx, photo); err != nil && !unsupported(err) {
			return err
		}
	}
	return l.changeOwn(ctx, a, func(p *storage.Profile, c *Card) *sought {
		p.Avatar, c.Published = hash, true
		return nil
	})
}
