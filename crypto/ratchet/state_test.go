// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
)

// states are sessions of every shape: fresh, pending, with the turn made half,
// with skipped keys, with many chains.
func states(t testing.TB, p engine.Profile) map[string]engine.State {
	t.Helper()
	e := New()
	a, b := enginetest.NewParty(t, e, p, 1001), enginetest.NewParty(t, e, p, 2002)
	alice := a.Initiate(t, b)
	out := map[string]engine.State{"initiated": alice.State}
	wire, _ := alice.Encrypt(t, "x")
	out["pending"] = alice.State
	bob, _ := b.Accept(t, wire)
	out["accepted"] = bob.State
	wire, _ = bob.Encrypt(t, "x")
	out["answered"] = bob.State
	alice.Decrypt(t, wire)
	out["confirmed"] = alice.State
	for range 7 {
		alice.Encrypt(t, "skipped")
		alice.Encrypt(t, "skipped")
		wire, _ = alice.Encrypt(t, "x")
		bob.Decrypt(t, wire)
		wire, _ = bob.Encrypt(t, "x")
		alice.Decrypt(t, wire)
	}
	out["skipped"] = bob.State
	out["talking"] = alice.State
	return out
}

func TestStateEncoding(t *testing.T) {
	for _, p := range New().Profiles() {
		for name, s := range states(t, p) {
			decoded, err := decode(s)
			require.NoError(t, err, name)
			require.Equal(t, s, decoded.encode(), name)
			for n := range s {
				_, err := decode(s[:n])
				require.ErrorIs(t, err, engine.ErrBadState, "%s: %d bytes", name, n)
			}
			_, err = decode(append(bytes.Clone(s), 0))
			require.ErrorIs(t, err, engine.ErrBadState, name)
			_, err = decode(make(engine.State, engine.MaxState+1))
			require.ErrorIs(t, err, engine.ErrBadState, name)
			if name != "skipped" {
				require.Less(t, len(s), 1<<10, "%s", name)
			}
		}
	}
}

// Sessions stay small, however long they live.
func TestStateSize(t *testing.T) {
	for _, p := range New().Profiles() {
		alice, bob := enginetest.Pair(t, New(), p)
		for range 50 {
			for range 3 {
				wire, _ := alice.Encrypt(t, "x")
				bob.Decrypt(t, wire)
			}
			wire, _ := bob.Encrypt(t, "x")
			alice.Decrypt(t, wire)
		}
		for _, s := range []*enginetest.Session{alice, bob} {
			require.Less(t, len(s.State), 1<<10)
		}
	}
}

