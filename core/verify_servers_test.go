// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/core/qr"
	"github.com/confab-im/confab/core/qr/scan"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// another signs in to u's account on another device.
func (u *user) another(name string) *user {
	u.t.Helper()
	other := &user{t: u.t, config: u.config, where: u.where}
	other.config.Path = filepath.Join(u.t.TempDir(), name+".db")
	other.open()
	u.t.Cleanup(func() { _ = other.client.Close() }) // it may be closed already
	var err error
	other.account, err = other.client.AddAccount(withPatience(u.t), other.where)
	require.NoError(u.t, err)
	other.online()
	return other
}

// id returns the number of the device.
func (u *user) id() uint32 {
	u.t.Helper()
	own, err := u.account.OwnDevice(withPatience(u.t))
	require.NoError(u.t, err)
	return own.ID
}

// sees returns what u knows of a device.
func (u *user) sees(owner *user, id uint32) (found core.Device) {
	u.t.Helper()
	list, err := u.account.Devices(withPatience(u.t), owner.account.JID())
	require.NoError(u.t, err)
	for _, d := range list {
		if d.ID == id {
			found = d
		}
	}
	return found
}

func (u *user) device(other *user) core.Device {
	u.t.Helper()
	return u.sees(other, other.id())
}

// finds asks the server for a device until what it says is as wanted: nobody
// tells of the devices of strangers.
func (u *user) finds(owner *user, id uint32, ok func(d core.Device) bool) core.Device {
	u.t.Helper()
	var d core.Device
	require.Eventually(u.t, func() bool {
		err := u.account.RefreshDevices(withPatience(u.t), owner.account.JID())
		d = u.sees(owner, id)
		return err == nil && ok(d)
	}, patience, 200*time.Millisecond)
	return d
}

// knows waits until u has the key of the device of other.
func (u *user) knows(other *user) core.Device {
	u.t.Helper()
	return u.finds(other, other.id(), func(d core.Device) bool { return d.Active && d.Fingerprint != "" })
}

func (u *user) uri() string {
	u.t.Helper()
	uri, err := u.account.VerificationURI(withPatience(u.t))
	require.NoError(u.t, err)
	return uri
}

func (u *user) scans(other *user) core.VerifyResult {
	u.t.Helper()
	picture, err := qr.PNG(other.uri(), 400)
	require.NoError(u.t, err)
	text, err := scan.Picture(bytes.NewReader(picture))
	require.NoError(u.t, err)
	result, err := u.account.VerifyURI(withPatience(u.t), text)
	require.NoError(u.t, err)
	require.Equal(u.t, other.account.JID(), result.Peer)
	return result
}

func outcomes(r core.VerifyResult) (list []core.VerifyOutcome) {
	for _, k := range r.Keys {
		list = append(list, k.Outcome)
	}
	return list
}

// Two people scan each other's codes, one gets a second device, and the codes
// name both.
func TestVerifyByCode(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		id := alice.send(bob, "before")
		alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })
		require.Equal(t, core.DeviceBlind, alice.device(bob).State())
		result := alice.scans(bob)
		require.Equal(t, []core.VerifyOutcome{core.KeyVerified}, outcomes(result))
		require.True(t, result.OK())
		require.Empty(t, result.Unnamed)
		require.Equal(t, core.DeviceVerified, alice.device(bob).State())
		require.Equal(t, []core.VerifyOutcome{core.KeyOwn}, outcomes(bob.scans(bob)))

		tablet := bob.another("tablet")
		require.Equal(t, core.DeviceUndecided, alice.knows(tablet).State(), "one of his is verified")
		blocked := alice.send(bob, "both of you")
		alice.until("blocked", func() bool { return alice.state(blocked) == core.MessageBlocked })
		result = alice.scans(bob)
		require.Len(t, result.Unnamed, 1, "he has not verified it himself")
		alice.until("blocked again", func() bool { return alice.state(blocked) == core.MessageBlocked })

		bob.knows(tablet)
		require.Equal(t, []core.VerifyOutcome{core.KeyVerified}, outcomes(bob.scans(tablet)))
		result = alice.scans(bob)
		require.Equal(t, []core.VerifyOutcome{core.KeyVerified, core.KeyVerified}, outcomes(result))
		require.Empty(t, result.Unnamed)
		require.Equal(t, core.DeviceVerified, alice.device(tablet).State())
		for _, u := range []*user{bob, tablet} {
			u.until("the message", func() bool {
				got := u.received(alice)
				return len(got) > 0 && got[len(got)-1] == "both of you"
			})
		}

		// A compromised key stays so, whatever is scanned.
		require.NoError(t, alice.account.SetTrust(ctx, bob.account.JID(), alice.device(tablet).Fingerprint, core.Compromised))
		result = alice.scans(bob)
		require.Equal(t, []core.VerifyOutcome{core.KeyVerified, core.KeyCompromised}, outcomes(result))
		require.False(t, result.OK())
		require.Equal(t, core.DeviceCompromised, alice.device(tablet).State())
	})
}

