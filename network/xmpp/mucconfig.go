// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, making and configuring rooms

package xmpp

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// RoomSettings are what a room is to be like. A nil field is left as it is.
type RoomSettings struct {
	Name        *string
	Description *string
	Language    *string // RFC 5646
	// Public puts the room into the list of its service.
	Public *bool
	// MembersOnly lets nobody else in.
	MembersOnly *bool
	// NonAnonymous shows the real addresses to everybody; false to moderators
	// only. End-to-end encryption needs them.
	NonAnonymous *bool
	Persistent   *bool
	Moderated    *bool // who is new has no voice
	Archive      *bool // the room keeps what was said
	// MemberInvites lets members, and not only admins, invite.
	MemberInvites *bool
	// ChangeSubject lets every participant change the subject.
	ChangeSubject *bool
	Password      *string // "" takes it away
	MaxUsers      int     // 0 leaves it; a server may have a smaller maximum
}

// PrivateRoom are the settings of a closed group: for its members only, who
// know each other's addresses, in no list, and there to stay.
func PrivateRoom(name string) RoomSettings {
	return RoomSettings{
		Name: &name, Public: new(false), MembersOnly: new(true), NonAnonymous: new(true), Persistent: new(true),
		Moderated: new(false), Archive: new(true),
	}
}

// PublicRoom are the settings of a room that anybody can find and join.
func PublicRoom(name string, nonAnonymous bool) RoomSettings {
	return RoomSettings{
		Name: &name, Public: new(true), MembersOnly: new(false), NonAnonymous: &nonAnonymous, Persistent: new(true),
		Archive: new(true),
	}
}

// NewRoomJID returns a fresh address for a room on a service, that nobody can
// guess: 128 random bits and more.
//
// Errors: [ErrConfig] when service cannot have rooms.
func NewRoomJID(service jid.JID) (jid.JID, error) {
	j, err := service.Domain().WithLocal(strings.ToLower(rand.Text()))
	if err != nil || service.Equal(jid.JID{}) {
		return jid.JID{}, fmt.Errorf("make room address: %w: no service", ErrConfig)
	}
	return j, nil
}

const configPrefix = "muc#roomconfig_"

// A setting is a wish as fields of a form may fulfil it: the first of the names
// that the form has is used.
type setting struct {
	value    string
	optional bool // the room will do without it
	names    []string
}

// settings lists the wishes. The names without the prefix of XEP-0045 are those
// of ejabberd ("mam") and Prosody.
func (s RoomSettings) settings() []setting {
	var all []setting
	text := func(v *string, optional bool, names ...string) {
		if v != nil {
			all = append(all, setting{*v, optional, names})
		}
	}
	flag := func(v *bool, optional bool, names ...string) {
		if v != nil {
			all = append(all, setting{map[bool]string{true: "1", false: "0"}[*v], optional, names})
		}
	}
	text(s.Name, false, configPrefix+"roomname")
	text(s.Description, true, configPrefix+"roomdesc")
	text(s.Language, true, configPrefix+"lang")
	flag(s.Public, false, configPrefix+"publicroom")
	flag(s.MembersOnly, false, configPrefix+"membersonly")
	if s.NonAnonymous != nil {
		all = append(all, setting{map[bool]string{true: "anyone", false: "moderators"}[*s.NonAnonymous], false, []string{configPrefix + "whois"}})
	}
	flag(s.Persistent, false, configPrefix+"persistentroom")
	flag(s.Moderated, false, configPrefix+"moderatedroom")
	flag(s.Archive, true, configPrefix+"enablearchiving", "mam", configPrefix+"enablelogging")
	flag(s.MemberInvites, true, "{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites", configPrefix+"allowinvites")
	flag(s.ChangeSubject, true, configPrefix+"changesubject")
	if s.Password != nil {
		flag(new(*s.Password != ""), true, configPrefix+"passwordprotectedroom")
		text(s.Password, false, configPrefix+"roomsecret")
	}
	if s.MaxUsers > 0 {
		all = append(all, setting{strconv.Itoa(s.MaxUsers), true, []string{configPrefix + "maxusers"}})
	}
	return all
}

// apply returns the submission that makes a room what s says, given its form.
func (s RoomSettings) apply(f *Form) (Form, error) {
	next, err := f.with(nil)
	if err != nil {
		return Form{}, err
	}
	for _, wish := range s.settings() {
		i := slices.IndexFunc(wish.names, func(name string) bool { return next.Field(name) != nil })
		if i < 0 {
			if wish.optional {
				continue
			}
			return Form{}, fmt.Errorf("%w: no %s", ErrRoomConfig, wish.names[0])
		}
		field := next.Field(wish.names[i])
		value, ok := f.Field(field.Var).nearest(wish.value)
		if !ok {
			return Form{}, fmt.Errorf("%w: no such %s", ErrRoomConfig, wish.names[0])
		}
		field.Values = []string{value}
	}
	return next, nil
}

