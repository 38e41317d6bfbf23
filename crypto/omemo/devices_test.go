// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
)

func active(t *testing.T, c *client, jid string) (ids []uint32) {
	t.Helper()
	devices, err := c.Devices(c.ctx, c.st, jid)
	require.NoError(t, err)
	for _, d := range devices {
		if d.Active {
			ids = append(ids, d.Device)
		}
	}
	return ids
}

func TestUpdateDevices(t *testing.T) { everywhere(t, testUpdateDevices) }

func testUpdateDevices(t *testing.T) {
	c := newWorld(t).client(alice)
	for _, step := range []struct {
		name           string
		list           []uint32
		added, removed []uint32
		ignored        int
		active         []uint32
	}{
		{"first", []uint32{3, 1, 2}, []uint32{3, 1, 2}, nil, 0, []uint32{1, 2, 3}},
		{"same", []uint32{1, 2, 3}, nil, nil, 0, []uint32{1, 2, 3}},
		{"one gone", []uint32{1, 3}, nil, []uint32{2}, 0, []uint32{1, 3}},
		{"one new", []uint32{1, 3, 4}, []uint32{4}, nil, 0, []uint32{1, 3, 4}},
		{"one back", []uint32{1, 2, 3, 4}, []uint32{2}, nil, 0, []uint32{1, 2, 3, 4}},
		{"repeated", []uint32{1, 1, 5, 5, 2, 3, 4}, []uint32{5}, nil, 2, []uint32{1, 2, 3, 4, 5}},
		{"invalid", []uint32{0, math.MaxInt32 + 1, math.MaxUint32, 1}, nil, []uint32{2, 3, 4, 5}, 3, []uint32{1}},
		{"largest", []uint32{1, omemo.MaxID}, []uint32{omemo.MaxID}, nil, 0, []uint32{1, omemo.MaxID}},
		{"empty", nil, nil, []uint32{1, omemo.MaxID}, 0, nil},
	} {
		change, err := c.UpdateDevices(c.ctx, c.st, bob, listed(step.list...))
		require.NoError(t, err, step.name)
		require.Equal(t, step.added, change.Added, step.name)
		require.Equal(t, step.removed, change.Removed, step.name)
		require.Equal(t, step.ignored, change.Ignored, step.name)
		require.Nil(t, change.Republish, step.name)
		require.Equal(t, step.active, active(t, c, bob), step.name)
	}
	devices, err := c.Devices(c.ctx, c.st, bob)
	require.NoError(t, err)
	require.Len(t, devices, 6, "none was deleted")
	for _, jid := range []string{"", bob + "/phone"} {
		_, err = c.UpdateDevices(c.ctx, c.st, jid, listed(1))
		require.ErrorIs(t, err, omemo.ErrBadAddress)
	}
}

func TestDeviceListOfTenThousand(t *testing.T) { everywhere(t, testDeviceListOfTenThousand) }

func testDeviceListOfTenThousand(t *testing.T) {
	w := newWorld(t)
	w.limits.Devices = 50
	c := w.client(alice)
	_, err := c.UpdateDevices(c.ctx, c.st, bob, listed(9_001, 9_999))
	require.NoError(t, err)
	ids := make([]uint32, 10_000)
	for i := range ids {
		ids[i] = uint32(i + 1)
	}
	change, err := c.UpdateDevices(c.ctx, c.st, bob, listed(ids...))
	require.NoError(t, err)
	require.Len(t, change.Added, 48)
	require.Empty(t, change.Removed)
	require.Equal(t, 9_950, change.Ignored)
	got := active(t, c, bob)
	require.Len(t, got, 50)
	require.Contains(t, got, uint32(9_001), "known devices go first")
	require.Contains(t, got, uint32(9_999))

	// Changing lists do not fill the store either.
	for n := range uint32(100) {
		for i := range ids {
			ids[i] = 20_000 + n*10_000 + uint32(i)
		}
		_, err := c.UpdateDevices(c.ctx, c.st, bob, listed(ids...))
		require.NoError(t, err)
	}
	devices, err := c.Devices(c.ctx, c.st, bob)
	require.NoError(t, err)
	require.Len(t, devices, 200)
	// What is known comes back all the same.
	_, err = c.UpdateDevices(c.ctx, c.st, bob, listed(9_001))
	require.NoError(t, err)
	require.Equal(t, []uint32{9_001}, active(t, c, bob))
}

