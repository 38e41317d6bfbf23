// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"cmp"
	"context"
	"strings"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// roomPresence takes a presence from a room, and says whether it was one.
func (l *Link) roomPresence(b *batch, p *xmpp.Presence) bool {
	r := l.room(p.From)
	if r == nil {
		return false
	}
	changes, err := r.tracker.Presence(*p)
	if err != nil {
		l.log.Debug("presence in room passed over", "code", code.Of(err))
		return true
	}
	l.roomChanges(b, r, changes)
	return true
}

// roomChanges reacts to what happened in a room.
func (l *Link) roomChanges(b *batch, r *room, changes []xmpp.RoomChange) {
	r.heard = l.account.Now()
	for i := range changes {
		l.roomChange(b, r, &changes[i])
	}
}

func (l *Link) roomChange(b *batch, r *room, c *xmpp.RoomChange) {
	switch c.Kind {
	case xmpp.RoomEntered:
		o := c.Occupant
		created := contains(c.Statuses, xmpp.StatusCreated)
		b.then(func() { l.entered(r, o, created) })
	case xmpp.RoomNotEntered:
		err := c.Err
		b.then(func() { l.notEntered(r, err) })
	case xmpp.RoomLeft:
		l.roomLeft(b, r, c)
	case xmpp.RoomRefused:
		err := c.Err
		b.then(func() { l.answer(r, err) })
	case xmpp.RoomConfigured:
		r.ready = r.ready && !pipeline.RoomEncryptable(r.row.Features) // until it is known what it is now
		b.then(func() { l.refreshRoom(r) })
	case xmpp.RoomSubject:
		subject, _ := r.tracker.Subject()
		by := strings.Clone(c.Actor)
		b.apply(func(tx *storage.Tx, emit func(event.Event)) error {
			return l.account.SetSubject(tx, emit, r.conversation, subject, by)
		})
		r.row.Subject, r.row.SubjectBy = subject, by
	case xmpp.AffiliationChanged:
		l.affiliated(b, r, c.Item.JID, c.Item.Affiliation, c)
	case xmpp.OccupantEntered, xmpp.OccupantChanged:
		l.affiliated(b, r, c.Occupant.RealJID, c.Occupant.Affiliation, c)
		l.occupantsChanged(b, r, c)
	case xmpp.OccupantLeft:
		l.occupantLeft(b, r, c)
	case xmpp.OccupantRenamed:
		l.occupantsChanged(b, r, c)
	}
}

func contains(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}

// occupantsChanged says that there is something new to see.
func (l *Link) occupantsChanged(b *batch, r *room, c *xmpp.RoomChange) {
	if c.Self && c.Kind != xmpp.OccupantLeft {
		o := c.Occupant
		b.then(func() {
			l.changeRoom(r, func(row *storage.Room) {
				row.Affiliation, row.Role, row.OccupantID = affiliationOf(o.Affiliation), roleOf(o.Role), cmp.Or(o.ID, row.OccupantID)
			})
			if c.Kind == xmpp.OccupantRenamed {
				l.answer(r, nil)
			}
		})
	}
	b.then(func() {
		l.account.Bus.Publish(event.Event{Kind: event.RoomChanged, Account: l.account.ID, Conversation: r.conversation})
	})
}

// affiliated stores what somebody is to the room now.
func (l *Link) affiliated(b *batch, r *room, who jid.JID, a xmpp.Affiliation, c *xmpp.RoomChange) {
	if a == "" || who.Equal(jid.JID{}) || !pipeline.RoomEncryptable(r.row.Features) {
		return
	}
	m := storage.Member{
		ConversationID: r.conversation, JID: strings.Clone(who.Bare().String()), Nick: strings.Clone(c.Occupant.Nick),
		Affiliation: affiliationOf(a),
	}
	how := pipeline.RoomEvent{By: l.actor(r, c.Actor), Reason: strings.Clone(c.Reason)}
	b.apply(func(tx *storage.Tx, emit func(event.Event)) error {
		return l.account.ChangeMember(tx, emit, m, how)
	})
	if pipeline.Belongs(m.Affiliation) {
		b.then(func() { l.unblock(l.address(r)) })
	}
}

func (l *Link) address(r *room) string { return r.jid.String() }

// actor names who did something: by address if that is known.
func (l *Link) actor(r *room, nick string) string {
	if o, ok := r.tracker.Occupant(nick); ok && !o.RealJID.Equal(jid.JID{}) {
		return strings.Clone(o.RealJID.Bare().String())
	}
	return strings.Clone(nick)
}

