// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

const (
	timelineMessages = 10_000
	timelinePeople   = 12
)

// timeline compares all that was stored with the archive.
func (s *side) timeline(archive shelf) {
	s.t.Helper()
	for i := range timelinePeople {
		peer := fmt.Sprintf("p%d@example.org", i)
		c := s.conversation(peer, pipeline.EncryptionNone)
		var got []string
		unread := 0
		require.NoError(s.t, s.DB.View(s.t.Context(), func(r *storage.Reader) error {
			rows, err := r.MessagesAfter(c, 0, 0)
			for _, row := range rows {
				if !row.Outgoing {
					unread++
				}
			}
			got = bodies(rows)
			return err
		}))
		require.Equal(s.t, archive.with(peer), got)
		require.Equal(s.t, unread, s.info(c).Unread)
	}
}

// begun begins a run that reads on from the beginning of an archive.
func (s *side) begun(archive shelf) *pipeline.CatchUp {
	s.t.Helper()
	run, err := s.BeginCatchUp(s.t.Context(), s.JID, time.Now())
	require.NoError(s.t, err)
	if run.First() { // nothing but the fact that there is an archive
		require.NoError(s.t, s.StorePage(s.t.Context(), run, pipeline.Page{Complete: true}))
	}
	return run
}

// A server that repeats pages, overlaps or cuts them, and ends connections
// between them, makes the same timeline as one that does not.
func TestTimelineOfRepeatedPages(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	s := newSide(t, "alice@example.org", false)
	archive := newShelf(random, timelineMessages, timelinePeople, time.Now().Add(-90*24*time.Hour), s.JID)
	// Some came live, in any order.
	for _, i := range random.Perm(60) {
		if m := archive[i]; !m.Outgoing && random.IntN(2) == 0 {
			m.At = time.Now()
			s.deliver(pipeline.Update{Message: &m})
		}
	}
	run := s.begun(archive)
	store := func(from, upto int) {
		require.NoError(t, s.StorePage(t.Context(), run, archive.page(from, upto)))
	}
	for from := 0; from < len(archive); {
		upto := min(len(archive), from+1+random.IntN(250))
		store(from, upto)
		switch random.IntN(5) {
		case 0: // the same page
			store(from, upto)
		case 1: // an earlier page, cut otherwise
			a := random.IntN(upto)
			store(a, min(upto, a+1+random.IntN(250)))
		case 2: // what was and what follows
			a := max(0, from-random.IntN(100))
			b := min(len(archive), upto+random.IntN(100))
			store(a, b)
			upto = b
		case 3: // the connection ends
			run = s.begun(archive)
		}
		from = upto
	}
	require.NoError(t, s.EndCatchUp(t.Context(), run))
	s.timeline(archive)
}

// One that sends pages in any order, and what is in them in any order, does too,
// as far as its times tell the order.
func TestTimelineOfShuffledPages(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	s := newSide(t, "alice@example.org", false)
	archive := newShelf(random, timelineMessages, timelinePeople, time.Now().Add(-90*24*time.Hour), s.JID)
	for i := range archive {
		archive[i].At = archive[i].At.Add(time.Duration(i) * time.Millisecond)
	}
	var pages []pipeline.Page
	for from := 0; from < len(archive); {
		upto := min(len(archive), from+1+random.IntN(250))
		p := archive.page(from, upto)
		if random.IntN(2) == 0 {
			p.Shuffled = true
			random.Shuffle(len(p.Messages), func(i, j int) { p.Messages[i], p.Messages[j] = p.Messages[j], p.Messages[i] })
		}
		pages = append(pages, p)
		if random.IntN(4) == 0 {
			pages = append(pages, p)
		}
		from = upto
	}
	random.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
	run := s.begun(archive)
	for _, p := range pages {
		require.NoError(t, s.StorePage(t.Context(), run, p))
		if random.IntN(8) == 0 {
			run = s.begun(archive)
		}
	}
	require.NoError(t, s.EndCatchUp(t.Context(), run))
	s.timeline(archive)
}

