// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

func (s *side) update(fn func(tx *storage.Tx) error) {
	s.t.Helper()
	require.NoError(s.t, s.DB.Update(s.t.Context(), fn))
}

// befriend lets peer see our presence.
func (s *side) befriend(peer string) {
	s.t.Helper()
	s.update(func(tx *storage.Tx) error {
		return tx.PutRosterItem(storage.RosterItem{AccountID: s.ID, JID: peer, Subscription: "both"})
	})
}

func (s *side) device() (a omemo.Address, key engine.PublicKey) {
	s.t.Helper()
	s.update(func(tx *storage.Tx) (err error) {
		a.JID = s.JID
		if a.Device, err = s.OMEMO.DeviceID(tx.Context(), tx.OMEMO(s.ID)); err != nil {
			return err
		}
		key, err = s.OMEMO.Identity(tx.Context(), tx.OMEMO(s.ID))
		return err
	})
	return a, key
}

func (s *side) trust(other *side, state trust.State) {
	s.t.Helper()
	_, key := other.device()
	s.update(func(tx *storage.Tx) error {
		return s.OMEMO.SetTrust(tx.Context(), tx.OMEMO(s.ID), other.JID, key, state)
	})
}

// forget deletes all sessions with other's device.
func (s *side) forget(other *side) {
	s.t.Helper()
	a, _ := other.device()
	s.update(func(tx *storage.Tx) error {
		return tx.OMEMO(s.ID).DeleteSessions(tx.Context(), uint8(engine.Profile03), a.JID, a.Device)
	})
}

// write makes n messages to other, numbered from first.
func (s *side) write(other *side, first, n int) []packet {
	s.t.Helper()
	c := s.conversation(other.JID, pipeline.EncryptionOMEMO)
	for i := range n {
		s.send(c, fmt.Sprintf("%s%d", s.JID, first+i), fmt.Sprintf("message %d", first+i))
	}
	out := s.prepare("s")
	require.Len(s.t, out, n)
	return out
}

// empties says to whom messages without content go out.
func (s *side) empties() (list []string) {
	s.t.Helper()
	for _, p := range s.prepare("s") {
		if len(p.Envs) == 1 && p.Envs[0].Payload == nil {
			list = append(list, p.To)
		}
	}
	return list
}

// A key exchange gets one message without content back, from whom knows its
// sender; while catching up not before the end, and then one for each device.
func TestKeyExchangeIsAnswered(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	require.False(t, bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, 0, 1)[0])}).Queued)
	require.Empty(t, bob.empties(), "a stranger learns nothing")

	bob.befriend(alice.JID)
	alice.forget(bob)
	alice.know(bob)
	require.True(t, bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, 1, 1)[0])}).Queued)
	require.Equal(t, []string{alice.JID}, bob.empties())

	run, err := bob.BeginCatchUp(t.Context(), bob.JID, time.Now())
	require.NoError(t, err)
	for i := range 3 { // as by a client that was set up again and again
		alice.forget(bob)
		alice.know(bob)
		in := incoming(alice.JID, alice.write(bob, 2+i, 1)[0])
		in.ArchiveID = fmt.Sprint("a", i)
		page := pipeline.Page{Messages: []pipeline.Incoming{*in}, First: in.ArchiveID, Last: in.ArchiveID, Complete: i == 2}
		require.NoError(t, bob.StorePage(t.Context(), run, page))
		require.Empty(t, bob.empties())
	}
	require.NoError(t, bob.EndCatchUp(t.Context(), run))
	require.Equal(t, []string{alice.JID}, bob.empties())
	require.Equal(t, 5, len(bob.history(bob.conversation(alice.JID, pipeline.EncryptionOMEMO))))

	run, err = bob.BeginCatchUp(t.Context(), bob.JID, time.Now())
	require.NoError(t, err)
	require.NoError(t, bob.EndCatchUp(t.Context(), run))
	require.Empty(t, bob.empties(), "once")
}

// After 53 messages without an answer one without content goes out, and again
// after as many.
func TestHeartbeat(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	bob.befriend(alice.JID)
	bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, 0, 1)[0])})
	require.Len(t, bob.empties(), 1, "the answer to the key exchange")
	beats := 0
	for n := 1; n <= 2*53; n++ {
		bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, n, 1)[0])})
		if len(bob.empties()) == 1 {
			beats++
			require.Zero(t, n%53, "after %d messages", n)
		}
	}
	require.Equal(t, 2, beats)
}

// Messages of distrusted keys are shown with a mark, those of compromised ones
// are not shown.
func TestTrustOfMessages(t *testing.T) {
	for state, want := range map[trust.State]struct {
		kind   uint8
		reason string
	}{
		trust.Blind: {kind: pipeline.KindText}, trust.Verified: {kind: pipeline.KindText},
		trust.Undecided: {kind: pipeline.KindText}, trust.Distrusted: {kind: pipeline.KindText},
		trust.Compromised: {pipeline.KindUnreadable, omemo.ReasonRefused.Code()},
	} {
		alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
		alice.know(bob)
		bob.trust(alice, state)
		bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, 0, 1)[0])})
		rows := bob.history(bob.conversation(alice.JID, pipeline.EncryptionOMEMO))
		require.Len(t, rows, 1)
		require.Equal(t, want.kind, rows[0].Kind, state)
		require.Equal(t, want.reason, rows[0].Reason, state)
		if want.kind == pipeline.KindText {
			require.EqualValues(t, state, rows[0].Trust)
		} else {
			require.Empty(t, rows[0].Body)
		}
	}
}

