// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// omemoStore is what the OMEMO code asks for.
type omemoStore interface {
	Identity(ctx context.Context) (deviceID uint32, private, public []byte, ok bool, err error)
	SaveIdentity(ctx context.Context, deviceID uint32, private, public []byte) error
	PreKeyCount(ctx context.Context) (unused int, maxID uint32, err error)
	SavePreKey(ctx context.Context, id uint32, private, public []byte) error
	PreKey(ctx context.Context, id uint32) (private, public []byte, used bool, ok bool, err error)
	MarkPreKeyUsed(ctx context.Context, id uint32) error
	DeleteUsedPreKeys(ctx context.Context) (n int, err error)
	PreKeys(ctx context.Context, fn func(id uint32, public []byte) error) error
	SaveSignedPreKey(ctx context.Context, id uint32, private, public []byte, created time.Time) error
	SignedPreKey(ctx context.Context, id uint32) (private, public []byte, created time.Time, ok bool, err error)
	PruneSignedPreKeys(ctx context.Context, keep int) error
	Devices(ctx context.Context, profile uint8, jid string, fn func(id uint32, active bool, identity []byte, label string, labelSig []byte, lastSeen time.Time) error) error
	Label(ctx context.Context) (string, error)
	SetLabel(ctx context.Context, label string) error
	SetDeviceLabel(ctx context.Context, profile uint8, jid string, id uint32, label string, labelSig []byte) error
	SaveDevice(ctx context.Context, profile uint8, jid string, id uint32, active bool) error
	SetDeviceIdentity(ctx context.Context, profile uint8, jid string, id uint32, identity []byte) error
	TouchDevice(ctx context.Context, profile uint8, jid string, id uint32, at time.Time, received bool) (unanswered int, err error)
	Sessions(ctx context.Context, profile uint8, jid string, id uint32) (seqs []int64, states [][]byte, err error)
	SaveSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64, state []byte) (int64, error)
	PromoteSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64) error
	DeleteSessions(ctx context.Context, profile uint8, jid string, id uint32) error
	Trust(ctx context.Context, jid string, identity []byte) (state uint8, ok bool, err error)
	SetTrust(ctx context.Context, jid string, identity []byte, state uint8, at time.Time) error
	HasVerified(ctx context.Context, jid string) (bool, error)
	BlindTrust(ctx context.Context, jid string) (bool, error)
	CatchingUp(ctx context.Context) (bool, error)
}

var _ omemoStore = (*OMEMO)(nil)

// withOMEMO runs fn on the stores of two accounts.
func withOMEMO(t *testing.T, fn func(o, other *OMEMO)) {
	t.Helper()
	update(t, openTemp(t), func(tx *Tx) {
		fn(tx.OMEMO(newAccount(t, tx, "a")), tx.OMEMO(newAccount(t, tx, "b")))
	})
}

