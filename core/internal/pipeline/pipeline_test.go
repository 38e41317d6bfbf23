// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// packet is what the test's Builder makes instead of XML.
type packet struct {
	To, ID, Receipt string
	Content         pipeline.Content
	Envs            []omemo.Envelope
}

type builder struct{}

func encode(p packet) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(p)
	return b.Bytes(), err
}

func (builder) Plaintext(_ engine.Profile, _ pipeline.Affix, c pipeline.Content) ([]byte, error) {
	return json.Marshal(c)
}
func (builder) Content(_ engine.Profile, _ pipeline.Affix, _ pipeline.Content, b []byte) (c pipeline.Content, err error) {
	return c, json.Unmarshal(b, &c)
}
func (builder) Message(s pipeline.Stanza) ([]byte, error) {
	p := packet{To: s.To, ID: s.ID, Content: s.Content, Envs: s.Envelopes}
	if len(p.Envs) > 0 {
		p.Content = pipeline.Content{}
	}
	return encode(p)
}
func (builder) Empty(to string, env omemo.Envelope) ([]byte, error) {
	return encode(packet{To: to, Envs: []omemo.Envelope{env}})
}
func (builder) Receipt(to, id string) ([]byte, error) { return encode(packet{To: to, Receipt: id}) }

// side is one account with a database of its own.
type side struct {
	*pipeline.Account
	t      *testing.T
	events *event.Subscription
	next   uint64
}

func newSide(t *testing.T, jid string, encrypted bool) *side {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{
		Path: filepath.Join(t.TempDir(), "test.db"), Key: storage.RawKey(bytes.Repeat([]byte{7}, 32)),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	row := storage.Account{Kind: "xmpp", Address: jid}
	require.NoError(t, db.Update(t.Context(), func(tx *storage.Tx) error { return tx.CreateAccount(&row) }))
	s := &side{t: t, Account: &pipeline.Account{
		ID: row.ID, JID: jid, Channel: "xmpp", DB: db, Bus: &event.Bus{}, Builder: builder{},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}}
	if encrypted {
		s.OMEMO, err = omemo.NewSuite(omemo.Config{Engine: libsignal.New(), JID: jid})
		require.NoError(t, err)
		require.NoError(t, db.Update(t.Context(), func(tx *storage.Tx) error {
			_, err := s.OMEMO.Setup(tx.Context(), tx.OMEMO(row.ID))
			return err
		}))
	}
	s.events = s.Bus.Subscribe(event.Filter{})
	t.Cleanup(s.events.Close)
	return s
}

// know lets s write to other's device.
func (s *side) know(other *side) {
	s.t.Helper()
	var b omemo.Bundle
	require.NoError(s.t, other.DB.Update(s.t.Context(), func(tx *storage.Tx) (err error) {
		b, err = other.OMEMO.OwnBundle(tx.Context(), tx.OMEMO(other.ID), engine.Profile03)
		return err
	}))
	require.NoError(s.t, s.DB.Update(s.t.Context(), func(tx *storage.Tx) error {
		st := tx.OMEMO(s.ID)
		if _, err := s.OMEMO.UpdateDevices(tx.Context(), st, engine.Profile03, other.JID, []omemo.Listed{{ID: b.Device}}); err != nil {
			return err
		}
		target := omemo.Target{Profile: engine.Profile03, Address: omemo.Address{JID: other.JID, Device: b.Device}}
		return s.OMEMO.AddBundle(tx.Context(), st, target, b.PublishedBundle)
	}))
}

func (s *side) conversation(peer string, encryption uint8) int64 {
	s.t.Helper()
	var id int64
	require.NoError(s.t, s.DB.Update(s.t.Context(), func(tx *storage.Tx) error {
		c, _, err := tx.EnsureConversation(s.ID, peer, pipeline.ConversationDirect)
		c.Encryption, id = encryption, c.ID
		if err == nil {
			err = tx.UpdateConversation(c)
		}
		return err
	}))
	return id
}

func (s *side) send(conversation int64, id, body string) int64 {
	s.t.Helper()
	n, err := s.Enqueue(s.t.Context(), pipeline.Outgoing{Conversation: conversation, RemoteID: id, Content: pipeline.Content{Body: body}})
	require.NoError(s.t, err)
	return n
}

func always(string) bool { return true }

func (s *side) prepare(stream string) []packet {
	s.t.Helper()
	p, err := s.Prepare(s.t.Context(), pipeline.Position{StreamID: stream, Next: s.next + 1}, always)
	require.NoError(s.t, err)
	s.next += uint64(len(p.Stanzas))
	list := make([]packet, len(p.Stanzas))
	for i, b := range p.Stanzas {
		require.NoError(s.t, gob.NewDecoder(bytes.NewReader(b)).Decode(&list[i]))
	}
	return list
}

func (s *side) deliver(updates ...pipeline.Update) pipeline.Outcome {
	s.t.Helper()
	o, err := s.Deliver(s.t.Context(), updates)
	require.NoError(s.t, err)
	return o
}

func incoming(from string, p packet) *pipeline.Incoming {
	return &pipeline.Incoming{Peer: from, Sender: from, RemoteID: p.ID, At: time.Now(), Content: p.Content, Envelopes: p.Envs}
}

func (s *side) history(conversation int64) (list []storage.Message) {
	s.t.Helper()
	require.NoError(s.t, s.DB.View(s.t.Context(), func(r *storage.Reader) (err error) {
		list, err = r.MessagesAfter(conversation, 0, 1000)
		return err
	}))
	return list
}

func bodies(rows []storage.Message) []string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r.Body
	}
	return list
}

