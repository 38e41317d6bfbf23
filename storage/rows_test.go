// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAccounts(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		a := Account{Kind: "xmpp", Address: "a@b", Resource: "r", Enabled: true, Secret: []byte("pw"), Settings: []byte("{}"),
			RosterVersion: "v", Credentials: []byte("scram")}
		require.NoError(t, tx.CreateAccount(&a))
		require.Equal(t, epoch, a.Created)
		got, err := tx.Account(a.ID)
		require.NoError(t, err)
		requireSame(t, a, got)
		got, err = tx.AccountByAddress("xmpp", "a@b")
		require.NoError(t, err)
		requireSame(t, a, got)
		// A violated constraint does not end the transaction.
		require.ErrorIs(t, tx.CreateAccount(&Account{Kind: "xmpp", Address: "a@b"}), ErrExists)
		sms := Account{Kind: "sms", Address: "a@b"}
		require.NoError(t, tx.CreateAccount(&sms))
		a.Address, a.Enabled, a.Secret = "c@d", false, nil
		require.NoError(t, tx.UpdateAccount(a))
		list, err := tx.Accounts()
		require.NoError(t, err)
		require.Len(t, list, 2)
		requireSame(t, []Account{a, sms}, list)
		require.ErrorIs(t, tx.UpdateAccount(Account{ID: 99}), ErrNotFound)
		require.ErrorIs(t, tx.DeleteAccount(99), ErrNotFound)
		_, err = tx.AccountByAddress("xmpp", "a@b")
		require.ErrorIs(t, err, ErrNotFound)
	})
}

// Every table that has a row of the account loses it; another account keeps all.
func TestDeleteAccount(t *testing.T) {
	db := openTemp(t)
	var ids []int64
	tables := []string{"conversation", "message", "seen", "outbox", "stream", "archive_cursor", "archive_gap", "roster", "value",
		"omemo_identity", "omemo_status", "omemo_prekey", "omemo_signed_prekey", "omemo_device", "omemo_session", "omemo_trust", "omemo_contact", "attachment", "profile", "blocked"}
	update(t, db, func(tx *Tx) {
		for _, name := range []string{"a", "b"} {
			id := newAccount(t, tx, name)
			ids = append(ids, id)
			conv := newConversation(t, tx, id, "p")
			m := newMessage(t, tx, Message{ConversationID: conv, Body: "text of " + name})
			require.NoError(t, tx.MarkSeen(id, []byte("k"), m.ID))
			require.NoError(t, tx.Enqueue(&OutboxRow{AccountID: id, ConversationID: conv, MessageID: m.ID}))
			require.NoError(t, tx.SaveStream(Stream{AccountID: id, ID: "s"}))
			require.NoError(t, tx.SetCursor(id, "", "x", true))
			require.NoError(t, tx.AddGap(&Gap{AccountID: id, ConversationID: conv}))
			require.NoError(t, tx.PutRosterItem(RosterItem{AccountID: id, JID: "j"}))
			require.NoError(t, tx.PutValue(id, "k", []byte("v")))
			require.NoError(t, tx.AddAttachment(&Attachment{MessageID: m.ID}))
			require.NoError(t, tx.PutProfile(Profile{AccountID: id, JID: "j"}))
			require.NoError(t, tx.SetBlocked(id, "j", true))
			o := tx.OMEMO(id)
			require.NoError(t, o.SaveIdentity(ctx, 1, testKey, testKey))
			require.NoError(t, o.SetCatchingUp(ctx, true))
			require.NoError(t, o.SavePreKey(ctx, 1, testKey, testKey))
			require.NoError(t, o.SaveSignedPreKey(ctx, 1, testKey, testKey, epoch))
			require.NoError(t, o.SaveDevice(ctx, 1, "j", 1, true))
			_, err := o.SaveSession(ctx, 1, "j", 1, 0, testKey)
			require.NoError(t, err)
			require.NoError(t, o.SetTrust(ctx, "j", testKey, 1, epoch))
			require.NoError(t, o.SetBlindTrust(ctx, "j", false))
		}
		require.NoError(t, tx.PutValue(0, "k", []byte("v")))
	})
	// Every table with an account is in the list.
	require.Equal(t, len(tables), count(t, db, `SELECT count(*) FROM sqlite_master m WHERE type = 'table'
		AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'account_id')`))
	update(t, db, func(tx *Tx) { require.NoError(t, tx.DeleteAccount(ids[0])) })
	for _, table := range tables {
		require.Zero(t, count(t, db, "SELECT count(*) FROM "+table+" WHERE account_id = ?", ids[0]), table)
		require.Equal(t, 1, count(t, db, "SELECT count(*) FROM "+table+" WHERE account_id = ?", ids[1]), table)
	}
	require.Equal(t, 1, count(t, db, "SELECT count(*) FROM value WHERE account_id = 0"))
	view(t, db, func(r *Reader) {
		got, err := r.Search(SearchQuery{Text: "text"})
		require.NoError(t, err)
		require.Len(t, got, 1)
	})
	require.NoError(t, db.Check(ctx))
}