func TestOMEMOIdentity(t *testing.T) {
	withOMEMO(t, func(o, other *OMEMO) {
		_, _, _, ok, err := o.Identity(ctx)
		require.NoError(t, err)
		require.False(t, ok)
		for _, id := range []uint32{5, 1<<31 - 1} {
			require.NoError(t, o.SaveIdentity(ctx, id, testKey, otherKey))
			got, private, public, ok, err := o.Identity(ctx)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, id, got)
			require.Equal(t, testKey, private)
			require.Equal(t, otherKey, public)
		}
		_, _, _, ok, err = other.Identity(ctx)
		require.NoError(t, err)
		require.False(t, ok)
		cctx, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, o.SaveIdentity(cctx, 1, nil, nil), context.Canceled)
		_, _, _, _, err = o.Identity(cctx)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestOMEMOPreKeys(t *testing.T) {
	withOMEMO(t, func(o, other *OMEMO) {
		requireCount := func(unused int, maxID uint32) {
			t.Helper()
			n, top, err := o.PreKeyCount(ctx)
			require.NoError(t, err)
			require.Equal(t, unused, n)
			require.Equal(t, maxID, top)
		}
		requireCount(0, 0)
		for i := range uint32(10) {
			require.NoError(t, o.SavePreKey(ctx, i+1, testKey, otherKey))
		}
		require.NoError(t, other.SavePreKey(ctx, 99, testKey, otherKey))
		requireCount(10, 10)
		require.NoError(t, o.MarkPreKeyUsed(ctx, 10))
		require.NoError(t, o.MarkPreKeyUsed(ctx, 3))
		requireCount(8, 10)
		private, public, used, ok, err := o.PreKey(ctx, 3)
		require.NoError(t, err)
		require.True(t, ok && used)
		require.Equal(t, testKey, private)
		require.Equal(t, otherKey, public)
		var ids []uint32
		require.NoError(t, o.PreKeys(ctx, func(id uint32, public []byte) error {
			ids = append(ids, id)
			require.Equal(t, otherKey, public)
			// The store may be used meanwhile, even for the same question.
			return o.PreKeys(ctx, func(uint32, []byte) error { return nil })
		}))
		require.Equal(t, []uint32{1, 2, 4, 5, 6, 7, 8, 9}, ids)
		require.ErrorIs(t, o.PreKeys(ctx, func(uint32, []byte) error { return errTest }), errTest)
		n, err := o.DeleteUsedPreKeys(ctx)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		_, _, _, ok, err = o.PreKey(ctx, 3)
		require.NoError(t, err)
		require.False(t, ok)
		requireCount(8, 9)
	})
}

func TestOMEMOSignedPreKeys(t *testing.T) {
	withOMEMO(t, func(o, _ *OMEMO) {
		_, _, _, ok, err := o.SignedPreKey(ctx, 0)
		require.NoError(t, err)
		require.False(t, ok)
		for i := range uint32(4) {
			require.NoError(t, o.SaveSignedPreKey(ctx, i+1, testKey, otherKey, epoch.Add(time.Duration(i)*time.Hour)))
		}
		id, ok, err := o.SignedPreKeyID(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, 4, id)
		for _, id := range []uint32{0, 4} {
			private, public, created, ok, err := o.SignedPreKey(ctx, id)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, testKey, private)
			require.Equal(t, otherKey, public)
			require.Equal(t, epoch.Add(3*time.Hour), created)
		}
		require.NoError(t, o.PruneSignedPreKeys(ctx, 2))
		for id, want := range map[uint32]bool{1: false, 2: false, 3: true, 4: true} {
			_, _, _, ok, err := o.SignedPreKey(ctx, id)
			require.NoError(t, err)
			require.Equal(t, want, ok, id)
		}
	})
}