func TestOutboxLife(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	c := alice.conversation("bob@example.org", pipeline.EncryptionNone)
	first, second := alice.send(c, "id1", "one"), alice.send(c, "id2", "two")

	out := alice.prepare("s1")
	require.Len(t, out, 2)
	require.Equal(t, "one", out[0].Content.Body)
	require.Empty(t, alice.prepare("s1"), "what was written is not written again")

	alice.deliver(pipeline.Update{Ack: &pipeline.Ack{StreamID: "other", Upto: 2}})
	require.Equal(t, pipeline.StateQueued, alice.history(c)[0].State, "another stream's count says nothing")
	alice.deliver(pipeline.Update{Ack: &pipeline.Ack{StreamID: "s1", Upto: 1}})
	require.Equal(t, pipeline.StateSent, alice.history(c)[0].State)
	require.Equal(t, pipeline.StateQueued, alice.history(c)[1].State)

	// The stream is lost: the second may have arrived. The same bytes go again.
	doubt, err := alice.Forget(t.Context())
	require.NoError(t, err)
	require.True(t, doubt)
	again := alice.prepare("s2")
	require.Equal(t, out[1:], again)

	alice.deliver(pipeline.Update{Receipt: &pipeline.Receipt{From: "bob@example.org", RemoteID: "id2"}})
	require.Equal(t, pipeline.StateDelivered, alice.history(c)[1].State)
	alice.deliver(pipeline.Update{Ack: &pipeline.Ack{StreamID: "s2", Upto: 3}})
	require.Equal(t, pipeline.StateDelivered, alice.history(c)[1].State, "a late acknowledgement takes nothing back")
	alice.deliver(pipeline.Update{Bounce: &pipeline.Bounce{From: "mallory@example.org", RemoteID: "id1", Code: "x"}})
	require.Equal(t, pipeline.StateSent, alice.history(c)[0].State, "nobody else can make a message fail")
	alice.deliver(pipeline.Update{Bounce: &pipeline.Bounce{From: "bob@example.org", RemoteID: "id1", Code: "xmpp.error.gone"}})
	require.Equal(t, pipeline.StateFailed, alice.history(c)[0].State)
	require.Equal(t, []int64{first, second}, []int64{alice.history(c)[0].ID, alice.history(c)[1].ID})
}

