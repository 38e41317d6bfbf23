// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// part gives a conversation with one message.
func part(t *testing.T, tx *Tx) (conv, message int64) {
	conv = newConversation(t, tx, newAccount(t, tx, "a"), "p")
	return conv, newMessage(t, tx, Message{ConversationID: conv, Body: "hello", ArchiveID: "arch", RemoteID: "rem"}).ID
}

func TestReactions(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		conv, id := part(t, tx)
		before, err := tx.Conversation(conv)
		require.NoError(t, err)
		put := func(at time.Time, emojis ...string) bool {
			changed, err := tx.PutReaction(Reaction{MessageID: id, Sender: "b@c", Name: "Bob", Emojis: emojis, At: at})
			require.NoError(t, err)
			return changed
		}
		require.True(t, put(epoch, "👍", "🎉"))
		require.False(t, put(epoch, "👍", "🎉"), "the same again")
		require.False(t, put(epoch.Add(-time.Second), "😀"), "an older set")
		require.True(t, put(epoch.Add(time.Second)), "all taken back")
		require.False(t, put(epoch, "👍"), "older than that")
		got, err := tx.Reactions(id)
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Empty(t, got[0].Emojis)
		require.Equal(t, "Bob", got[0].Name)
		after, err := tx.Conversation(conv)
		require.NoError(t, err)
		require.Greater(t, after.Revision, before.Revision)
		_, err = tx.PutReaction(Reaction{MessageID: 99, Sender: "b@c", At: epoch})
		require.ErrorIs(t, err, ErrNotFound)
		// Whichever of two sets of the same moment comes first, one wins.
		require.True(t, put(epoch.Add(time.Minute), "b"))
		require.False(t, put(epoch.Add(time.Minute), "a"))
		require.NoError(t, tx.DeleteMessage(id))
		got, err = tx.Reactions(id)
		require.NoError(t, err)
		require.Empty(t, got)
	})
	require.NoError(t, db.Check(ctx))
}

func TestEdits(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		_, id := part(t, tx)
		for i, want := range []bool{true, true, false} {
			at := epoch.Add(-time.Duration(i%2) * time.Second)
			added, err := tx.AddEdit(Edit{MessageID: id, At: at, RemoteID: "r", Body: fmt.Sprint("text ", i)})
			require.NoError(t, err)
			require.Equal(t, want, added)
		}
		got, err := tx.Edits(id)
		require.NoError(t, err)
		requireSame(t, []Edit{{id, epoch.Add(-time.Second), "r", "text 1"}, {id, epoch, "r", "text 0"}}, got)
		require.NoError(t, tx.DeleteEdits(id))
		got, err = tx.Edits(id)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

func TestAttachments(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		conv, id := part(t, tx)
		a := Attachment{MessageID: id, Position: 1, State: 2, Reason: "r", URL: "https://x/y", Secret: []byte("s"), Name: "n",
			MediaType: "image/png", Size: -1, Width: 3, Height: 4, Duration: 5 * time.Second, Hash: []byte("h"),
			Thumbnail: []byte("t"), ThumbnailType: "image/jpeg", File: "f", FileSecret: []byte("k"), Done: 6, Created: epoch}
		require.NoError(t, tx.AddAttachment(&a))
		b := Attachment{MessageID: id, Position: 0}
		require.NoError(t, tx.AddAttachment(&b))
		require.ErrorIs(t, tx.AddAttachment(&Attachment{MessageID: 99}), ErrNotFound)
		got, err := tx.Attachment(a.ID)
		require.NoError(t, err)
		requireSame(t, a, got)
		list, err := tx.Attachments(id)
		require.NoError(t, err)
		requireSame(t, []Attachment{b, a}, list)
		list, err = tx.AttachmentsInState(a.AccountID, 2)
		require.NoError(t, err)
		requireSame(t, []Attachment{a}, list)
		list, err = tx.ConversationAttachments(conv, b.ID, 5)
		require.NoError(t, err)
		requireSame(t, []Attachment{a}, list)
		var files []string
		require.NoError(t, tx.MediaFiles(func(name string) error { files = append(files, name); return nil }))
		require.Equal(t, []string{"f"}, files)

		a.State, a.URL, a.Secret, a.Done, a.Size = 3, "https://z", nil, 7, 8
		require.NoError(t, tx.UpdateAttachment(a))
		got, err = tx.Attachment(a.ID)
		require.NoError(t, err)
		requireSame(t, a, got)
		require.ErrorIs(t, tx.UpdateAttachment(Attachment{ID: 99, MessageID: id}), ErrNotFound)
		require.NoError(t, tx.DeleteAttachments(id))
		list, err = tx.Attachments(id)
		require.NoError(t, err)
		require.Empty(t, list)
	})
}

func TestPendingReferences(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		conv, _ := part(t, tx)
		for i := range MaxPending + 5 {
			p := Pending{ConversationID: conv, Target: fmt.Sprint(i % 2), Kind: 3, Payload: []byte{byte(i)}}
			require.NoError(t, tx.AddPending(&p))
		}
		require.Equal(t, MaxPending, countIn(t, tx, "SELECT count(*) FROM pending"))
		got, err := tx.TakePending(conv, "1")
		require.NoError(t, err)
		require.Len(t, got, MaxPending/2)
		require.Less(t, got[0].ID, got[1].ID)
		require.Equal(t, []byte{5}, got[0].Payload, "the oldest are forgotten")
		again, err := tx.TakePending(conv, "1")
		require.NoError(t, err)
		require.Empty(t, again)
	})
}

func countIn(t *testing.T, tx *Tx, query string) (n int) {
	require.NoError(t, tx.one([]any{&n}, query))
	return n
}

