// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
)

// enter begins an attempt to get into a room: first it is asked what it is.
func (l *Link) enter(r *room) {
	if r.tracker.State() != xmpp.RoomOutside {
		return
	}
	r.try++
	r.ready, r.holding = false, true
	try, slots, known := r.try, l.rooms.slots, r.creating != nil
	l.child(func(ctx context.Context) {
		var info xmpp.RoomInfo
		var err error
		if !known {
			err = l.slot(ctx, slots, func() error {
				return l.connected(ctx, func() (err error) {
					waiting, cancel := context.WithTimeout(ctx, joinWait)
					defer cancel()
					info, err = l.client.FetchRoomInfo(waiting, r.jid)
					return err
				})
			})
		}
		l.post(ctx, func() {
			if r.try == try && r.tracker.State() == xmpp.RoomOutside {
				l.join(r, info, err)
			}
		})
	})
}

// join sends the presence that enters. That the room does not say what it is, as
// one that is hidden need not, is no reason not to try.
func (l *Link) join(r *room, info xmpp.RoomInfo, failed error) {
	if errors.Is(failed, xmpp.ErrNotRoom) || errors.Is(failed, xmpp.ErrRoomDestroyed) || errors.Is(failed, xmpp.ErrRoomNotFound) {
		l.notEntered(r, failed)
		return
	}
	o := xmpp.JoinOptions{Nick: l.nick(r), Password: string(r.row.Password)}
	if failed == nil && r.creating == nil {
		r.trust = info.Trust()
		r.tracker.SetTrust(r.trust)
		if !info.Info.Has(xmpp.NSMAM) {
			o.History = l.missed(r)
		}
	}
	presence, err := r.tracker.Join(o)
	if err != nil {
		l.notEntered(r, err)
		return
	}
	try := r.try
	l.child(func(ctx context.Context) {
		err := l.connected(ctx, func() error { return l.client.SendRoomPresence(ctx, presence) })
		if err == nil && pause(ctx, joinWait) != nil {
			return
		}
		l.post(ctx, func() {
			if r.try == try && r.tracker.State() == xmpp.RoomJoining {
				r.tracker.Forget()
				l.notEntered(r, xmpp.ErrRoomService)
			}
		})
	})
}

// nick is the one to try next.
func (l *Link) nick(r *room) string {
	nick := r.row.Nick
	if nick == "" || r.plain {
		nick, _, _ = strings.Cut(l.account.JID, "@")
	}
	return nick + strings.Repeat("_", r.suffix)
}

// missed is what a room that keeps no archive is to repeat.
func (l *Link) missed(r *room) *xmpp.RoomHistory {
	const first = 50 // messages, the first time
	var newest []storage.Message
	err := l.account.DB.View(l.session.ctx, func(tx *storage.Reader) (err error) {
		newest, err = tx.MessagesBefore(r.conversation, 0, 1)
		return err
	})
	if err != nil || len(newest) == 0 {
		return &xmpp.RoomHistory{MaxStanzas: first}
	}
	return &xmpp.RoomHistory{Since: newest[0].At.Add(-time.Minute)} // what is known does no harm
}

// notEntered reacts to a room that does not let us in.
func (l *Link) notEntered(r *room, err error) {
	switch {
	case errors.Is(err, xmpp.ErrRoomNickTaken) && r.suffix < maxTries:
		r.suffix++
		l.enter(r)
		return
	case errors.Is(err, xmpp.ErrRoomNick) && !r.plain:
		r.plain = true
		l.enter(r)
		return
	}
	l.log.Info("room not entered", "code", code.Of(err))
	l.releaseRoom(r)
	lasting := !slices.ContainsFunc([]error{xmpp.ErrRoomService, xmpp.ErrRoomLater, xmpp.ErrRoomFull}, func(e error) bool { return errors.Is(err, e) })
	r.refused = lasting
	waiters := r.waiters
	r.waiters = nil
	// They are told once it is stored, so that it undoes nothing of their next try.
	l.changeRoomThen(r, func(row *storage.Room) {
		row.Reason = code.Of(err)
		// One that was never entered was a mistake.
		row.Wanted = row.Wanted && !(lasting && row.Features&pipeline.RoomKnown == 0)
	}, func() { answer(waiters, err) })
	if !lasting {
		l.enterLater(r)
		return
	}
	l.blockRoom(r, code.Of(err))
}

