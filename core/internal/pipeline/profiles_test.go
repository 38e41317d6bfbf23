// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"slices"
	"testing"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/ratchet"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// speaking is an engine of which only some profiles are used.
type speaking struct {
	engine.Engine
	profiles []engine.Profile
}

func (s speaking) Profiles() []engine.Profile { return s.profiles }

func newSideIn(t *testing.T, jid string, profiles ...engine.Profile) *side {
	t.Helper()
	s := newSide(t, jid, false)
	var err error
	s.OMEMO, err = omemo.NewSuite(omemo.Config{Engine: speaking{ratchet.New(), profiles}, JID: jid})
	require.NoError(t, err)
	s.update(func(tx *storage.Tx) error {
		_, err := s.OMEMO.Setup(tx.Context(), tx.OMEMO(s.ID))
		return err
	})
	return s
}

// knowAll lets s write to these devices of one account, in all their profiles.
func (s *side) knowAll(others ...*side) {
	s.t.Helper()
	for _, p := range s.OMEMO.Profiles() {
		var list []omemo.Listed
		bundles := map[uint32]omemo.Bundle{}
		for _, o := range others {
			if !o.OMEMO.Speaks(p) {
				continue
			}
			var b omemo.Bundle
			o.update(func(tx *storage.Tx) (err error) {
				b, err = o.OMEMO.OwnBundle(tx.Context(), tx.OMEMO(o.ID), p)
				return err
			})
			list, bundles[b.Device] = append(list, omemo.Listed{ID: b.Device}), b
		}
		s.update(func(tx *storage.Tx) error {
			st, jid := tx.OMEMO(s.ID), others[0].JID
			if _, err := s.OMEMO.UpdateDevices(tx.Context(), st, p, jid, list); err != nil {
				return err
			}
			for id, b := range bundles {
				target := omemo.Target{Profile: p, Address: omemo.Address{JID: jid, Device: id}}
				if err := s.OMEMO.AddBundle(tx.Context(), st, target, b.PublishedBundle); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

const (
	profile03 = engine.Profile03
	profile2  = engine.Profile2
)

func (s *side) rows(peer string) []storage.Message {
	return s.history(s.conversation(peer, pipeline.EncryptionDefault))
}

// What protects a message is stored with it, on both sides, and whichever
// envelope was for the device that reads it.
func TestEncryptionIsStored(t *testing.T) {
	for _, c := range []struct {
		name  string
		peers [][]engine.Profile
		want  uint8   // of the sender's row
		read  []uint8 // of the readers'
	}{
		{"version 2", [][]engine.Profile{{profile03, profile2}, {profile2}}, pipeline.EncryptionOMEMO2, []uint8{pipeline.EncryptionOMEMO2, pipeline.EncryptionOMEMO2}},
		{"version 0.3", [][]engine.Profile{{profile03, profile2}, {profile03}}, pipeline.EncryptionOMEMO, []uint8{pipeline.EncryptionOMEMO, pipeline.EncryptionOMEMO}},
		{"each its own", [][]engine.Profile{{profile03}, {profile2}}, pipeline.EncryptionOMEMO, []uint8{pipeline.EncryptionOMEMO, pipeline.EncryptionOMEMO2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			alice := newSideIn(t, "alice@example.org", profile03, profile2)
			var peers []*side
			for _, p := range c.peers {
				peers = append(peers, newSideIn(t, "bob@example.org", p...))
			}
			alice.knowAll(peers...)
			out := alice.write(peers[0], 0, 2)
			for _, m := range alice.rows(peers[0].JID) {
				require.Equal(t, c.want, m.Encryption)
			}
			for i, bob := range peers {
				one, two := incoming(alice.JID, out[0]), incoming(alice.JID, out[1])
				again := incoming(alice.JID, out[0])
				again.ArchiveID = "a0" // the same from the archive
				bob.deliver(pipeline.Update{Message: one}, pipeline.Update{Message: two}, pipeline.Update{Message: again})
				rows := bob.rows(alice.JID)
				require.Equal(t, []string{"message 0", "message 1"}, bodies(rows))
				from, _ := alice.device()
				for _, m := range rows {
					require.Equal(t, pipeline.KindText, m.Kind, m.Reason)
					require.Equal(t, c.read[i], m.Encryption)
					require.Equal(t, from.Device, m.SenderDevice)
				}
			}
		})
	}
}

// A version of OMEMO that the account does not use is said so, unless there is
// nothing to be lost.
func TestUnknownProfile(t *testing.T) {
	alice, bob := newSideIn(t, "alice@example.org", profile2), newSideIn(t, "bob@example.org", profile03, profile2)
	alice.knowAll(bob)
	out := alice.write(bob, 0, 1)
	older := newSideIn(t, "bob@example.org", profile03)
	empty := incoming(alice.JID, out[0])
	empty.RemoteID = "empty"
	empty.Envelopes = slices.Clone(empty.Envelopes)
	empty.Envelopes[0].Payload = nil
	older.deliver(pipeline.Update{Message: incoming(alice.JID, out[0])}, pipeline.Update{Message: empty})
	rows := older.rows(alice.JID)
	require.Len(t, rows, 1)
	require.Equal(t, pipeline.KindUnreadable, rows[0].Kind)
	require.Equal(t, pipeline.ReasonProfile, rows[0].Reason)
	require.Equal(t, pipeline.EncryptionOMEMO2, rows[0].Encryption)
}

// liar is a Builder that refuses what was encrypted.
type liar struct{ builder }

func (liar) Content(engine.Profile, pipeline.Affix, pipeline.Content, []byte) (pipeline.Content, error) {
	return pipeline.Content{}, omemo.ErrRefused
}

// Content that does not agree with its stanza is a placeholder that says why, and
// the next message is read: the session has gone on.
func TestContentRefused(t *testing.T) {
	alice, bob := newSideIn(t, "alice@example.org", profile2), newSideIn(t, "bob@example.org", profile2)
	alice.knowAll(bob)
	out := alice.write(bob, 0, 2)
	bob.Builder = liar{}
	bob.deliver(pipeline.Update{Message: incoming(alice.JID, out[0])})
	bob.Builder = builder{}
	bob.deliver(pipeline.Update{Message: incoming(alice.JID, out[0])}, pipeline.Update{Message: incoming(alice.JID, out[1])})
	rows := bob.rows(alice.JID)
	require.Len(t, rows, 2)
	require.Equal(t, pipeline.KindUnreadable, rows[0].Kind)
	require.Equal(t, "omemo.refused", rows[0].Reason)
	require.Empty(t, rows[0].Body)
	require.Equal(t, "message 1", rows[1].Body)
}

// Some clients send a stanza for each version of OMEMO, with one id. Whichever
// comes first, the message is there once.
func TestStanzaForEachProfile(t *testing.T) {
	for name, order := range map[string][]int{"ours first": {0, 1}, "the other first": {1, 0}} {
		t.Run(name, func(t *testing.T) {
			alice := newSideIn(t, "alice@example.org", profile03, profile2)
			bob, other := newSideIn(t, "bob@example.org", profile03), newSideIn(t, "bob@example.org", profile2)
			alice.knowAll(bob, other)
			out := alice.write(bob, 0, 1)
			require.Len(t, out[0].Envs, 2)
			both := incoming(alice.JID, out[0])
			// Bob's device speaks both now, but has a key in the older one only.
			bob.OMEMO = newSideIn(t, "bob@example.org", profile03, profile2).OMEMO
			for _, i := range order {
				one := *both
				one.Envelopes = both.Envelopes[i : i+1]
				bob.deliver(pipeline.Update{Message: &one})
			}
			rows := bob.rows(alice.JID)
			require.Equal(t, []string{"message 0"}, bodies(rows))
			require.Equal(t, pipeline.KindText, rows[0].Kind)
			removed := 0
			for _, e := range bob.heard() {
				if e.Kind == event.MessageRemoved {
					removed++
				}
			}
			require.Equal(t, order[0], removed, "the placeholder that was shown meanwhile")
		})
	}
	// Somebody else's placeholder stays, and so does one under another id.
	alice, carol := newSideIn(t, "alice@example.org", profile2), newSideIn(t, "alice@example.org", profile2)
	bob, other := newSideIn(t, "bob@example.org", profile2), newSideIn(t, "bob@example.org", profile2)
	alice.knowAll(bob)
	carol.knowAll(other)
	mine, theirs := incoming(alice.JID, alice.write(bob, 0, 1)[0]), incoming(alice.JID, carol.write(other, 0, 1)[0])
	require.Equal(t, mine.RemoteID, theirs.RemoteID)
	bob.deliver(pipeline.Update{Message: theirs}, pipeline.Update{Message: mine})
	rows := bob.rows(alice.JID)
	require.Len(t, rows, 2)
	require.Equal(t, "omemo.decrypt.not-for-this-device", rows[0].Reason)
}