func TestOwnDeviceIsAnnouncedAgain(t *testing.T) { everywhere(t, testOwnDeviceIsAnnouncedAgain) }

func testOwnDeviceIsAnnouncedAgain(t *testing.T) {
	w := newWorld(t)
	c := w.client(alice)
	other := c.id%1000 + 1
	for n := range 3 {
		change, err := c.UpdateDevices(c.ctx, c.st, alice, listed(other))
		require.NoError(t, err)
		require.Equal(t, listed(other, c.id), change.Republish, "try %d", n)
	}
	change, err := c.UpdateDevices(c.ctx, c.st, alice, listed(other))
	require.NoError(t, err)
	require.Nil(t, change.Republish, "not for ever")

	change, err = c.UpdateDevices(c.ctx, c.st, alice, listed(other, c.id))
	require.NoError(t, err)
	require.Nil(t, change.Republish)
	require.Equal(t, []uint32{other}, active(t, c, alice), "the own device is not one of the others")

	change, err = c.UpdateDevices(c.ctx, c.st, alice, nil)
	require.NoError(t, err)
	require.Equal(t, listed(c.id), change.Republish, "the count starts again")

	// Somebody else's list says nothing about the own device.
	change, err = c.UpdateDevices(c.ctx, c.st, bob, listed(other))
	require.NoError(t, err)
	require.Nil(t, change.Republish)
	change, err = c.UpdateDevices(c.ctx, c.st, bob, listed(c.id))
	require.NoError(t, err)
	require.Equal(t, []uint32{c.id}, change.Added, "an id is only unique within a JID")
}

// A device that vanished gets nothing, but keeps its session and can come back.
func TestVanishedDevice(t *testing.T) { everywhere(t, testVanishedDevice) }

func testVanishedDevice(t *testing.T) {
	w := newWorld(t)
	a, phone, laptop := w.client(alice), w.client(bob), w.client(bob)
	w.sync()
	env := a.send("both", bob)
	require.Equal(t, "both", phone.read(a, env))
	require.Equal(t, "both", laptop.read(a, env))

	_, err := a.UpdateDevices(a.ctx, a.st, bob, listed(laptop.id))
	require.NoError(t, err)
	env = a.send("one", bob)
	require.Len(t, env.Keys, 1)
	require.Equal(t, laptop.id, env.Keys[0].RID)
	phone.refuse(alice, env, omemo.ReasonNotForThisDevice)
	require.Equal(t, "from the vanished one", a.read(phone, phone.send("from the vanished one", alice)))

	_, err = a.UpdateDevices(a.ctx, a.st, bob, listed(laptop.id, phone.id))
	require.NoError(t, err)
	missing, err := a.MissingSessions(a.ctx, a.st, []string{bob})
	require.NoError(t, err)
	require.Empty(t, missing, "the session is still there")
	require.Equal(t, "back", phone.read(a, a.send("back", bob)))
}

func TestAddBundleRefuses(t *testing.T) { everywhere(t, testAddBundleRefuses) }

