// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/crypto/trust"
)

// The same device id with another key is another device.
func TestSameIDOfAnotherDevice(t *testing.T) {
	a, b := speak(t, alice, old, new2), speak(t, bob, old)
	other := speak(t, bob, new2)
	clone := &speaker{Suite: other.Suite, t: t, ctx: b.ctx, st: omemotest.NewStore(), jid: bob, id: b.id, hidden: map[engine.Profile]bool{}}
	k, err := engine.NewIdentityKey(nil, b.id)
	require.NoError(t, err)
	require.NoError(t, clone.st.SaveIdentity(b.ctx, b.id, k.Private[:], k.Public[:]))
	_, err = clone.Maintain(clone.ctx, clone.st)
	require.NoError(t, err)
	for _, p := range []engine.Profile{old, new2} {
		_, err := a.UpdateDevices(a.ctx, a.st, p, bob, []omemo.Listed{{ID: b.id}})
		require.NoError(t, err)
	}
	require.NotEmpty(t, a.fetch(bob, clone))
	require.Empty(t, a.fetch(bob, b), "nothing says yet that they are not one")
	bundle, err := b.OwnBundle(b.ctx, b.st, old)
	require.NoError(t, err)
	require.NoError(t, a.AddBundle(a.ctx, a.st, omemo.Target{Profile: old, Address: b.addr()}, bundle.PublishedBundle))
	envs, _, err := a.Encrypt(a.ctx, a.st, in("x"), []string{bob})
	require.NoError(t, err)
	require.Equal(t, map[engine.Profile][]uint32{old: {b.id}, new2: {b.id}}, readers(envs))
	require.Equal(t, "x", b.read(a, envs))
	require.Equal(t, "x", clone.read(a, envs))
	devices, err := a.Devices(a.ctx, a.st, bob)
	require.NoError(t, err)
	require.Len(t, devices, 2)
	require.NotEqual(t, devices[0].Identity, devices[1].Identity)
}

// Devices, sessions and lists of one profile are nothing to the other.
func TestProfilesAreApart(t *testing.T) {
	a, b := speak(t, alice, old, new2), speak(t, bob, old, new2)
	meet(a, b)
	require.Equal(t, "x", b.read(a, a.send("x", bob, b)))
	for _, c := range []struct{ emptied, left engine.Profile }{{new2, old}, {old, new2}} {
		a := &speaker{Suite: a.Suite, t: t, ctx: a.ctx, st: a.st.Clone(), jid: alice, id: a.id}
		change, err := a.UpdateDevices(a.ctx, a.st, c.emptied, bob, nil)
		require.NoError(t, err)
		require.Equal(t, []uint32{b.id}, change.Removed)
		devices, err := a.Devices(a.ctx, a.st, bob)
		require.NoError(t, err)
		require.Len(t, devices, 1)
		require.True(t, devices[0].Active)
		require.Equal(t, []engine.Profile{c.left}, devices[0].Profiles)
		envs := a.send("y", bob, b)
		require.Equal(t, map[engine.Profile][]uint32{c.left: {b.id}}, readers(envs))
	}
}

// A decision about a key holds in both profiles, and a device is listed once.
func TestDevicesOfBothProfiles(t *testing.T) {
	a, b, c := speak(t, alice, old, new2), speak(t, bob, old, new2), speak(t, bob, new2)
	meet(a, b, c)
	a.send("x", bob, b, c)
	devices, err := a.Devices(a.ctx, a.st, bob)
	require.NoError(t, err)
	require.Equal(t, ids(b, c), []uint32{devices[0].Device, devices[1].Device})
	for _, d := range devices {
		require.True(t, d.Known)
		require.Equal(t, trust.Blind, d.Trust)
		require.Equal(t, d.Device == b.id, slices.Contains(d.Profiles, old))
		require.Contains(t, d.Profiles, new2)
	}
	k, err := b.Identity(b.ctx, b.st)
	require.NoError(t, err)
	require.NoError(t, a.SetTrust(a.ctx, a.st, bob, k, trust.Distrusted))
	_, report, err := a.Encrypt(a.ctx, a.st, in("x"), []string{bob})
	require.NoError(t, err)
	for _, r := range report.Devices {
		want := omemo.Encrypted
		if r.Device == b.id {
			want = omemo.Omitted
		}
		require.Equal(t, want, r.Outcome)
	}
	require.NoError(t, a.SetTrust(a.ctx, a.st, bob, k, trust.Undecided))
	before := a.st.Clone()
	_, _, err = a.Encrypt(a.ctx, a.st, in("x"), []string{bob})
	require.ErrorIs(t, err, omemo.ErrUndecided)
	require.True(t, before.Equal(a.st))
	ok, err := a.Reachable(a.ctx, a.st, bob)
	require.NoError(t, err)
	require.True(t, ok, "once it is decided")
	for _, d := range devices {
		require.NoError(t, a.ForgetDevice(a.ctx, a.st, d.Address))
	}
	ok, err = a.Reachable(a.ctx, a.st, bob)
	require.NoError(t, err)
	require.False(t, ok)
	_, _, err = a.Encrypt(a.ctx, a.st, in("x"), []string{bob})
	require.ErrorIs(t, err, omemo.ErrNoDevices)
	require.NoError(t, a.ForgetDevice(a.ctx, a.st, omemo.Address{JID: carol, Device: 1}), "nothing to forget")
}