// A session that does not fit any more is reported once the message came live
// and its sender is known and trusted, and never else.
func TestBrokenSession(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(alice, bob *side)
		deliver func(bob *side, m *pipeline.Incoming) pipeline.Outcome
		want    bool
	}{
		"live":     {want: true},
		"verified": {prepare: func(alice, bob *side) { bob.trust(alice, trust.Verified) }, want: true},
		"written to": {want: true, prepare: func(alice, bob *side) {
			bob.update(func(tx *storage.Tx) error { return tx.DeleteRosterItem(bob.ID, alice.JID) })
			bob.know(alice)
			bob.write(alice, 0, 1)
			bob.forget(alice)
		}},
		"stranger": {prepare: func(alice, bob *side) {
			bob.update(func(tx *storage.Tx) error { return tx.DeleteRosterItem(bob.ID, alice.JID) })
		}},
		"distrusted": {prepare: func(alice, bob *side) { bob.trust(alice, trust.Distrusted) }},
		"undecided":  {prepare: func(alice, bob *side) { bob.trust(alice, trust.Undecided) }},
		"inactive": {prepare: func(alice, bob *side) {
			bob.update(func(tx *storage.Tx) error {
				_, err := bob.OMEMO.UpdateDevices(tx.Context(), tx.OMEMO(bob.ID), engine.Profile03, alice.JID, nil)
				return err
			})
		}},
		"late": {deliver: func(bob *side, m *pipeline.Incoming) pipeline.Outcome {
			m.At = m.At.Add(-time.Hour)
			return bob.deliver(pipeline.Update{Message: m})
		}},
		"live while catching up": {deliver: func(bob *side, m *pipeline.Incoming) pipeline.Outcome {
			_, err := bob.BeginCatchUp(t.Context(), bob.JID, time.Now())
			require.NoError(t, err)
			return bob.deliver(pipeline.Update{Message: m})
		}},
		"repeated": {deliver: func(bob *side, m *pipeline.Incoming) pipeline.Outcome {
			require.NotEmpty(t, bob.deliver(pipeline.Update{Message: m}).Broken)
			return bob.deliver(pipeline.Update{Message: m})
		}},
		"a device that is not known": {deliver: func(bob *side, m *pipeline.Incoming) pipeline.Outcome {
			m.Envelopes[0].SID++
			return bob.deliver(pipeline.Update{Message: m})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
			alice.know(bob)
			bob.befriend(alice.JID)
			bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, 0, 1)[0])})
			a, _ := alice.device()
			bob.update(func(tx *storage.Tx) error { // the list was pushed
				_, err := bob.OMEMO.UpdateDevices(tx.Context(), tx.OMEMO(bob.ID), engine.Profile03, alice.JID, []omemo.Listed{{ID: a.Device}})
				return err
			})
			for _, p := range bob.prepare("s") { // the answer ends the key exchanges
				alice.deliver(pipeline.Update{Message: incoming(bob.JID, p)})
			}
			bob.forget(alice)
			if test.prepare != nil {
				test.prepare(alice, bob)
			}
			m := incoming(alice.JID, alice.write(bob, 1, 1)[0])
			require.False(t, m.Envelopes[0].Keys[0].PreKey)
			var got pipeline.Outcome
			if test.deliver != nil {
				got = test.deliver(bob, m)
			} else {
				got = bob.deliver(pipeline.Update{Message: m})
			}
			if test.want {
				require.Equal(t, []omemo.Target{{Profile: engine.Profile03, Address: a}}, got.Broken)
			} else {
				require.Empty(t, got.Broken)
			}
			require.Empty(t, got.Changed)
			rows := bob.history(bob.conversation(alice.JID, pipeline.EncryptionOMEMO))
			require.Equal(t, pipeline.KindUnreadable, rows[len(rows)-1].Kind)
		})
	}
}

// Nothing is reported of an archive's messages, whatever they are.
func TestBrokenSessionInArchive(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	bob.know(alice)
	bob.befriend(alice.JID)
	bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, 0, 1)[0])})
	bob.forget(alice)
	lost := incoming(alice.JID, alice.write(bob, 1, 1)[0])
	lost.ArchiveID = "a1"
	run, err := bob.BeginCatchUp(t.Context(), bob.JID, time.Now())
	require.NoError(t, err)
	require.NoError(t, bob.StorePage(t.Context(), run, pipeline.Page{Messages: []pipeline.Incoming{*lost}, First: "a1", Last: "a1", Complete: true}))
	require.NoError(t, bob.EndCatchUp(t.Context(), run))
	require.Empty(t, bob.deliver(pipeline.Update{Message: lost}).Broken, "a copy of it says no more")
}

// Another key of a known device is refused, and told of.
func TestChangedKeyIsTold(t *testing.T) {
	alice, bob := newSide(t, "alice@example.org", true), newSide(t, "bob@example.org", true)
	alice.know(bob)
	bob.befriend(alice.JID)
	a, _ := alice.device()
	bob.update(func(tx *storage.Tx) error {
		st := tx.OMEMO(bob.ID)
		if err := st.SaveDevice(tx.Context(), uint8(engine.Profile03), a.JID, a.Device, true); err != nil {
			return err
		}
		return st.SetDeviceIdentity(tx.Context(), uint8(engine.Profile03), a.JID, a.Device, append(make([]byte, 31), 9))
	})
	out := bob.deliver(pipeline.Update{Message: incoming(alice.JID, alice.write(bob, 0, 1)[0])})
	require.Equal(t, []omemo.Target{{Profile: engine.Profile03, Address: a}}, out.Changed)
	require.Empty(t, out.Broken)
	var told bool
	for _, e := range bob.heard() {
		told = told || e.Kind == event.TrustChanged && e.Peer == alice.JID && e.Code == "omemo.decrypt.identity-changed"
	}
	require.True(t, told)
}