func TestDeleteConversation(t *testing.T) {
	db := openTemp(t)
	account, conv := fill(t, db, 5)
	update(t, db, func(tx *Tx) {
		other := newConversation(t, tx, account, "z")
		require.NoError(t, tx.Enqueue(&OutboxRow{AccountID: account, ConversationID: conv}))
		require.NoError(t, tx.Enqueue(&OutboxRow{AccountID: account, ConversationID: other}))
		require.NoError(t, tx.AddGap(&Gap{AccountID: account, ConversationID: conv}))
		require.NoError(t, tx.MarkSeen(account, []byte("k"), 1))
		require.NoError(t, tx.DeleteConversation(conv))
		require.ErrorIs(t, tx.DeleteConversation(conv), ErrNotFound)
		rows, err := tx.Outbox(account, 0, 0)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		gaps, err := tx.Gaps(account)
		require.NoError(t, err)
		require.Empty(t, gaps)
		_, seen, err := tx.Seen(account, []byte("k"))
		require.NoError(t, err)
		require.True(t, seen, "an archive would bring the message back")
		got, err := tx.Search(SearchQuery{Text: "canary"})
		require.NoError(t, err)
		require.Empty(t, got)
	})
	require.NoError(t, db.Check(ctx))
}

func TestSeen(t *testing.T) {
	db := openTemp(t)
	account, _ := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		seen := func(key string) (int64, bool) {
			id, ok, err := tx.Seen(account, []byte(key))
			require.NoError(t, err)
			return id, ok
		}
		_, ok := seen("k")
		require.False(t, ok)
		for _, step := range []struct{ set, want int64 }{{7, 7}, {0, 7}, {8, 8}} {
			require.NoError(t, tx.MarkSeen(account, []byte("k"), step.set))
			id, ok := seen("k")
			require.True(t, ok)
			require.Equal(t, step.want, id)
		}
		require.NoError(t, tx.MarkSeen(account, bytes.Repeat([]byte{0xff}, 32), 0))
		_, ok, err := tx.Seen(account+1, []byte("k"))
		require.NoError(t, err)
		require.False(t, ok)
		require.ErrorIs(t, tx.MarkSeen(account, nil, 1), ErrInvalid)
		require.ErrorIs(t, tx.MarkSeen(account, make([]byte, 33), 1), ErrInvalid)
	})
}

