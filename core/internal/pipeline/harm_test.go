// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// spoiling is an address for which spoilt makes no receipt.
const spoiling = "spoiling@example.org"

type spoilt struct{ builder }

func (b spoilt) Receipt(to, id string) ([]byte, error) {
	if to == spoiling {
		return nil, errors.New("no receipt")
	}
	return b.builder.Receipt(to, id)
}

// A message that cannot be stored as it is does not keep the others from it,
// and leaves a placeholder.
func TestSpoilt(t *testing.T) {
	const bob = "bob@example.org"
	batch := []pipeline.Incoming{
		{Peer: bob, Sender: bob, RemoteID: "1", At: time.Now(), Content: pipeline.Content{Body: "first"}},
		{Peer: bob, Sender: bob, RemoteID: "2", At: time.Now(), Content: pipeline.Content{Body: "second"}, ReceiptTo: spoiling},
		{Peer: bob, Sender: bob, RemoteID: "3", At: time.Now(), Content: pipeline.Content{Body: "third"}},
	}
	check := func(t *testing.T, s *side) {
		rows := s.history(s.conversation(bob, pipeline.EncryptionNone))
		var got []string
		for _, row := range rows {
			got = append(got, row.Body+row.Reason)
		}
		require.ElementsMatch(t, []string{"first", "internal", "third"}, got)
	}
	t.Run("live", func(t *testing.T) {
		s := newSide(t, "alice@example.org", false)
		s.Builder = spoilt{}
		require.NoError(t, s.DB.Update(t.Context(), func(tx *storage.Tx) error {
			return tx.PutRosterItem(storage.RosterItem{AccountID: s.ID, JID: bob, Subscription: "both"})
		}))
		var updates []pipeline.Update
		for i := range batch {
			updates = append(updates, pipeline.Update{Message: &batch[i]})
		}
		for range 2 { // a second time it is known
			_, err := s.Deliver(t.Context(), updates)
			require.NoError(t, err)
			check(t, s)
		}
	})
	t.Run("closed", func(t *testing.T) {
		s := newSide(t, "alice@example.org", false)
		require.NoError(t, s.DB.Close())
		_, err := s.Deliver(t.Context(), []pipeline.Update{{Message: &batch[2]}})
		require.ErrorIs(t, err, storage.ErrClosed) // not the message's fault
	})
}

// Somebody distrusted who starts a session gets no answer, and that is all.
func TestNoAnswerToDistrusted(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	bob.know(alice)
	var key engine.PublicKey
	require.NoError(t, bob.DB.Update(t.Context(), func(tx *storage.Tx) (err error) {
		key, err = bob.OMEMO.Identity(tx.Context(), tx.OMEMO(bob.ID))
		return err
	}))
	require.NoError(t, alice.DB.Update(t.Context(), func(tx *storage.Tx) error {
		item := storage.RosterItem{AccountID: alice.ID, JID: bob.JID, Subscription: "both"}
		if err := tx.PutRosterItem(item); err != nil {
			return err
		}
		return alice.OMEMO.SetTrust(tx.Context(), tx.OMEMO(alice.ID), bob.JID, key, trust.Distrusted)
	}))
	bob.send(bob.conversation(alice.JID, pipeline.EncryptionOMEMO), "1", "hello")
	sent := bob.prepare("s")
	require.Len(t, sent, 1)
	out, err := alice.Deliver(t.Context(), []pipeline.Update{{Message: &pipeline.Incoming{
		Peer: bob.JID, Sender: bob.JID, RemoteID: "1", At: time.Now(), Envelopes: sent[0].Envs,
	}}})
	require.NoError(t, err)
	require.False(t, out.Queued)
	rows := alice.history(alice.conversation(bob.JID, pipeline.EncryptionOMEMO))
	require.Len(t, rows, 1)
	require.Equal(t, "hello", rows[0].Body)
	require.Equal(t, uint8(trust.Distrusted), rows[0].Trust)
}

