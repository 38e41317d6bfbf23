// SPDX-License-Identifier: MPL-2.0

package enginetest

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

func wrongSignatures(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b, c := NewParty(t, e, p, 1), NewParty(t, e, p, 2), NewParty(t, e, p, 3)
	refused := func(bundle engine.Bundle, what string) {
		t.Helper()
		s, err := e.Initiate(p, a.Identity, bundle)
		require.ErrorIs(t, err, engine.ErrBadSignature, what)
		require.Empty(t, s)
	}
	for i := range b.Signature {
		for _, bit := range []byte{0x01, 0x80} {
			bundle := b.Bundle()
			bundle.Signature[i] ^= bit
			refused(bundle, fmt.Sprintf("byte %d bit %x", i, bit))
		}
	}
	for _, n := range []int{0, 1, 32, 63, 65, 128} {
		bundle := b.Bundle()
		bundle.Signature = append(bundle.Signature, make([]byte, 64)...)[:n]
		refused(bundle, fmt.Sprintf("%d bytes", n))
	}
	bundle := b.Bundle()
	bundle.Identity = c.Identity.Public
	refused(bundle, "identity of another")
	bundle = b.Bundle()
	bundle.SignedPreKey = c.Signed.Public
	refused(bundle, "prekey of another")
	bundle = b.Bundle()
	bundle.Signature = c.Signature
	refused(bundle, "signature of another")

	// The same signature with the group order added to s.
	bundle = b.Bundle()
	le := slices.Clone(bundle.Signature[32:])
	sign := le[31] & 0x80
	le[31] &= 0x7f
	slices.Reverse(le)
	order, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	require.True(t, ok)
	s := new(big.Int).Add(new(big.Int).SetBytes(le), order)
	s.FillBytes(le)
	slices.Reverse(le)
	le[31] |= sign
	copy(bundle.Signature[32:], le)
	refused(bundle, "s plus the group order")

	// The signature covers exactly the bytes of the profile.
	for _, msg := range [][]byte{nil, b.Signed.Public[:31], append([]byte{6}, b.Signed.Public[:]...)} {
		bundle = b.Bundle()
		var err error
		bundle.Signature, err = e.Sign(b.Identity, msg)
		require.NoError(t, err)
		require.Len(t, bundle.Signature, 64)
		refused(bundle, "other bytes signed")
	}
	// Others sign with the form of their identity that has sign 1, too.
	signs := map[bool]bool{}
	for range 200 {
		remote, sign := edwardsBundle(t, p)
		s, err := e.Initiate(p, a.Identity, remote)
		require.NoError(t, err)
		identity, err := e.RemoteIdentity(s)
		require.NoError(t, err)
		require.Equal(t, remote.Identity, identity)
		if signs[sign] = true; len(signs) == 2 {
			break
		}
	}
	require.Len(t, signs, 2)
}

// edwardsBundle is the bundle of a device whose identity was made for Ed25519,
// and tells the sign of it.
func edwardsBundle(t testing.TB, p engine.Profile) (b engine.Bundle, sign bool) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	sign = pub[31]&0x80 != 0
	b.Identity, err = engine.EdwardsKey(pub).Montgomery()
	require.NoError(t, err)
	for _, k := range []*engine.PublicKey{&b.SignedPreKey, &b.PreKey} {
		pre, err := engine.NewPreKey(nil, 1)
		require.NoError(t, err)
		*k = pre.Public
	}
	b.DeviceID, b.SignedPreKeyID, b.PreKeyID = 4, 11, 22
	covered, err := engine.SignedBytes(p, b.SignedPreKey)
	require.NoError(t, err)
	b.Signature = ed25519.Sign(priv, covered)
	if p == engine.Profile03 {
		b.Signature[63] |= pub[31] & 0x80
	}
	return b, sign
}

