// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

func (u *user) blocked() []string {
	u.t.Helper()
	list, err := u.account.Blocked(withPatience(u.t))
	require.NoError(u.t, err)
	return list
}

func (u *user) conversations(f core.ConversationFilter) []core.ConversationInfo {
	u.t.Helper()
	list, err := u.client.Conversations(withPatience(u.t), f)
	require.NoError(u.t, err)
	return list
}

func (u *user) unread() int {
	u.t.Helper()
	n, err := u.client.Unread(withPatience(u.t))
	require.NoError(u.t, err)
	return n
}

// XEP-0191, XEP-0377: what is blocked on one device is on all, and stays away.
func TestBlocking(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, mallory, bob := newUser(t, s, "alice", nil), newUser(t, s, "mallory", nil), newUser(t, s, "bob", nil)
		befriend(alice, mallory)
		require.NoError(t, mallory.with(alice).SetEncryption(t.Context(), core.Plain))
		require.NoError(t, bob.with(alice).SetEncryption(t.Context(), core.Plain))
		mallory.send(alice, "buy now")
		alice.until("first message", func() bool { return len(alice.received(mallory)) == 1 })
		laptop := alice.secondDevice(s)
		laptop.online()

		require.ErrorIs(t, alice.account.Block(t.Context(), alice.account.JID(), nil), core.ErrBadAddress)
		report := &core.AbuseReport{Reason: core.ReportSpam, Text: "again", Messages: []core.MessageID{alice.history(mallory)[0].ID}}
		require.NoError(t, alice.account.Block(withPatience(t), mallory.account.JID(), report))
		want := []string{mallory.account.JID()}
		require.Equal(t, want, alice.blocked())
		laptop.until("blocked by push", func() bool { return len(laptop.blocked()) == 1 })
		require.Equal(t, want, laptop.blocked())

		id := mallory.send(alice, "buy more")
		mallory.until("came back", func() bool { return mallory.state(id) == core.MessageFailed })
		bob.send(alice, "hello")
		alice.until("the next message", func() bool { return len(alice.received(bob)) == 1 })
		require.Equal(t, []string{"buy now"}, alice.received(mallory))

		late := laptop.secondDevice(s)
		late.until("blocked by list", func() bool { return len(late.blocked()) == 1 })

		require.NoError(t, laptop.account.Unblock(withPatience(t), mallory.account.JID()))
		for _, u := range []*user{alice, laptop, late} {
			u.until("unblocked", func() bool { return len(u.blocked()) == 0 })
		}
		mallory.send(alice, "sorry")
		alice.until("the apology", func() bool { return len(alice.received(mallory)) == 2 })
		proves(t, s, "0191")
	})
}

// A stranger's first message is a request, and silent until accepted.
func TestStrangers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob, mallory := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil), newUser(t, s, "mallory", nil)
		requests := core.ConversationFilter{Requests: true}
		for _, u := range []*user{bob, mallory} {
			require.NoError(t, u.with(alice).SetEncryption(t.Context(), core.Plain))
			u.send(alice, "hello, it is me")
		}
		alice.until("requests", func() bool { return len(alice.conversations(requests)) == 2 })
		require.Empty(t, alice.conversations(core.ConversationFilter{}))
		require.Zero(t, alice.unread())

		c := alice.with(bob)
		info, err := c.Info(t.Context())
		require.NoError(t, err)
		require.True(t, info.Request, "looking is not accepting")
		require.Equal(t, 1, info.Unread)
		require.NoError(t, c.Accept(t.Context()))
		require.Equal(t, 1, alice.unread())
		require.Len(t, alice.conversations(core.ConversationFilter{}), 1)

		spam := alice.with(mallory)
		require.NoError(t, spam.Block(withPatience(t), nil))
		require.Empty(t, alice.conversations(requests))
		require.Equal(t, []string{mallory.account.JID()}, alice.blocked())
		_, err = spam.Info(t.Context())
		require.ErrorIs(t, err, core.ErrNoConversation)

		// Who is a contact, or was written to, is no stranger; who was declined is.
		carol, dave := newUser(t, s, "carol", nil), newUser(t, s, "dave", nil)
		for _, u := range []*user{carol, dave} {
			require.NoError(t, u.with(alice).SetEncryption(t.Context(), core.Plain))
			u.send(alice, "hello")
		}
		alice.until("requests", func() bool { return len(alice.conversations(requests)) == 2 })
		require.NoError(t, alice.account.AddContact(withPatience(t), carol.account.JID(), ""))
		alice.until("contact", func() bool { return len(alice.conversations(requests)) == 1 })
		require.NoError(t, alice.with(dave).Decline(withPatience(t)))
		require.Empty(t, alice.conversations(requests))
		id := dave.send(alice, "hello?")
		alice.until("again", func() bool { return len(alice.conversations(requests)) == 1 })
		dave.until("sent", func() bool { return dave.state(id) >= core.MessageSent })
		require.Equal(t, core.MessageSent, dave.state(id), "no receipt")
		require.NoError(t, alice.with(dave).SetEncryption(t.Context(), core.Plain))
		alice.send(dave, "yes")
		require.Empty(t, alice.conversations(requests))
	})
}