func testAddBundleRefuses(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.client(alice), w.client(bob), w.client(carol)
	w.sync()
	good := b.bundle()
	add := func(to omemo.Address, b omemo.PublishedBundle) func() error {
		return func() error { return a.AddBundle(a.ctx, a.st, to, b) }
	}
	bad := good
	bad.Signature = append([]byte(nil), good.Signature...)
	bad.Signature[3] ^= 1
	a.unchanged(omemo.ErrBadBundle, add(b.addr(), bad))
	a.unchanged(engine.ErrBadSignature, add(b.addr(), bad))
	bad = good
	bad.PreKeys = nil
	a.unchanged(omemo.ErrBadBundle, add(b.addr(), bad))
	bad.PreKeys = []omemo.PublishedPreKey{{ID: 0, Public: good.PreKeys[0].Public}, {ID: 5}}
	a.unchanged(engine.ErrNoOneTimePreKey, add(b.addr(), bad))
	bad = good
	bad.Identity = engine.PublicKey{}
	a.unchanged(engine.ErrBadKey, add(b.addr(), bad))
	bad = good
	bad.Identity = c.bundle().Identity
	a.unchanged(omemo.ErrBadBundle, add(b.addr(), bad))
	a.unchanged(omemo.ErrBadBundle, add(b.addr(), a.bundle())) // our own, handed back
	for _, to := range []omemo.Address{
		{}, {JID: bob}, {JID: bob, Device: omemo.MaxID + 1}, {Device: 1}, {JID: bob + "/x", Device: 1}, a.addr(),
	} {
		a.unchanged(omemo.ErrBadAddress, add(to, good))
	}

	// The unusable ones of several prekeys are passed over.
	bad = good
	bad.PreKeys = []omemo.PublishedPreKey{{ID: 0, Public: good.PreKeys[0].Public}, {ID: 5}, good.PreKeys[7]}
	require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), bad))
	require.Equal(t, "x", b.read(a, a.send("x", bob)))
	_, _, used, ok, err := b.st.PreKey(b.ctx, good.PreKeys[7].ID)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, used)

	// A known device with the identity of another.
	a.unchanged(omemo.ErrIdentityChanged, add(b.addr(), c.bundle()))
	// And after a person said that this is right.
	require.NoError(t, a.ForgetDevice(a.ctx, a.st, b.addr()))
	require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), c.bundle()))
}

// The prekey is chosen at random.
func TestPreKeyChoice(t *testing.T) { everywhere(t, testPreKeyChoice) }

func testPreKeyChoice(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	seen := map[uint32]bool{}
	for n := 0; len(seen) < 3; n++ {
		require.Less(t, n, 100, "always the same prekeys")
		require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), b.bundle()))
		kex, err := w.engine.ParseKeyExchange(w.profile, a.send("x", bob).Keys[0].Data)
		require.NoError(t, err)
		seen[kex.PreKeyID] = true
	}
}

func TestMissingSessions(t *testing.T) { everywhere(t, testMissingSessions) }

func testMissingSessions(t *testing.T) {
	w := newWorld(t)
	a, b1, b2, a2 := w.client(alice), w.client(bob), w.client(bob), w.client(alice)
	w.sync()
	missing := func() []omemo.Address {
		m, err := a.MissingSessions(a.ctx, a.st, []string{bob, bob})
		require.NoError(t, err)
		return m
	}
	require.ElementsMatch(t, []omemo.Address{b1.addr(), b2.addr(), a2.addr()}, missing())
	require.NoError(t, a.AddBundle(a.ctx, a.st, b1.addr(), b1.bundle()))
	require.ElementsMatch(t, []omemo.Address{b2.addr(), a2.addr()}, missing())
	require.NoError(t, a.AddBundle(a.ctx, a.st, b2.addr(), b2.bundle()))
	require.NoError(t, a.st.DeleteSessions(a.ctx, uint8(w.profile), bob, b2.id))
	require.ElementsMatch(t, []omemo.Address{b2.addr(), a2.addr()}, missing())
	a.setTrust(b2, trust.Distrusted)
	require.Equal(t, []omemo.Address{a2.addr()}, missing(), "not for a distrusted key")
	_, err := a.UpdateDevices(a.ctx, a.st, alice, listed(a.id))
	require.NoError(t, err)
	require.Empty(t, missing())

	// A session that cannot be read is none.
	_, err = a.st.SaveSession(a.ctx, uint8(w.profile), bob, b1.id, 0, []byte("broken"))
	require.NoError(t, err)
	require.Equal(t, []omemo.Address{b1.addr()}, missing())
	_, err = a.MissingSessions(a.ctx, a.st, []string{bob + "/x"})
	require.ErrorIs(t, err, omemo.ErrBadAddress)
}