func lowOrderKeys(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	alice, bob := Pair(t, e, p)
	wire, _ := alice.Encrypt(t, "x")
	kex, _ := a.Initiate(t, b).Encrypt(t, "x")
	header, err := e.ParseKeyExchange(p, kex)
	require.NoError(t, err)
	bad := engine.LowOrderKeys()
	for _, k := range engine.LowOrderKeys() {
		k[31] |= 0x80
		bad = append(bad, k)
	}
	for _, k := range bad {
		for part, set := range map[string]func(*engine.Bundle){
			"identity":      func(b *engine.Bundle) { b.Identity = k },
			"signed prekey": func(b *engine.Bundle) { b.SignedPreKey = k },
			"prekey":        func(b *engine.Bundle) { b.PreKey = k },
		} {
			bundle := b.Bundle()
			set(&bundle)
			if part == "signed prekey" { // signed properly, to be refused for itself
				covered, err := engine.SignedBytes(p, k)
				require.NoError(t, err)
				bundle.Signature, err = e.Sign(b.Identity, covered)
				require.NoError(t, err)
			}
			_, err := e.Initiate(p, a.Identity, bundle)
			require.ErrorIs(t, err, engine.ErrBadKey, "%s %s", part, k)
		}
		// In a key exchange: the base key, and in 0.3 the identity, stand there raw.
		for part, old := range map[string]engine.PublicKey{"base": header.Base, "identity": header.Identity} {
			hostile := bytes.Replace(kex, old[:], k[:], 1)
			if part == "identity" && p == engine.Profile2 {
				continue // in Edwards form there
			}
			require.NotEqual(t, kex, hostile, "the %s key is not in the message", part)
			_, err := e.ParseKeyExchange(p, hostile)
			require.ErrorIs(t, err, engine.ErrBadKey, "%s %s", part, k)
			_, _, err = e.Accept(p, b.Identity, b.Signed, b.OneTime, hostile)
			require.ErrorIs(t, err, engine.ErrBadKey, "%s %s", part, k)
		}
		// The ratchet key of a message and of the message in a key exchange.
		at := ratchetKeyAt(t, p, wire)
		hostile := bytes.Clone(wire)
		copy(hostile[at:], k[:])
		bob.Refuse(t, hostile, engine.ErrBadKey)
		inner := bytes.Clone(header.Message)
		copy(inner[ratchetKeyAt(t, p, inner):], k[:])
		hostile = bytes.Replace(kex, header.Message, inner, 1)
		require.NotEqual(t, kex, hostile)
		_, _, err = e.Accept(p, b.Identity, b.Signed, b.OneTime, hostile)
		require.ErrorIs(t, err, engine.ErrBadKey)
	}
}

// ratchetKeyAt finds the 32 bytes of the ratchet key in a ratchet message: after
// the version, the tag, the length and the type byte in 0.3; in omemo:2 inside
// the wrapper's field 2, in its field 3.
func ratchetKeyAt(t testing.TB, p engine.Profile, wire []byte) int {
	t.Helper()
	if p == engine.Profile03 {
		require.Equal(t, []byte{0x33, 0x0a, 33, engine.TypeByte}, wire[:4])
		return 4
	}
	at := bytes.Index(wire, []byte{0x1a, 32})
	require.GreaterOrEqual(t, at, 0)
	return at + 2
}

// Every bit of every byte.
func tamperedMessages(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	alice.Encrypt(t, "skipped")
	same, _ := alice.Encrypt(t, "known chain")
	back, _ := bob.Encrypt(t, "turn")
	fresh := alice.Clone()
	fresh.Decrypt(t, back)
	next, _ := fresh.Encrypt(t, "new chain")
	for name, wire := range map[string][]byte{"known chain": same, "new chain": next} {
		for i := range wire {
			for bit := range 8 {
				hostile := bytes.Clone(wire)
				hostile[i] ^= 1 << bit
				_, err := bob.Clone().try(t, hostile)
				require.Error(t, err, "%s: byte %d bit %d", name, i, bit)
			}
		}
		require.Equal(t, name, bob.Decrypt(t, wire))
	}
}

// The registration id is not authenticated, so a change of it may pass: then
// the plaintext and the identity must be the real ones all the same.
func tamperedKeyExchanges(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1001), NewParty(t, e, p, 2)
	alice := a.Initiate(t, b)
	wire, _ := alice.Encrypt(t, "genuine")
	again, _ := alice.Encrypt(t, "genuine")
	bob, _ := b.Accept(t, wire)
	passed := 0
	for i := range wire {
		for bit := range 8 {
			hostile := bytes.Clone(wire)
			hostile[i] ^= 1 << bit
			s, plain, err := e.Accept(p, b.Identity, b.Signed, b.OneTime, hostile)
			if err != nil {
				require.NotErrorIs(t, err, engine.ErrEngine, "byte %d bit %d", i, bit)
				require.Empty(t, s)
				require.Empty(t, plain)
				continue
			}
			passed++
			require.Equal(t, "genuine", string(plain), "byte %d bit %d", i, bit)
			remote, err := e.RemoteIdentity(s)
			require.NoError(t, err)
			require.Equal(t, a.Identity.Public, remote)
		}
	}
	require.LessOrEqual(t, passed, 3*8, "more than ids can be changed")
	for i := range again {
		for bit := range 8 {
			hostile := bytes.Clone(again)
			hostile[i] ^= 1 << bit
			if plain, err := bob.Clone().try(t, hostile); err == nil {
				require.Equal(t, "genuine", plain, "byte %d bit %d", i, bit)
			}
		}
	}
	require.Equal(t, "genuine", bob.Decrypt(t, again))
}

