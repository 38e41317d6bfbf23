// SPDX-License-Identifier: MPL-2.0

//go:build servers

package xmpp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

func roomService(s *testserver.Server) jid.JID { return jid.MustParse("conference." + s.Domain) }

func newRoomJID(t *testing.T, s *testserver.Server) jid.JID {
	j, err := xmpp.NewRoomJID(roomService(s))
	require.NoError(t, err)
	return j
}

// A guest is a user with a room that is followed, and what was said in it.
type guest struct {
	*user
	room     *xmpp.Room
	messages []xmpp.Message
	said     []xmpp.RoomMessage
}

func newGuest(t *testing.T, s *testserver.Server, name string, room jid.JID) *guest {
	u := online(t, s, s.NewAccount(t, name), name)
	require.NoError(t, u.SendPresence(t.Context(), xmpp.Presence{}))
	return &guest{user: u, room: xmpp.NewRoom(room, xmpp.RoomTrust{}, 0)}
}

// take gives a stanza to the room if it is from there.
func (g *guest) take(e *element.Element) []xmpp.RoomChange {
	g.t.Helper()
	switch e.Name.Local {
	case "presence":
		p, err := xmpp.ParsePresence(e, g.Self())
		require.NoError(g.t, err)
		if p.From.Bare().Equal(g.room.JID()) {
			changes, err := g.room.Presence(p)
			require.NoError(g.t, err)
			return changes
		}
	case "message":
		m, err := g.Message(e)
		require.NoError(g.t, err)
		if m.From.Bare().Equal(g.room.JID()) {
			rm, changes, err := g.room.Message(m)
			require.NoError(g.t, err)
			g.messages, g.said = append(g.messages, m), append(g.said, rm)
			return changes
		}
	}
	return nil
}

// until returns the next change that fits.
func (g *guest) until(fits func(xmpp.RoomChange) bool) xmpp.RoomChange {
	g.t.Helper()
	var found xmpp.RoomChange
	g.wait(func(i stream.Item) bool {
		if i.Kind != stream.Stanza {
			return false
		}
		ok := false
		for _, c := range g.take(i.Stanza) {
			if !ok && fits(c) {
				found, ok = c, true
			}
		}
		return ok
	})
	return found
}

func (g *guest) untilKind(k xmpp.RoomChangeKind) xmpp.RoomChange {
	g.t.Helper()
	return g.until(func(c xmpp.RoomChange) bool { return c.Kind == k })
}

// hear returns the next message that fits.
func (g *guest) hear(fits func(xmpp.Message, xmpp.RoomMessage) bool) (xmpp.Message, xmpp.RoomMessage) {
	g.t.Helper()
	for i := range g.messages {
		if fits(g.messages[i], g.said[i]) {
			return g.messages[i], g.said[i]
		}
	}
	g.wait(func(i stream.Item) bool {
		if i.Kind != stream.Stanza {
			return false
		}
		n := len(g.messages)
		g.take(i.Stanza)
		return len(g.messages) > n && fits(g.messages[n], g.said[n])
	})
	return g.messages[len(g.messages)-1], g.said[len(g.said)-1]
}

func (g *guest) hearBody(body string) (xmpp.Message, xmpp.RoomMessage) {
	g.t.Helper()
	return g.hear(func(m xmpp.Message, _ xmpp.RoomMessage) bool { return m.Body == body })
}

// join returns how the attempt ended.
func (g *guest) join(o xmpp.JoinOptions) xmpp.RoomChange {
	g.t.Helper()
	e, err := g.room.Join(o)
	require.NoError(g.t, err)
	require.NoError(g.t, g.SendRoomPresence(g.t.Context(), e))
	return g.until(func(c xmpp.RoomChange) bool { return c.Kind == xmpp.RoomEntered || c.Kind == xmpp.RoomNotEntered })
}

// enter joins and learns what the room can do.
func (g *guest) enter(nick string) xmpp.RoomChange {
	g.t.Helper()
	c := g.join(xmpp.JoinOptions{Nick: nick})
	require.NoError(g.t, c.Err)
	require.Equal(g.t, nick, g.room.Nick())
	g.learn()
	return c
}

func (g *guest) learn() xmpp.RoomInfo {
	g.t.Helper()
	info, err := g.FetchRoomInfo(g.t.Context(), g.room.JID())
	require.NoError(g.t, err)
	g.room.SetTrust(info.Trust())
	return info
}

func (g *guest) say(body string) string {
	g.t.Helper()
	m := xmpp.Message{To: g.room.JID(), Type: "groupchat", ID: xmpp.NewID(), Body: body}
	require.NoError(g.t, g.Send(g.t.Context(), m.Build()))
	return m.ID
}