func TestOMEMODevices(t *testing.T) {
	withOMEMO(t, func(o, other *OMEMO) {
		type device struct {
			ID       uint32
			Active   bool
			Identity []byte
			Label    string
			LabelSig []byte
			Seen     time.Time
		}
		devices := func(o *OMEMO, profile uint8, jid string) (list []device) {
			require.NoError(t, o.Devices(ctx, profile, jid, func(id uint32, active bool, identity []byte, label string, sig []byte, seen time.Time) error {
				list = append(list, device{id, active, identity, label, sig, seen})
				return nil
			}))
			return list
		}
		require.NoError(t, o.SaveDevice(ctx, 1, "j", 2, true))
		require.NoError(t, o.SaveDevice(ctx, 1, "j", 1, true))
		require.NoError(t, o.SetDeviceIdentity(ctx, 1, "j", 2, testKey))
		require.NoError(t, o.SaveDevice(ctx, 1, "j", 2, false))
		require.NoError(t, o.SetDeviceLabel(ctx, 1, "j", 2, "phone", []byte("sig")))
		require.ErrorIs(t, o.SetDeviceLabel(ctx, 1, "j", 7, "phone", nil), ErrNotFound)
		touch := func(at time.Time, received bool, want int) {
			t.Helper()
			n, err := o.TouchDevice(ctx, 1, "j", 2, at, received)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		touch(epoch, true, 1)
		touch(epoch.Add(-time.Hour), true, 2) // late, from an archive
		require.Equal(t, []device{{1, true, nil, "", nil, time.Time{}}, {2, false, testKey, "phone", []byte("sig"), epoch}}, devices(o, 1, "j"))
		touch(epoch.Add(time.Hour), false, 0)
		touch(epoch, true, 1)
		require.Equal(t, epoch, devices(o, 1, "j")[1].Seen)
		require.Empty(t, devices(o, 2, "j"))
		require.Empty(t, devices(o, 1, "k"))
		require.Empty(t, devices(other, 1, "j"))
		n, err := o.TouchDevice(ctx, 2, "new", 1, epoch, true)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	})
}

func TestOMEMOSessions(t *testing.T) {
	withOMEMO(t, func(o, other *OMEMO) {
		states := func() (list []string) {
			seqs, states, err := o.Sessions(ctx, 1, "j", 7)
			require.NoError(t, err)
			require.Len(t, seqs, len(states))
			for _, s := range states {
				list = append(list, string(s))
			}
			return list
		}
		save := func(seq int64, state string) int64 {
			got, err := o.SaveSession(ctx, 1, "j", 7, seq, []byte(state))
			require.NoError(t, err)
			return got
		}
		require.Empty(t, states())
		a, b := save(0, "a"), save(0, "b")
		require.NotEqual(t, a, b)
		require.Equal(t, []string{"b", "a"}, states())
		require.Equal(t, a, save(a, "A")) // keeps its place
		require.Equal(t, []string{"b", "A"}, states())
		require.NoError(t, o.PromoteSession(ctx, 1, "j", 7, a))
		require.Equal(t, []string{"A", "b"}, states())
		c := save(0, "c")
		require.NotContains(t, []int64{a, b}, c)
		require.Equal(t, []string{"c", "A", "b"}, states())

		_, err := o.SaveSession(ctx, 1, "j", 7, 999, nil)
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, o.PromoteSession(ctx, 1, "j", 8, a), ErrNotFound)
		_, err = other.SaveSession(ctx, 1, "j", 7, a, nil)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = o.SaveSession(ctx, 2, "j", 7, 0, []byte("profile"))
		require.NoError(t, err)

		for i := range SessionsPerDevice - 1 {
			save(0, fmt.Sprint(i))
		}
		list := states()
		require.Len(t, list, SessionsPerDevice)
		require.Equal(t, "c", list[SessionsPerDevice-1], "the oldest go first")
		require.NoError(t, o.DeleteSessions(ctx, 1, "j", 7))
		require.Empty(t, states())
		require.Greater(t, save(0, "z"), c)
		seqs, _, err := o.Sessions(ctx, 2, "j", 7)
		require.NoError(t, err)
		require.Len(t, seqs, 1)
	})
}

func TestOMEMOTrust(t *testing.T) {
	withOMEMO(t, func(o, other *OMEMO) {
		_, ok, err := o.Trust(ctx, "j", testKey)
		require.NoError(t, err)
		require.False(t, ok)
		verified := func(o *OMEMO, want bool) {
			t.Helper()
			got, err := o.HasVerified(ctx, "j")
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		verified(o, false)
		require.NoError(t, o.SetTrust(ctx, "j", otherKey, 1, epoch))
		verified(o, false)
		require.NoError(t, o.SetTrust(ctx, "j", testKey, 2, epoch.Add(time.Second)))
		verified(o, true)
		verified(other, false)
		state, ok, err := o.Trust(ctx, "j", testKey)
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, 2, state)
		list, err := o.TrustedKeys(ctx, "j")
		require.NoError(t, err)
		require.Equal(t, []TrustedKey{{otherKey, 1, epoch}, {testKey, 2, epoch.Add(time.Second)}}, list)
		require.NoError(t, o.SetTrust(ctx, "j", testKey, 3, epoch))
		verified(o, false)

		for _, on := range []bool{false, true} {
			blind, err := o.BlindTrust(ctx, "j")
			require.NoError(t, err)
			require.True(t, blind, "the default")
			require.NoError(t, o.SetBlindTrust(ctx, "j", on))
			blind, err = o.BlindTrust(ctx, "j")
			require.NoError(t, err)
			require.Equal(t, on, blind)
			require.NoError(t, o.SetBlindTrust(ctx, "j", true))
			on, err := o.CatchingUp(ctx)
			require.NoError(t, err)
			require.False(t, on)
		}
		require.NoError(t, o.SetCatchingUp(ctx, true))
		on, err := o.CatchingUp(ctx)
		require.NoError(t, err)
		require.True(t, on)
		on, err = other.CatchingUp(ctx)
		require.NoError(t, err)
		require.False(t, on)
	})
}
