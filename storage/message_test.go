// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestMessageRoundTrip(t *testing.T) {
	db := openTemp(t)
	account, conv := fill(t, db, 0)
	m := Message{ConversationID: conv, Outgoing: true, Sender: "a@b", RemoteID: "r", ArchiveID: "x", Channel: "xmpp",
		Kind: 3, Body: "häß\x00\n😀", At: epoch, ReceivedAt: epoch.Add(time.Microsecond), State: 4, Encryption: 5,
		SenderDevice: math.MaxUint32, Identity: []byte{0, 1, 255}, Trust: 2, Reason: "why", Extra: []byte(`{"a":1}`)}
	update(t, db, func(tx *Tx) {
		require.NoError(t, tx.InsertMessage(&m))
		require.NotZero(t, m.ID)
		require.Equal(t, epoch.UnixMicro(), m.SortKey)
		require.Equal(t, account, m.AccountID)
		got, err := tx.Message(m.ID)
		require.NoError(t, err)
		requireSame(t, m, got)
		empty := Message{ConversationID: conv}
		require.NoError(t, tx.InsertMessage(&empty))
		got, err = tx.Message(empty.ID)
		require.NoError(t, err)
		requireSame(t, empty, got)
		require.True(t, got.At.IsZero())
	})
	view(t, db, func(r *Reader) {
		got, err := r.MessageByRemoteID(conv, true, "r")
		require.NoError(t, err)
		requireSame(t, m, got)
		for _, f := range []func() (Message, error){
			func() (Message, error) { return r.MessageByRemoteID(conv, false, "r") },
			func() (Message, error) { return r.MessageByRemoteID(conv, true, "") },
			func() (Message, error) { return r.MessageByRemoteID(conv+1, true, "r") },
			func() (Message, error) { return r.Message(999) },
		} {
			_, err := f()
			require.ErrorIs(t, err, ErrNotFound)
		}
	})
}

// requireSame compares rows without printing them redacted.
func requireSame[T any](t testing.TB, want, got T) {
	t.Helper()
	type shown struct{ V T }
	require.Equal(t, shown{want}, shown{got})
}

func TestSortKeys(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 0)
	key := func(tx *Tx, m Message) int64 {
		m.ConversationID = conv
		return newMessage(t, tx, m).SortKey
	}
	base := epoch.UnixMicro()
	update(t, db, func(tx *Tx) {
		require.EqualValues(t, 1, key(tx, Message{}))
		require.Equal(t, base, key(tx, Message{At: epoch}))
		require.Equal(t, base+1, key(tx, Message{At: epoch}))
		// A clock that is behind does not put a new message before others.
		require.Equal(t, base+2, key(tx, Message{At: epoch.Add(-time.Hour)}))
		// A wanted key that is taken: the next free one.
		require.Equal(t, base+3, key(tx, Message{SortKey: base}))
		require.EqualValues(t, 7, key(tx, Message{SortKey: 7}))

		// An outgoing message that waits does not push incoming ones behind it.
		future := newMessage(t, tx, Message{ConversationID: conv, Outgoing: true, At: epoch.Add(time.Hour)})
		require.NoError(t, tx.Enqueue(&OutboxRow{AccountID: 1, MessageID: future.ID}))
		top, err := tx.MaxKey(conv)
		require.NoError(t, err)
		require.Equal(t, base+3, top)
		require.Equal(t, base+4, key(tx, Message{At: epoch}))
		o, err := tx.OutboxByMessage(future.ID)
		require.NoError(t, err)
		require.NoError(t, tx.DeleteOutbox(o.ID))
		require.Equal(t, future.SortKey+1, key(tx, Message{At: epoch}))

		require.ErrorIs(t, tx.InsertMessage(&Message{ConversationID: conv, SortKey: -1}), ErrInvalid)
		require.ErrorIs(t, tx.InsertMessage(&Message{ConversationID: conv + 1}), ErrNotFound)
		require.EqualValues(t, math.MaxInt64, key(tx, Message{SortKey: math.MaxInt64}))
		require.ErrorIs(t, tx.InsertMessage(&Message{ConversationID: conv, SortKey: math.MaxInt64}), ErrInvalid)
	})
}

// A whole archive page can have one time.
func TestManyAtOneTime(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		for i := range 1000 {
			m := newMessage(t, tx, Message{ConversationID: conv, SortKey: 5})
			require.EqualValues(t, 5+i, m.SortKey)
		}
		newMessage(t, tx, Message{ConversationID: conv, SortKey: 2000})
		require.EqualValues(t, 1005, newMessage(t, tx, Message{ConversationID: conv, SortKey: 900}).SortKey)
		top, err := (&Tx{Reader: tx.Reader}).MaxKey(conv + 7)
		require.NoError(t, err)
		require.Zero(t, top)
	})
}