// makeRoom has g make a room.
func (g *guest) makeRoom(settings xmpp.RoomSettings) xmpp.RoomInfo {
	g.t.Helper()
	c := g.join(xmpp.JoinOptions{Nick: "Founder"})
	require.NoError(g.t, c.Err)
	require.Contains(g.t, c.Statuses, xmpp.StatusCreated)
	require.NoError(g.t, g.ConfigureRoom(g.t.Context(), g.room.JID(), settings))
	info := g.learn()
	require.NoError(g.t, settings.Check(info))
	return info
}

func TestPrivateRoomOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob, eve := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room), newGuest(t, s, "eve", room)
		info := alice.makeRoom(xmpp.PrivateRoom("Our <group> & more"))
		require.Equal(t, "Our <group> & more", info.Name)
		require.True(t, info.Info.Has(xmpp.NSMAM))
		require.Equal(t, 1, info.Occupants)
		require.True(t, alice.room.Trust().RealJIDs)
		self, ok := alice.room.Self()
		require.True(t, ok)
		require.Equal(t, xmpp.AffiliationOwner, self.Affiliation)
		require.True(t, self.RealJID.Equal(alice.full))

		c := eve.join(xmpp.JoinOptions{Nick: "Eve"})
		require.ErrorIs(t, c.Err, xmpp.ErrRoomMembersOnly)
		require.Equal(t, xmpp.RoomOutside, eve.room.State())
		_, err := eve.FetchRoomConfig(ctx, room)
		require.ErrorIs(t, err, xmpp.ErrRoomForbidden)

		done, err := alice.SetAffiliations(ctx, room,
			xmpp.RoomItem{JID: bob.Self(), Affiliation: xmpp.AffiliationMember},
			xmpp.RoomItem{JID: eve.Self(), Affiliation: xmpp.AffiliationMember, Reason: "fine"})
		require.NoError(t, err)
		require.Equal(t, 2, done)
		members, err := alice.FetchAffiliations(ctx, room, xmpp.AffiliationMember)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{bob.Self().String(), eve.Self().String()}, []string{members[0].JID.String(), members[1].JID.String()})
		absent := alice.until(func(c xmpp.RoomChange) bool {
			return c.Kind == xmpp.AffiliationChanged && c.Item.JID.Bare().Equal(bob.Self())
		})
		require.Equal(t, xmpp.AffiliationMember, absent.Item.Affiliation)

		bob.enter("Bob")
		require.Equal(t, 2, bob.room.Len())
		founder, ok := bob.room.Occupant("Founder")
		require.True(t, ok)
		require.True(t, founder.RealJID.Equal(alice.full))
		in := alice.untilKind(xmpp.OccupantEntered)
		require.True(t, in.Occupant.RealJID.Equal(bob.full))
		_, err = bob.FetchAffiliations(ctx, room, xmpp.AffiliationOwner)
		require.NoError(t, err, "members have to know each other to encrypt")

		// A nick that is taken.
		c = eve.join(xmpp.JoinOptions{Nick: "Bob"})
		require.ErrorIs(t, c.Err, xmpp.ErrRoomNickTaken)
		eve.enter("Eve")
		e, err := eve.room.Rename("Bob")
		require.NoError(t, err)
		require.NoError(t, eve.SendRoomPresence(ctx, e))
		require.ErrorIs(t, eve.untilKind(xmpp.RoomRefused).Err, xmpp.ErrRoomNickTaken)
		require.Equal(t, xmpp.RoomInside, eve.room.State())
		// Servers hold to the Unicode of 2002.
		e, err = eve.room.Rename("Ève 🌧")
		require.NoError(t, err)
		require.NoError(t, eve.SendRoomPresence(ctx, e))
		require.ErrorIs(t, eve.untilKind(xmpp.RoomRefused).Err, xmpp.ErrRoomNick)
		e, err = eve.room.Rename("Ève")
		require.NoError(t, err)
		require.NoError(t, eve.SendRoomPresence(ctx, e))
		renamed := eve.untilKind(xmpp.OccupantRenamed)
		require.True(t, renamed.Self)
		require.Equal(t, "Ève", eve.room.Nick())
		renamed = bob.untilKind(xmpp.OccupantRenamed)
		require.Equal(t, []string{"Eve", "Ève"}, []string{renamed.Was.Nick, renamed.Occupant.Nick})
		require.Equal(t, 3, bob.room.Len())

		// Kicked, then banned.
		_, err = alice.SetRoles(ctx, room, xmpp.RoomItem{Nick: "Nobody", Role: xmpp.RoleNone})
		require.ErrorIs(t, err, xmpp.ErrRoomNotJoined)
		_, err = bob.SetRoles(ctx, room, xmpp.RoomItem{Nick: "Founder", Role: xmpp.RoleNone})
		require.ErrorIs(t, err, xmpp.ErrRoomForbidden)
		_, err = alice.SetRoles(ctx, room, xmpp.RoomItem{Nick: "Ève", Role: xmpp.RoleNone, Reason: "noise"})
		require.NoError(t, err)
		left := eve.untilKind(xmpp.RoomLeft)
		require.Equal(t, xmpp.LeftKicked, left.Cause)
		require.Equal(t, "noise", left.Reason)
		require.Equal(t, xmpp.LeftKicked, bob.untilKind(xmpp.OccupantLeft).Cause)
		eve.enter("Eve")
		bob.untilKind(xmpp.OccupantEntered)
		_, err = alice.SetAffiliations(ctx, room, xmpp.RoomItem{JID: eve.full, Affiliation: xmpp.AffiliationOutcast})
		require.NoError(t, err)
		require.Equal(t, xmpp.LeftBanned, eve.untilKind(xmpp.RoomLeft).Cause)
		require.Equal(t, xmpp.LeftBanned, bob.untilKind(xmpp.OccupantLeft).Cause)
		err = eve.join(xmpp.JoinOptions{Nick: "Eve"}).Err
		if s.Kind == testserver.Prosody { // looks at the members first
			require.ErrorIs(t, err, xmpp.ErrRoomMembersOnly)
		} else {
			require.ErrorIs(t, err, xmpp.ErrRoomBanned)
		}

		// No longer a member, in a room for members.
		_, err = alice.SetAffiliations(ctx, room, xmpp.RoomItem{JID: bob.Self(), Affiliation: xmpp.AffiliationNone})
		require.NoError(t, err)
		require.Equal(t, xmpp.LeftAffiliation, bob.untilKind(xmpp.RoomLeft).Cause)
		_, err = alice.SetAffiliations(ctx, room, xmpp.RoomItem{JID: alice.Self(), Affiliation: xmpp.AffiliationNone})
		require.ErrorIs(t, err, xmpp.ErrRoomForbidden, "an owner stays")
		_, err = alice.SetAffiliations(ctx, room, xmpp.RoomItem{JID: bob.Self(), Affiliation: xmpp.AffiliationAdmin})
		require.NoError(t, err)
		bob.enter("Bob")

		require.ErrorIs(t, bob.DestroyRoom(ctx, room, xmpp.RoomDestroyed{}), xmpp.ErrRoomForbidden)
		next := newRoomJID(t, s)
		require.NoError(t, alice.DestroyRoom(ctx, room, xmpp.RoomDestroyed{Reason: "moved", Alternate: next}))
		left = bob.untilKind(xmpp.RoomLeft)
		require.Equal(t, xmpp.LeftDestroyed, left.Cause)
		require.Equal(t, "moved", left.Reason)
		require.True(t, next.Equal(left.Destroyed.Alternate))
		require.Equal(t, xmpp.LeftDestroyed, alice.untilKind(xmpp.RoomLeft).Cause)
		// ejabberd never answers what reaches a room that is just ending.
		for deadline := time.Now().Add(patience); ; {
			short, cancel := context.WithTimeout(ctx, time.Second)
			_, err = bob.FetchRoomInfo(short, room)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Now().After(deadline) {
				break
			}
		}
		if s.Kind == testserver.Prosody { // which remembers it
			require.ErrorIs(t, err, xmpp.ErrRoomDestroyed)
			c = bob.join(xmpp.JoinOptions{Nick: "Bob"})
			require.ErrorIs(t, c.Err, xmpp.ErrRoomDestroyed)
			var re *xmpp.RoomError
			require.ErrorAs(t, c.Err, &re)
			require.True(t, next.Equal(re.Alternate), "%s", re.Alternate)
		} else {
			require.ErrorIs(t, err, xmpp.ErrRoomNotFound)
		}
		proves(t, s, "0045")
	})
}

func TestPublicRoomOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		_, err := bob.FetchRoomInfo(ctx, room)
		require.ErrorIs(t, err, xmpp.ErrRoomNotFound)
		_, err = bob.FetchRoomInfo(ctx, alice.full)
		require.Error(t, err)
		settings := xmpp.PublicRoom("Open house", false)
		settings.Description, settings.Password = new("Everybody\nis welcome"), new("pass & <word>")
		info := alice.makeRoom(settings)
		require.True(t, info.Password)
		require.Contains(t, info.Description, "Everybody")
		require.ErrorIs(t, bob.join(xmpp.JoinOptions{Nick: "Bob"}).Err, xmpp.ErrRoomPassword)
		require.NoError(t, bob.join(xmpp.JoinOptions{Nick: "Bob", Password: "pass & <word>"}).Err)
		bob.learn()
		founder, ok := bob.room.Occupant("Founder")
		require.True(t, ok)
		require.True(t, founder.RealJID.Equal(jid.JID{}), "the room is semi-anonymous")
		seen := alice.untilKind(xmpp.OccupantEntered).Occupant
		require.True(t, seen.RealJID.Equal(jid.JID{}))
		require.True(t, seen.ShownJID.Equal(bob.full), "a moderator sees it all the same")

		// Changed while we are there.
		require.NoError(t, alice.ConfigureRoom(ctx, room, xmpp.RoomSettings{Name: new("Other"), Password: new("")}))
		bob.untilKind(xmpp.RoomConfigured)
		info = bob.learn()
		require.Equal(t, "Other", info.Name)
		require.False(t, info.Password)

		// Non-anonymous, and back.
		require.NoError(t, alice.ConfigureRoom(ctx, room, xmpp.RoomSettings{NonAnonymous: new(true)}))
		bob.until(func(c xmpp.RoomChange) bool {
			return c.Kind == xmpp.RoomConfigured && bob.room.Trust().RealJIDs
		})
		require.NoError(t, alice.ConfigureRoom(ctx, room, xmpp.RoomSettings{NonAnonymous: new(false)}))
		bob.until(func(c xmpp.RoomChange) bool {
			return c.Kind == xmpp.RoomConfigured && !bob.room.Trust().RealJIDs
		})

		services, err := bob.FetchRoomServices(ctx)
		require.NoError(t, err)
		require.Len(t, services, 1)
		require.True(t, services[0].Equal(roomService(s)))
		other := newGuest(t, s, "carol", newRoomJID(t, s))
		other.makeRoom(xmpp.PublicRoom("Second", true))
		var listed []string
		for after := ""; ; {
			page, err := bob.FetchRoomList(ctx, services[0], after, 1)
			require.NoError(t, err)
			for _, r := range page.Rooms {
				listed = append(listed, r.JID.String())
			}
			if after = page.Next; after == "" {
				break
			}
			require.Less(t, len(listed), 100)
		}
		require.Contains(t, listed, room.String())
		require.Contains(t, listed, other.room.JID().String())

		// Banned before ever having been there.
		_, err = alice.SetAffiliations(ctx, room, xmpp.RoomItem{JID: other.Self(), Affiliation: xmpp.AffiliationOutcast})
		require.NoError(t, err)
		banned := &guest{user: other.user, room: xmpp.NewRoom(room, xmpp.RoomTrust{}, 0)}
		require.ErrorIs(t, banned.join(xmpp.JoinOptions{Nick: "Carol"}).Err, xmpp.ErrRoomBanned)

		// Left by ourselves.
		e, err := bob.room.Leave("bye")
		require.NoError(t, err)
		require.NoError(t, bob.SendRoomPresence(ctx, e))
		require.Equal(t, xmpp.LeftByThemselves, bob.untilKind(xmpp.RoomLeft).Cause)
		require.Equal(t, "Bob", alice.untilKind(xmpp.OccupantLeft).Occupant.Nick)

		// Open to members only from now on.
		require.NoError(t, bob.join(xmpp.JoinOptions{Nick: "Bob"}).Err)
		require.NoError(t, alice.ConfigureRoom(ctx, room, xmpp.RoomSettings{MembersOnly: new(true)}))
		require.Equal(t, xmpp.LeftMembersOnly, bob.untilKind(xmpp.RoomLeft).Cause)
		proves(t, s, "0045")
	})
}