// enterLater tries again after a while, which grows.
func (l *Link) enterLater(r *room) {
	r.failures++
	wait := min(firstLook<<min(r.failures, 10), maxLook)
	try := r.try
	l.child(func(ctx context.Context) {
		if pause(ctx, wait) != nil {
			return
		}
		l.post(ctx, func() {
			if r.try == try && r.row.Wanted && !r.refused {
				l.enter(r)
			}
		})
	})
}

// blockRoom says with what waits to be sent why it does.
func (l *Link) blockRoom(r *room, reason string) {
	l.child(func(ctx context.Context) {
		if err := l.account.BlockRoom(ctx, r.conversation, reason); err != nil && ctx.Err() == nil {
			l.log.Warn("waiting messages not marked", "code", code.Of(err))
		}
	})
}

// answer tells those who wait to be in a room.
func (l *Link) answer(r *room, err error) {
	answer(r.waiters, err)
	r.waiters = nil
}

func answer(waiters []chan<- error, err error) {
	for _, w := range waiters {
		w <- err
	}
}

// changeRoom changes what is stored of a room, beside the actor.
func (l *Link) changeRoom(r *room, change func(*storage.Room)) {
	l.changeRoomThen(r, change, func() {})
}

// changeRoomThen calls done, beside the actor, when that was tried.
func (l *Link) changeRoomThen(r *room, change func(*storage.Room), done func()) {
	change(&r.row)
	l.child(func(ctx context.Context) {
		defer done()
		if _, err := l.account.ChangeRoom(ctx, r.conversation, change); err != nil && ctx.Err() == nil {
			l.log.Warn("room not stored", "code", code.Of(err))
		}
	})
}

// entered begins what is to be done once we are in.
func (l *Link) entered(r *room, o xmpp.Occupant, created bool) {
	r.failures, r.refused, r.fresh, r.listed = 0, false, true, time.Time{}
	switch {
	case created && r.creating == nil:
		l.undo(r)
		return
	case !created && r.creating != nil: // it is somebody's already, or ours
		r.creating = nil
		l.sendLeave(r)
		l.notEntered(r, xmpp.ErrRoomCreation)
		return
	}
	l.changeRoom(r, func(row *storage.Room) {
		row.Reason = ""
		row.Affiliation, row.Role, row.OccupantID = affiliationOf(o.Affiliation), roleOf(o.Role), strings.Clone(o.ID)
	})
	l.prepare(r)
}

// undo gives up a room that our entering has made, as there was none.
func (l *Link) undo(r *room) {
	r.try++
	l.child(func(ctx context.Context) {
		if err := l.client.DestroyRoom(ctx, r.jid, xmpp.RoomDestroyed{}); err != nil && ctx.Err() == nil {
			l.log.Info("new room not undone", "code", code.Of(err))
		}
		l.post(ctx, func() {
			r.tracker.Forget()
			l.notEntered(r, xmpp.ErrRoomNotFound)
		})
	})
}

// prepare asks an entered room all that is needed to read and write in it, then
// reads what was missed.
func (l *Link) prepare(r *room) {
	try, settings, slots := r.try, r.creating, l.rooms.slots
	r.reading = true
	l.child(func(ctx context.Context) {
		var d description
		err := l.slot(ctx, slots, func() error {
			return l.retry(ctx, func() (err error) {
				if settings != nil {
					if err := l.client.ConfigureRoom(ctx, r.jid, *settings); err != nil {
						return err
					}
				}
				d, err = l.describe(ctx, r)
				return err
			})
		})
		if err == nil && settings != nil {
			err = settings.Check(d.info)
		}
		l.post(ctx, func() {
			if r.try != try {
				return
			}
			r.reading, r.creating = false, nil
			if err != nil {
				l.log.Info("room not known", "code", code.Of(err))
				l.releaseRoom(r)
				l.answer(r, err)
				return // looked after again later
			}
			l.described(r, d)
			l.answer(r, nil)
			l.bookmark(r)
			l.readRoom(r)
		})
	})
}

// A description is what a room says of itself.
type description struct {
	info xmpp.RoomInfo
	row  storage.Room
}

// describe asks a room what it is and who belongs to it, and stores that.
func (l *Link) describe(ctx context.Context, r *room) (d description, err error) {
	if d.info, err = l.client.FetchRoomInfo(ctx, r.jid); err != nil {
		return d, err
	}
	if d.row, err = l.account.DescribeRoom(ctx, r.conversation, featuresOf(d.info), d.info.Name, d.info.Description); err != nil {
		return d, err
	}
	if !pipeline.RoomEncryptable(d.row.Features) {
		return d, nil
	}
	members, err := l.members(ctx, r)
	if err != nil {
		return d, err
	}
	return d, l.account.SetMembers(ctx, r.conversation, members)
}