func TestPages(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 10)
	view(t, db, func(r *Reader) {
		all, err := r.MessagesAfter(conv, 0, 0)
		require.NoError(t, err)
		require.Len(t, all, 10)
		page, err := r.MessagesBefore(conv, 0, 4)
		require.NoError(t, err)
		require.Len(t, page, 4)
		require.Equal(t, all[9].ID, page[0].ID)
		page, err = r.MessagesBefore(conv, page[3].SortKey, 4)
		require.NoError(t, err)
		require.Equal(t, all[5].ID, page[0].ID)
		page, err = r.MessagesAfter(conv, all[7].SortKey, 4)
		require.NoError(t, err)
		require.Len(t, page, 2)
		require.Equal(t, all[8].ID, page[0].ID)
	})
}

// An id is never given out a second time, not even that of the newest message.
func TestIDsAreNotReused(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 3)
	update(t, db, func(tx *Tx) {
		m := newMessage(t, tx, Message{ConversationID: conv})
		require.NoError(t, tx.DeleteMessage(m.ID))
		require.ErrorIs(t, tx.DeleteMessage(m.ID), ErrNotFound)
		require.Greater(t, newMessage(t, tx, Message{ConversationID: conv}).ID, m.ID)
	})
	path := db.path
	require.NoError(t, db.Close())
	db = openAt(t, path)
	update(t, db, func(tx *Tx) {
		require.NoError(t, tx.DeleteConversation(conv))
		conv = newConversation(t, tx, 1, "z")
		require.EqualValues(t, 6, newMessage(t, tx, Message{ConversationID: conv}).ID)
	})
}

func TestMessageChanges(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 1)
	update(t, db, func(tx *Tx) {
		m := newMessage(t, tx, Message{ConversationID: conv, Outgoing: true, Body: "old", State: 1})
		get := func() Message {
			got, err := tx.Message(m.ID)
			require.NoError(t, err)
			require.Greater(t, got.Revision, m.Revision)
			m = got
			return got
		}
		revision := func() int64 {
			c, err := tx.Conversation(conv)
			require.NoError(t, err)
			return c.Revision
		}
		before := revision()
		require.NoError(t, tx.SetMessageState(m.ID, 7, "blocked"))
		require.Equal(t, uint8(7), get().State)
		require.Equal(t, "blocked", m.Reason)
		require.Greater(t, revision(), before)
		for state, want := range map[uint8]bool{6: false, 7: false} {
			changed, err := tx.AdvanceMessageState(m.ID, state)
			require.NoError(t, err)
			require.Equal(t, want, changed)
		}
		changed, err := tx.AdvanceMessageState(m.ID, 8)
		require.NoError(t, err)
		require.True(t, changed)
		require.Equal(t, uint8(8), get().State)
		require.Empty(t, m.Reason)
		require.NoError(t, tx.SetMessageArchiveID(m.ID, "arch"))
		require.Equal(t, "arch", get().ArchiveID)
		require.NoError(t, tx.SetMessageRemoteID(m.ID, "remote"))
		require.Equal(t, "remote", get().RemoteID)
		require.NoError(t, tx.SetMessageExtra(m.ID, []byte("e")))
		require.Equal(t, []byte("e"), get().Extra)
		require.NoError(t, tx.SetMessageSecurity(m.ID, 1, 2, []byte("id"), 3))
		require.Equal(t, uint32(2), get().SenderDevice)
		require.NoError(t, tx.UpdateMessageBody(m.ID, "new", 9))
		require.Equal(t, "new", get().Body)
		require.Equal(t, uint8(9), m.Kind)
		for text, n := range map[string]int{"old": 0, "new": 1} {
			found, err := tx.Search(SearchQuery{Text: text})
			require.NoError(t, err)
			require.Len(t, found, n, text)
		}
		require.ErrorIs(t, tx.SetMessageState(999, 1, ""), ErrNotFound)
		_, err = tx.AdvanceMessageState(999, 1)
		require.ErrorIs(t, err, ErrNotFound)

		// An outgoing message takes along what waits to be sent for it.
		require.NoError(t, tx.Enqueue(&OutboxRow{AccountID: 1, MessageID: m.ID}))
		require.NoError(t, tx.DeleteMessage(m.ID))
		_, err = tx.OutboxByMessage(m.ID)
		require.ErrorIs(t, err, ErrNotFound)
	})
	requireSummaries(t, db)
	require.NoError(t, db.Check(ctx))
}

