// SPDX-License-Identifier: MPL-2.0

package omemotest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
)

// RunStore tests that an implementation keeps the contract of omemo.Store.
// newStore gives an empty store of an account with the default settings.
func RunStore(t *testing.T, newStore func(t *testing.T) omemo.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, omemo.Store)
	}{
		{"identity", storeIdentity},
		{"prekeys", storePreKeys},
		{"signed prekeys", storeSignedPreKeys},
		{"devices", storeDevices},
		{"unanswered messages", storeTouch},
		{"sessions", storeSessions},
		{"session limit", storeSessionLimit},
		{"trust", storeTrust},
		{"defaults", storeDefaults},
		{"returned bytes are the caller's", storeAliasing},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newStore(t)) })
	}
}

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func storeIdentity(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	_, _, _, ok, err := st.Identity(ctx)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, st.SaveIdentity(ctx, omemo.MaxID, key(1), key(2)))
	id, private, public, ok, err := st.Identity(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, uint32(omemo.MaxID), id)
	require.Equal(t, key(1), private)
	require.Equal(t, key(2), public)
	label, err := st.Label(ctx)
	require.NoError(t, err)
	require.Empty(t, label)
	require.NoError(t, st.SetLabel(ctx, "kitchen"))
	label, err = st.Label(ctx)
	require.NoError(t, err)
	require.Equal(t, "kitchen", label)
}

func storePreKeys(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	count := func(unused int, maxID uint32) {
		t.Helper()
		n, last, err := st.PreKeyCount(ctx)
		require.NoError(t, err)
		require.Equal(t, unused, n)
		require.Equal(t, maxID, last)
	}
	ids := func() (ids []uint32) {
		require.NoError(t, st.PreKeys(ctx, func(id uint32, public []byte) error {
			require.Equal(t, key(byte(id)+100), public)
			ids = append(ids, id)
			return nil
		}))
		return ids
	}
	count(0, 0)
	require.Empty(t, ids())
	_, _, _, ok, err := st.PreKey(ctx, 7)
	require.NoError(t, err)
	require.False(t, ok)
	for _, id := range []uint32{9, 7, 8} {
		require.NoError(t, st.SavePreKey(ctx, id, key(byte(id)), key(byte(id)+100)))
	}
	count(3, 9)
	require.Equal(t, []uint32{7, 8, 9}, ids())
	require.NoError(t, st.MarkPreKeyUsed(ctx, 9))
	count(2, 9)
	require.Equal(t, []uint32{7, 8}, ids())
	private, public, used, ok, err := st.PreKey(ctx, 9)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, used)
	require.Equal(t, key(9), private)
	require.Equal(t, key(109), public)
	_, _, used, ok, err = st.PreKey(ctx, 8)
	require.NoError(t, err)
	require.True(t, ok)
	require.False(t, used)
	n, err := st.DeleteUsedPreKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, _, _, ok, err = st.PreKey(ctx, 9)
	require.NoError(t, err)
	require.False(t, ok)
	count(2, 8)
	n, err = st.DeleteUsedPreKeys(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
	stop := errors.New("stop")
	calls := 0
	require.ErrorIs(t, st.PreKeys(ctx, func(uint32, []byte) error { calls++; return stop }), stop)
	require.Equal(t, 1, calls)
}

func storeSignedPreKeys(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	_, _, _, ok, err := st.SignedPreKey(ctx, 0)
	require.NoError(t, err)
	require.False(t, ok)
	start := time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC)
	for i, id := range []uint32{900, 20, 500} { // ids say nothing about age
		require.NoError(t, st.SaveSignedPreKey(ctx, id, key(byte(i)), key(byte(i)+100), start.Add(time.Duration(i)*time.Hour)))
	}
	for want, id := range map[byte]uint32{0: 900, 1: 20, 2: 500} {
		private, public, created, ok, err := st.SignedPreKey(ctx, id)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, key(want), private)
		require.Equal(t, key(want+100), public)
		require.True(t, created.Equal(start.Add(time.Duration(want)*time.Hour)), "%v", created)
	}
	private, _, _, ok, err := st.SignedPreKey(ctx, 0)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, key(2), private, "0 is the newest")
	require.NoError(t, st.PruneSignedPreKeys(ctx, 2))
	for id, want := range map[uint32]bool{900: false, 20: true, 500: true, 1: false} {
		_, _, _, ok, err := st.SignedPreKey(ctx, id)
		require.NoError(t, err)
		require.Equal(t, want, ok, "%d", id)
	}
	require.NoError(t, st.PruneSignedPreKeys(ctx, 5))
	_, _, _, ok, err = st.SignedPreKey(ctx, 20)
	require.NoError(t, err)
	require.True(t, ok)
}

type seen struct {
	id       uint32
	active   bool
	identity []byte
	label    string
	labelSig []byte
	lastSeen time.Time
}

