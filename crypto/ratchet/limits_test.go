// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
)

// A peer that skips a message in every chain does not make the session keep all
// of its chains.
func TestManyChains(t *testing.T) {
	for _, p := range New().Profiles() {
		alice, bob := enginetest.Pair(t, New(), p)
		const turns = 2 * maxReceivers
		var skipped [][]byte
		for range turns {
			wire, _ := alice.Encrypt(t, "skipped")
			skipped = append(skipped, wire)
			wire, _ = alice.Encrypt(t, "seen")
			bob.Decrypt(t, wire)
			wire, _ = bob.Encrypt(t, "turn")
			alice.Decrypt(t, wire)
		}
		s, ok := decodeNative(bob.State)
		require.True(t, ok)
		require.Len(t, s.receivers, maxReceivers)
		for n, wire := range skipped {
			if n < turns-maxReceivers {
				bob.Refuse(t, wire, engine.ErrBadMAC)
			} else {
				require.Equal(t, "skipped", bob.Decrypt(t, wire))
			}
		}
	}
}

// Before the answer to a new ratchet key can have come, a message under an
// unknown key is refused without reading the own one.
func TestRefusedWithoutArithmetic(t *testing.T) {
	for _, p := range New().Profiles() {
		alice, bob := enginetest.Pair(t, New(), p)
		a, b := enginetest.NewParty(t, New(), p, 3), enginetest.NewParty(t, New(), p, 4)
		other, _ := a.Initiate(t, b).Encrypt(t, "x")
		k, err := New().ParseKeyExchange(p, other)
		require.NoError(t, err)

		alice.Refuse(t, k.Message, engine.ErrBadMAC) // has not answered yet
		s, ok := decodeNative(bob.State)
		require.True(t, ok)
		s.sender.private = engine.PrivateKey{1}
		for index, want := range []error{engine.ErrBadMAC, engine.ErrBadState} {
			s.sender.index = uint32(index)
			_, _, err = New().Decrypt(s.encode(), k.Message)
			require.ErrorIs(t, err, want)
		}
	}
}

func TestKeyExchangeTooFarAhead(t *testing.T) {
	for _, p := range New().Profiles() {
		a, b := enginetest.NewParty(t, New(), p, 1), enginetest.NewParty(t, New(), p, 2)
		alice := a.Initiate(t, b)
		for range engine.MaxSkip {
			alice.Encrypt(t, "lost")
		}
		wire, _ := alice.Encrypt(t, "as far as can be")
		beyond, _ := alice.Encrypt(t, "too far")
		_, plain := b.Accept(t, wire)
		require.Equal(t, "as far as can be", plain)
		_, _, err := New().Accept(p, b.Identity, b.Signed, b.OneTime, beyond)
		require.ErrorIs(t, err, engine.ErrTooManySkipped)
	}
}

func TestIDsOfBundles(t *testing.T) {
	for _, p := range New().Profiles() {
		a, b := enginetest.NewParty(t, New(), p, 1), enginetest.NewParty(t, New(), p, 2)
		for _, ids := range [][2]uint32{{22, 0}, {22, 1 << 31}, {1 << 31, 11}} {
			bundle := b.Bundle()
			bundle.PreKeyID, bundle.SignedPreKeyID = ids[0], ids[1]
			s, err := New().Initiate(p, a.Identity, bundle)
			if p == engine.Profile2 {
				require.ErrorIs(t, err, engine.ErrBadKey)
				continue
			}
			require.NoError(t, err, "0.3 has no limit, and a signed prekey with id 0 is in use")
			_, wire, _, err := New().Encrypt(s, []byte("x"))
			require.NoError(t, err)
			signed, oneTime := b.Signed, b.OneTime
			signed.ID, oneTime.ID = ids[1], ids[0]
			_, plain, err := New().Accept(p, b.Identity, signed, oneTime, wire)
			require.NoError(t, err)
			require.Equal(t, "x", string(plain))
		}
	}
}

// Own keys that do not belong together are noticed, whichever they are.
func TestMismatchedOwnKeys(t *testing.T) {
	for _, p := range New().Profiles() {
		a, b := enginetest.NewParty(t, New(), p, 1), enginetest.NewParty(t, New(), p, 2)
		wire, _ := a.Initiate(t, b).Encrypt(t, "x")
		signed, oneTime := b.Signed, b.OneTime
		signed.Public, oneTime.Public = b.OneTime.Public, b.Signed.Public
		for _, keys := range [][2]engine.PreKey{{signed, b.OneTime}, {b.Signed, oneTime}} {
			_, _, err := New().Accept(p, b.Identity, keys[0], keys[1], wire)
			require.ErrorIs(t, err, engine.ErrBadKey)
		}
	}
}

// A state of omemo:2 whose identity is none is found when it is asked for.
func TestBadIdentityInState(t *testing.T) {
	alice, bob := enginetest.Pair(t, New(), engine.Profile2)
	s, ok := decodeNative(bob.State)
	require.True(t, ok)
	s.remote.identity = [32]byte{2}
	_, err := New().RemoteIdentity(s.encode())
	require.ErrorIs(t, err, engine.ErrBadState)
	_, err = New().Matches(s.encode(), engine.KeyExchange{Base: s.base})
	require.ErrorIs(t, err, engine.ErrBadState)
	wire, _ := alice.Encrypt(t, "x")
	_, _, err = New().Decrypt(s.encode(), wire)
	require.ErrorIs(t, err, engine.ErrBadMAC)
}
