// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"slices"
	"strings"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// A snapshot is what the actor knew of a room at a time.
type snapshot struct {
	conversation int64
	row          storage.Room
	info         xmpp.RoomInfo
	nick         string // ours now; empty when we are not in it
	me           xmpp.Occupant
}

// snapshot returns what is known of a room. Error: xmpp.ErrRoomNotJoined if it
// is none of ours.
func (l *Link) snapshot(ctx context.Context, address jid.JID) (snapshot, error) {
	s, err := inActor(ctx, l, func() *snapshot {
		r := l.room(address)
		if r == nil {
			return nil
		}
		s := snapshot{conversation: r.conversation, row: r.row, info: r.info, nick: r.tracker.Nick()}
		s.me, _ = r.tracker.Self()
		return &s
	})
	if err != nil {
		return snapshot{}, err
	}
	if s == nil {
		return snapshot{}, xmpp.ErrRoomNotJoined
	}
	return *s, nil
}

// inside is snapshot for a room that we are in.
func (l *Link) inside(ctx context.Context, room string) (snapshot, jid.JID, error) {
	address, err := jid.Parse(room)
	if err != nil {
		return snapshot{}, jid.JID{}, err
	}
	s, err := l.snapshot(ctx, address)
	if err == nil && s.nick == "" {
		err = xmpp.ErrRoomNotJoined
	}
	return s, address, err
}

// JoinRoom keeps a room for good and enters it. It returns once we are in it and
// it is known what it is; the room is kept if ctx ends before that, but not if
// it refuses us.
func (l *Link) JoinRoom(ctx context.Context, room, nick, password string) (conversation int64, err error) {
	return l.joinRoom(ctx, room, nick, password, nil)
}

// CreateRoom makes a room at an address and is in it.
func (l *Link) CreateRoom(ctx context.Context, room, nick string, s xmpp.RoomSettings) (conversation int64, err error) {
	return l.joinRoom(ctx, room, nick, "", &s)
}