func TestStateRefused(t *testing.T) {
	all := states(t, engine.Profile03)
	pending, skipped, confirmed := all["pending"], all["skipped"], all["confirmed"]
	const (
		base     = headSize - 32
		pend     = headSize
		public   = headSize + pendingSize
		oneChain = headSize + 1
	)
	at := func(s engine.State, i int, b ...byte) engine.State {
		c := bytes.Clone(s)
		copy(c[i:], b)
		return c
	}
	low := engine.LowOrderKeys()[2]
	flagged := func(s engine.State, f func(byte) byte) engine.State { return at(s, 3, f(s[3])) }
	decoded, ok := decodeNative(skipped)
	require.True(t, ok)
	twice := *decoded
	twice.receivers = append([]receiver{decoded.receivers[0]}, decoded.receivers...)
	many := *decoded
	for n := range maxReceivers {
		many.receivers = append(many.receivers, receiver{public: engine.PublicKey{9, byte(n)}})
	}
	shape := func(change func(s *session, c *receiver)) engine.State {
		s, ok := decodeNative(skipped)
		require.True(t, ok)
		change(s, &s.receivers[0])
		return s.encode()
	}
	entry := func(k skippedKeys, i int) skippedKeys { return bytes.Clone(k[i*skippedSize : (i+1)*skippedSize]) }
	for name, s := range map[string]engine.State{
		"magic":                 at(pending, 0, 'r'),
		"format":                at(pending, 1, 2),
		"profile 0":             at(pending, 2, 0),
		"profile 3":             at(pending, 2, 3),
		"unknown flag":          flagged(pending, func(b byte) byte { return b | 8 }),
		"pending responder":     flagged(pending, func(b byte) byte { return b &^ flagInitiator }),
		"pending without chain": flagged(pending, func(b byte) byte { return b &^ flagSender }),
		"prekey id 0":           at(pending, pend, 0, 0, 0, 0),
		"base key":              at(pending, base, low[:]...),
		"ratchet key":           at(pending, public, low[:]...),
		"other ratchet key":     at(confirmed, oneChain, low[:]...),
		"nothing to answer":     shape(func(s *session, _ *receiver) { s.receivers, s.sender = nil, nil }),
		"chain twice":           twice.encode(),
		"too many chains":       many.encode(),
		"key of the future":     shape(func(_ *session, c *receiver) { c.index = 1 }),
		"same number twice":     shape(func(_ *session, c *receiver) { c.skipped = append(entry(c.skipped, 0), entry(c.skipped, 0)...) }),
		"numbers in disorder": shape(func(_ *session, c *receiver) {
			c.skipped = append(entry(c.skipped, 1), entry(c.skipped, 0)...)
		}),
		"more than may be there": shape(func(_ *session, c *receiver) { c.index, c.skipped = 2000, numbered(engine.MaxStored) }),
	} {
		_, err := decode(s)
		require.ErrorIs(t, err, engine.ErrBadState, name)
	}
	// The shapes are refused for what they are, not for being made by hand.
	good := shape(func(s *session, c *receiver) {
		c.index, c.skipped = 2000, numbered(engine.MaxStored-stored(s)+c.skipped.len())
	})
	_, err := decode(good)
	require.NoError(t, err)
}

func numbered(n int) (k skippedKeys) {
	for i := range n {
		k = k.add(uint32(i), &messageKeys{})
	}
	return k
}

func stored(s *session) (n int) {
	for _, c := range s.receivers {
		n += c.skipped.len()
	}
	return n
}

// A chain whose numbers have run out sends no more.
func TestExhaustedChain(t *testing.T) {
	alice, _ := enginetest.Pair(t, New(), engine.Profile2)
	alice.Encrypt(t, "x")
	s, ok := decodeNative(alice.State)
	require.True(t, ok)
	s.sender.index = 1<<32 - 2
	next, _, _, err := New().Encrypt(s.encode(), nil)
	require.NoError(t, err)
	_, _, _, err = New().Encrypt(next, nil)
	require.ErrorIs(t, err, engine.ErrBadState)
}

// The keys that are not needed any more are not in the state.
func TestForwardSecrecy(t *testing.T) {
	for _, p := range New().Profiles() {
		alice, bob := enginetest.Pair(t, New(), p)
		var old [][]byte
		remember := func(s *enginetest.Session) {
			d, ok := decodeNative(s.State)
			require.True(t, ok)
			old = append(old, bytes.Clone(d.root[:]))
			if d.sender != nil {
				old = append(old, bytes.Clone(d.sender.private[:]), bytes.Clone(d.sender.chain[:]))
			}
			for i := range d.receivers {
				old = append(old, bytes.Clone(d.receivers[i].chain[:]))
			}
		}
		remember(alice)
		remember(bob)
		skipped, _ := alice.Encrypt(t, "skipped")
		wire, _ := alice.Encrypt(t, "x")
		bob.Decrypt(t, wire)
		d, ok := decodeNative(bob.State)
		require.True(t, ok)
		old = append(old, d.receivers[len(d.receivers)-1].skipped[4:84])
		bob.Decrypt(t, skipped)
		for range 6 { // the receiving chains that are kept are gone after that
			wire, _ = bob.Encrypt(t, "x")
			alice.Decrypt(t, wire)
			wire, _ = alice.Encrypt(t, "x")
			bob.Decrypt(t, wire)
		}
		for i, key := range old {
			require.False(t, bytes.Contains(alice.State, key), "%s: alice still has key %d", p, i)
			require.False(t, bytes.Contains(bob.State, key), "%s: bob still has key %d", p, i)
		}
	}
}