func TestPreview(t *testing.T) {
	for body, want := range map[string]string{
		"":                       "",
		"a\r\nb\tc\u2028d":       "a  b c d",
		strings.Repeat("é", 200): strings.Repeat("é", 200),
		strings.Repeat("é", 201): strings.Repeat("é", 200),
		"\xff":                   "\uFFFD",
	} {
		require.Equal(t, want, preview(body))
	}
}

func FuzzPreview(f *testing.F) {
	f.Add("a\x00b")
	f.Add(strings.Repeat("x", 300))
	f.Fuzz(func(t *testing.T, s string) {
		p := preview(s)
		require.True(t, utf8.ValidString(p))
		require.LessOrEqual(t, utf8.RuneCountInString(p), PreviewRunes)
		require.NotContains(t, p, "\n")
	})
}

func TestConversations(t *testing.T) {
	db := openTemp(t)
	yes, no := true, false
	var a, b int64
	var convs []int64
	update(t, db, func(tx *Tx) {
		a, b = newAccount(t, tx, "a"), newAccount(t, tx, "b")
		for i, acc := range []int64{a, a, b, a} {
			id := newConversation(t, tx, acc, string(rune('p'+i)))
			convs = append(convs, id)
			newMessage(t, tx, Message{ConversationID: id, At: epoch.Add(time.Duration(i) * time.Hour)})
		}
		c, err := tx.Conversation(convs[1])
		require.NoError(t, err)
		c.Kind, c.Title, c.Archived, c.Pinned, c.MutedUntil = 2, "t", true, true, epoch
		c.Draft, c.Encryption, c.Request = "d", 3, true
		require.NoError(t, tx.UpdateConversation(c))
		got, err := tx.Conversation(convs[1])
		require.NoError(t, err)
		c.Revision++
		requireSame(t, c, got)
		require.ErrorIs(t, tx.UpdateConversation(Conversation{ID: 99}), ErrNotFound)

		same, created, err := tx.EnsureConversation(a, "p", 9)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, convs[0], same.ID)
		_, _, err = tx.EnsureConversation(99, "p", 9)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = tx.ConversationByPeer(b, "p")
		require.ErrorIs(t, err, ErrNotFound)
	})
	view(t, db, func(r *Reader) {
		ids := func(q ConversationQuery) (got []int64) {
			list, err := r.Conversations(q)
			require.NoError(t, err)
			for _, c := range list {
				got = append(got, c.ID)
			}
			return got
		}
		require.Equal(t, []int64{convs[3], convs[2], convs[1], convs[0]}, ids(ConversationQuery{}))
		require.Equal(t, []int64{convs[3], convs[1], convs[0]}, ids(ConversationQuery{AccountID: a}))
		require.Equal(t, []int64{convs[1]}, ids(ConversationQuery{Archived: &yes}))
		require.Equal(t, []int64{convs[3], convs[0]}, ids(ConversationQuery{Archived: &no, AccountID: a}))
		require.Equal(t, []int64{convs[1]}, ids(ConversationQuery{Pinned: &yes}))
		require.Equal(t, []int64{convs[3], convs[2]}, ids(ConversationQuery{Limit: 2}))
		last, err := r.Conversation(convs[2])
		require.NoError(t, err)
		require.Equal(t, []int64{convs[1], convs[0]}, ids(ConversationQuery{BeforeKey: last.LastKey, BeforeID: last.ID, Limit: 2}))
	})
}

func TestMarkRead(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 10)
	update(t, db, func(tx *Tx) {
		list, err := tx.MessagesAfter(conv, 0, 0)
		require.NoError(t, err)
		mark := func(key int64, changed bool, unread int) {
			t.Helper()
			got, err := tx.MarkRead(conv, key)
			require.NoError(t, err)
			require.Equal(t, changed, got)
			c, err := tx.Conversation(conv)
			require.NoError(t, err)
			require.Equal(t, unread, c.Unread)
		}
		mark(0, false, 10)
		mark(list[3].SortKey, true, 6)
		mark(list[3].SortKey, false, 6)
		mark(list[1].SortKey, false, 6)
		// A mark from the future does not hide messages that are still to come.
		mark(math.MaxInt64, true, 0)
		mark(math.MaxInt64, false, 0)
		newMessage(t, tx, Message{ConversationID: conv, At: epoch})
		newMessage(t, tx, Message{ConversationID: conv, At: epoch, Outgoing: true})
		n, err := tx.UnreadTotal()
		require.NoError(t, err)
		require.Equal(t, 1, n)
		// An old message from an archive is read already.
		newMessage(t, tx, Message{ConversationID: conv, SortKey: 5})
		_, err = tx.MarkRead(99, 1)
		require.ErrorIs(t, err, ErrNotFound)
	})
	requireSummaries(t, db)
}