// An address with another key than the server told of ends the blind trust in
// that one; one of somebody never heard of is kept for when they come.
func TestVerifyMismatch(t *testing.T) {
	s := prosody.Server(t)
	ctx := withPatience(t)
	alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
	befriend(alice, bob)
	id := alice.send(bob, "hello")
	alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })
	known := alice.device(bob)
	uri := fmt.Sprintf("xmpp:%s?omemo-sid-%d=%s", bob.account.JID(), known.ID, someKey)
	result, err := alice.account.VerifyURI(ctx, uri)
	require.NoError(t, err)
	require.Equal(t, []core.VerifyOutcome{core.KeyMismatch}, outcomes(result))
	require.False(t, result.OK())
	require.Equal(t, core.DeviceUndecided, alice.device(bob).State())
	id = alice.send(bob, "to whom?")
	alice.until("blocked", func() bool { return alice.state(id) == core.MessageBlocked })
	alice.scans(bob)
	alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })

	// Before the first contact.
	carol := newUser(t, s, "carol", nil)
	require.Equal(t, []core.VerifyOutcome{core.KeyAwaited}, outcomes(alice.scans(carol)))
	require.Equal(t, core.DeviceVerified, alice.knows(carol).State())

	for _, text := range []string{"", "xmpp:" + bob.account.JID(), "xmpp:b ob@c?omemo-sid-1=" + someKey} {
		_, err := alice.account.VerifyURI(ctx, text)
		require.ErrorIs(t, err, core.ErrBadVerification)
	}

	// Somebody for whom no key is to be trusted blindly.
	dave := newUser(t, s, "dave", nil)
	on, err := alice.account.BlindTrust(ctx, dave.account.JID())
	require.NoError(t, err)
	require.True(t, on)
	require.NoError(t, alice.account.SetBlindTrust(ctx, dave.account.JID(), false))
	on, err = alice.account.BlindTrust(ctx, dave.account.JID())
	require.NoError(t, err)
	require.False(t, on)
	require.Equal(t, core.DeviceUndecided, alice.knows(dave).State())
}

// Devices of one's own that nobody uses any more are found and taken off the
// list; one that is used after all comes back.
func TestPruneDevices(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		tablet := bob.another("tablet")
		alice.knows(tablet)
		bob.knows(tablet)
		own, err := bob.account.OwnDevices(ctx)
		require.NoError(t, err)
		require.Len(t, own, 2)
		require.True(t, own[0].Own)
		require.False(t, own[1].Own || own[1].Idle)
		require.Equal(t, core.DeviceBlind, own[1].State())
		require.NoError(t, tablet.account.SetDeviceLabel(ctx, "Bob's tablet"))
		require.Equal(t, "omemo.bad-label", core.ErrorCode(tablet.account.SetDeviceLabel(ctx, strings.Repeat("x", 53))))
		for _, u := range []*user{alice, bob} {
			u.finds(bob, tablet.id(), func(d core.Device) bool { return d.Label == "Bob's tablet" })
		}
		require.NoError(t, tablet.client.Close())

		require.NoError(t, bob.client.Close())
		bob.config.Now = func() time.Time { return time.Now().Add(core.IdleAfter + time.Hour) }
		bob.open()
		bob.online()
		own, err = bob.account.OwnDevices(ctx)
		require.NoError(t, err)
		require.True(t, own[1].Idle)

		require.ErrorIs(t, bob.account.PruneDevices(ctx, own[0].ID), core.ErrOwnDevice)
		require.ErrorIs(t, bob.account.PruneDevices(ctx, own[1].ID, own[1].ID+1), core.ErrUnknownDevice)
		require.NoError(t, bob.account.PruneDevices(ctx, own[1].ID))
		// A push of the list before may still be on its way.
		bob.finds(bob, own[1].ID, func(d core.Device) bool { return d.State() == core.DeviceInactive })
		require.ErrorIs(t, bob.account.PruneDevices(ctx, own[1].ID), core.ErrUnknownDevice)
		alice.finds(bob, own[1].ID, func(d core.Device) bool { return d.State() == core.DeviceInactive })
		require.Equal(t, core.DeviceBlind, alice.device(bob).State())

		tablet.open()
		tablet.online()
		alice.finds(bob, own[1].ID, func(d core.Device) bool { return d.State() == core.DeviceBlind })
	})
}
