// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
)

// Kick makes an occupant leave; they can come back at once.
//
// Errors, of this method and the next ones: ErrSignedOut; "xmpp.room.not-joined",
// "xmpp.room.forbidden"; the network's.
func (r *Room) Kick(ctx context.Context, nick, reason string) error {
	return r.SetRole(ctx, nick, NoRole, reason)
}

// SetRole gives an occupant another role until they leave.
func (r *Room) SetRole(ctx context.Context, nick string, role Role, reason string) error {
	return r.do("change role", func(l link) error {
		return l.SetRoomRole(ctx, r.peer, nick, xmpp.Role(role.String()), reason)
	})
}

// Ban makes somebody leave for good. In an encrypted room they can read nothing
// that is written after that.
func (r *Room) Ban(ctx context.Context, who, reason string) error {
	return r.SetAffiliation(ctx, who, Banned, reason)
}

// Remove takes somebody's membership away, which in a room for members makes
// them leave. They can read nothing encrypted that is written after that.
func (r *Room) Remove(ctx context.Context, who, reason string) error {
	return r.SetAffiliation(ctx, who, NoAffiliation, reason)
}

// SetAffiliation makes somebody something else to the room. It holds for what is
// written once this has returned.
func (r *Room) SetAffiliation(ctx context.Context, who string, a Affiliation, reason string) error {
	bare, err := bareJID(who)
	if err != nil {
		return err
	}
	return r.do("change affiliation", func(l link) error {
		return l.Affiliate(ctx, r.peer, bare, xmpp.Affiliation(a.String()), reason)
	})
}

// SetSubject changes what the room is about. It is changed when the room says
// so: EventRoomChanged.
func (r *Room) SetSubject(ctx context.Context, subject string) error {
	if err := checkRoomText(subject); err != nil {
		return err
	}
	return r.do("change subject", func(l link) error { return l.SetRoomSubject(ctx, r.peer, subject) })
}

// SetNick changes the own nick in the room, here and in its bookmark.
//
// Errors: those of Kick; "xmpp.room.nick-taken", "xmpp.room.nick" for one that
// the room does not allow.
func (r *Room) SetNick(ctx context.Context, nick string) error {
	return r.do("change nick", func(l link) error { return l.SetRoomNick(ctx, r.peer, nick) })
}

// RoomChanges are changes of what a room is like. What is nil stays as it is.
type RoomChanges struct {
	Name, Description *string
	MembersOnly       *bool
	NonAnonymous      *bool
	Public            *bool // in the list of its service
	Moderated         *bool
	MemberInvites     *bool // members may invite, not only admins
	Password          *string
}

// Configure changes what the room is like, which its owners may.
//
// Errors: those of Kick; "xmpp.room.config" for what the room cannot be.
func (r *Room) Configure(ctx context.Context, c RoomChanges) error {
	return r.do("configure room", func(l link) error {
		return l.ConfigureRoom(ctx, r.peer, xmpp.RoomSettings{
			Name: c.Name, Description: c.Description, MembersOnly: c.MembersOnly, NonAnonymous: c.NonAnonymous,
			Public: c.Public, Moderated: c.Moderated, MemberInvites: c.MemberInvites, Password: c.Password,
		})
	})
}

// Destroy ends the room for everybody. What was said stays on their devices.
func (r *Room) Destroy(ctx context.Context, reason string) error {
	return r.do("destroy room", func(l link) error { return l.DestroyRoom(ctx, r.peer, reason) })
}