// Of what was on its way when the server ended the stream, the large ones go
// alone afterwards, and only what is refused alone has failed.
func TestRefused(t *testing.T) {
	const code = "xmpp.stream.policy-violation"
	s := newSide(t, "alice@example.org", false)
	c := s.conversation("bob@example.org", pipeline.EncryptionNone)
	large := strings.Repeat("x", 10_000)
	first := s.send(c, "1", "small")
	fine := s.send(c, "2", large)
	bad := s.send(c, "3", large+large)
	last := s.send(c, "4", "small too")
	ids := func(packets []packet) (list []string) {
		for _, p := range packets {
			list = append(list, p.ID)
		}
		return list
	}
	state := func(id int64) uint8 {
		for _, row := range s.history(c) {
			if row.ID == id {
				return row.State
			}
		}
		return 0
	}
	begin := func() {
		_, err := s.Forget(t.Context())
		require.NoError(t, err)
		s.next = 0
	}
	ack := func(stream string, n uint64) {
		_, err := s.Deliver(t.Context(), []pipeline.Update{{Ack: &pipeline.Ack{StreamID: stream, Upto: n}}})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"1", "2", "3", "4"}, ids(s.prepare("a")))
	require.NoError(t, s.Refused(t.Context(), "other", code)) // of no concern
	require.NoError(t, s.Refused(t.Context(), "a", code))
	begin()
	require.Equal(t, []string{"1"}, ids(s.prepare("b")))
	require.Empty(t, s.prepare("b"))
	ack("b", 1)
	require.Equal(t, []string{"2"}, ids(s.prepare("b")))
	require.Empty(t, s.prepare("b"))
	ack("b", 2)
	require.Equal(t, []string{"3"}, ids(s.prepare("b")))
	require.Equal(t, pipeline.StateQueued, state(bad))
	require.NoError(t, s.Refused(t.Context(), "b", code))
	require.Equal(t, pipeline.StateFailed, state(bad))
	begin()
	require.Equal(t, []string{"4"}, ids(s.prepare("c")))
	ack("c", 1)
	for _, id := range []int64{first, fine, last} {
		require.Equal(t, pipeline.StateSent, state(id))
	}
	for _, row := range s.history(c) {
		if row.ID == bad {
			require.Equal(t, code, row.Reason)
		}
	}
}

// What somebody said beside messages, and cannot be stored, is passed over; our
// own bookkeeping is not.
func TestSpoiltUpdate(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	spoilt := func(tx *storage.Tx, _ func(event.Event)) error {
		if err := tx.PutValue(s.ID, "trace", []byte{1}); err != nil {
			return err
		}
		return storage.ErrInvalid
	}
	message := pipeline.Update{Message: &pipeline.Incoming{Peer: "bob@example.org", Sender: "bob@example.org", RemoteID: "1", At: time.Now(), Content: pipeline.Content{Body: "one"}}}
	_, err := s.Deliver(t.Context(), []pipeline.Update{message, {Apply: spoilt}})
	require.ErrorIs(t, err, storage.ErrInvalid)
	c := s.conversation("bob@example.org", pipeline.EncryptionNone)
	require.Empty(t, s.history(c))
	s.deliver(pipeline.Update{Apply: spoilt, Foreign: true}, message)
	require.Equal(t, []string{"one"}, bodies(s.history(c)))
	require.NoError(t, s.DB.View(t.Context(), func(r *storage.Reader) error {
		_, ok, err := r.Value(s.ID, "trace")
		require.False(t, ok)
		return err
	}))
}

// Only a message that carries nothing else is known by its place in a stream.
func TestPlace(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	in := func(place, body string) pipeline.Update {
		return pipeline.Update{Message: &pipeline.Incoming{
			Peer: "bob@example.org", Sender: "bob@example.org", At: time.Now(), Place: place, Content: pipeline.Content{Body: body},
		}}
	}
	s.deliver(in("s 1", "one"), in("s 2", "one"), in("s 1", "one"), in("s 1", "another"), in("", "one"), in("", "one"))
	require.Equal(t, []string{"one", "one", "another", "one", "one"}, bodies(s.history(s.conversation("bob@example.org", pipeline.EncryptionNone))))
}

// A run through the archive that is broken off between two pages leaves the
// order to the next one.
func TestOrderOutlivesBrokenRun(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	in := func(id string) pipeline.Incoming {
		return pipeline.Incoming{
			Peer: "bob@example.org", Sender: "bob@example.org", RemoteID: id, ArchiveID: "a" + id, At: time.Now(), Content: pipeline.Content{Body: id},
		}
	}
	page := func(run *pipeline.CatchUp, ids ...string) {
		p := pipeline.Page{First: "a" + ids[0], Last: "a" + ids[len(ids)-1]}
		for _, id := range ids {
			p.Messages = append(p.Messages, in(id))
		}
		require.NoError(t, s.StorePage(t.Context(), run, p))
	}
	for _, id := range []string{"1", "4", "5", "6"} { // 2 and 3 are late
		m := in(id)
		s.deliver(pipeline.Update{Message: &m})
	}
	begin := func(began time.Time) *pipeline.CatchUp {
		run, err := s.BeginCatchUp(t.Context(), s.JID, began)
		require.NoError(t, err)
		return run
	}
	page(begin(time.Now()), "2", "3") // 1 is where the run before ended
	page(begin(time.Now()), "4", "5")
	run := begin(time.Time{})
	page(run, "6")
	require.NoError(t, s.EndCatchUp(t.Context(), run))
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6"}, bodies(s.history(s.conversation("bob@example.org", pipeline.EncryptionNone))))
}
