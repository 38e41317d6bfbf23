// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/ratchet"
)

const p03 = engine.Profile03

// handOver gives a session to another engine.
func handOver(t testing.TB, s *enginetest.Session, to engine.Engine) {
	t.Helper()
	state := s.State
	if to.Name() == "libsignal" && state[0] == 'R' {
		p, err := ratchet.Export(state)
		require.NoError(t, err)
		state, err = p.MarshalBinary()
		require.NoError(t, err)
	}
	party := *s.Party
	party.Engine = to
	s.Party, s.State = &party, state
}

// Two devices talk while their sessions move from one engine to the other and
// back at any time, with messages skipped, late, lost and still to come.
func TestSessionsMoveBetweenEngines(t *testing.T) {
	engines := []engine.Engine{ratchet.New(), libsignal.New()}
	for _, first := range engines {
		for _, second := range engines {
			t.Run(first.Name()+" and "+second.Name(), func(t *testing.T) {
				for range 4 {
					seed := rand.Uint64()
					t.Logf("seed %d", seed)
					moving(t, first, second, engines, rand.New(rand.NewPCG(seed, 2)))
				}
			})
		}
	}
}

func moving(t *testing.T, first, second engine.Engine, engines []engine.Engine, rng *rand.Rand) {
	a, b := enginetest.NewParty(t, first, p03, 1), enginetest.NewParty(t, second, p03, 2)
	alice := a.Initiate(t, b)
	moves := map[string]int{}
	move := func(s *enginetest.Session) {
		if rng.IntN(3) == 0 {
			to := engines[rng.IntN(2)]
			if to.Name() != s.Engine.Name() {
				moves[s.Engine.Name()]++
			}
			handOver(t, s, to)
		}
	}
	type sent struct {
		text string
		wire []byte
	}
	move(alice) // before anything was sent
	var early []sent
	for n := range 3 {
		wire, kex := alice.Encrypt(t, fmt.Sprint("early ", n))
		require.True(t, kex)
		early = append(early, sent{fmt.Sprint("early ", n), wire})
		move(alice)
	}
	bob, plain := b.Accept(t, early[1].wire)
	require.Equal(t, "early 1", plain)
	toBob, toAlice := []sent{early[0], early[2]}, []sent(nil)
	for step := range 150 {
		move(alice)
		move(bob)
		from, to, queue := alice, bob, &toBob
		if rng.IntN(2) == 0 {
			from, to, queue = bob, alice, &toAlice
		}
		// Everything arrives before its chain is forgotten.
		if n := len(*queue); step%10 == 9 || rng.IntN(3) == 0 {
			for n > 0 {
				i := rng.IntN(n)
				m := (*queue)[i]
				*queue = slices.Delete(*queue, i, i+1)
				require.Equal(t, m.text, to.Decrypt(t, m.wire))
				move(to)
				to.Refuse(t, m.wire, engine.ErrDuplicate)
				if n--; step%10 != 9 {
					break
				}
			}
			continue
		}
		text := fmt.Sprint(step)
		wire, _ := from.Encrypt(t, text)
		if rng.IntN(10) > 0 {
			*queue = append(*queue, sent{text, wire})
		}
	}
	require.Len(t, moves, 2, "sessions moved in one direction only")
	remote, err := alice.Engine.RemoteIdentity(alice.State)
	require.NoError(t, err)
	require.Equal(t, b.Identity.Public, remote)
}

// What the other engine made is taken as it is, by every method.
func TestForeignStatesAreTaken(t *testing.T) {
	own, other := ratchet.New(), libsignal.New()
	a, b := enginetest.NewParty(t, other, p03, 1), enginetest.NewParty(t, other, p03, 2)
	alice := a.Initiate(t, b)
	require.Equal(t, byte('L'), alice.State[0])
	wire, _ := alice.Encrypt(t, "x")
	bob, _ := b.Accept(t, wire)
	header, err := own.ParseKeyExchange(p03, wire)
	require.NoError(t, err)
	for _, s := range []*enginetest.Session{alice, bob} {
		same, err := own.Matches(s.State, header)
		require.NoError(t, err)
		require.Equal(t, s == bob, same)
		_, err = own.RemoteIdentity(s.State)
		require.NoError(t, err)
		next, _, kex, err := own.Encrypt(s.State, []byte("y"))
		require.NoError(t, err)
		require.Equal(t, s == alice, kex, "a pending session is taken over as one")
		require.Equal(t, byte('R'), next[0])
		// Importing is the same as using.
		portable, err := engine.ParseSession(s.State)
		require.NoError(t, err)
		imported, err := ratchet.Import(portable)
		require.NoError(t, err)
		back, err := ratchet.Export(imported)
		require.NoError(t, err)
		require.True(t, equalSessions(portable, back))
	}
}

func equalSessions(a, b engine.Session) bool {
	x, errX := a.MarshalBinary()
	y, errY := b.MarshalBinary()
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func TestExport(t *testing.T) {
	e := ratchet.New()
	// A session whose turn to send was not made yet is exported with it.
	a, b := enginetest.NewParty(t, e, p03, 1), enginetest.NewParty(t, e, p03, 2)
	alice := a.Initiate(t, b)
	wire, _ := alice.Encrypt(t, "x")
	bob, _ := b.Accept(t, wire)
	handOver(t, bob, libsignal.New())
	back, _ := bob.Encrypt(t, "back")
	require.Equal(t, "back", alice.Decrypt(t, back))

	// There is nowhere to take a session of Profile2.
	x, _ := enginetest.Pair(t, e, engine.Profile2)
	_, err := ratchet.Export(x.State)
	require.ErrorIs(t, err, engine.ErrUnsupported)
	for _, bad := range []engine.State{nil, {'R'}, x.State[:90], make(engine.State, 400)} {
		_, err = ratchet.Export(bad)
		require.ErrorIs(t, err, engine.ErrBadState)
	}
	_, err = ratchet.Import(engine.Session{})
	require.ErrorIs(t, err, engine.ErrBadState)
	portable, err := ratchet.Export(alice.State)
	require.NoError(t, err)
	portable.Profile = engine.Profile2
	_, err = ratchet.Import(portable)
	require.ErrorIs(t, err, engine.ErrBadState)
}

// More chains than others take are kept as long as they hold skipped keys; the
// newest of them are exported.
func TestExportOfManyChains(t *testing.T) {
	alice, bob := enginetest.Pair(t, ratchet.New(), p03)
	var skipped [][]byte
	for range 10 {
		wire, _ := alice.Encrypt(t, "skipped")
		skipped = append(skipped, wire)
		wire, _ = alice.Encrypt(t, "seen")
		bob.Decrypt(t, wire)
		back, _ := bob.Encrypt(t, "turn")
		alice.Decrypt(t, back)
	}
	other := bob.Clone()
	handOver(t, other, libsignal.New())
	for _, wire := range skipped[5:] {
		require.Equal(t, "skipped", other.Decrypt(t, wire))
	}
	other = bob.Clone()
	for _, wire := range skipped { // nothing is lost here
		require.Equal(t, "skipped", other.Decrypt(t, wire))
	}
	require.Less(t, len(other.State), len(bob.State), "chains without keys are not kept")
}