// Moderate takes back a message that somebody sent, for everybody (XEP-0425).
// The room tells all, us included. It is for moderators, where RoomInfo says
// that there is Moderation.
//
// Errors: those of Kick; ErrNoMessage; ErrNotInArchive for one that the room has
// given no id.
func (r *Room) Moderate(ctx context.Context, id MessageID, reason string) error {
	var row storage.Message
	err := r.client.db.View(ctx, func(tx *storage.Reader) (err error) {
		row, err = tx.Message(id)
		return err
	})
	if err != nil {
		return notFound(err, ErrNoMessage, "moderate message")
	}
	switch {
	case row.ConversationID != r.id:
		return ErrNoMessage
	case row.ArchiveID == "":
		return ErrNotInArchive
	}
	return r.do("moderate message", func(l link) error { return l.Moderate(ctx, r.peer, row.ArchiveID, reason) })
}

// WithoutDevices returns the members who have no device that a message could be
// encrypted to, as far as is known. As long as there are any, encrypted messages
// wait, with the reason "omemo.no-devices"; they go out by themselves when
// everybody can read them.
func (r *Room) WithoutDevices(ctx context.Context) ([]string, error) {
	list, err := r.account.pipe.WithoutDevices(ctx, r.id)
	if err != nil {
		return nil, notFound(err, ErrNoConversation, "look for devices")
	}
	return list, nil
}

// LeaveOut decides to write without some members for as long as they have no
// device: those named, and nobody who was named before. They cannot read what is
// written meanwhile, then or later. What waits goes out.
func (r *Room) LeaveOut(ctx context.Context, who ...string) error {
	list := make([]string, len(who))
	for i, w := range who {
		bare, err := bareJID(w)
		if err != nil {
			return err
		}
		list[i] = bare
	}
	if err := r.account.pipe.LeaveOut(ctx, r.id, list); err != nil {
		return notFound(err, ErrNoConversation, "leave members out")
	}
	r.account.wake()
	return nil
}

// do runs what needs the server.
func (r *Room) do(doing string, fn func(link) error) error {
	l, err := r.account.online()
	if err != nil {
		return err
	}
	if err := fn(l); err != nil {
		return failed(doing, err)
	}
	return nil
}

// MaxRoomText is the longest name, description or subject of a room, in bytes.
const MaxRoomText = 4096

func checkRoomText(s string) error {
	if len(s) > MaxRoomText {
		return ErrMessageTooLong
	}
	if !utf8.ValidString(s) {
		return ErrNotText
	}
	for _, c := range s {
		if notXML(c) {
			return ErrNotText
		}
	}
	return nil
}

// RoomNotice says what happened in a room, in a message of the kind Notice.
type RoomNotice struct {
	Code   string // "room.member-added", …: see the constants
	Who    string // whom it happened to: a bare JID, else a nick; empty: us
	By     string // who did it, as the room says
	Reason string // in their words
	Text   string // the new subject or name, or where a destroyed room has moved to
}

// Format keeps people and texts out of whatever is printed.
func (n RoomNotice) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "notice %s", n.Code) }

// LogValue keeps them out of logs.
func (n RoomNotice) LogValue() slog.Value { return slog.StringValue("notice " + n.Code) }

func noticeOf(row *storage.Message, extra *pipeline.Extra) *RoomNotice {
	n := RoomNotice{Code: row.Reason}
	if e := extra.Event; e != nil {
		n.Who, n.By, n.Reason, n.Text = e.Who, e.By, e.Reason, e.Text
	}
	return &n
}

// The codes of a RoomNotice.
const (
	NoticeMemberAdded   = pipeline.EventMemberAdded   // can read and write from now on
	NoticeMemberRemoved = pipeline.EventMemberRemoved // cannot any more
	NoticeKicked        = pipeline.EventKicked
	NoticeBanned        = pipeline.EventBanned
	NoticeRoomLeft      = pipeline.EventRoomLeft // we: the room is for members now
	NoticeDestroyed     = pipeline.EventDestroyed
	NoticeSubject       = pipeline.EventSubject
	NoticeRenamed       = pipeline.EventRoomRenamed
	NoticeOpened        = pipeline.EventRoomOpened // strangers may come in, or addresses are hidden: not fit for encryption
	NoticeClosed        = pipeline.EventRoomClosed // fit for encryption from now on
)
