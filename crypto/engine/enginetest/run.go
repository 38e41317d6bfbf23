// SPDX-License-Identifier: MPL-2.0

package enginetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

// Run tests that an engine keeps the contract of engine.Engine.
func Run(t *testing.T, e engine.Engine) {
	t.Helper()
	require.NotEmpty(t, e.Name())
	require.NotEmpty(t, e.Profiles(), "an engine that speaks nothing passes no test")
	t.Run("unsupported profile", func(t *testing.T) { unsupported(t, e) })
	for _, p := range e.Profiles() {
		t.Run(p.String(), func(t *testing.T) {
			for _, c := range []struct {
				name string
				test func(*testing.T, engine.Engine, engine.Profile)
			}{
				{"session set-up", setUp},
				{"both directions", bothDirections},
				{"sizes", sizes},
				{"out of order", outOfOrder},
				{"late messages of old chains", oldChains},
				{"loss", loss},
				{"duplicates", duplicates},
				{"repeated key exchange", repeatedKeyExchange},
				{"simultaneous initiation", simultaneous},
				{"archived sessions", archived},
				{"random interleavings", interleavings},
				{"wrong prekeys", wrongPreKeys},
				{"wrong own keys", wrongOwnKeys},
				{"wrong signatures", wrongSignatures},
				{"low-order keys", lowOrderKeys},
				{"tampered messages", tamperedMessages},
				{"tampered key exchanges", tamperedKeyExchanges},
				{"truncated and extended", resized},
				{"reflection", reflection},
				{"foreign states", foreignStates},
				{"skip limit", skipLimit},
				{"stored keys limit", storedLimit},
				{"concurrent use", concurrent},
			} {
				t.Run(c.name, func(t *testing.T) { c.test(t, e, p) })
			}
		})
	}
}

func unsupported(t *testing.T, e engine.Engine) {
	p := e.Profiles()[0]
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	wire, _ := a.Initiate(t, b).Encrypt(t, "x")
	speaks := map[engine.Profile]bool{}
	for _, p := range e.Profiles() {
		speaks[p] = true
	}
	for _, other := range []engine.Profile{0, engine.Profile03, engine.Profile2, 3, 255} {
		if speaks[other] {
			continue
		}
		_, err := e.ParseKeyExchange(other, wire)
		require.ErrorIs(t, err, engine.ErrUnsupported)
		_, err = e.Initiate(other, a.Identity, b.Bundle())
		require.ErrorIs(t, err, engine.ErrUnsupported)
		_, _, err = e.Accept(other, b.Identity, b.Signed, b.OneTime, wire)
		require.ErrorIs(t, err, engine.ErrUnsupported)
	}
}

func setUp(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1001), NewParty(t, e, p, 2002)
	alice := a.Initiate(t, b)
	remote, err := e.RemoteIdentity(alice.State)
	require.NoError(t, err)
	require.Equal(t, b.Identity.Public, remote)

	wire, kex := alice.Encrypt(t, "first")
	require.True(t, kex)
	header, err := e.ParseKeyExchange(p, wire)
	require.NoError(t, err)
	require.Equal(t, b.OneTime.ID, header.PreKeyID)
	require.Equal(t, b.Signed.ID, header.SignedPreKeyID)
	require.Equal(t, a.Identity.Public, header.Identity)
	require.NoError(t, header.Base.Check())
	require.NotEmpty(t, header.Message)
	if p == engine.Profile03 {
		require.Equal(t, a.Identity.RegistrationID, header.RegistrationID)
	}

	bob, plain := b.Accept(t, wire)
	require.Equal(t, "first", plain)
	remote, err = e.RemoteIdentity(bob.State)
	require.NoError(t, err)
	require.Equal(t, a.Identity.Public, remote)
	for _, s := range []*Session{alice, bob} {
		same, err := e.Matches(s.State, engine.KeyExchange{Identity: remote, Base: header.Base})
		require.NoError(t, err)
		require.Equal(t, s == bob, same, "a session matches the key exchange of the other side only")
	}

	// Two sessions with the same bundle have nothing in common.
	again := a.Initiate(t, b)
	other, _ := again.Encrypt(t, "first")
	otherHeader, err := e.ParseKeyExchange(p, other)
	require.NoError(t, err)
	require.NotEqual(t, header.Base, otherHeader.Base)
	same, err := e.Matches(bob.State, otherHeader)
	require.NoError(t, err)
	require.False(t, same)

	// The same key exchange gives the same plaintext as often as it is accepted.
	_, plain = b.Accept(t, wire)
	require.Equal(t, "first", plain)
}

func wrongPreKeys(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	wire, _ := a.Initiate(t, b).Encrypt(t, "x")
	accept := func(signed, oneTime engine.PreKey) error {
		s, plain, err := e.Accept(p, b.Identity, signed, oneTime, wire)
		require.Error(t, err)
		require.Empty(t, s)
		require.Empty(t, plain)
		require.NotErrorIs(t, err, engine.ErrEngine)
		return err
	}
	other, err := engine.NewPreKey(nil, b.OneTime.ID)
	require.NoError(t, err)
	require.ErrorIs(t, accept(b.Signed, other), engine.ErrBadMAC)
	other.ID++
	require.ErrorIs(t, accept(b.Signed, other), engine.ErrNoOneTimePreKey)
	require.ErrorIs(t, accept(b.Signed, engine.PreKey{}), engine.ErrNoOneTimePreKey)
	other.ID = b.Signed.ID
	require.ErrorIs(t, accept(other, b.OneTime), engine.ErrBadMAC)
	other.ID++
	require.ErrorIs(t, accept(other, b.OneTime), engine.ErrNoOneTimePreKey)

	bundle := b.Bundle()
	bundle.PreKeyID, bundle.PreKey = 0, engine.PublicKey{}
	_, err = e.Initiate(p, a.Identity, bundle)
	require.ErrorIs(t, err, engine.ErrNoOneTimePreKey)
}

func wrongOwnKeys(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b, c := NewParty(t, e, p, 1), NewParty(t, e, p, 2), NewParty(t, e, p, 3)
	mixed := a.Identity
	mixed.Public = c.Identity.Public
	_, err := e.Initiate(p, mixed, b.Bundle())
	require.ErrorIs(t, err, engine.ErrBadKey)

	wire, _ := a.Initiate(t, b).Encrypt(t, "x")
	_, _, err = e.Accept(p, c.Identity, b.Signed, b.OneTime, wire)
	require.ErrorIs(t, err, engine.ErrBadMAC)
	mixed = b.Identity
	mixed.Public = c.Identity.Public
	_, _, err = e.Accept(p, mixed, b.Signed, b.OneTime, wire)
	require.ErrorIs(t, err, engine.ErrBadKey)
}