func FuzzState(f *testing.F) {
	for _, p := range New().Profiles() {
		for _, s := range states(f, p) {
			f.Add([]byte(s))
		}
	}
	portable, err := Export(states(f, engine.Profile03)["skipped"])
	require.NoError(f, err)
	b, err := portable.MarshalBinary()
	require.NoError(f, err)
	f.Add(b)
	alice, _ := enginetest.Pair(f, New(), engine.Profile03)
	wire, _ := alice.Encrypt(f, "x")
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		s, err := decode(b)
		if err != nil {
			return
		}
		if again := s.encode(); len(b) > 0 && b[0] == magic && !bytes.Equal(again, b) {
			t.Fatal("a state has two encodings")
		} else if _, err := decode(again); err != nil {
			t.Fatal("what was encoded cannot be decoded")
		}
		e := New()
		_, _, _ = e.Decrypt(b, wire)
		if next, _, _, err := e.Encrypt(b, []byte("x")); err == nil {
			if _, err := decode(next); err != nil {
				t.Fatalf("the next state cannot be decoded: %v", err)
			}
		}
		_, _ = e.RemoteIdentity(b)
		_, _ = e.Matches(b, engine.KeyExchange{})
		_, _ = Export(b)
		if !bytes.Equal(in, b) {
			t.Fatal("the state was changed in place")
		}
	})
}

// Golden states: what was written once is read by every later version.
func TestStateFormat(t *testing.T) {
	for _, p := range New().Profiles() {
		s := goldenSession(t, p)
		b := s.encode()
		require.Equal(t, byte('R'), b[0])
		require.Equal(t, byte(1), b[1])
		require.Equal(t, golden(p), fmt.Sprintf("%x", []byte(b)))
		decoded, ok := decodeNative(b)
		require.True(t, ok)
		require.Equal(t, b, decoded.encode())
	}
}

func goldenSession(t *testing.T, p engine.Profile) *session {
	t.Helper()
	s, err := suiteOf(p)
	require.NoError(t, err)
	fill := func(b byte) (k [32]byte) {
		copy(k[:], bytes.Repeat([]byte{b}, 32))
		return k
	}
	keys := messageKeys(bytes.Repeat([]byte{0xbb}, len(messageKeys{})))
	return &session{
		suite: s, initiator: true, local: device{fill(1), 1001}, remote: device{fill(2), 2002},
		previousLen: 3, root: fill(4), base: fill(5), pending: preKeyIDs{22, 11},
		sender:    &sender{public: fill(6), private: fill(7), chain: fill(8), index: 9},
		receivers: []receiver{{public: fill(10), chain: fill(11), index: 12, skipped: skippedKeys{}.add(3, &keys)}},
	}
}

// golden is the encoding of goldenSession, written by hand.
func golden(p engine.Profile) string {
	hex := func(b byte, n int) string { return fmt.Sprintf("%x", bytes.Repeat([]byte{b}, n)) }
	number := func(n uint32) string { return fmt.Sprintf("%x", binary.BigEndian.AppendUint32(nil, n)) }
	return fmt.Sprintf("5201%02x07", byte(p)) +
		hex(1, 32) + number(1001) + hex(2, 32) + number(2002) + number(3) + hex(4, 32) + hex(5, 32) +
		number(22) + number(11) +
		hex(6, 32) + hex(7, 32) + hex(8, 32) + number(9) +
		"01" + hex(10, 32) + hex(11, 32) + number(12) + "0001" + number(3) + hex(0xbb, 80)
}