func list(t *testing.T, st omemo.Store, profile uint8, jid string) (out []seen) {
	t.Helper()
	require.NoError(t, st.Devices(t.Context(), profile, jid,
		func(id uint32, active bool, identity []byte, label string, labelSig []byte, lastSeen time.Time) error {
			out = append(out, seen{id, active, identity, label, labelSig, lastSeen})
			return nil
		}))
	return out
}

func storeDevices(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	require.Empty(t, list(t, st, 1, "a@x"))
	for _, id := range []uint32{30, 10, 20, omemo.MaxID} {
		require.NoError(t, st.SaveDevice(ctx, 1, "a@x", id, true))
	}
	require.NoError(t, st.SaveDevice(ctx, 2, "a@x", 10, true))
	require.NoError(t, st.SaveDevice(ctx, 1, "b@x", 10, false))
	got := list(t, st, 1, "a@x")
	require.Len(t, got, 4)
	for i, id := range []uint32{10, 20, 30, omemo.MaxID} {
		require.Equal(t, id, got[i].id)
		require.True(t, got[i].active)
		require.Nil(t, got[i].identity, "not known is nil")
		require.True(t, got[i].lastSeen.IsZero(), "never seen is the zero time")
		require.Empty(t, got[i].label)
		require.Empty(t, got[i].labelSig)
	}
	require.NoError(t, st.SetDeviceIdentity(ctx, 1, "a@x", 10, key(5)))
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 10, false))
	got = list(t, st, 1, "a@x")
	require.False(t, got[0].active)
	require.Equal(t, key(5), got[0].identity, "kept when it becomes inactive")
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 10, true))
	require.Equal(t, key(5), list(t, st, 1, "a@x")[0].identity)
	require.NoError(t, st.SetDeviceIdentity(ctx, 1, "a@x", 10, nil))
	require.Nil(t, list(t, st, 1, "a@x")[0].identity, "nil forgets it")
	require.NoError(t, st.SetDeviceLabel(ctx, 1, "a@x", 10, "kitchen", key(6)))
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 10, false))
	got = list(t, st, 1, "a@x")
	require.Equal(t, "kitchen", got[0].label)
	require.Equal(t, key(6), got[0].labelSig)
	require.Empty(t, got[1].label)
	require.NoError(t, st.SetDeviceLabel(ctx, 1, "a@x", 10, "", nil))
	require.Empty(t, list(t, st, 1, "a@x")[0].label)
	require.Empty(t, list(t, st, 1, "a@x")[0].labelSig)
	// Other profiles and JIDs are others.
	require.Len(t, list(t, st, 2, "a@x"), 1)
	require.Nil(t, list(t, st, 2, "a@x")[0].identity)
	require.Equal(t, false, list(t, st, 1, "b@x")[0].active)
	require.Empty(t, list(t, st, 1, "A@x"))
	stop, calls := errors.New("stop"), 0
	require.ErrorIs(t, st.Devices(ctx, 1, "a@x", func(uint32, bool, []byte, string, []byte, time.Time) error {
		calls++
		return stop
	}), stop)
	require.Equal(t, 1, calls)
}

func storeTouch(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 10, true))
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 11, true))
	at := time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)
	for n := 1; n <= 60; n++ {
		got, err := st.TouchDevice(ctx, 1, "a@x", 10, at, true)
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	got, err := st.TouchDevice(ctx, 1, "a@x", 11, at, true)
	require.NoError(t, err)
	require.Equal(t, 1, got)
	got, err = st.TouchDevice(ctx, 1, "a@x", 10, at.Add(time.Hour), false)
	require.NoError(t, err)
	require.Zero(t, got)
	require.True(t, list(t, st, 1, "a@x")[0].lastSeen.Equal(at), "sending is not seeing")
	got, err = st.TouchDevice(ctx, 1, "a@x", 10, at, true)
	require.NoError(t, err)
	require.Equal(t, 1, got)
}

func states(t *testing.T, st omemo.Store, profile uint8, jid string, id uint32) (seqs []int64, out []string) {
	t.Helper()
	seqs, raw, err := st.Sessions(t.Context(), profile, jid, id)
	require.NoError(t, err)
	require.Len(t, raw, len(seqs))
	for _, s := range raw {
		out = append(out, string(s))
	}
	return seqs, out
}