// occupantLeft tells of those who were made to go; the others just go.
func (l *Link) occupantLeft(b *batch, r *room, c *xmpp.RoomChange) {
	l.occupantsChanged(b, r, c)
	o := c.Occupant
	real := o.RealJID
	switch c.Cause {
	case xmpp.LeftKicked:
		e := pipeline.RoomEvent{Code: pipeline.EventKicked, Who: l.naming(o), By: l.actor(r, c.Actor), Reason: strings.Clone(c.Reason)}
		b.apply(func(tx *storage.Tx, emit func(event.Event)) error { return l.account.Note(tx, emit, r.conversation, e) })
	case xmpp.LeftBanned:
		if r.row.Features&pipeline.RoomMembersKnown != 0 && !real.Equal(jid.JID{}) {
			l.affiliated(b, r, real, xmpp.AffiliationOutcast, c)
			return
		}
		e := pipeline.RoomEvent{Code: pipeline.EventBanned, Who: l.naming(o), By: l.actor(r, c.Actor), Reason: strings.Clone(c.Reason)}
		b.apply(func(tx *storage.Tx, emit func(event.Event)) error { return l.account.Note(tx, emit, r.conversation, e) })
	case xmpp.LeftAffiliation, xmpp.LeftMembersOnly:
		l.affiliated(b, r, real, xmpp.AffiliationNone, c)
	}
}

func (l *Link) naming(o xmpp.Occupant) string {
	if !o.RealJID.Equal(jid.JID{}) {
		return strings.Clone(o.RealJID.Bare().String())
	}
	return strings.Clone(o.Nick)
}

// causes are the rows that tell why we are no longer in a room, and whether we
// can come back.
var causes = map[xmpp.LeaveCause]struct {
	code  string
	final bool
}{
	xmpp.LeftKicked: {pipeline.EventKicked, false}, xmpp.LeftBanned: {pipeline.EventBanned, true},
	xmpp.LeftAffiliation: {pipeline.EventMemberRemoved, true}, xmpp.LeftMembersOnly: {pipeline.EventRoomLeft, true},
	xmpp.LeftDestroyed: {pipeline.EventDestroyed, true},
}

// roomLeft reacts to our own leaving, or having to.
func (l *Link) roomLeft(b *batch, r *room, c *xmpp.RoomChange) {
	r.try++
	r.ready, r.reading, r.refused = false, false, true
	b.then(func() { l.releaseRoom(r) })
	b.then(func() {
		l.account.Bus.Publish(event.Event{Kind: event.RoomChanged, Account: l.account.ID, Conversation: r.conversation})
	})
	cause, told := causes[c.Cause]
	if !r.row.Wanted || c.Cause == xmpp.LeftByThemselves {
		if r.row.Wanted { // the room says that we left, which we did not: another client with our nick may have
			r.refused = false
			b.then(func() { l.enterLater(r) })
		}
		return
	}
	if !told {
		r.refused = false
		b.then(func() { l.enterLater(r) })
		return
	}
	e := pipeline.RoomEvent{Code: cause.code, By: strings.Clone(c.Actor), Reason: strings.Clone(c.Reason)}
	if c.Destroyed != nil && !c.Destroyed.Alternate.Equal(jid.JID{}) {
		e.Text = strings.Clone(c.Destroyed.Alternate.String())
	}
	b.apply(func(tx *storage.Tx, emit func(event.Event)) error { return l.account.Note(tx, emit, r.conversation, e) })
	b.then(func() {
		l.changeRoom(r, func(row *storage.Room) {
			row.Reason, row.Wanted = cause.code, row.Wanted && !cause.final
			row.Role = pipeline.RoleNone
		})
		l.blockRoom(r, cause.code)
		l.child(func(ctx context.Context) {
			if err := l.account.StopRoom(ctx, l.address(r)); err != nil && ctx.Err() == nil {
				l.log.Warn("archive of room not given up", "code", code.Of(err))
			}
		})
	})
}

// nameMembers stores the nicks of the members who are there.
func (l *Link) nameMembers(r *room) {
	if !pipeline.RoomEncryptable(r.row.Features) {
		return
	}
	nicks := make(map[string]string)
	for o := range r.tracker.Occupants() {
		if !o.RealJID.Equal(jid.JID{}) {
			nicks[o.RealJID.Bare().String()] = o.Nick
		}
	}
	l.child(func(ctx context.Context) {
		err := l.account.DB.Update(ctx, func(tx *storage.Tx) error {
			members, err := tx.Members(r.conversation)
			if err != nil {
				return err
			}
			for _, m := range members {
				nick, ok := nicks[m.JID]
				if !ok || nick == m.Nick {
					continue
				}
				m.Nick = nick
				if err := tx.PutMember(m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			l.log.Warn("nicks not stored", "code", code.Of(err))
		}
	})
}
