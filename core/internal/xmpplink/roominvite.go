// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// Invitation is a request to come into a room, which waits for an answer.
type Invitation struct {
	Room     string    `json:"room"`
	From     string    `json:"from,omitempty"`
	Direct   bool      `json:"direct,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Password string    `json:"password,omitempty"`
	At       time.Time `json:"at"`
}

// valueInvitations holds the invitations, as JSON.
const (
	valueInvitations = "room-invitations"
	maxInvitations   = 200 // kept; beyond it the newest are not
	maxInviteText    = 1000
)

// Invitations returns the invitations that wait for an answer.
func Invitations(ctx context.Context, a *pipeline.Account) (list []Invitation, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) (err error) {
		list, err = invitations(r, a.ID)
		return err
	})
	return list, err
}

func invitations(r *storage.Reader, account int64) (list []Invitation, err error) {
	text, ok, err := r.Value(account, valueInvitations)
	if err != nil || !ok {
		return nil, err
	}
	return list, json.Unmarshal(text, &list)
}

func changeInvitations(tx *storage.Tx, account int64, change func([]Invitation) []Invitation) error {
	list, err := invitations(tx.Reader, account)
	if err != nil {
		return err
	}
	text, err := json.Marshal(change(list))
	if err != nil {
		return fmt.Errorf("write invitations: %w", err)
	}
	return tx.PutValue(account, valueInvitations, text)
}

// invitation keeps an invitation: one for each room, of which that by way of the
// room can be declined.
func (l *Link) invitation(in *xmpp.Invite, archived, id string, at time.Time) pipeline.Update {
	v := Invitation{
		Room: in.Room.Bare().String(), From: in.From.String(), Direct: in.Direct, Reason: cut(in.Reason, maxInviteText),
		Password: cut(in.Password, maxInviteText), At: at,
	}
	if now := l.account.Now(); at.IsZero() || at.After(now) {
		v.At = now
	}
	if in.From.Bare().String() != v.Room {
		v.From = in.From.Bare().String()
	}
	return pipeline.Update{Foreign: true, Apply: func(tx *storage.Tx, emit func(event.Event)) error {
		added := false
		if known, err := l.account.Known(tx, archived, v.From, id, "invitation "+v.Room); known || err != nil {
			return err
		}
		if wanted, err := l.account.Wanted(tx, v.Room); wanted || err != nil {
			return err
		}
		err := changeInvitations(tx, l.account.ID, func(list []Invitation) []Invitation {
			i := slices.IndexFunc(list, func(o Invitation) bool { return o.Room == v.Room })
			switch {
			case i >= 0 && list[i].Direct && !v.Direct:
				if v.Password == "" {
					v.Password = list[i].Password
				}
				list[i] = v
			case i >= 0 && list[i].Password == "":
				list[i].Password = v.Password
			case i < 0 && len(list) < maxInvitations:
				added = true
				list = append(list, v)
			}
			return list
		})
		if added {
			emit(event.Event{Kind: event.RoomInvitation, Peer: v.Room})
		}
		return err
	}}
}

// takeInvitation removes the invitation to a room and returns it; ok is false if
// there is none.
func (l *Link) takeInvitation(ctx context.Context, room string) (v Invitation, ok bool, err error) {
	err = l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		v, ok = Invitation{}, false
		return changeInvitations(tx, l.account.ID, func(list []Invitation) []Invitation {
			i := slices.IndexFunc(list, func(o Invitation) bool { return o.Room == room })
			if i < 0 {
				return list
			}
			v, ok = list[i], true
			return slices.Delete(list, i, i+1)
		})
	})
	return v, ok, err
}

// DeclineInvitation answers that we do not come, where there is somebody to tell.
func (l *Link) DeclineInvitation(ctx context.Context, room, reason string) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	v, ok, err := l.takeInvitation(ctx, room)
	if err != nil || !ok || v.Direct || v.From == "" {
		return err
	}
	address, err := jid.Parse(v.Room)
	if err != nil {
		return err
	}
	from, err := jid.Parse(v.From)
	if err != nil {
		return nil // nobody to tell
	}
	return l.client.Decline(ctx, xmpp.Invite{Room: address, From: from}, reason)
}

// Invite asks somebody into a room. Where only members may be in it they are made
// one first. The invitation goes directly, which reaches people who are not
// online, and by way of the room, for those who know of no other way.
func (l *Link) Invite(ctx context.Context, room, who, reason string) error {
	r, address, err := l.inside(ctx, room)
	if err != nil {
		return err
	}
	guest, err := jid.Parse(who)
	if err != nil {
		return err
	}
	if r.row.Features&pipeline.RoomMembersOnly != 0 {
		if err := l.makeMember(ctx, r, address, guest, reason); err != nil {
			return err
		}
	}
	in := xmpp.Invite{Room: address, Reason: reason, Password: string(r.row.Password)}
	if _, err := l.client.Invite(ctx, guest.Bare(), in); err != nil {
		return err
	}
	_, err = l.client.InviteDirectly(ctx, guest.Bare(), in)
	return err
}

// makeMember makes somebody a member who is nothing to the room yet. Who may not do
// that may still invite, if the room lets members do so.
func (l *Link) makeMember(ctx context.Context, r snapshot, address, guest jid.JID, reason string) error {
	var members []storage.Member
	err := l.account.DB.View(ctx, func(tx *storage.Reader) (err error) {
		members, err = tx.Members(r.conversation)
		return err
	})
	if err != nil {
		return err
	}
	bare := guest.Bare().String()
	if slices.ContainsFunc(members, func(m storage.Member) bool { return m.JID == bare && pipeline.Belongs(m.Affiliation) }) {
		return nil
	}
	if r.row.Affiliation != pipeline.AffiliationOwner && r.row.Affiliation != pipeline.AffiliationAdmin {
		return nil
	}
	return l.affiliate(ctx, r, address, xmpp.RoomItem{JID: guest.Bare(), Affiliation: xmpp.AffiliationMember, Reason: strings.TrimSpace(reason)})
}
