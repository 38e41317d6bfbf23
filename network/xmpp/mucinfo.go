// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, discovering services and rooms

package xmpp

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

const (
	nsRoomInfo   = NSMUC + "#roominfo"
	nodeRoomNick = "x-roomuser-item"
)

// RoomInfo is what a room says about itself, XEP-0045 §6.4 and §15.5.4. What is
// not said is false, "" or -1.
type RoomInfo struct {
	JID         jid.JID
	Name        string
	Description string
	Language    string
	Subject     string
	Occupants   int       // how many there are, -1 when it is not said
	Contacts    []jid.JID // whom to turn to
	// AvatarHashes are the SHA-1 of the pictures of the room in hexadecimal,
	// XEP-0486.
	AvatarHashes []string
	Password     bool // one is needed
	MembersOnly  bool
	Moderated    bool // only who was given a voice may speak
	NonAnonymous bool // everybody sees real addresses
	Persistent   bool // it stays when it is empty
	Hidden       bool // it is in no list
	// Info is all of it, for features such as [NSMAM], [NSModeration] and
	// [NSSelfPing].
	Info Info
}

// ParseRoomInfo reads what an entity that should be a room says about itself.
//
// Errors: [ErrNotRoom].
func ParseRoomInfo(room jid.JID, info Info) (RoomInfo, error) {
	r := RoomInfo{JID: room.Bare(), Occupants: -1, Info: info}
	if !info.Has(NSMUC) || !isRoomJID(room) {
		return RoomInfo{}, fmt.Errorf("parse room info: %w", ErrNotRoom)
	}
	conference := false
	for _, id := range info.Identities {
		if id.Category == "conference" {
			conference = true
			if r.Name == "" {
				r.Name = clip(id.Name, maxRoomText)
			}
		}
	}
	if !conference {
		return RoomInfo{}, fmt.Errorf("parse room info: %w", ErrNotRoom)
	}
	r.Password = info.Has("muc_passwordprotected")
	r.MembersOnly = info.Has("muc_membersonly")
	r.Moderated = info.Has("muc_moderated")
	// Who says both is not believed the dangerous one.
	r.NonAnonymous = info.Has("muc_nonanonymous") && !info.Has("muc_semianonymous")
	r.Persistent = info.Has("muc_persistent")
	r.Hidden = info.Has("muc_hidden")
	r.readForm(info.Form(nsRoomInfo))
	return r, nil
}

func (r *RoomInfo) readForm(f *Form) {
	r.Description = clip(f.Value("muc#roominfo_description"), maxRoomText)
	r.Language = clip(f.Value("muc#roominfo_lang"), maxRoomStatus)
	r.Subject = clip(f.Value("muc#roominfo_subject"), maxRoomText)
	if n, err := strconv.ParseUint(f.Value("muc#roominfo_occupants"), 10, 31); err == nil {
		r.Occupants = int(n)
	}
	if name := f.Value("muc#roomconfig_roomname"); r.Name == "" {
		r.Name = clip(name, maxRoomText)
	}
	if x := f.Field("muc#roominfo_contactjid"); x != nil {
		for _, s := range x.Values[:min(len(x.Values), maxRoomItems)] {
			if j, err := parseJID(s); err == nil && !j.Equal(jid.JID{}) {
				r.Contacts = append(r.Contacts, j)
			}
		}
	}
	hashes := f.Field("muc#roominfo_avatarhash")
	if hashes == nil {
		hashes = f.Field("{http://modules.prosody.im/mod_vcard_muc}avatar#sha1") // of Prosody 0.12
	}
	if x := hashes; x != nil {
		for _, s := range x.Values[:min(len(x.Values), maxRoomItems)] {
			if isSHA1(s) {
				r.AvatarHashes = append(r.AvatarHashes, strings.ToLower(s))
			}
		}
	}
}

// Trust returns what the room vouches for.
func (r RoomInfo) Trust() RoomTrust {
	return RoomTrust{
		StanzaIDs:   r.Info.Has(NSStanzaID) || r.Info.Has(NSMAM),
		OccupantIDs: r.Info.Has(NSOccupantID),
		RealJIDs:    r.NonAnonymous,
		Hats:        r.Info.Has(NSHats),
	}
}

// FetchRoomInfo asks a room what it is.
//
// Errors: [ErrRoomNotFound], [ErrRoomDestroyed], [ErrRoomService], [ErrNotRoom],
// [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchRoomInfo(ctx context.Context, room jid.JID) (RoomInfo, error) {
	info, err := c.FetchInfo(ctx, room.Bare(), "")
	if err != nil {
		return RoomInfo{}, fmt.Errorf("fetch room info: %w", roomRefusal(err, requestRefusals))
	}
	return ParseRoomInfo(room, info)
}