func TestOutbox(t *testing.T) {
	db := openTemp(t)
	account, _ := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		var rows []OutboxRow
		for i := range 6 {
			o := OutboxRow{AccountID: account, ConversationID: 1, MessageID: int64(i), Kind: 2, To: "x@y", State: uint8(i % 3),
				Stanza: []byte("<a/>"), Attempts: i, Reason: "r"}
			require.NoError(t, tx.Enqueue(&o))
			require.Equal(t, epoch, o.Created)
			got, err := tx.OutboxRow(o.ID)
			require.NoError(t, err)
			requireSame(t, o, got)
			rows = append(rows, o)
		}
		list := func(after int64, limit int, states ...uint8) (ids []int64) {
			got, err := tx.Outbox(account, after, limit, states...)
			require.NoError(t, err)
			for _, o := range got {
				ids = append(ids, o.ID)
			}
			return ids
		}
		require.Equal(t, []int64{1, 2, 3, 4, 5, 6}, list(0, 0))
		require.Equal(t, []int64{3, 4}, list(2, 2))
		require.Equal(t, []int64{1, 3, 4, 6}, list(0, 0, OutboxQueued, OutboxWritten))
		require.Equal(t, []int64{4}, list(1, 1, OutboxQueued))
		got, err := tx.OutboxByMessage(3)
		require.NoError(t, err)
		requireSame(t, rows[3], got)
		_, err = tx.OutboxByMessage(0)
		require.ErrorIs(t, err, ErrNotFound)

		for i, n := range []uint64{1, 2, 3, math.MaxInt64} {
			rows[i].State, rows[i].StreamID, rows[i].StreamCount = OutboxWritten, "s", n
			rows[i].Stanza = nil
			require.NoError(t, tx.UpdateOutbox(rows[i]))
		}
		rows[5].State, rows[5].StreamID, rows[5].StreamCount = OutboxWritten, "other", 1
		require.NoError(t, tx.UpdateOutbox(rows[5]))
		require.ErrorIs(t, tx.UpdateOutbox(OutboxRow{ID: 99}), ErrNotFound)
		require.ErrorIs(t, tx.UpdateOutbox(OutboxRow{ID: 1, StreamCount: math.MaxUint64}), ErrInvalid)

		acked, err := tx.AckOutbox(account, "s", 2)
		require.NoError(t, err)
		requireSame(t, rows[:2], acked)
		acked, err = tx.AckOutbox(account, "s", 2)
		require.NoError(t, err)
		require.Empty(t, acked)
		require.Equal(t, []int64{3, 4, 5, 6}, list(0, 0))

		n, err := tx.ForgetStream(account)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, []int64{3, 4, 5, 6}, list(0, 0, OutboxReady))
		got, err = tx.OutboxRow(4)
		require.NoError(t, err)
		require.Empty(t, got.StreamID)
		require.Zero(t, got.StreamCount)
		require.NoError(t, tx.DeleteOutbox(6))
		require.ErrorIs(t, tx.DeleteOutbox(6), ErrNotFound)
		o := OutboxRow{AccountID: account}
		require.NoError(t, tx.Enqueue(&o))
		require.EqualValues(t, 7, o.ID)
	})
}

func TestStream(t *testing.T) {
	db := openTemp(t)
	account, _ := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		_, err := tx.Stream(account)
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, tx.SetHandled(account, "s", 1), ErrNotFound)
		for _, id := range []string{"s", "t"} {
			s := Stream{AccountID: account, ID: id, Location: "[::1]:5222", JID: "a@b/c", Handled: 1 << 40, Max: 5 * time.Minute, Updated: epoch}
			require.NoError(t, tx.SaveStream(s))
			got, err := tx.Stream(account)
			require.NoError(t, err)
			requireSame(t, s, got)
		}
		require.ErrorIs(t, tx.SetHandled(account, "s", 9), ErrNotFound)
		require.NoError(t, tx.SetHandled(account, "t", 9))
		got, err := tx.Stream(account)
		require.NoError(t, err)
		require.EqualValues(t, 9, got.Handled)
		require.NoError(t, tx.DeleteStream(account))
		require.NoError(t, tx.DeleteStream(account))
	})
}