// members fetches who belongs to a room.
func (l *Link) members(ctx context.Context, r *room) (list []storage.Member, err error) {
	for _, a := range []xmpp.Affiliation{xmpp.AffiliationOwner, xmpp.AffiliationAdmin, xmpp.AffiliationMember} {
		items, err := l.client.FetchAffiliations(ctx, r.jid, a)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			m := storage.Member{JID: strings.Clone(item.JID.String()), Nick: strings.Clone(item.Nick), Affiliation: affiliationOf(a)}
			if !slices.ContainsFunc(list, func(o storage.Member) bool { return o.JID == m.JID }) {
				list = append(list, m)
			}
		}
	}
	return list, nil
}

// described takes in what a room says it is.
func (l *Link) described(r *room, d description) {
	wanted := r.row.Wanted
	r.row, r.info, r.trust, r.listed = d.row, d.info, d.info.Trust(), l.account.Now()
	r.row.Wanted = wanted
	r.tracker.SetTrust(r.trust)
	l.nameMembers(r)
}

// refreshRoom asks a room again what it is, for something has changed.
func (l *Link) refreshRoom(r *room) {
	try := r.try
	r.listed = l.account.Now()
	l.child(func(ctx context.Context) {
		var d description
		err := l.retry(ctx, func() (err error) {
			d, err = l.describe(ctx, r)
			return err
		})
		l.post(ctx, func() {
			if r.try != try {
				return
			}
			if err != nil {
				l.log.Info("room not known any more", "code", code.Of(err))
				r.listed = time.Time{} // asked again soon
				return
			}
			l.described(r, d)
			r.ready = r.ready || !r.reading
			l.Wake()
		})
	})
}

// featuresOf is what is stored of what a room says it is.
func featuresOf(info xmpp.RoomInfo) (bits uint64) {
	t := info.Trust()
	for _, x := range []struct {
		is  bool
		bit uint64
	}{
		{info.MembersOnly, pipeline.RoomMembersOnly}, {info.NonAnonymous, pipeline.RoomNonAnonymous},
		{info.Moderated, pipeline.RoomModerated}, {info.Persistent, pipeline.RoomPersistent},
		{info.Hidden, pipeline.RoomHidden}, {info.Password, pipeline.RoomPassword},
		{info.Info.Has(xmpp.NSMAM), pipeline.RoomArchive}, {t.StanzaIDs, pipeline.RoomStanzaIDs},
		{t.OccupantIDs, pipeline.RoomOccupantIDs},
		{info.Info.Has(xmpp.NSModeration) || info.Info.Has(xmpp.NSModeration0), pipeline.RoomModeration},
	} {
		if x.is {
			bits |= x.bit
		}
	}
	return bits
}

// sendLeave tells a room that we are not in it any more.
func (l *Link) sendLeave(r *room) {
	presence, err := r.tracker.Leave("")
	if err != nil {
		return
	}
	l.sendToRoom(presence)
}

func (l *Link) sendToRoom(presence *element.Element) {
	l.child(func(ctx context.Context) {
		err := l.connected(ctx, func() error { return l.client.SendRoomPresence(ctx, presence) })
		if err != nil && ctx.Err() == nil {
			l.log.Info("presence in room not sent", "code", code.Of(err))
		}
	})
}

var affiliations = map[xmpp.Affiliation]uint8{
	xmpp.AffiliationNone: pipeline.AffiliationNone, xmpp.AffiliationMember: pipeline.AffiliationMember,
	xmpp.AffiliationAdmin: pipeline.AffiliationAdmin, xmpp.AffiliationOwner: pipeline.AffiliationOwner,
	xmpp.AffiliationOutcast: pipeline.AffiliationOutcast,
}

var roles = map[xmpp.Role]uint8{
	xmpp.RoleNone: pipeline.RoleNone, xmpp.RoleVisitor: pipeline.RoleVisitor,
	xmpp.RoleParticipant: pipeline.RoleParticipant, xmpp.RoleModerator: pipeline.RoleModerator,
}

func affiliationOf(a xmpp.Affiliation) uint8 { return affiliations[a] }

func roleOf(r xmpp.Role) uint8 { return roles[r] }
