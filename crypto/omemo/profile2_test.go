// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
)

// as2 passes an engine of profile 0.3 off as one of profile 2, to test what the
// manager itself does in that profile.
type as2 struct{ engine.Engine }

func (as2) Profiles() []engine.Profile { return []engine.Profile{engine.Profile2} }

func (e as2) ParseKeyExchange(_ engine.Profile, wire []byte) (engine.KeyExchange, error) {
	return e.Engine.ParseKeyExchange(engine.Profile03, wire)
}

func (e as2) Sign(self engine.IdentityKey, msg []byte) ([]byte, error) {
	return e.Engine.Sign(self, append([]byte{engine.TypeByte}, msg...))
}

func (e as2) Initiate(_ engine.Profile, self engine.IdentityKey, b engine.Bundle) (engine.State, error) {
	return e.Engine.Initiate(engine.Profile03, self, b)
}

func (e as2) Accept(_ engine.Profile, self engine.IdentityKey, signed, oneTime engine.PreKey, kex []byte) (engine.State, []byte, error) {
	return e.Engine.Accept(engine.Profile03, self, signed, oneTime, kex)
}

func TestProfile2(t *testing.T) {
	w := newWorld(t)
	w.engine, w.profile = as2{newEngine()}, engine.Profile2
	a, b := w.client(alice), w.client(bob)
	w.sync()
	env := a.send("hello", bob)
	require.Empty(t, env.IV)
	require.Len(t, env.Payload, 16)
	require.Equal(t, bob, env.Keys[0].JID)
	require.Equal(t, "hello", b.read(a, env))

	// A key for the same device id of somebody else is not ours here.
	env = a.send("x", bob)
	env.Keys[0].JID = carol
	b.refuse(alice, env, omemo.ReasonNotForThisDevice)
	env.Keys[0].JID = bob
	require.Equal(t, "x", b.read(a, env))

	answer, err := b.EncryptEmpty(b.ctx, b.st, a.addr())
	require.NoError(t, err)
	require.True(t, a.receive(b, answer).Empty)
	a.refuse(bob, b.craft(a, make([]byte, 16), nil, nil), omemo.ReasonMalformed)
	b.refuse(alice, a.craft(b, make([]byte, 32), nil, []byte("payload")), omemo.ReasonMalformed)
}

// Devices, sessions and lists of one profile are nothing to the other.
func TestProfilesAreApart(t *testing.T) {
	w, a, b := pair(t)
	m2, err := omemo.New(omemo.Config{Engine: as2{newEngine()}, Profile: engine.Profile2, JID: alice, Now: w.clock.now})
	require.NoError(t, err)
	change, err := m2.UpdateDevices(a.ctx, a.st, bob, nil)
	require.NoError(t, err)
	require.Empty(t, change.Removed)
	require.Equal(t, []uint32{b.id}, active(t, a, bob))
	missing, err := m2.MissingSessions(a.ctx, a.st, []string{bob})
	require.NoError(t, err)
	require.Empty(t, missing)
	require.Equal(t, "x", b.read(a, a.send("x", bob)))
}