// redSquare is a picture of n by n pixels.
func redSquare(t *testing.T, n int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, n, n))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.RGBA{200, 0, 0, 255}), image.Point{}, draw.Src)
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func (u *user) profile(of *user) core.Profile {
	u.t.Helper()
	p, err := u.account.Profile(withPatience(u.t), of.account.JID())
	require.NoError(u.t, err)
	return p
}

// shows says whether u has the picture with that name of somebody.
func (u *user) shows(of *user, hash string) bool {
	u.t.Helper()
	if u.profile(of).Avatar != hash {
		return false
	}
	_, err := u.client.Avatar(withPatience(u.t), hash)
	return err == nil
}

// XEP-0084, XEP-0153, XEP-0172, XEP-0398: contacts see a nickname and a picture
// as they change, strangers when they ask.
func TestProfiles(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob, carol := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil), newUser(t, s, "carol", nil)
		befriend(alice, bob)
		laptop := alice.secondDevice(s)
		ctx := withPatience(t)
		// Servers send news to those of whom they know that they want them.
		// ejabberd 23.01 does not always know of who has become a contact since
		// signing in.
		require.NoError(t, bob.account.SignOut(ctx))
		for _, there := range []core.Availability{core.Unavailable, core.Available} {
			if there == core.Available {
				require.NoError(t, bob.account.SignIn(ctx))
			}
			for _, u := range []*user{alice, laptop} {
				u.until("presence", func() bool { return u.account.Presence(bob.account.JID()).Availability == there })
			}
		}
		require.ErrorIs(t, alice.account.SetNick(ctx, "a\nb"), core.ErrBadNick)
		require.NoError(t, alice.account.SetNick(ctx, "Alice <&>"))
		hash, err := alice.account.SetAvatar(ctx, redSquare(t, 600))
		require.NoError(t, err)
		for _, u := range []*user{alice, laptop, bob} {
			u.until("nickname", func() bool { return u.profile(alice).Nick == "Alice <&>" })
			u.until("picture", func() bool { return u.shows(alice, hash) })
		}
		picture, err := bob.client.Avatar(ctx, hash)
		require.NoError(t, err)
		require.Equal(t, "image/jpeg", picture.MediaType)
		require.Equal(t, core.Profile{JID: alice.account.JID()}, carol.profile(alice), "nobody asked")

		second, err := laptop.account.SetAvatar(ctx, redSquare(t, 20))
		require.NoError(t, err)
		bob.until("the next picture", func() bool { return bob.shows(alice, second) })
		n, err := bob.client.PruneAvatars(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, err = bob.client.Avatar(ctx, hash)
		require.ErrorIs(t, err, core.ErrNoAvatar)

		require.NoError(t, bob.account.RefreshProfile(ctx, alice.account.JID()))
		require.True(t, bob.shows(alice, second))
		require.Equal(t, "Alice <&>", bob.profile(alice).Nick)
		require.NotZero(t, bob.profile(alice).Fetched)
		require.NoError(t, carol.account.RefreshProfile(ctx, bob.account.JID()))
		require.Empty(t, carol.profile(bob).Avatar)

		require.NoError(t, alice.account.RemoveAvatar(ctx))
		for _, u := range []*user{laptop, bob} {
			u.until("no picture", func() bool { return u.profile(alice).Avatar == "" })
		}
		_, err = alice.account.SetAvatar(ctx, []byte("<svg/>"))
		require.Equal(t, "picture.format", core.ErrorCode(err))
		proves(t, s, "0084", "0172")
	})
}