func resized(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	kex, _ := a.Initiate(t, b).Encrypt(t, "x")
	alice, bob := Pair(t, e, p)
	wire, _ := alice.Encrypt(t, "x")
	for n := range wire {
		_, err := bob.try(t, wire[:n])
		require.Error(t, err, "%d bytes of a message", n)
	}
	for n := range kex {
		_, err := e.ParseKeyExchange(p, kex[:n])
		require.Error(t, err, "%d bytes of a key exchange", n)
		_, _, err = e.Accept(p, b.Identity, b.Signed, b.OneTime, kex[:n])
		require.Error(t, err)
		require.NotErrorIs(t, err, engine.ErrEngine)
	}
	for _, tail := range [][]byte{{0}, {0x33}, {0x28, 0x00}, {0x7a, 0x00}, {0xf8, 0x01, 0x00}, wire} {
		_, err := bob.try(t, append(bytes.Clone(wire), tail...))
		require.Error(t, err)
		_, _, err = e.Accept(p, b.Identity, b.Signed, b.OneTime, append(bytes.Clone(kex), tail...))
		require.Error(t, err)
		require.NotErrorIs(t, err, engine.ErrEngine)
	}
	require.Equal(t, "x", bob.Decrypt(t, wire))
	_, plain := b.Accept(t, kex)
	require.Equal(t, "x", plain)
}

// A message that comes back to its sender is not one from the other side.
func reflection(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	for _, s := range []*Session{alice, bob} {
		wire, _ := s.Encrypt(t, "mirror")
		_, err := s.try(t, wire)
		require.Error(t, err)
	}
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	own := a.Initiate(t, b)
	kex, _ := own.Encrypt(t, "mirror")
	own.Refuse(t, kex, engine.ErrBadMAC)
}

func foreignStates(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	wire, _ := alice.Encrypt(t, "x")
	bad := []engine.State{nil, {}, {0}, make(engine.State, 500), make(engine.State, engine.MaxState+1)}
	for n := 0; n < len(bob.State); n += 7 {
		bad = append(bad, bob.State[:n])
	}
	bad = append(bad, append(slices.Clone(bob.State), 0))
	for i, s := range bad {
		_, _, err := e.Decrypt(s, wire)
		require.ErrorIs(t, err, engine.ErrBadState, "state %d", i)
		_, _, _, err = e.Encrypt(s, []byte("x"))
		require.ErrorIs(t, err, engine.ErrBadState, "state %d", i)
	}
	_, err := e.RemoteIdentity(nil)
	require.ErrorIs(t, err, engine.ErrBadState)
	_, err = e.Matches(nil, engine.KeyExchange{})
	require.ErrorIs(t, err, engine.ErrBadState)
	require.Equal(t, "x", bob.Decrypt(t, wire))
}

func skipLimit(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	const far = 10_000
	wires := make([][]byte, far+1)
	for n := range wires {
		wires[n], _ = alice.Encrypt(t, "")
	}
	bob.Refuse(t, wires[far], engine.ErrTooManySkipped)
	bob.Refuse(t, wires[engine.MaxSkip+1], engine.ErrTooManySkipped)
	require.Empty(t, bob.Decrypt(t, wires[engine.MaxSkip]))
	// All that were skipped can still be read, in any order.
	for n := range engine.MaxSkip {
		require.Empty(t, bob.Decrypt(t, wires[n*7%engine.MaxSkip])) // 7 and 1000 have no common factor
	}
	for n := range engine.MaxSkip {
		bob.Refuse(t, wires[n], engine.ErrDuplicate)
	}
	require.Empty(t, bob.Decrypt(t, wires[engine.MaxSkip+1]))
}

// A peer that skips as much as it may on one chain after the other does not
// make the session grow without bound, and the newest skipped stay readable.
func storedLimit(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	var newest []byte
	for range 7 {
		for range engine.MaxSkip {
			newest, _ = alice.Encrypt(t, "skipped")
		}
		wire, _ := alice.Encrypt(t, "seen")
		require.Equal(t, "seen", bob.Decrypt(t, wire))
		require.LessOrEqual(t, len(bob.State), engine.MaxState)
		back, _ := bob.Encrypt(t, "turn")
		alice.Decrypt(t, back)
	}
	require.Equal(t, "skipped", bob.Decrypt(t, newest))
}