func TestArchiveSettlesDoubt(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	c := alice.conversation("bob@example.org", pipeline.EncryptionNone)
	alice.send(c, "id1", "one")
	alice.send(c, "id2", "two")
	out := alice.prepare("s1")
	_, err := alice.Forget(t.Context())
	require.NoError(t, err)

	run, err := alice.BeginCatchUp(t.Context(), alice.JID, time.Now())
	require.NoError(t, err)
	own := incoming(alice.JID, out[0])
	own.Peer, own.Outgoing, own.ArchiveID = "bob@example.org", true, "a1"
	require.NoError(t, alice.StorePage(t.Context(), run, pipeline.Page{
		Messages: []pipeline.Incoming{*own}, First: "a1", Last: "a1", Complete: true,
	}))
	require.NoError(t, alice.EndCatchUp(t.Context(), run))

	rows := alice.history(c)
	require.Equal(t, []string{"one", "two"}, bodies(rows))
	require.Equal(t, pipeline.StateSent, rows[0].State, "the archive has it, so the server does")
	require.Equal(t, out[1:], alice.prepare("s2"), "only the other one is sent again")
}

func TestEncryptedConversation(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	ca := alice.conversation(bob.JID, pipeline.EncryptionDefault)
	alice.send(ca, "id1", "secret one")
	alice.send(ca, "id2", "secret two")
	out := alice.prepare("s1")
	require.Len(t, out, 2)
	require.Len(t, out[0].Envs, 1)

	// Each comes three times, in two batches.
	one, two := incoming(alice.JID, out[0]), incoming(alice.JID, out[1])
	one.ReceiptTo = alice.JID + "/x"
	bob.deliver(pipeline.Update{Message: one}, pipeline.Update{Message: one}, pipeline.Update{Message: two})
	one.ArchiveID = "a1"
	bob.deliver(pipeline.Update{Message: two}, pipeline.Update{Message: one})
	cb := bob.conversation(alice.JID, pipeline.EncryptionDefault)
	rows := bob.history(cb)
	require.Equal(t, []string{"secret one", "secret two"}, bodies(rows))
	require.Equal(t, "a1", rows[0].ArchiveID, "what the second way adds is kept")
	require.EqualValues(t, 1, rows[0].Trust)
	require.Len(t, rows[0].Identity, 32)

	// A stranger gets no receipt; somebody we have written to does.
	require.Empty(t, bob.prepare("s1"))
	bob.send(cb, "id3", "answer")
	alice.send(ca, "id4", "secret three")
	three := incoming(alice.JID, alice.prepare("s1")[0])
	three.ReceiptTo = alice.JID + "/x"
	require.True(t, bob.deliver(pipeline.Update{Message: three}).Queued)
	sent := bob.prepare("s1")
	var receipt string
	for _, p := range sent {
		receipt += p.Receipt
	}
	require.Equal(t, "id4", receipt)
}

func TestBlockedUntilDecided(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	c := alice.conversation(bob.JID, pipeline.EncryptionDefault)
	alice.send(c, "id1", "one")
	require.Empty(t, alice.prepare("s1"))
	rows := alice.history(c)
	require.Equal(t, pipeline.StateBlocked, rows[0].State)
	require.Equal(t, pipeline.ReasonNoDevices, rows[0].Reason)

	alice.send(c, "id2", "two")
	require.Empty(t, alice.prepare("s1"))
	alice.know(bob)
	n, err := alice.Unblock(t.Context(), "nobody@example.org")
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = alice.Unblock(t.Context(), bob.JID)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	out := alice.prepare("s1")
	require.Len(t, out, 2)
	require.Equal(t, []string{"id1", "id2"}, []string{out[0].ID, out[1].ID}, "the order of writing")
}