func storeSessions(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 10, true))
	_, got := states(t, st, 1, "a@x", 10)
	require.Empty(t, got)
	seq := map[string]int64{}
	for _, s := range []string{"one", "two", "three"} {
		n, err := st.SaveSession(ctx, 1, "a@x", 10, 0, []byte(s))
		require.NoError(t, err)
		require.NotZero(t, n)
		seq[s] = n
	}
	seqs, got := states(t, st, 1, "a@x", 10)
	require.Equal(t, []string{"three", "two", "one"}, got)
	require.Equal(t, []int64{seq["three"], seq["two"], seq["one"]}, seqs)
	n, err := st.SaveSession(ctx, 1, "a@x", 10, seq["two"], []byte("two+"))
	require.NoError(t, err)
	require.Equal(t, seq["two"], n)
	seqs, got = states(t, st, 1, "a@x", 10)
	require.Equal(t, []string{"three", "two+", "one"}, got, "changed in place")
	require.Equal(t, seq["two"], seqs[1])
	require.NoError(t, st.PromoteSession(ctx, 1, "a@x", 10, seq["one"]))
	seqs, got = states(t, st, 1, "a@x", 10)
	require.Equal(t, []string{"one", "three", "two+"}, got)
	require.Equal(t, seq["one"], seqs[0], "promoting keeps the seq")
	require.NoError(t, st.PromoteSession(ctx, 1, "a@x", 10, seq["one"]))
	_, err = st.SaveSession(ctx, 1, "a@x", 10, 0, []byte("four"))
	require.NoError(t, err)
	_, got = states(t, st, 1, "a@x", 10)
	require.Equal(t, []string{"four", "one", "three", "two+"}, got)

	for _, other := range []struct {
		profile uint8
		jid     string
		id      uint32
	}{{2, "a@x", 10}, {1, "b@x", 10}, {1, "a@x", 11}} {
		_, got = states(t, st, other.profile, other.jid, other.id)
		require.Empty(t, got)
		require.NoError(t, st.DeleteSessions(ctx, other.profile, other.jid, other.id))
	}
	_, got = states(t, st, 1, "a@x", 10)
	require.Len(t, got, 4)
	require.NoError(t, st.DeleteSessions(ctx, 1, "a@x", 10))
	_, got = states(t, st, 1, "a@x", 10)
	require.Empty(t, got)
}

func storeSessionLimit(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 10, true))
	var first int64
	for n := range 45 {
		seq, err := st.SaveSession(ctx, 1, "a@x", 10, 0, []byte{byte(n)})
		require.NoError(t, err)
		if n == 4 {
			first = seq
		}
		if n == 20 { // the oldest is the one that was longest not the newest
			require.NoError(t, st.PromoteSession(ctx, 1, "a@x", 10, first))
		}
	}
	seqs, got := states(t, st, 1, "a@x", 10)
	require.Len(t, got, maxSessions)
	require.Equal(t, string([]byte{44}), got[0])
	require.Contains(t, seqs, first)
}

func storeTrust(t *testing.T, st omemo.Store) {
	ctx, now := t.Context(), time.Now()
	_, ok, err := st.Trust(ctx, "a@x", key(1))
	require.NoError(t, err)
	require.False(t, ok)
	verified := func(jid string) bool {
		v, err := st.HasVerified(ctx, jid)
		require.NoError(t, err)
		return v
	}
	for s := trust.Undecided; s <= trust.Compromised; s++ {
		require.NoError(t, st.SetTrust(ctx, "a@x", key(1), uint8(s), now))
		got, ok, err := st.Trust(ctx, "a@x", key(1))
		require.NoError(t, err)
		require.True(t, ok, "undecided is a decision too")
		require.Equal(t, uint8(s), got)
		require.Equal(t, s == trust.Verified, verified("a@x"), "%v", s)
	}
	require.NoError(t, st.SetTrust(ctx, "a@x", key(2), uint8(trust.Verified), now))
	require.True(t, verified("a@x"))
	require.False(t, verified("b@x"))
	_, ok, err = st.Trust(ctx, "b@x", key(2))
	require.NoError(t, err)
	require.False(t, ok)
}

func storeDefaults(t *testing.T, st omemo.Store) {
	blind, err := st.BlindTrust(t.Context(), "stranger@x")
	require.NoError(t, err)
	require.True(t, blind)
	catchingUp, err := st.CatchingUp(t.Context())
	require.NoError(t, err)
	require.False(t, catchingUp)
}

// What goes in and what comes out may be changed by the caller.
func storeAliasing(t *testing.T, st omemo.Store) {
	ctx := t.Context()
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 10, true))
	state := []byte("state")
	_, err := st.SaveSession(ctx, 1, "a@x", 10, 0, state)
	require.NoError(t, err)
	state[0] = '!'
	_, raw, err := st.Sessions(ctx, 1, "a@x", 10)
	require.NoError(t, err)
	require.Equal(t, "state", string(raw[0]))
	raw[0][0] = '!'
	_, got := states(t, st, 1, "a@x", 10)
	require.Equal(t, []string{"state"}, got)

	identity := key(1)
	require.NoError(t, st.SetDeviceIdentity(ctx, 1, "a@x", 10, identity))
	identity[0] = 0
	listed := list(t, st, 1, "a@x")[0].identity
	require.Equal(t, key(1), listed)
	listed[0] = 0
	require.Equal(t, key(1), list(t, st, 1, "a@x")[0].identity)
}