func TestFullRoomOnServers(t *testing.T) {
	s := ejabberd.Server(t) // Prosody has no limit
	room := newRoomJID(t, s)
	alice := newGuest(t, s, "alice", room)
	settings := xmpp.PublicRoom("Small", false)
	settings.MaxUsers = 4
	alice.makeRoom(settings)
	for i := range 5 {
		g := newGuest(t, s, fmt.Sprint("g", i), room)
		c := g.join(xmpp.JoinOptions{Nick: fmt.Sprint("G", i)})
		if i < 4 {
			require.NoError(t, c.Err)
		} else {
			require.ErrorIs(t, c.Err, xmpp.ErrRoomFull)
		}
	}
}

func TestRoomMessagesOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		room := newRoomJID(t, s)
		alice, bob := newGuest(t, s, "alice", room), newGuest(t, s, "bob", room)
		info := alice.makeRoom(xmpp.PublicRoom("Talk", true))
		bob.enter("Bob")
		alice.untilKind(xmpp.OccupantEntered)

		id := bob.say("hello")
		m, rm := alice.hearBody("hello")
		require.Equal(t, id, m.ID)
		require.Equal(t, "Bob", rm.Nick)
		require.True(t, rm.RealJID.Equal(bob.full))
		require.NotEmpty(t, rm.StanzaID)
		require.Equal(t, rm.StanzaID, m.MarkerID(&rm))
		require.Equal(t, info.Info.Has(xmpp.NSOccupantID), rm.OccupantID != "")
		require.Equal(t, s.Kind == testserver.Prosody, info.Info.Has(xmpp.NSOccupantID))
		author, ok := alice.room.Occupant("Bob")
		require.True(t, ok)
		require.Equal(t, author.ID, rm.OccupantID)
		_, own := bob.hearBody("hello")
		require.True(t, own.Own)
		require.Equal(t, rm.StanzaID, own.StanzaID)

		// A claim to be somebody else, in a place of the room's.
		forged := xmpp.Message{To: room, Type: "groupchat", ID: xmpp.NewID(), Body: "forged"}.Build()
		forged.Add(element.New("urn:xmpp:sid:0", "stanza-id").With("by", room.String()).With("id", "mine"))
		forged.Add(element.New(xmpp.NSOccupantID, "occupant-id").With("id", "mine"))
		require.NoError(t, bob.Send(ctx, forged))
		_, rm2 := alice.hearBody("forged")
		require.NotEqual(t, "mine", rm2.StanzaID)
		require.Equal(t, rm.OccupantID, rm2.OccupantID)

		// The archive of the room.
		page, err := alice.QueryArchive(ctx, xmpp.ArchiveQuery{Archive: room, Max: 10})
		require.NoError(t, err)
		var bodies []string
		for _, item := range page.Items {
			require.NoError(t, item.Err)
			archived, err := xmpp.ParseArchivedRoomMessage(item, room, alice.room.Trust())
			require.NoError(t, err)
			if item.Message.Body == "hello" {
				require.Equal(t, rm.StanzaID, archived.StanzaID)
				require.Equal(t, rm.OccupantID, archived.OccupantID)
				require.Equal(t, "Bob", archived.Nick)
			}
			if item.Message.Body != "" {
				bodies = append(bodies, item.Message.Body)
			}
		}
		require.Equal(t, []string{"hello", "forged"}, bodies)

		// The subject.
		_, err = alice.SetSubject(ctx, room, "What <we> talk about")
		require.NoError(t, err)
		bob.until(func(c xmpp.RoomChange) bool {
			subject, _ := bob.room.Subject()
			return c.Kind == xmpp.RoomSubject && subject == "What <we> talk about"
		})

		// In private.
		me, err := xmpp.OccupantJID(room, "Founder")
		require.NoError(t, err)
		private := xmpp.Message{To: me, Type: "chat", ID: xmpp.NewID(), Body: "psst"}.Build().Add(xmpp.PrivateMark())
		require.NoError(t, bob.Send(ctx, private))
		_, rm = alice.hearBody("psst")
		require.True(t, rm.Private)
		require.Equal(t, "Bob", rm.Nick)
		require.Empty(t, rm.StanzaID)

		// Without history there is none; with it there is.
		carol := newGuest(t, s, "carol", room)
		carol.enter("Carol")
		carol.untilKind(xmpp.RoomSubject)
		for _, m := range carol.messages {
			require.Empty(t, m.Body)
		}
		require.NoError(t, carol.join(xmpp.JoinOptions{Nick: "Carol", History: &xmpp.RoomHistory{MaxStanzas: 10}}).Err)
		old, replayed := carol.hearBody("forged")
		require.WithinDuration(t, time.Now(), old.Delay, time.Hour)
		require.False(t, replayed.Own)
		require.True(t, replayed.RealJID.Equal(jid.JID{}), "who had the nick then is not known")

		// Whom the room does not know.
		eve := newGuest(t, s, "eve", room)
		eve.say("let me in")
		m, _ = eve.hear(func(m xmpp.Message, _ xmpp.RoomMessage) bool { return m.Type == "error" })
		require.ErrorIs(t, xmpp.RoomMessageError(m), xmpp.ErrRoomNotJoined)
		proves(t, s, "0045", "0313/muc")
	})
}