func TestNoEngineNeverSendsPlain(t *testing.T) {
	alice := newSide(t, "alice@example.org", false)
	c := alice.conversation("bob@example.org", pipeline.EncryptionDefault)
	alice.send(c, "id1", "one")
	require.Empty(t, alice.prepare("s1"))
	require.Equal(t, pipeline.ReasonNoEngine, alice.history(c)[0].Reason)
}

func TestUnreadableBecomesPlaceholder(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	c := alice.conversation(bob.JID, pipeline.EncryptionDefault)
	alice.send(c, "id1", "one")
	alice.send(c, "id2", "two")
	out := alice.prepare("s1")
	broken := out[0].Envs[0]
	broken.Payload = bytes.Clone(broken.Payload)
	broken.Payload[0] ^= 1
	bad := packet{ID: "id1", Envs: []omemo.Envelope{broken}}
	bob.deliver(
		pipeline.Update{Message: incoming(alice.JID, bad)},
		pipeline.Update{Message: incoming(alice.JID, out[1])},
	)
	cb := bob.conversation(alice.JID, pipeline.EncryptionDefault)
	rows := bob.history(cb)
	require.Len(t, rows, 2)
	require.Equal(t, pipeline.KindUnreadable, rows[0].Kind)
	require.Equal(t, "omemo.decrypt.bad-payload", rows[0].Reason)
	require.Equal(t, "two", rows[1].Body, "the batch goes on behind it")
	// The ratchet was not touched by it: the genuine message is still read.
	bob.deliver(pipeline.Update{Message: incoming(alice.JID, out[0])})
	require.Contains(t, bodies(bob.history(cb)), "one")
}