// Receipts that are only in the archive count, of their sender's messages.
func TestArchivedReceipts(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	const bob = "bob@example.org"
	c := s.conversation(bob, pipeline.EncryptionNone)
	s.send(c, "m1", "one")
	s.send(c, "m2", "two")
	s.prepare("s1")
	run := s.begun(nil)
	other := pipeline.Incoming{
		Peer: bob, Sender: s.JID, Outgoing: true, RemoteID: "m3", ArchiveID: "a3", Content: pipeline.Content{Body: "from another device"}, At: time.Now(),
	}
	require.NoError(t, s.StorePage(t.Context(), run, pipeline.Page{
		First: "a3", Last: "a6", Messages: []pipeline.Incoming{other}, Receipts: []pipeline.Receipt{
			{From: bob, RemoteID: "m1"}, {From: "eve@example.org", RemoteID: "m2"}, {From: bob, RemoteID: "m3"}, {From: bob, RemoteID: "m9"},
		},
	}))
	states := make(map[string]uint8)
	for _, row := range s.history(c) {
		states[row.RemoteID] = row.State
	}
	require.Equal(t, map[string]uint8{"m1": pipeline.StateDelivered, "m2": pipeline.StateQueued, "m3": pipeline.StateDelivered}, states)
}

// However the ends of lines travel, a message is one.
func TestLineEnds(t *testing.T) {
	s := newSide(t, "alice@example.org", false)
	const bob = "bob@example.org"
	c := s.conversation(bob, pipeline.EncryptionNone)
	s.send(c, "m1", "one\r\ntwo\rthree\nfour")
	s.prepare("s1")
	in := func(sender, archive, body string) pipeline.Incoming {
		return pipeline.Incoming{
			Peer: bob, Sender: sender, Outgoing: sender == s.JID, RemoteID: "m1", ArchiveID: archive, Content: pipeline.Content{Body: body}, At: time.Now(),
		}
	}
	live := in(bob, "", "a\r\nb")
	s.deliver(pipeline.Update{Message: &live})
	run := s.begun(nil)
	require.NoError(t, s.StorePage(t.Context(), run, pipeline.Page{First: "a1", Last: "a2", Messages: []pipeline.Incoming{
		in(s.JID, "a1", "one\ntwo\nthree\nfour"), in(bob, "a2", "a\nb"),
	}}))
	rows := s.history(c)
	require.Equal(t, []string{"one\r\ntwo\rthree\nfour", "a\r\nb"}, bodies(rows), "what was written is kept as it was")
	require.Equal(t, pipeline.StateSent, rows[0].State)
	require.NotEqual(t, pipeline.ContentKey(bob, "1", "a\nb"), pipeline.ContentKey(bob, "1", "a b"))
}

// poisoned fails at one session, as broken code may, and not as an engine does.
type poisoned struct {
	*libsignal.Engine
	poison []byte
}

var errPoison = errors.New("poison")

func (p poisoned) Decrypt(state engine.State, wire []byte) (engine.State, []byte, error) {
	if string(wire) == string(p.poison) {
		return nil, nil, errPoison
	}
	return p.Engine.Decrypt(state, wire)
}

func (p poisoned) Accept(profile engine.Profile, self engine.IdentityKey, signed, oneTime engine.PreKey, kex []byte) (engine.State, []byte, error) {
	if string(kex) == string(p.poison) {
		return nil, nil, errPoison
	}
	return p.Engine.Accept(profile, self, signed, oneTime, kex)
}