// XEP-0357: the wish to be woken holds over sessions.
func TestPush(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice := newUser(t, s, "alice", nil)
		ctx := withPatience(t)
		state := func() core.PushState {
			p, ok, err := alice.account.Push(ctx)
			require.NoError(t, err)
			require.True(t, ok)
			return p
		}
		require.ErrorIs(t, alice.account.EnablePush(ctx, core.PushConfig{Service: "push.example"}), core.ErrBadPush)
		require.ErrorIs(t, alice.account.EnablePush(ctx, core.PushConfig{Service: "@", Node: "n"}), core.ErrBadAddress)
		cfg := core.PushConfig{Service: "push.confab.test", Node: "node", Options: map[string]string{"secret": "s"}}
		require.NoError(t, alice.account.EnablePush(ctx, cfg))
		require.Equal(t, core.PushState{PushConfig: cfg, Enabled: true}, state())

		require.NoError(t, alice.account.SignOut(ctx))
		cfg.Node = "another"
		require.NoError(t, alice.account.EnablePush(ctx, cfg))
		require.False(t, state().Enabled, "nobody was asked")
		require.NoError(t, alice.account.SignIn(ctx))
		alice.until("enabled again", func() bool { return state().Enabled })

		require.NoError(t, alice.account.DisablePush(ctx))
		_, ok, err := alice.account.Push(ctx)
		require.NoError(t, err)
		require.False(t, ok)
		proves(t, s, "0357")
	})
}

// XEP-0030, XEP-0157, XEP-0215: what a server offers.
func TestServerReport(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice := newUser(t, s, "alice", nil)
		r, err := alice.account.ServerReport(withPatience(t))
		require.NoError(t, err)
		for _, xep := range []string{"0060", "0163", "0191", "0198", "0280", "0313", "0352", "0357", "0363", "0398"} {
			require.True(t, r.Offers(xep), xep)
		}
		require.False(t, r.Offers("0377"))
		require.False(t, r.Offers("9999"))
		require.EqualValues(t, 10<<20, r.MaxUpload)
	})
}

// XEP-0379, XEP-0401, XEP-0445: a link makes its reader a contact, and opens an
// account where the server lets it.
func TestContactLinks(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob, carol := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil), newUser(t, s, "carol", nil)
		ctx := withPatience(t)
		made, err := alice.account.CreateContactLink(ctx, "Alice & Co")
		require.NoError(t, err)
		require.Equal(t, s.Kind == testserver.Prosody, made.OpensAccount)
		x, err := core.ParseLink(made.URI)
		require.NoError(t, err)
		require.Equal(t, []any{core.LinkContact, alice.account.JID(), "Alice & Co"}, []any{x.Action, x.Peer, x.Name})
		require.ErrorIs(t, alice.account.FollowLink(ctx, x), core.ErrBadLink)
		require.NoError(t, bob.account.FollowLink(ctx, x))
		both := func(u *user) {
			u.until("contacts", func() bool {
				list, err := u.account.Contacts(ctx)
				require.NoError(t, err)
				return len(list) == 1 && list[0].Subscription == "both"
			})
		}
		both(alice)
		both(bob)
		waiting := func() []string {
			list, err := alice.account.Requests(ctx)
			require.NoError(t, err)
			return list
		}
		alice.until("nothing to answer", func() bool { return len(waiting()) == 0 })
		require.NoError(t, carol.account.FollowLink(ctx, x))
		alice.until("request", func() bool { return len(waiting()) == 1 })
		require.Equal(t, []string{carol.account.JID()}, waiting(), "a token is good for one")

		proves(t, s, "0379")
		if !made.OpensAccount {
			return
		}
		cfg := carol.where
		cfg.JID = "invited-" + carol.where.JID
		made, err = alice.account.CreateContactLink(ctx, "")
		require.NoError(t, err)
		x, err = core.ParseLink(made.URI)
		require.NoError(t, err)
		dave, err := carol.client.RegisterWithLink(ctx, cfg, x)
		require.NoError(t, err)
		require.Equal(t, cfg.JID, dave.JID())
		cfg.JID = "again-" + carol.where.JID
		_, err = carol.client.RegisterWithLink(ctx, cfg, x)
		require.Equal(t, "xmpp.register.token", core.ErrorCode(err), "%v", err)
		proves(t, s, "0401", "0445")
	})
}