func TestArchive(t *testing.T) {
	db := openTemp(t)
	account, _ := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		id, complete, err := tx.Cursor(account, "a")
		require.NoError(t, err)
		require.Empty(t, id)
		require.False(t, complete)
		for _, want := range []string{"x", "y"} {
			require.NoError(t, tx.SetCursor(account, "a", want, want == "y"))
			id, complete, err = tx.Cursor(account, "a")
			require.NoError(t, err)
			require.Equal(t, want, id)
			require.Equal(t, want == "y", complete)
		}
		g := Gap{AccountID: account, Archive: "a", ConversationID: 1, After: "x", Before: "y", SortKey: 5}
		require.NoError(t, tx.AddGap(&g))
		g.After = "z"
		require.NoError(t, tx.UpdateGap(g))
		list, err := tx.Gaps(account)
		require.NoError(t, err)
		requireSame(t, []Gap{g}, list)
		require.NoError(t, tx.DeleteGap(g.ID))
		require.ErrorIs(t, tx.DeleteGap(g.ID), ErrNotFound)
		require.ErrorIs(t, tx.UpdateGap(g), ErrNotFound)
	})
}

func TestRoster(t *testing.T) {
	db := openTemp(t)
	account, _ := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		item := RosterItem{AccountID: account, JID: "b", Name: "B", Subscription: "both", Ask: true, Groups: []string{"x, y", `"`, ""}}
		for _, name := range []string{"B", "C"} {
			item.Name = name
			require.NoError(t, tx.PutRosterItem(item))
			got, err := tx.RosterItem(account, "b")
			require.NoError(t, err)
			requireSame(t, item, got)
		}
		items := []RosterItem{{AccountID: account, JID: "a", Groups: []string{}}, item}
		require.NoError(t, tx.ReplaceRoster(account, []RosterItem{item, {JID: "a"}}, "v2"))
		got, err := tx.Roster(account)
		require.NoError(t, err)
		requireSame(t, items, got)
		a, err := tx.Account(account)
		require.NoError(t, err)
		require.Equal(t, "v2", a.RosterVersion)
		require.NoError(t, tx.DeleteRosterItem(account, "a"))
		require.NoError(t, tx.DeleteRosterItem(account, "a"))
		_, err = tx.RosterItem(account, "a")
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, tx.SetRosterVersion(99, "x"), ErrNotFound)
	})
}

func TestValues(t *testing.T) {
	db := openTemp(t)
	account, _ := fill(t, db, 0)
	update(t, db, func(tx *Tx) {
		for _, a := range []int64{0, account} {
			_, ok, err := tx.Value(a, "k")
			require.NoError(t, err)
			require.False(t, ok)
			for _, v := range [][]byte{[]byte("a"), nil, {0}} {
				require.NoError(t, tx.PutValue(a, "k", v))
				got, ok, err := tx.Value(a, "k")
				require.NoError(t, err)
				require.True(t, ok)
				require.Equal(t, v, got)
			}
			require.NoError(t, tx.DeleteValue(a, "k"))
			require.NoError(t, tx.DeleteValue(a, "k"))
		}
		require.ErrorIs(t, tx.PutValue(99, "k", nil), ErrNotFound)
	})
}

func TestCapsAreBounded(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		_, ok, err := tx.Caps("0")
		require.NoError(t, err)
		require.False(t, ok)
		for i := range CapsEntries + 10 {
			require.NoError(t, tx.PutCaps(fmt.Sprint(i), []byte("x")))
		}
		require.NoError(t, tx.PutCaps("10", []byte("y")))
		for ver, want := range map[string]bool{"0": false, "9": false, "10": true, fmt.Sprint(CapsEntries + 9): true} {
			_, ok, err := tx.Caps(ver)
			require.NoError(t, err)
			require.Equal(t, want, ok, ver)
		}
		info, _, err := tx.Caps("10")
		require.NoError(t, err)
		require.Equal(t, []byte("y"), info)
	})
	require.LessOrEqual(t, count(t, db, "SELECT count(*) FROM caps"), CapsEntries)
}