// A message in an archive page that cannot even fail as it should leaves a
// placeholder; the page is stored and the cursor moves.
func TestPoisonInPage(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	ca := alice.conversation(bob.JID, pipeline.EncryptionDefault)
	var page pipeline.Page
	for i := range 5 {
		alice.send(ca, fmt.Sprint("m", i), fmt.Sprint(i))
	}
	for i, p := range alice.prepare("s1") {
		in := incoming(alice.JID, p)
		in.ArchiveID = fmt.Sprint("a", i)
		page.Messages = append(page.Messages, *in)
	}
	page.First, page.Last, page.Complete = "a0", "a4", true
	var err error
	bob.OMEMO, err = omemo.NewSuite(omemo.Config{
		Engine: poisoned{libsignal.New(), page.Messages[2].Envelopes[0].Keys[0].Data}, JID: bob.JID,
	})
	require.NoError(t, err)
	run := bob.begun(nil)
	require.NoError(t, bob.StorePage(t.Context(), run, page))
	require.NoError(t, bob.EndCatchUp(t.Context(), run))
	require.Equal(t, "a4", run.Cursor)
	rows := bob.history(bob.conversation(alice.JID, pipeline.EncryptionDefault))
	require.Equal(t, []string{"0", "1", "", "3", "4"}, bodies(rows))
	require.Equal(t, pipeline.KindUnreadable, rows[2].Kind)
	require.NotEmpty(t, rows[2].Reason)
	require.Equal(t, "a2", rows[2].ArchiveID)

	// It stays one when it comes again.
	require.NoError(t, bob.StorePage(t.Context(), bob.begun(nil), page))
	require.Len(t, bob.history(bob.conversation(alice.JID, pipeline.EncryptionDefault)), 5)
}

// A device that turns up with another identity is not believed: what it sends
// is a placeholder that says so, and writing to it goes on with the key known.
func TestChangedIdentity(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	forged := newSide(t, bob.JID, true)
	bob.know(alice)
	forged.know(alice)
	alice.know(bob)
	bob.send(bob.conversation(alice.JID, pipeline.EncryptionDefault), "1", "genuine")
	genuine := incoming(bob.JID, bob.prepare("s")[0])
	alice.deliver(pipeline.Update{Message: genuine})
	forged.send(forged.conversation(alice.JID, pipeline.EncryptionDefault), "2", "forged")
	bad := incoming(bob.JID, forged.prepare("s")[0])
	bad.Envelopes[0].SID = genuine.Envelopes[0].SID
	alice.heard()
	alice.deliver(pipeline.Update{Message: bad})
	c := alice.conversation(bob.JID, pipeline.EncryptionDefault)
	rows := alice.history(c)
	require.Len(t, rows, 2)
	require.Equal(t, "genuine", rows[0].Body)
	require.Equal(t, pipeline.KindUnreadable, rows[1].Kind)
	require.Equal(t, "omemo.decrypt.identity-changed", rows[1].Reason)
	require.Empty(t, rows[1].Body)
	var told bool
	for _, e := range alice.heard() {
		told = told || e.Kind == event.MessageAdded && e.Code == rows[1].Reason
	}
	require.True(t, told)

	var bundle omemo.Bundle
	require.NoError(t, forged.DB.Update(t.Context(), func(tx *storage.Tx) (err error) {
		bundle, err = forged.OMEMO.OwnBundle(tx.Context(), tx.OMEMO(forged.ID), engine.Profile03)
		return err
	}))
	err := alice.DB.Update(context.WithoutCancel(t.Context()), func(tx *storage.Tx) error {
		a := omemo.Target{Profile: engine.Profile03, Address: omemo.Address{JID: bob.JID, Device: genuine.Envelopes[0].SID}}
		return alice.OMEMO.AddBundle(tx.Context(), tx.OMEMO(alice.ID), a, bundle.PublishedBundle)
	})
	require.ErrorIs(t, err, omemo.ErrIdentityChanged)
	alice.send(c, "3", "answer")
	var answer packet
	for _, p := range alice.prepare("s") {
		if p.ID == "3" {
			answer = p
		}
	}
	bob.deliver(pipeline.Update{Message: incoming(alice.JID, answer)})
	require.Contains(t, bodies(bob.history(bob.conversation(alice.JID, pipeline.EncryptionDefault))), "answer")
	forged.deliver(pipeline.Update{Message: incoming(alice.JID, answer)})
	require.NotContains(t, bodies(forged.history(forged.conversation(alice.JID, pipeline.EncryptionDefault))), "answer")
}
