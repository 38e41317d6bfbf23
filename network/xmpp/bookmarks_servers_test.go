// SPDX-License-Identifier: MPL-2.0

//go:build servers

package xmpp_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
)

func TestBookmarksOnServers(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := t.Context()
		account := s.NewAccount(t, "alice")
		phone := onlineWith(t, s, account, "phone", xmpp.NotifyBookmarks)
		laptop := onlineWith(t, s, account, "laptop", xmpp.NotifyBookmarks)
		for _, u := range []*user{phone, laptop} {
			require.NoError(t, u.SendPresence(ctx, xmpp.Presence{}))
		}
		info, err := phone.FetchInfo(ctx, jid.JID{}, "")
		require.NoError(t, err)
		support := xmpp.ParseBookmarkSupport(info)
		require.True(t, support.Native)
		require.True(t, support.Options)
		require.Equal(t, s.Kind == testserver.Prosody, support.Unified)
		found, err := phone.FetchBookmarks(ctx, support)
		require.NoError(t, err)
		require.Empty(t, found)

		change := func(u *user) xmpp.BookmarkChange {
			var c xmpp.BookmarkChange
			u.message(func(m xmpp.Message) bool {
				ok := false
				if m.Event != nil {
					c, ok = xmpp.ParseBookmarkEvent(*m.Event, u.Self())
				}
				return ok && len(c.Set)+len(c.Removed) > 0
			})
			return c
		}
		room, second := newRoomJID(t, s), newRoomJID(t, s)
		note := element.New("urn:example:note", "note").With("x", "1").WithText("<&>")
		b := xmpp.Bookmark{Room: room, Name: "Our <room>", Autojoin: true, Nick: "Alice", Password: "p", Extensions: []*element.Element{note}}
		require.NoError(t, phone.PublishBookmark(ctx, support, b))
		require.NoError(t, phone.PublishBookmark(ctx, support, xmpp.Bookmark{Room: second}))
		heard := change(laptop)
		require.Len(t, heard.Set, 1)
		require.True(t, heard.Set[0].Room.Equal(room))
		found, err = laptop.FetchBookmarks(ctx, support)
		require.NoError(t, err)
		require.Len(t, found, 2, "the second has not pushed out the first")
		changed := heard.Set[0]
		require.Equal(t, []any{"Our <room>", "Alice", "p", true}, []any{changed.Name, changed.Nick, changed.Password, changed.Autojoin})
		changed.Autojoin, changed.Name = false, "Mine"
		require.NoError(t, laptop.PublishBookmark(ctx, support, changed))
		for heard = change(phone); !heard.Set[0].Room.Equal(room) || heard.Set[0].Name != "Mine"; heard = change(phone) {
		}
		require.False(t, heard.Set[0].Autojoin)
		require.Equal(t, note.Bytes(), heard.Set[0].Extensions[0].Bytes())
		bob := online(t, s, s.NewAccount(t, "bob"), "b")
		_, err = bob.FetchItems(ctx, phone.Self(), xmpp.NSBookmarks, 0)
		require.ErrorIs(t, err, xmpp.ErrNoNode, "nobody else may see them")

		require.NoError(t, phone.RemoveBookmark(ctx, support, changed))
		require.NoError(t, phone.RemoveBookmark(ctx, support, changed), "it may be gone already")
		if s.Kind == testserver.Prosody { // ejabberd 23.01 tells nobody
			for heard = change(laptop); len(heard.Removed) == 0; heard = change(laptop) {
			}
			require.True(t, heard.Removed[0].Equal(room))
		}
		found, err = laptop.FetchBookmarks(ctx, support)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.True(t, found[0].Room.Equal(second))

		// As before XEP-0402.
		old := xmpp.BookmarkSupport{}
		third := xmpp.Bookmark{Room: newRoomJID(t, s), Name: "Old", Nick: "A", Autojoin: true}
		require.NoError(t, phone.PublishBookmark(ctx, old, third))
		found, err = phone.FetchBookmarks(ctx, old)
		require.NoError(t, err)
		names := map[string]bool{}
		for _, b := range found {
			require.True(t, b.Legacy)
			names[b.Name] = true
		}
		require.True(t, names["Old"])
		found, err = phone.FetchBookmarks(ctx, support)
		require.NoError(t, err)
		require.Len(t, found, 2, "one of each kind")
		for _, b := range found {
			require.NoError(t, phone.RemoveBookmark(ctx, support, b))
		}
		for _, how := range []xmpp.BookmarkSupport{support, old} {
			found, err = phone.FetchBookmarks(ctx, how)
			require.NoError(t, err)
			require.Empty(t, found)
		}
		proves(t, s, "0048", "0049", "0223", "0402")
	})
}
