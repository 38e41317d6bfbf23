// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/crypto/ratchet"
)

const (
	old  = engine.Profile03
	new2 = engine.Profile2
)

// only is an engine that speaks some of its profiles.
type only struct {
	engine.Engine
	profiles []engine.Profile
}

func (e only) Profiles() []engine.Profile { return e.profiles }

// speaker is a device with a Suite.
type speaker struct {
	*omemo.Suite
	t   testing.TB
	ctx context.Context
	st  *omemotest.Store
	jid string
	id  uint32
	// hidden says in which profiles others find no bundle of it.
	hidden map[engine.Profile]bool
}

func speak(t testing.TB, jid string, profiles ...engine.Profile) *speaker {
	t.Helper()
	return speakWith(t, omemo.Config{Engine: only{ratchet.New(), profiles}, JID: jid})
}

func speakWith(t testing.TB, cfg omemo.Config) *speaker {
	t.Helper()
	suite, err := omemo.NewSuite(cfg)
	require.NoError(t, err)
	s := &speaker{Suite: suite, t: t, ctx: t.Context(), st: omemotest.NewStore(), jid: cfg.JID, hidden: map[engine.Profile]bool{}}
	_, err = s.Setup(s.ctx, s.st)
	require.NoError(t, err)
	s.id, err = s.DeviceID(s.ctx, s.st)
	require.NoError(t, err)
	return s
}

func (s *speaker) addr() omemo.Address { return omemo.Address{JID: s.jid, Device: s.id} }

// meet gives everybody everybody's device lists.
func meet(all ...*speaker) {
	for _, s := range all {
		for _, p := range s.Profiles() {
			lists := map[string][]omemo.Listed{}
			for _, o := range all {
				if o.Speaks(p) {
					lists[o.jid] = append(lists[o.jid], omemo.Listed{ID: o.id})
				}
			}
			for jid, list := range lists {
				_, err := s.UpdateDevices(s.ctx, s.st, p, jid, list)
				require.NoError(s.t, err)
			}
		}
	}
}

// fetch does what a network does for a message to jid, and tells which bundles
// it was asked for.
func (s *speaker) fetch(jid string, all ...*speaker) (asked []omemo.Target) {
	s.t.Helper()
	tried := map[omemo.Target]bool{}
	for round := 0; ; round++ {
		require.Less(s.t, round, 5)
		missing, err := s.MissingSessions(s.ctx, s.st, []string{jid}, tried)
		require.NoError(s.t, err)
		if len(missing) == 0 {
			return asked
		}
		for _, target := range missing {
			require.False(s.t, tried[target], "asked for again")
			tried[target] = true
			asked = append(asked, target)
			i := slices.IndexFunc(all, func(o *speaker) bool { return o.addr() == target.Address })
			if i < 0 || all[i].hidden[target.Profile] || !all[i].Speaks(target.Profile) {
				continue
			}
			b, err := all[i].OwnBundle(s.ctx, all[i].st, target.Profile)
			require.NoError(s.t, err)
			require.NoError(s.t, s.AddBundle(s.ctx, s.st, target, b.PublishedBundle))
		}
	}
}

// in marks a text with the profile it is encrypted in.
func in(text string) func(engine.Profile) ([]byte, error) {
	return func(p engine.Profile) ([]byte, error) { return fmt.Appendf(nil, "%d %s", p, text), nil }
}

func (s *speaker) send(text, jid string, all ...*speaker) []omemo.Envelope {
	s.t.Helper()
	s.fetch(jid, all...)
	envs, _, err := s.Encrypt(s.ctx, s.st, in(text), []string{jid})
	require.NoError(s.t, err)
	return envs
}

func (s *speaker) read(from *speaker, envs []omemo.Envelope) string {
	s.t.Helper()
	res, err := s.Decrypt(s.ctx, s.st, from.jid, envs)
	require.NoError(s.t, err)
	require.Equal(s.t, from.addr(), res.Sender)
	profile, text, _ := strings.Cut(string(res.Plaintext), " ")
	require.Equal(s.t, fmt.Sprint(uint8(res.Profile)), profile)
	return text
}

// readers maps the profile of each envelope to the devices it has keys for.
func readers(envs []omemo.Envelope) map[engine.Profile][]uint32 {
	m := map[engine.Profile][]uint32{}
	for _, env := range envs {
		for _, k := range env.Keys {
			m[env.Profile] = append(m[env.Profile], k.RID)
		}
		slices.Sort(m[env.Profile])
	}
	return m
}

func ids(all ...*speaker) (list []uint32) {
	for _, s := range all {
		list = append(list, s.id)
	}
	slices.Sort(list)
	return list
}

