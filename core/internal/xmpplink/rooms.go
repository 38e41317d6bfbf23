// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// rooms are the group chats of an account (XEP-0045). The actor owns them.
type rooms struct {
	by      map[string]*room
	support *xmpp.BookmarkSupport // of the server; nil until it was asked
	slots   chan struct{}         // how many are asked or read at a time
}

// A room is one of them in this session.
type room struct {
	jid          jid.JID
	conversation int64
	row          storage.Room // as it was stored last
	tracker      *xmpp.Room
	trust        xmpp.RoomTrust
	info         xmpp.RoomInfo
	listed       time.Time // when its members were asked for
	heard        time.Time // when anything came from it
	entering
	stay
	published
}

// entering is how far we have got with entering a room.
type entering struct {
	try      int                // tells what belongs to an earlier attempt
	failures int                // in a row
	suffix   int                // of the nick, when it was taken
	plain    bool               // the nick that is wanted is not allowed
	refused  bool               // not tried again in this session
	creating *xmpp.RoomSettings // what it is to be when we make it
	waiters  []chan<- error     // of JoinRoom and SetRoomNick
}

// stay is what has been done since a room was entered.
type stay struct {
	ready   bool // what is written may go out
	reading bool // its archive is being read
	fresh   bool // what it had swallowed has not been sent again
	holding bool // live messages wait for what was missed
	held    []heldItem
}

// published is what is known of the bookmark of a room.
type published struct {
	bookmarked bool // it is known to be there
	publishing int  // changes on their way
}

const (
	roomSlots   = 4                // rooms asked or read at a time
	maxRooms    = 500              // of one account
	joinWait    = time.Minute      // for a room to answer
	roomTick    = 5 * time.Minute  // between looks after rooms
	roomSilence = 10 * time.Minute // after which a room is asked whether we are in it
	memberAge   = 30 * time.Minute // after which members are asked for again
	maxTries    = 5                // of nicks
)

// resetRooms forgets what another session knew.
func (l *Link) resetRooms() {
	for _, r := range l.rooms.by {
		r.reset()
	}
	if l.rooms.slots == nil {
		l.rooms.by, l.rooms.slots = make(map[string]*room), make(chan struct{}, roomSlots)
	}
}

func (r *room) reset() {
	r.tracker.Forget()
	r.try++
	r.stay = stay{}
	r.refused, r.suffix, r.plain = false, 0, false
}

// room returns the room with that address, nil if it is none that we have.
func (l *Link) room(address jid.JID) *room {
	if len(l.rooms.by) == 0 {
		return nil
	}
	return l.rooms.by[address.Bare().String()]
}

// keep takes a room in that is stored.
func (l *Link) keep(address string, row storage.Room) (*room, error) {
	if r := l.rooms.by[address]; r != nil && r.conversation == row.ConversationID {
		r.row = row
		return r, nil
	}
	j, err := jid.Parse(address)
	if err != nil {
		return nil, err
	}
	trust := trustOf(row.Features)
	r := &room{
		jid: j, conversation: row.ConversationID, row: row, tracker: xmpp.NewRoom(j, trust, 0), trust: trust,
		heard: l.account.Now(),
	}
	l.rooms.by[address] = r
	return r, nil
}

// trustOf is what a room vouched for when it was asked the last time.
func trustOf(features uint64) xmpp.RoomTrust {
	return xmpp.RoomTrust{
		StanzaIDs: features&pipeline.RoomStanzaIDs != 0, OccupantIDs: features&pipeline.RoomOccupantIDs != 0,
		RealJIDs: features&pipeline.RoomNonAnonymous != 0,
	}
}

// startRooms enters, in a new session, the rooms that are wanted.
func (l *Link) startRooms(ctx context.Context) {
	type kept struct {
		address string
		row     storage.Room
	}
	var list []kept
	err := l.account.DB.View(ctx, func(r *storage.Reader) error {
		list = nil
		rows, err := r.Rooms(l.account.ID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c, err := r.Conversation(row.ConversationID)
			if err != nil {
				return err
			}
			list = append(list, kept{c.Peer, row})
		}
		return nil
	})
	if err != nil {
		l.log.Warn("rooms not read", "code", code.Of(err))
		return
	}
	for _, k := range list {
		r, err := l.keep(k.address, k.row)
		if err != nil {
			l.log.Warn("room passed over", "code", code.Of(err))
			continue
		}
		if r.row.Wanted {
			l.enter(r)
		}
	}
	l.child(l.syncBookmarks)
	l.child(func(ctx context.Context) {
		for pause(ctx, roomTick) == nil {
			l.post(ctx, l.lookAfterRooms)
		}
	})
}

// resumedRooms looks, after a connection that goes on with the session, whether
// we are still where we were.
func (l *Link) resumedRooms() {
	for _, r := range l.rooms.by {
		r.held = nil // none was counted: they come again
		switch {
		case !r.row.Wanted && r.tracker.State() != xmpp.RoomOutside:
			l.sendLeave(r)
		case r.tracker.State() == xmpp.RoomInside:
			l.ping(r)
		}
	}
}

// lookAfterRooms asks silent rooms whether we are in them (XEP-0410), and those
// that messages are encrypted in who their members are.
func (l *Link) lookAfterRooms() {
	now := l.account.Now()
	for _, r := range l.rooms.by {
		switch {
		case r.tracker.State() != xmpp.RoomInside || !r.row.Wanted:
		case now.Sub(r.heard) > roomSilence:
			l.ping(r)
		case !r.ready && !r.reading:
			l.prepare(r)
		case pipeline.RoomEncryptable(r.row.Features) && now.Sub(r.listed) > memberAge:
			l.refreshRoom(r)
		}
	}
}

// slot runs fn when there are not too many at it.
func (l *Link) slot(ctx context.Context, slots chan struct{}, fn func() error) error {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return fn()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ping asks a room whether we are in it.
func (l *Link) ping(r *room) {
	try, me, slots := r.try, r.tracker.Me(), l.rooms.slots
	l.child(func(ctx context.Context) {
		var outcome xmpp.SelfPing
		err := l.slot(ctx, slots, func() error {
			return l.connected(ctx, func() (err error) {
				outcome, err = l.client.SelfPing(ctx, me)
				return err
			})
		})
		if err != nil {
			return
		}
		l.post(ctx, func() {
			if r.try != try {
				return
			}
			switch outcome {
			case xmpp.SelfPingJoined:
				r.heard = l.account.Now()
				l.readRoom(r)
			case xmpp.SelfPingNotJoined, xmpp.SelfPingRenamed:
				r.reset()
				l.enter(r)
			}
		})
	})
}

// prepared says whether what is to go to peer may go out now: a room that we are
// in, or somebody whose devices are known.
func (l *Link) prepared(peer string) bool {
	if r := l.rooms.by[peer]; r != nil {
		return r.ready && r.tracker.State() == xmpp.RoomInside
	}
	return l.known(peer)
}

// inActor runs fn in the actor and returns what it returns.
func inActor[T any](ctx context.Context, l *Link, fn func() T) (v T, err error) {
	if err := l.await(ctx); err != nil {
		return v, err
	}
	result := make(chan T, 1)
	select {
	case l.mail.posts <- func() { result <- fn() }:
	case <-l.life.done:
		return v, errNotStarted
	case <-ctx.Done():
		return v, ctx.Err()
	}
	select {
	case v = <-result:
		return v, nil
	case <-l.life.done:
		return v, errNotStarted
	case <-ctx.Done():
		return v, ctx.Err()
	}
}
