// SPDX-License-Identifier: MPL-2.0

package enginetest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

// Party is a device with prekeys.
type Party struct {
	Engine    engine.Engine
	Profile   engine.Profile
	Identity  engine.IdentityKey
	Signed    engine.PreKey
	OneTime   engine.PreKey
	Signature []byte
}

// NewParty makes a device with fresh keys.
func NewParty(t testing.TB, e engine.Engine, p engine.Profile, device uint32) *Party {
	t.Helper()
	id, err := engine.NewIdentityKey(nil, device)
	require.NoError(t, err)
	signed, err := engine.NewPreKey(nil, 11)
	require.NoError(t, err)
	oneTime, err := engine.NewPreKey(nil, 22)
	require.NoError(t, err)
	covered, err := engine.SignedBytes(p, signed.Public)
	require.NoError(t, err)
	sig, err := e.Sign(id, covered)
	require.NoError(t, err)
	return &Party{Engine: e, Profile: p, Identity: id, Signed: signed, OneTime: oneTime, Signature: sig}
}

// Bundle is what the device publishes.
func (p *Party) Bundle() engine.Bundle {
	return engine.Bundle{
		DeviceID: p.Identity.RegistrationID, Identity: p.Identity.Public,
		SignedPreKeyID: p.Signed.ID, SignedPreKey: p.Signed.Public, Signature: bytes.Clone(p.Signature),
		PreKeyID: p.OneTime.ID, PreKey: p.OneTime.Public,
	}
}

// Initiate starts a session with another device.
func (p *Party) Initiate(t testing.TB, to *Party) *Session {
	t.Helper()
	s, err := p.Engine.Initiate(p.Profile, p.Identity, to.Bundle())
	require.NoError(t, err)
	return &Session{Party: p, State: s}
}

// Accept accepts a key exchange message.
func (p *Party) Accept(t testing.TB, kex []byte) (*Session, string) {
	t.Helper()
	s, plain, err := p.Engine.Accept(p.Profile, p.Identity, p.Signed, p.OneTime, bytes.Clone(kex))
	require.NoError(t, err)
	return &Session{Party: p, State: s}, string(plain)
}

// Session is one side's session. Its methods check that no call changes what it
// was given.
type Session struct {
	*Party
	State engine.State
}

// Clone is an independent copy.
func (s *Session) Clone() *Session { return &Session{s.Party, slices.Clone(s.State)} }

// Encrypt encrypts and keeps the next state.
func (s *Session) Encrypt(t testing.TB, text string) (wire []byte, kex bool) {
	t.Helper()
	before, plain := slices.Clone(s.State), []byte(text)
	next, wire, kex, err := s.Engine.Encrypt(s.State, plain)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, s.State), "Encrypt changed the state it was given")
	require.Equal(t, text, string(plain), "Encrypt changed the plaintext")
	require.False(t, bytes.Equal(before, next), "Encrypt did not advance")
	require.LessOrEqual(t, len(next), engine.MaxState)
	s.State = next
	return wire, kex
}

// Decrypt decrypts, requires success and keeps the next state.
func (s *Session) Decrypt(t testing.TB, wire []byte) string {
	t.Helper()
	plain, err := s.try(t, wire)
	require.NoError(t, err)
	return plain
}

// Refuse decrypts and requires this error.
func (s *Session) Refuse(t testing.TB, wire []byte, want error) {
	t.Helper()
	_, err := s.try(t, wire)
	require.ErrorIs(t, err, want)
}

func (s *Session) try(t testing.TB, wire []byte) (string, error) {
	t.Helper()
	before, in := slices.Clone(s.State), bytes.Clone(wire)
	next, plain, err := s.Engine.Decrypt(s.State, wire)
	require.True(t, bytes.Equal(before, s.State), "Decrypt changed the state it was given")
	require.True(t, bytes.Equal(in, wire), "Decrypt changed the message")
	if err != nil {
		require.NotErrorIs(t, err, engine.ErrEngine)
		require.Empty(t, next, "an error came with a state")
		require.Empty(t, plain, "an error came with a plaintext")
		return "", err
	}
	require.LessOrEqual(t, len(next), engine.MaxState)
	s.State = next
	return string(plain), nil
}

// Pair makes two devices and a session between them in which both have sent.
func Pair(t testing.TB, e engine.Engine, p engine.Profile) (alice, bob *Session) {
	t.Helper()
	a, b := NewParty(t, e, p, 1001), NewParty(t, e, p, 2002)
	alice = a.Initiate(t, b)
	wire, kex := alice.Encrypt(t, "hello")
	require.True(t, kex)
	bob, plain := b.Accept(t, wire)
	require.Equal(t, "hello", plain)
	wire, kex = bob.Encrypt(t, "hello yourself")
	require.False(t, kex)
	require.Equal(t, "hello yourself", alice.Decrypt(t, wire))
	return alice, bob
}