// FetchReservedNick asks a room for the nick that we have reserved in it,
// XEP-0045 §7.12; "" means none, or that the room has no such thing.
//
// Errors: those of [stream.Stream.IQ] but a refusal.
func (c *Client) FetchReservedNick(ctx context.Context, room jid.JID) (string, error) {
	info, err := c.FetchInfo(ctx, room.Bare(), nodeRoomNick)
	if Condition(err) != "" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("fetch reserved nick: %w", err)
	}
	for _, id := range info.Identities {
		if id.Category == "conference" && id.Type == "text" {
			return id.Name, nil
		}
	}
	return "", nil
}

// maxServices bounds how many services of a server are asked what they are.
const maxServices = 20

// FetchRoomServices returns the services of our own server that have rooms of
// their own, gateways to other networks not among them.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ]. A service that does not
// answer is left out.
func (c *Client) FetchRoomServices(ctx context.Context) ([]jid.JID, error) {
	items, err := c.FetchDiscoItems(ctx, c.self.Domain(), "")
	if err != nil {
		return nil, fmt.Errorf("fetch room services: %w", err)
	}
	var services []jid.JID
	for _, item := range items[:min(len(items), maxServices)] {
		if isRoomJID(item.JID) || item.Node != "" || slices.ContainsFunc(services, item.JID.Equal) {
			continue
		}
		info, err := c.FetchInfo(ctx, item.JID, "")
		if err == nil && info.Is("conference", "text") && info.Has(NSMUC) {
			services = append(services, item.JID)
		} else if ctx.Err() != nil {
			return nil, fmt.Errorf("fetch room services: %w", context.Cause(ctx))
		}
	}
	return services, nil
}

// A ListedRoom is a room in the public list of a service.
type ListedRoom struct {
	JID  jid.JID
	Name string // ejabberd adds how many occupants there are: "Name (3)"
}

// A RoomList is a page of the public list of a service.
type RoomList struct {
	Rooms []ListedRoom
	// Next is where the next page begins, "" after the last one.
	Next  string
	Count int // rooms, maybe hidden ones, too; -1 when it is not said
}

// MaxRoomList is the largest page of a list of rooms.
const MaxRoomList = 500

// FetchRoomList fetches a page of the public rooms of a service, XEP-0045 §6.3:
// the first one, or that which begins after the Next of the page before. A
// service without XEP-0059 sends the whole list at once, of which MaxRoomList
// rooms are returned.
//
// Errors: [ErrRoomService], [ErrRoomForbidden], [ErrNoCursor], [ErrAnswer] and
// those of [stream.Stream.IQ].
func (c *Client) FetchRoomList(ctx context.Context, service jid.JID, after string, maxRooms int) (RoomList, error) {
	if maxRooms <= 0 {
		maxRooms = DefaultPage
	}
	for n := min(maxRooms, MaxRoomList); ; n = min(4*n, MaxRoomList) {
		list, err := c.fetchRoomList(ctx, service.Domain(), after, n)
		if err != nil {
			return RoomList{}, fmt.Errorf("fetch room list: %w", err)
		}
		// ejabberd cuts pages first and leaves out hidden rooms then: a page of
		// hidden rooms is empty and does not say where the next one begins.
		if len(list.Rooms) > 0 || list.Next != "" || list.Count <= 0 || n == MaxRoomList {
			return list, nil
		}
	}
}

func (c *Client) fetchRoomList(ctx context.Context, service jid.JID, after string, n int) (RoomList, error) {
	answer, err := c.fetch(ctx, service, element.New(nsDiscoItems, "query").Add(pageRequest(n, after, nil)))
	if Condition(err) == stanza.ItemNotFound && after != "" {
		return RoomList{}, fmt.Errorf("%w: %w", ErrNoCursor, err)
	}
	if err != nil {
		return RoomList{}, roomRefusal(err, requestRefusals)
	}
	set := ParseResultSet(answer)
	list := RoomList{Count: set.Count}
	items := 0
	for x := range answer.All(nsDiscoItems, "item") {
		if items++; items > MaxRoomList {
			break
		}
		if j, err := parseRoomJID(x.AttrValue("jid")); err == nil && j.Domain().Equal(service) {
			list.Rooms = append(list.Rooms, ListedRoom{JID: j, Name: clip(x.AttrValue("name"), maxRoomText)})
		}
	}
	if set.Last != after {
		list.Next = set.Last
	}
	return list, nil
}
