// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// A view of a room is what is needed to read its messages, as it was at a time.
type view struct {
	address  string
	nick     string // ours
	occupant string // our id
}

func (r *room) view() view {
	v := view{address: r.jid.String(), nick: r.tracker.Nick(), occupant: r.row.OccupantID}
	if me, ok := r.tracker.Self(); ok && me.ID != "" {
		v.occupant = me.ID
	}
	return v
}

// roomMessage takes a message that is from a room, or about one, and says
// whether it was such.
func (l *Link) roomMessage(ctx context.Context, b *batch, item *stream.Item, m *xmpp.Message) bool {
	if m.Event != nil {
		return l.bookmarksChanged(b, m.Event)
	}
	if in := xmpp.ParseInvite(*m); in != nil {
		archived := ""
		for _, id := range m.StanzaIDs {
			archived = id.ID
		}
		b.add(l.invitation(in, archived, m.ID, m.Delay))
		return true
	}
	from := m.From
	if m.Carbon == xmpp.CarbonSent {
		from = m.To
	}
	r := l.room(from)
	if r == nil {
		return m.Type == "groupchat" // of a room that we do not know
	}
	if m.Type == "error" {
		return l.roomError(b, r, m)
	}
	rm, changes, err := r.tracker.Message(*m)
	if err != nil {
		l.log.Warn("message in room passed over", "code", code.Of(err))
		return true
	}
	l.roomChanges(b, r, changes)
	var in *pipeline.Incoming
	switch {
	case rm.Private:
		if in = l.privately(m, m.Delay); in != nil && l.archiveKnown.Load() {
			for _, id := range m.StanzaIDs {
				in.ArchiveID = id.ID
			}
		}
	case m.Type == "groupchat" && rm.Subject == nil:
		if rm.Nick != "" && !rm.Own && m.Delay.IsZero() {
			l.typed(ctx, typist{peer: r.jid.String(), nick: rm.Nick}, m.State)
		}
		in = l.inRoom(r.view(), m, &rm, m.Delay)
	}
	if in == nil {
		return true
	}
	if item.Count > 0 {
		in.Place = l.session.id + " " + strconv.FormatUint(item.Count, 10)
	}
	l.holdRoom(ctx, b, r, item, in)
	return true
}

// inRoom is what is to be stored of a message in a room, nil for nothing.
func (l *Link) inRoom(v view, m *xmpp.Message, rm *xmpp.RoomMessage, at time.Time) *pipeline.Incoming {
	in := &pipeline.Incoming{
		Peer: v.address, Room: true, Nick: rm.Nick, Occupant: rm.OccupantID, ArchiveID: rm.StanzaID, Called: v.nick,
		RemoteID: m.ID, At: at,
	}
	if in.RemoteID == "" {
		in.RemoteID = m.OriginID
	}
	if now := l.account.Now(); in.At.IsZero() || in.At.After(now) {
		in.At = now
	}
	in.Sender = v.address
	if rm.Nick != "" {
		in.Sender += "/" + rm.Nick
	}
	if !rm.RealJID.Equal(jid.JID{}) && rm.Nick != "" {
		in.RealJID = rm.RealJID.Bare().String()
		in.Sender = in.RealJID
	}
	if rm.Own || in.RealJID == l.account.JID || rm.OccupantID != "" && rm.OccupantID == v.occupant {
		in.Outgoing, in.Sender, in.RealJID = true, l.account.JID, l.account.JID
		if m.OriginID != "" {
			in.RemoteID = m.OriginID // the room may have changed the other one
		}
	}
	l.readContent(in, m)
	if x := rm.Moderation; x != nil {
		id := x.ID
		if id == "" {
			id = rm.StanzaID // it stands in the place of its message
		}
		in.Envelopes, in.Unreadable = nil, ""
		in.Content = pipeline.Content{Moderates: &pipeline.Moderation{ID: id, By: moderator(x), Reason: x.Reason}}
		in.Sender, in.RealJID, in.Outgoing = v.address, "", false
	}
	if in.Unreadable == "" && in.Envelopes == nil && !in.Content.Says() {
		return nil
	}
	return in
}