func TestDisplayedOnlyMovesForward(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		conv, _ := part(t, tx)
		for _, c := range []struct {
			sender string
			key    int64
			want   bool
		}{{"b", 10, true}, {"b", 9, false}, {"b", 10, false}, {"b", 11, true}, {"c", 50, true}} {
			changed, err := tx.AdvanceDisplayed(Displayed{ConversationID: conv, Sender: c.sender, Name: "n", SortKey: c.key, At: epoch})
			require.NoError(t, err)
			require.Equal(t, c.want, changed, "%+v", c)
		}
		got, err := tx.Displayed(conv)
		require.NoError(t, err)
		requireSame(t, []Displayed{{conv, "c", "n", 50, epoch}, {conv, "b", "n", 11, epoch}}, got)
	})
}

func TestRooms(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		conv, _ := part(t, tx)
		_, err := tx.Room(conv)
		require.ErrorIs(t, err, ErrNotFound)
		v := Room{ConversationID: conv, Nick: "me", Password: []byte("pw"), Wanted: true, Reason: "r", Name: "n", Description: "d",
			Subject: "s", SubjectBy: "x", Features: 1 << 63, Affiliation: 4, Role: 3, OccupantID: "o", Avatar: "a", Bookmark: []byte("b")}
		require.NoError(t, tx.PutRoom(v))
		v.Wanted = false
		require.NoError(t, tx.PutRoom(v))
		got, err := tx.Room(conv)
		require.NoError(t, err)
		requireSame(t, v, got)
		list, err := tx.Rooms(1)
		require.NoError(t, err)
		requireSame(t, []Room{v}, list)
		require.Error(t, tx.PutRoom(Room{ConversationID: 99}), "of no conversation")

		require.NoError(t, tx.ReplaceMembers(conv, []Member{{JID: "z@y", Nick: "z", Affiliation: 3}, {JID: "a@y"}}))
		require.NoError(t, tx.PutMember(Member{conv, "a@y", "a", 4}))
		members, err := tx.Members(conv)
		require.NoError(t, err)
		requireSame(t, []Member{{conv, "a@y", "a", 4}, {conv, "z@y", "z", 3}}, members)
		require.NoError(t, tx.DeleteMember(conv, "a@y"))
		require.NoError(t, tx.DeleteRoom(conv))
		members, err = tx.Members(conv)
		require.NoError(t, err)
		require.Empty(t, members)
		_, err = tx.Room(conv)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestProfilesAndAvatars(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		account := newAccount(t, tx, "a")
		p := Profile{AccountID: account, JID: "b@c", Nick: "Bob", Avatar: "h1", Card: []byte("{}"), Fetched: epoch}
		require.NoError(t, tx.PutProfile(p))
		p.Nick = "Bobby"
		require.NoError(t, tx.PutProfile(p))
		got, err := tx.Profile(account, "b@c")
		require.NoError(t, err)
		requireSame(t, p, got)
		for _, h := range []string{"h1", "h2"} {
			require.NoError(t, tx.PutAvatar(Avatar{h, "image/png", []byte("data")}))
		}
		n, err := tx.PruneAvatars()
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		ok, err := tx.HasAvatar("h1")
		require.NoError(t, err)
		require.True(t, ok)
		a, err := tx.Avatar("h1")
		require.NoError(t, err)
		requireSame(t, Avatar{"h1", "image/png", []byte("data")}, a)
		_, err = tx.Avatar("h2")
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestBlocked(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		account := newAccount(t, tx, "a")
		require.NoError(t, tx.ReplaceBlocked(account, []string{"z@y", "b@c"}))
		require.NoError(t, tx.SetBlocked(account, "b@c", true))
		require.NoError(t, tx.SetBlocked(account, "z@y", false))
		list, err := tx.Blocked(account)
		require.NoError(t, err)
		require.Equal(t, []string{"b@c"}, list)
		ok, err := tx.IsBlocked(account, "z@y")
		require.NoError(t, err)
		require.False(t, ok)
	})
}

func TestMessageByOtherIDs(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		conv, id := part(t, tx)
		m, err := tx.MessageByArchiveID(conv, "arch")
		require.NoError(t, err)
		require.Equal(t, id, m.ID)
		_, err = tx.MessageByArchiveID(conv, "")
		require.ErrorIs(t, err, ErrNotFound)
		own := newMessage(t, tx, Message{ConversationID: conv, Outgoing: true, RemoteID: "rem"})
		list, err := tx.MessagesByRemoteID(conv, "rem")
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, own.ID, list[0].ID)
	})
}

// What people wrote or are called is in nothing that is printed.
func TestPartsRedactThemselves(t *testing.T) {
	const canary = "canary-7261"
	for _, row := range []any{
		Reaction{Sender: canary, Name: canary, Emojis: []string{canary}}, Edit{RemoteID: canary, Body: canary},
		Attachment{URL: canary, Name: canary, Secret: []byte(canary), File: canary}, Pending{Target: canary, Payload: []byte(canary)},
		Displayed{Sender: canary, Name: canary}, Room{Nick: canary, Subject: canary, Password: []byte(canary)},
		Member{JID: canary, Nick: canary}, Profile{JID: canary, Nick: canary}, Avatar{Hash: canary},
	} {
		text, err := json.Marshal(row)
		require.NoError(t, err)
		for _, s := range []string{string(text), fmt.Sprintf("%v %+v %#v %s %d %x", row, row, row, row, row, row)} {
			require.NotContains(t, s, canary, "%T", row)
			require.NotContains(t, s, fmt.Sprintf("%x", canary), "%T", row)
		}
	}
}
