// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/crypto/ratchet"
	"github.com/confab-im/confab/crypto/trust"
)

// Nothing of a message that is not sent is kept, in either profile.
func TestSuiteChangesNothingOnError(t *testing.T) {
	a, b, c := speak(t, alice, old, new2), speak(t, bob, old), speak(t, bob, new2)
	meet(a, b, c)
	a.fetch(bob, b, c)
	broken := errors.New("no text")
	for name, plaintext := range map[string]func(engine.Profile) ([]byte, error){
		"no text at all": func(engine.Profile) ([]byte, error) { return nil, broken },
		"no text of one": func(p engine.Profile) ([]byte, error) {
			if p == new2 {
				return nil, broken
			}
			return []byte("x"), nil
		},
		"too long": func(p engine.Profile) ([]byte, error) {
			if p == new2 {
				return make([]byte, 1<<20+1), broken
			}
			return []byte("x"), nil
		},
	} {
		before := a.st.Clone()
		_, _, err := a.Encrypt(a.ctx, a.st, plaintext, []string{bob})
		require.ErrorIs(t, err, broken, name)
		require.True(t, before.Equal(a.st), name)
	}
	_, _, err := a.Encrypt(a.ctx, a.st, in("x"), nil)
	require.ErrorIs(t, err, omemo.ErrBadAddress)
	k, err := c.Identity(c.ctx, c.st)
	require.NoError(t, err)
	require.NoError(t, a.SetTrust(a.ctx, a.st, bob, k, trust.Undecided))
	before := a.st.Clone()
	_, _, err = a.Encrypt(a.ctx, a.st, in("x"), []string{bob})
	var ask *omemo.DecisionError
	require.ErrorAs(t, err, &ask)
	require.Equal(t, []omemo.Address{c.addr()}, ask.Devices)
	require.True(t, before.Equal(a.st))
}

// Of two envelopes with a key for us exactly one is decrypted; if one cannot be,
// the other is.
func TestTwoKeysForOneDevice(t *testing.T) {
	a, b := speak(t, alice, old, new2), speak(t, bob, old, new2)
	meet(a, b)
	var envs []omemo.Envelope
	for _, p := range []engine.Profile{old, new2} {
		m, err := omemo.New(omemo.Config{Engine: ratchet.New(), Profile: p, JID: alice})
		require.NoError(t, err)
		bundle, err := b.OwnBundle(b.ctx, b.st, p)
		require.NoError(t, err)
		require.NoError(t, m.AddBundle(a.ctx, a.st, b.addr(), bundle.PublishedBundle))
		text, err := in("x")(p)
		require.NoError(t, err)
		env, _, err := m.Encrypt(a.ctx, a.st, text, []string{bob})
		require.NoError(t, err)
		envs = append(envs, env)
	}
	try := func(envs ...omemo.Envelope) (omemo.Result, error) {
		return b.Decrypt(b.ctx, b.st.Clone(), alice, envs)
	}
	for _, list := range [][]omemo.Envelope{envs, {envs[1], envs[0]}} {
		res, err := try(list...)
		require.NoError(t, err)
		require.Equal(t, new2, res.Profile)
	}
	broken := envs[1]
	broken.Payload = append(slices.Clone(broken.Payload), 0)
	res, err := try(envs[0], broken)
	require.NoError(t, err)
	require.Equal(t, old, res.Profile)

	var failed *omemo.DecryptError
	_, err = try(broken)
	require.ErrorAs(t, err, &failed)
	require.Equal(t, omemo.ReasonBadPayload, failed.Reason)
	require.Equal(t, new2, failed.Profile)
	for _, list := range [][]omemo.Envelope{nil, {{Profile: 7, SID: a.id, Keys: envs[0].Keys}}} {
		_, err = try(list...)
		require.ErrorAs(t, err, &failed)
		require.Equal(t, omemo.ReasonNotForThisDevice, failed.Reason)
	}
	// The profile is part of what is authentic.
	for i := range envs {
		moved := envs[i]
		moved.Profile = envs[1-i].Profile
		moved.Keys = slices.Clone(moved.Keys)
		moved.Keys[0].JID = bob
		_, err = try(moved)
		require.ErrorAs(t, err, &failed)
	}
	b.read(a, envs)
	_, err = b.Decrypt(b.ctx, b.st, alice, envs)
	require.ErrorAs(t, err, &failed)
	require.Equal(t, omemo.ReasonDuplicate, failed.Reason, "not once more by the other one")
}

// Whichever call of the store fails, its error comes out as it is.
func TestSuiteStoreErrorsComeThrough(t *testing.T) {
	broken := errors.New("disk full")
	a, b, c := speak(t, alice, old, new2), speak(t, bob, old), speak(t, bob, new2)
	meet(a, b, c)
	envs := b.send("x", alice, a)
	a.fetch(bob, b, c)
	for name, run := range map[string]func(st *omemotest.Store) error{
		"Encrypt": func(st *omemotest.Store) error {
			_, _, err := a.Encrypt(a.ctx, st, in("x"), []string{bob})
			return err
		},
		"MissingSessions": func(st *omemotest.Store) error {
			_, err := a.MissingSessions(a.ctx, st, []string{bob}, nil)
			return err
		},
		"Reachable":    func(st *omemotest.Store) error { _, err := a.Reachable(a.ctx, st, bob); return err },
		"Devices":      func(st *omemotest.Store) error { _, err := a.Devices(a.ctx, st, bob); return err },
		"OwnList":      func(st *omemotest.Store) error { _, err := a.OwnList(a.ctx, st, new2); return err },
		"ForgetDevice": func(st *omemotest.Store) error { return a.ForgetDevice(a.ctx, st, b.addr()) },
		"Decrypt":      func(st *omemotest.Store) error { _, err := a.Decrypt(a.ctx, st, bob, envs); return err },
	} {
		calls := 0
		for ; ; calls++ {
			require.Less(t, calls, 1000)
			st := a.st.Clone()
			st.Fail(calls, broken)
			err := run(st)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, broken, "%s, call %d", name, calls)
			var failed *omemo.DecryptError
			require.False(t, errors.As(err, &failed))
		}
		require.Positive(t, calls, name)
	}
}