// moderator names who took a message back.
func moderator(x *xmpp.Moderation) string {
	if nick := x.By.Resourcepart(); nick != "" {
		return nick
	}
	return x.By.String()
}

// ofRoom says whether a message that is for us alone is from a room, from
// somebody in it, or an invitation.
func (l *Link) ofRoom(m *xmpp.Message) bool {
	user, err := xmpp.ParseRoomUser(m.Element)
	return user != nil || err != nil || xmpp.ParseInvite(*m) != nil
}

// privately is what is to be stored of a message of one occupant to another, nil
// for what a room itself says: it is kept in a conversation of its own, with the
// address that the other one has in the room.
func (l *Link) privately(m *xmpp.Message, at time.Time) *pipeline.Incoming {
	in := &pipeline.Incoming{Private: true, RemoteID: m.ID, At: at}
	if in.RemoteID == "" {
		in.RemoteID = m.OriginID
	}
	if now := l.account.Now(); in.At.IsZero() || in.At.After(now) {
		in.At = now
	}
	in.Sender = m.From.String()
	in.Peer = in.Sender
	if m.From.Bare().String() == l.account.JID {
		in.Outgoing, in.Sender, in.Peer = true, l.account.JID, m.To.String()
	}
	if !strings.Contains(in.Peer, "/") || xmpp.ParseInvite(*m) != nil {
		return nil
	}
	in.Content = contentOf(m, false)
	if !in.Content.Shown() {
		return nil
	}
	return in
}

// roomError reacts to a message that a room has sent back.
func (l *Link) roomError(b *batch, r *room, m *xmpp.Message) bool {
	err := xmpp.RoomMessageError(*m)
	bounce := pipeline.Bounce{From: m.From.Bare().String(), RemoteID: m.ID, Code: code.Of(err)}
	if !errors.Is(err, xmpp.ErrRoomNotJoined) || m.From.Resourcepart() != "" {
		b.add(pipeline.Update{Bounce: &bounce})
		return true
	}
	found := false
	b.apply(func(tx *storage.Tx, emit func(event.Event)) (err error) {
		found, err = l.account.Dropped(tx, emit, &bounce)
		return err
	})
	b.then(func() {
		if found && r.row.Wanted && r.tracker.State() == xmpp.RoomInside {
			r.reset()
			l.enter(r)
		}
	})
	return true
}

// maxRoomHeld bounds the messages of one room that wait.
const maxRoomHeld = 100

// holdRoom keeps a message back until what was said before has been read and it
// is known who belongs to the room; else it goes into the batch.
func (l *Link) holdRoom(ctx context.Context, b *batch, r *room, item *stream.Item, in *pipeline.Incoming) {
	if r.holding && len(r.held) >= maxRoomHeld {
		l.deliver(ctx, b)
		*b = batch{}
		l.releaseRoom(r)
	}
	in = detached(in)
	switch {
	case l.session.broken: // it will be sent again
	case r.holding:
		r.held = append(r.held, heldItem{count: item.Count, update: pipeline.Update{Message: in}})
	default:
		b.add(pipeline.Update{Message: in})
	}
}

// detached cuts a message loose from the memory of its stanza, as far as what is
// long kept goes.
func detached(in *pipeline.Incoming) *pipeline.Incoming {
	in.Nick, in.Occupant, in.Sender = strings.Clone(in.Nick), strings.Clone(in.Occupant), strings.Clone(in.Sender)
	return in
}

// releaseRoom stores what was held, in order.
func (l *Link) releaseRoom(r *room) {
	held := r.held
	r.holding, r.held = false, nil
	for len(held) > 0 {
		n := min(len(held), batchItems)
		b := batch{}
		for _, h := range held[:n] {
			b.add(h.update)
		}
		if held = held[n:]; len(held) == 0 && l.session.top > 0 {
			b.count, b.counted = l.session.top, true
		}
		l.deliver(l.session.ctx, &b)
	}
}