func TestNewSuite(t *testing.T) {
	for _, c := range []struct {
		cfg  omemo.Config
		want error
	}{
		{omemo.Config{JID: alice}, omemo.ErrConfig},
		{omemo.Config{Engine: newEngine(), JID: alice + "/phone"}, omemo.ErrConfig},
		{omemo.Config{Engine: only{newEngine(), nil}, JID: alice}, engine.ErrUnsupported},
		{omemo.Config{Engine: only{newEngine(), []engine.Profile{7}}, JID: alice}, engine.ErrUnsupported},
	} {
		_, err := omemo.NewSuite(c.cfg)
		require.ErrorIs(t, err, c.want)
	}
	for _, c := range []struct {
		engine engine.Engine
		want   []engine.Profile
	}{
		{ratchet.New(), []engine.Profile{old, new2}},
		{libsignal.New(), []engine.Profile{old}},
		{only{ratchet.New(), []engine.Profile{new2, old}}, []engine.Profile{old, new2}},
		{only{ratchet.New(), []engine.Profile{new2}}, []engine.Profile{new2}},
	} {
		s := speakWith(t, omemo.Config{Engine: c.engine, JID: alice})
		require.Equal(t, c.want, s.Profiles())
		require.Equal(t, alice, s.JID())
		require.Equal(t, slices.Contains(c.want, new2), s.Speaks(new2))
		for _, p := range []engine.Profile{old, new2} {
			b, err := s.OwnBundle(s.ctx, s.st, p)
			if !s.Speaks(p) {
				require.ErrorIs(t, err, engine.ErrUnsupported)
				_, err = s.UpdateDevices(s.ctx, s.st, p, bob, nil)
				require.ErrorIs(t, err, engine.ErrUnsupported)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, s.id, b.Device)
		}
	}
}

// One identity, one pool of prekeys, and a signature for each profile.
func TestBundlesOfBothProfiles(t *testing.T) {
	a := speak(t, alice, old, new2)
	b03, err := a.OwnBundle(a.ctx, a.st, old)
	require.NoError(t, err)
	b2, err := a.OwnBundle(a.ctx, a.st, new2)
	require.NoError(t, err)
	for p, b := range map[engine.Profile]omemo.Bundle{old: b03, new2: b2} {
		covered, err := engine.SignedBytes(p, b.SignedPreKey)
		require.NoError(t, err)
		_, err = engine.VerifySignature(p, b.Identity, covered, b.Signature)
		require.NoError(t, err)
	}
	b2.Signature = b03.Signature
	require.Equal(t, b03, b2)

	// What is used in one is missing from both, and both change.
	b := speak(t, bob, old, new2)
	meet(a, b)
	a.read(b, b.send("x", alice, a))
	publish, err := a.Maintain(a.ctx, a.st)
	require.NoError(t, err)
	require.True(t, publish)
	var used []omemo.PublishedPreKey
	for _, p := range []engine.Profile{old, new2} {
		now, err := a.OwnBundle(a.ctx, a.st, p)
		require.NoError(t, err)
		require.Len(t, now.PreKeys, 100)
		gone := slices.DeleteFunc(slices.Clone(b03.PreKeys), func(k omemo.PublishedPreKey) bool { return slices.Contains(now.PreKeys, k) })
		require.Len(t, gone, 1)
		used = append(used, gone...)
	}
	require.Equal(t, used[0], used[1])
}