// Whatever mixture of live delivery, repetition and archive pages a message
// takes: each is there once, and in the order of its sender.
func TestArrivalProperty(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { arrivals(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func arrivals(t *testing.T, random *rand.Rand) {
	bob := newSide(t, "bob@example.org", false)
	const sender = "alice@example.org"
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	n := 1 + random.IntN(60)
	archive := make([]pipeline.Incoming, n)
	for i := range archive {
		archive[i] = pipeline.Incoming{
			Peer: sender, Sender: sender, RemoteID: fmt.Sprintf("id%d", i), Content: pipeline.Content{Body: fmt.Sprintf("body %d", i)},
			ArchiveID: fmt.Sprintf("a%d", i), At: start.Add(time.Duration(i/5) * time.Second), // whole seconds only
		}
	}
	live := func(i int) {
		m := archive[i]
		m.At = time.Now()
		if random.IntN(2) == 0 {
			m.ArchiveID = "" // not every way tells it
		}
		bob.deliver(pipeline.Update{Message: &m})
	}
	// Sessions: some of what is new arrives live, then the connection is lost
	// with a few missing, and the next session catches up before it goes on.
	for done := 0; done < n; {
		end := min(n, done+1+random.IntN(20))
		for i := done; i < end && random.IntN(12) != 0; i++ {
			live(i)
			if random.IntN(5) == 0 {
				live(max(0, i-random.IntN(3)))
			}
		}
		run, err := bob.BeginCatchUp(t.Context(), bob.JID, time.Now())
		require.NoError(t, err)
		from := 0
		if run.Cursor != "" {
			_, err := fmt.Sscanf(run.Cursor, "a%d", &from)
			require.NoError(t, err)
			from++
		}
		for from < end {
			to := min(end, from+1+random.IntN(7))
			page := pipeline.Page{
				Messages: archive[from:to], First: archive[from].ArchiveID, Last: archive[to-1].ArchiveID, Complete: to == end,
			}
			require.NoError(t, bob.StorePage(t.Context(), run, page))
			if random.IntN(6) == 0 {
				require.NoError(t, bob.StorePage(t.Context(), run, page)) // twice
			}
			from = to
			if random.IntN(8) == 0 {
				break // cut; the next session goes on from the cursor
			}
		}
		if from < end {
			continue
		}
		require.NoError(t, bob.EndCatchUp(t.Context(), run))
		done = end
	}
	rows := bob.history(bob.conversation(sender, pipeline.EncryptionNone))
	require.Len(t, rows, n)
	for i, row := range rows {
		require.Equal(t, archive[i].Content.Body, row.Body)
	}
	unfinished, err := bob.Unfinished(context.Background())
	require.NoError(t, err)
	require.False(t, unfinished)
}

// A server may deliver live messages out of order around a resumption. The
// archive knows better.
func TestArchiveOrderWins(t *testing.T) {
	bob := newSide(t, "bob@example.org", false)
	const sender = "alice@example.org"
	var all []pipeline.Incoming
	for i := range 12 {
		all = append(all, pipeline.Incoming{
			Peer: sender, Sender: sender, RemoteID: fmt.Sprint("id", i), Content: pipeline.Content{Body: fmt.Sprint(i)},
			ArchiveID: fmt.Sprint("a", i), At: time.Now().Truncate(time.Second),
		})
	}
	began := time.Now()
	for _, i := range []int{0, 1, 5, 6, 2, 3, 4, 8, 7, 11, 10} { // 9 is missing
		m := all[i]
		m.At = time.Now()
		bob.deliver(pipeline.Update{Message: &m})
	}
	c := bob.conversation(sender, pipeline.EncryptionNone)
	bob.send(c, "own", "ours") // stays last
	run, err := bob.BeginCatchUp(t.Context(), bob.JID, began)
	require.NoError(t, err)
	for i := 0; i < 12; i += 4 {
		require.NoError(t, bob.StorePage(t.Context(), run, pipeline.Page{
			Messages: all[i : i+4], First: all[i].ArchiveID, Last: all[i+3].ArchiveID, Complete: i == 8,
		}))
	}
	var got []string
	for _, row := range bob.history(c) {
		if !row.Outgoing {
			got = append(got, row.Body)
		}
	}
	require.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, got)
}

func TestLostCursorLeavesGap(t *testing.T) {
	bob := newSide(t, "bob@example.org", false)
	run, err := bob.BeginCatchUp(t.Context(), bob.JID, time.Now())
	require.NoError(t, err)
	require.True(t, run.First())
	require.NoError(t, bob.StorePage(t.Context(), run, pipeline.Page{First: "a1", Last: "a1", Complete: true}))
	require.NoError(t, bob.StorePage(t.Context(), run, pipeline.Page{First: "a9", Last: "a9", Lost: true}))
	var gaps []storage.Gap
	require.NoError(t, bob.DB.View(t.Context(), func(r *storage.Reader) (err error) {
		gaps, err = r.Gaps(bob.ID)
		return err
	}))
	require.Len(t, gaps, 1)
	require.Equal(t, "a1", gaps[0].After)
	require.Equal(t, "a9", gaps[0].Before)
}

func TestDedupeKeys(t *testing.T) {
	require.Nil(t, pipeline.ContentKey("a@b", "", "text"))
	require.NotEqual(t, pipeline.ContentKey("a@b", "id", "x"), pipeline.ContentKey("a@b", "id", "y"))
	require.NotEqual(t, pipeline.ContentKey("a@bi", "d", "x"), pipeline.ContentKey("a@b", "id", "x"), "parts cannot run into each other")
	require.NotEqual(t, pipeline.ArchiveKey("a", "b"), pipeline.ContentKey("a", "b", ""))
	cipher := func(author string, p engine.Profile, sid uint32, key byte) []byte {
		return pipeline.CipherKey(author, &omemo.Envelope{
			Profile: p, SID: sid, IV: []byte{1}, Payload: []byte{2}, Keys: []omemo.Key{{Data: []byte{key}}},
		})
	}
	k := cipher("a@b", 1, 1, 3)
	require.Len(t, k, 16)
	require.NotEqual(t, k, cipher("a@c", 1, 1, 3))
	require.NotEqual(t, k, cipher("a@b", 2, 1, 3))
	require.NotEqual(t, k, cipher("a@b", 1, 2, 3))
	require.NotEqual(t, k, cipher("a@b", 1, 1, 4))
}