func (l *Link) joinRoom(ctx context.Context, room, nick, password string, s *xmpp.RoomSettings) (conversation int64, err error) {
	if err := l.await(ctx); err != nil {
		return 0, err
	}
	address, err := jid.Parse(room)
	if err != nil {
		return 0, err
	}
	if nick != "" {
		if _, err := xmpp.OccupantJID(address, nick); err != nil {
			return 0, err
		}
	}
	row, err := l.account.WantRoom(ctx, room, func(row *storage.Room) {
		if nick != "" {
			row.Nick = nick
		}
		if password != "" {
			row.Password = []byte(password)
		}
	})
	if err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	problem, err := inActor(ctx, l, func() error {
		r, err := l.keep(room, row)
		if err != nil {
			return err
		}
		r.refused, r.creating = false, s
		if r.tracker.State() == xmpp.RoomInside && !r.reading {
			done <- nil
			return nil
		}
		r.waiters = append(r.waiters, done)
		if l.session.established {
			l.enter(r)
		}
		return nil
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return row.ConversationID, err
	}
	select {
	case err = <-done:
	case <-l.life.done:
		err = errNotStarted
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		_, _, err = l.takeInvitation(ctx, room)
	}
	return row.ConversationID, err
}

// LeaveRoom leaves a room for good. What was said in it stays.
func (l *Link) LeaveRoom(ctx context.Context, room string) error {
	address, err := jid.Parse(room)
	if err != nil {
		return err
	}
	s, err := l.snapshot(ctx, address)
	if err != nil {
		return err
	}
	row, err := l.account.ChangeRoom(ctx, s.conversation, func(row *storage.Room) { row.Wanted, row.Reason = false, "" })
	if err != nil {
		return err
	}
	if err := l.account.StopRoom(ctx, room); err != nil {
		return err
	}
	_, err = inActor(ctx, l, func() struct{} {
		if r := l.room(address); r != nil {
			bookmark := r.row.Bookmark
			r.row = row
			r.row.Bookmark = bookmark
			l.sendLeave(r)
			l.unbookmark(r)
		}
		return struct{}{}
	})
	return err
}

// Occupants returns who is in a room now, and our own nick.
func (l *Link) Occupants(ctx context.Context, room string) (list []xmpp.Occupant, nick string, err error) {
	address, err := jid.Parse(room)
	if err != nil {
		return nil, "", err
	}
	type present struct {
		list []xmpp.Occupant
		nick string
	}
	p, err := inActor(ctx, l, func() (p present) {
		if r := l.room(address); r != nil && r.tracker.State() == xmpp.RoomInside {
			p.list, p.nick = slices.Collect(r.tracker.Occupants()), r.tracker.Nick()
		}
		return p
	})
	if err == nil && p.nick == "" {
		err = xmpp.ErrRoomNotJoined
	}
	return p.list, p.nick, err
}

// SetRoomNick changes our nick in a room.
func (l *Link) SetRoomNick(ctx context.Context, room, nick string) error {
	s, address, err := l.inside(ctx, room)
	if err != nil || s.nick == nick {
		return err
	}
	done := make(chan error, 1)
	problem, err := inActor(ctx, l, func() error {
		r := l.room(address)
		if r == nil {
			return xmpp.ErrRoomNotJoined
		}
		presence, err := r.tracker.Rename(nick)
		if err != nil {
			return err
		}
		r.waiters = append(r.waiters, done)
		l.sendToRoom(presence)
		return nil
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return err
	}
	select {
	case err = <-done:
	case <-l.life.done:
		err = errNotStarted
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	if _, err := l.account.ChangeRoom(ctx, s.conversation, func(row *storage.Room) { row.Nick = nick }); err != nil {
		return err
	}
	_, err = inActor(ctx, l, func() struct{} {
		if r := l.room(address); r != nil {
			r.row.Nick, r.suffix, r.plain, r.bookmarked = nick, 0, false, false
			l.bookmark(r)
		}
		return struct{}{}
	})
	return err
}

// SetRoomSubject changes what a room is about.
func (l *Link) SetRoomSubject(ctx context.Context, room, subject string) error {
	_, address, err := l.inside(ctx, room)
	if err != nil {
		return err
	}
	_, err = l.client.SetSubject(ctx, address, subject)
	return err
}

// ConfigureRoom changes what a room is like.
func (l *Link) ConfigureRoom(ctx context.Context, room string, s xmpp.RoomSettings) error {
	_, address, err := l.inside(ctx, room)
	if err != nil {
		return err
	}
	if err := l.client.ConfigureRoom(ctx, address, s); err != nil {
		return err
	}
	_, err = inActor(ctx, l, func() struct{} {
		if r := l.room(address); r != nil {
			l.refreshRoom(r)
		}
		return struct{}{}
	})
	return err
}

// DestroyRoom ends a room for everybody.
func (l *Link) DestroyRoom(ctx context.Context, room, reason string) error {
	_, address, err := l.inside(ctx, room)
	if err != nil {
		return err
	}
	if err := l.client.DestroyRoom(ctx, address, xmpp.RoomDestroyed{Reason: reason}); err != nil {
		return err
	}
	_, err = inActor(ctx, l, func() struct{} {
		if r := l.room(address); r != nil {
			l.unbookmark(r)
		}
		return struct{}{}
	})
	return err
}

// Affiliate makes somebody something else to a room. When it returns, the next
// message is for those who belong to it then.
func (l *Link) Affiliate(ctx context.Context, room, who string, a xmpp.Affiliation, reason string) error {
	s, address, err := l.inside(ctx, room)
	if err != nil {
		return err
	}
	person, err := jid.Parse(who)
	if err != nil {
		return err
	}
	return l.affiliate(ctx, s, address, xmpp.RoomItem{JID: person.Bare(), Affiliation: a, Reason: reason})
}

func (l *Link) affiliate(ctx context.Context, s snapshot, address jid.JID, item xmpp.RoomItem) error {
	if _, err := l.client.SetAffiliations(ctx, address, item); err != nil {
		return err
	}
	if !pipeline.RoomEncryptable(s.row.Features) {
		return nil
	}
	// The room may not tell of people who are not in it.
	return l.account.NowMember(ctx, storage.Member{
		ConversationID: s.conversation, JID: item.JID.String(), Affiliation: affiliationOf(item.Affiliation),
	}, pipeline.RoomEvent{By: l.account.JID, Reason: strings.TrimSpace(item.Reason)})
}

// SetRoomRole gives an occupant another role.
func (l *Link) SetRoomRole(ctx context.Context, room, nick string, role xmpp.Role, reason string) error {
	_, address, err := l.inside(ctx, room)
	if err != nil {
		return err
	}
	_, err = l.client.SetRoles(ctx, address, xmpp.RoomItem{Nick: nick, Role: role, Reason: reason})
	return err
}

// Moderate takes somebody's message in a room back.
func (l *Link) Moderate(ctx context.Context, room, archiveID, reason string) error {
	s, _, err := l.inside(ctx, room)
	if err != nil {
		return err
	}
	return l.client.Moderate(ctx, s.info, archiveID, reason)
}

// RoomServices lists the services of the own server that have rooms.
func (l *Link) RoomServices(ctx context.Context) (list []string, err error) {
	if err := l.await(ctx); err != nil {
		return nil, err
	}
	services, err := l.client.FetchRoomServices(ctx)
	for _, s := range services {
		list = append(list, s.String())
	}
	return list, err
}

// PublicRooms returns a page of the public rooms of a service.
func (l *Link) PublicRooms(ctx context.Context, service, after string, n int) (xmpp.RoomList, error) {
	if err := l.await(ctx); err != nil {
		return xmpp.RoomList{}, err
	}
	address, err := jid.Parse(service)
	if err != nil {
		return xmpp.RoomList{}, err
	}
	return l.client.FetchRoomList(ctx, address, after, n)
}