// Who gets a message in which profile.
func TestChoiceOfProfile(t *testing.T) {
	type devices struct{ both, old, new []*speaker }
	crowd := func(jid string, both, o, n int) (d devices, all []*speaker) {
		for range both {
			d.both = append(d.both, speak(t, jid, old, new2))
		}
		for range o {
			d.old = append(d.old, speak(t, jid, old))
		}
		for range n {
			d.new = append(d.new, speak(t, jid, new2))
		}
		return d, slices.Concat(d.both, d.old, d.new)
	}
	for _, c := range []struct {
		name                string
		own, peer           [3]int // devices of both profiles, of 0.3 only, of 2 only
		speaks              []engine.Profile
		wantOld, wantNew    bool // envelopes
		bothOld, unreadable bool // devices of both profiles read the old one; those of 2 none
	}{
		{name: "everybody both", own: [3]int{1, 0, 0}, peer: [3]int{2, 0, 0}, wantNew: true},
		{name: "everybody new", own: [3]int{0, 0, 1}, peer: [3]int{1, 0, 1}, wantNew: true},
		{name: "peer old", peer: [3]int{0, 2, 0}, wantOld: true, bothOld: true},
		{name: "peer has one old", own: [3]int{1, 0, 0}, peer: [3]int{1, 1, 0}, wantOld: true, bothOld: true},
		{name: "own other device old", own: [3]int{0, 1, 0}, peer: [3]int{1, 0, 0}, wantOld: true, bothOld: true},
		{name: "split", peer: [3]int{0, 1, 1}, wantOld: true, wantNew: true, bothOld: true},
		{name: "split, and one of both", own: [3]int{1, 1, 1}, peer: [3]int{1, 1, 1}, wantOld: true, wantNew: true, bothOld: true},
		{name: "we are old", speaks: []engine.Profile{old}, peer: [3]int{1, 1, 1}, wantOld: true, bothOld: true, unreadable: true},
		{name: "we are new", speaks: []engine.Profile{new2}, peer: [3]int{1, 0, 1}, wantNew: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.speaks == nil {
				c.speaks = []engine.Profile{old, new2}
			}
			a := speak(t, alice, c.speaks...)
			own, others := crowd(alice, c.own[0], c.own[1], c.own[2])
			peer, all := crowd(bob, c.peer[0], c.peer[1], c.peer[2])
			all = append(all, others...)
			meet(append(all, a)...)
			for n := range 3 {
				envs := a.send("hello", bob, all...)
				got := readers(envs)
				want := map[engine.Profile][]uint32{}
				both := slices.Concat(own.both, peer.both)
				if c.wantOld {
					want[old] = ids(slices.Concat(own.old, peer.old)...)
				}
				if c.wantNew {
					want[new2] = ids(slices.Concat(own.new, peer.new)...)
				}
				if c.bothOld {
					want[old] = ids(slices.Concat(own.old, peer.old, both)...)
				} else {
					want[new2] = ids(slices.Concat(own.new, peer.new, both)...)
				}
				require.Equal(t, want, got, "message %d", n)
				require.Len(t, envs, len(want))
				for i, env := range envs {
					require.Equal(t, a.id, env.SID)
					if i > 0 {
						require.Less(t, envs[i-1].Profile, env.Profile, "the older first")
					}
				}
				for _, d := range all {
					if c.unreadable && (slices.Contains(peer.new, d) || slices.Contains(own.new, d)) {
						continue
					}
					require.Equal(t, "hello", d.read(a, envs))
					_, err := d.Decrypt(d.ctx, d.st, alice, envs)
					var failed *omemo.DecryptError
					require.ErrorAs(t, err, &failed)
					require.Equal(t, omemo.ReasonDuplicate, failed.Reason, "once, whichever envelope")
				}
				_, err := a.Decrypt(a.ctx, a.st, alice, envs)
				var failed *omemo.DecryptError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, omemo.ReasonOwnMessage, failed.Reason)
			}
		})
	}
}

// A bundle that cannot be had in one profile is looked for in the other, and a
// device that cannot be reached at all holds nobody to the older one.
func TestBundleMissingInOneProfile(t *testing.T) {
	a, b, c := speak(t, alice, old, new2), speak(t, bob, old, new2), speak(t, bob, old, new2)
	meet(a, b, c)
	b.hidden[new2] = true
	asked := a.fetch(bob, b, c)
	require.ElementsMatch(t, []omemo.Target{
		{Profile: new2, Address: b.addr()}, {Profile: new2, Address: c.addr()},
		{Profile: old, Address: b.addr()}, {Profile: old, Address: c.addr()},
	}, asked)
	envs := a.send("x", bob, b, c)
	require.Equal(t, map[engine.Profile][]uint32{old: ids(b, c)}, readers(envs))

	d := speak(t, bob, old) // a phone that was thrown away
	a = speak(t, alice, old, new2)
	meet(a, b, c, d)
	b.hidden[new2], d.hidden[old] = false, true
	envs = a.send("x", bob, b, c, d)
	require.Equal(t, map[engine.Profile][]uint32{new2: ids(b, c)}, readers(envs))
	_, report, err := a.Encrypt(a.ctx, a.st, in("y"), []string{bob})
	require.NoError(t, err)
	outcome := map[omemo.Target]omemo.Outcome{}
	for _, r := range report.Devices {
		outcome[r.Target] = r.Outcome
	}
	require.Equal(t, map[omemo.Target]omemo.Outcome{
		{Profile: new2, Address: b.addr()}: omemo.Encrypted, {Profile: new2, Address: c.addr()}: omemo.Encrypted,
		{Profile: old, Address: d.addr()}: omemo.NoSession,
	}, outcome)
	// When it turns up, it is written to.
	d.hidden[old] = false
	envs = a.send("x", bob, b, c, d)
	require.Equal(t, map[engine.Profile][]uint32{old: ids(b, c, d)}, readers(envs))
}