// nearest returns the choice that a list offers for a value: the same, or of
// numbers the next larger one, or the largest.
func (x *Field) nearest(value string) (string, bool) {
	if x.Type != string(form.TypeList) || len(x.Options) == 0 {
		return value, true
	}
	want, err := strconv.Atoi(value)
	best := -1
	for _, o := range x.Options {
		if o.Value == value {
			return value, true
		}
		n, nerr := strconv.Atoi(o.Value)
		if err != nil || nerr != nil || n < 0 {
			continue
		}
		if best < 0 || best < want && n > best || n >= want && n < best {
			best = n
		}
	}
	return strconv.Itoa(best), best >= 0
}

// Check reports whether a room is what s says, as far as a room says what it
// is: who may join, who sees real addresses, whether it is listed and stays. A
// server may have ignored a setting.
//
// Errors: [ErrRoomConfig], with the setting.
func (s RoomSettings) Check(r RoomInfo) error {
	for _, x := range []struct {
		name string
		want *bool
		is   bool
	}{
		{"members only", s.MembersOnly, r.MembersOnly}, {"non-anonymous", s.NonAnonymous, r.NonAnonymous},
		{"public", s.Public, !r.Hidden}, {"persistent", s.Persistent, r.Persistent}, {"moderated", s.Moderated, r.Moderated},
	} {
		if x.want != nil && *x.want != x.is {
			return fmt.Errorf("check room: %w: %s", ErrRoomConfig, x.name)
		}
	}
	return nil
}

// FetchRoomConfig fetches the configuration form of a room, which only its
// owners may see.
//
// Errors: [ErrRoomConfig] when there is none; [ErrRoomForbidden],
// [ErrRoomNotFound], [ErrRoomService], [ErrAnswer] and those of
// [stream.Stream.IQ].
func (c *Client) FetchRoomConfig(ctx context.Context, room jid.JID) (*Form, error) {
	answer, err := c.fetch(ctx, room.Bare(), element.New(nsMUCOwner, "query"))
	if err != nil {
		return nil, fmt.Errorf("fetch room configuration: %w", roomRefusal(err, ownerRefusals))
	}
	f := ParseForm(answer)
	if f == nil {
		return nil, fmt.Errorf("fetch room configuration: %w: no form", ErrRoomConfig)
	}
	return f, nil
}

// SubmitRoomConfig sends a form that was filled in. The empty form accepts what
// the service has chosen, XEP-0045 §10.1.2; one of the type "cancel" gives a room
// up that is being made.
//
// Errors: [ErrRoomConfig] when the room does not take it, and those of
// [Client.FetchRoomConfig].
func (c *Client) SubmitRoomConfig(ctx context.Context, room jid.JID, f Form) error {
	if f.Type == "" {
		f.Type = string(form.TypeSubmit)
	}
	if _, err := c.set(ctx, room.Bare(), element.New(nsMUCOwner, "query").Add(f.Element())); err != nil {
		return fmt.Errorf("configure room: %w", roomRefusal(err, ownerRefusals))
	}
	return nil
}

// ConfigureRoom makes a room what s says: one of ours, or one that our joining
// has just made, see [StatusCreated]. Such a room lets nobody else in before,
// if its service is as XEP-0045 §10.1.1 has it. Settings that the room does not
// offer are an error, unless the room can do without: description, language,
// archive, invitations, subject and the number of occupants. See
// [RoomSettings.Check].
//
// Errors: those of [Client.SubmitRoomConfig].
func (c *Client) ConfigureRoom(ctx context.Context, room jid.JID, s RoomSettings) error {
	f, err := c.FetchRoomConfig(ctx, room)
	if err != nil {
		return err
	}
	next, err := s.apply(f)
	if err != nil {
		return fmt.Errorf("configure room: %w", err)
	}
	return c.SubmitRoomConfig(ctx, room, next)
}

// DestroyRoom ends a room for everybody, XEP-0045 §10.9. Who is in it may be
// told a reason, and another room to go to.
//
// Errors: those of [Client.FetchRoomConfig].
func (c *Client) DestroyRoom(ctx context.Context, room jid.JID, d RoomDestroyed) error {
	x := element.New(nsMUCOwner, "destroy").WithOptional("jid", d.Alternate.Bare().String())
	if d.Reason != "" {
		x.Add(element.New(nsMUCOwner, "reason").WithText(d.Reason))
	}
	if d.Password != "" {
		x.Add(element.New(nsMUCOwner, "password").WithText(d.Password))
	}
	if _, err := c.set(ctx, room.Bare(), element.New(nsMUCOwner, "query").Add(x)); err != nil {
		return fmt.Errorf("destroy room: %w", roomRefusal(err, ownerRefusals))
	}
	return nil
}
