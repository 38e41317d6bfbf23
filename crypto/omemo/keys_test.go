// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
)

func TestNewRefusesBadConfig(t *testing.T) {
	for _, cfg := range []omemo.Config{
		{},
		{Engine: newEngine()},
		{JID: alice},
		{Engine: newEngine(), JID: alice + "/phone"},
	} {
		_, err := omemo.New(cfg)
		require.ErrorIs(t, err, omemo.ErrConfig)
	}
	for _, p := range []engine.Profile{engine.Profile2, 3, 255} {
		_, err := omemo.New(omemo.Config{Engine: libsignal.New(), JID: alice, Profile: p})
		require.ErrorIs(t, err, engine.ErrUnsupported)
	}
	m, err := omemo.New(omemo.Config{Engine: newEngine(), JID: alice})
	require.NoError(t, err)
	require.Equal(t, engine.Profile03, m.Profile())
	require.Equal(t, alice, m.JID())
}

func TestSetup(t *testing.T) { everywhere(t, testSetup) }

func testSetup(t *testing.T) {
	w := newWorld(t)
	c := w.client(alice)
	require.GreaterOrEqual(t, c.id, uint32(1))
	require.LessOrEqual(t, c.id, uint32(omemo.MaxID))
	before := c.st.Clone()
	created, err := c.Setup(c.ctx, c.st)
	require.NoError(t, err)
	require.False(t, created)
	require.True(t, before.Equal(c.st), "a second Setup changes nothing")

	b, err := c.OwnBundle(c.ctx, c.st)
	require.NoError(t, err)
	require.Equal(t, c.id, b.Device)
	require.NotZero(t, b.SignedPreKeyID)
	require.Len(t, b.Signature, 64)
	require.Len(t, b.PreKeys, 100)
	seen := map[engine.PublicKey]bool{b.Identity: true, b.SignedPreKey: true}
	for i, k := range b.PreKeys {
		require.Equal(t, uint32(i+1), k.ID, "never 0, ascending")
		require.NoError(t, k.Public.Check())
		require.False(t, seen[k.Public])
		seen[k.Public] = true
	}
	k, err := c.Identity(c.ctx, c.st)
	require.NoError(t, err)
	require.Equal(t, b.Identity, k)
}

func TestBeforeSetup(t *testing.T) { everywhere(t, testBeforeSetup) }

func testBeforeSetup(t *testing.T) {
	m, err := omemo.New(omemo.Config{Engine: newEngine(), JID: alice})
	require.NoError(t, err)
	ctx, st := t.Context(), omemotest.NewStore()
	_, err = m.DeviceID(ctx, st)
	require.ErrorIs(t, err, omemo.ErrNotSetUp)
	_, err = m.OwnBundle(ctx, st)
	require.ErrorIs(t, err, omemo.ErrNotSetUp)
	_, err = m.Maintain(ctx, st)
	require.ErrorIs(t, err, omemo.ErrNotSetUp)
	_, _, err = m.Encrypt(ctx, st, nil, []string{bob})
	require.ErrorIs(t, err, omemo.ErrNotSetUp)
	_, err = m.Decrypt(ctx, st, bob, omemo.Envelope{SID: 1})
	require.ErrorIs(t, err, omemo.ErrNotSetUp)
	var failed *omemo.DecryptError
	require.False(t, errors.As(err, &failed), "that is not the message's fault")
}

// The random source gives the id of another device of the account first.
func TestSetupAvoidsTakenDeviceID(t *testing.T) { everywhere(t, testSetupAvoidsTakenDeviceID) }

func testSetupAvoidsTakenDeviceID(t *testing.T) {
	taken := make([]byte, 8)
	taken[0], taken[3] = 77, 0x80 // the top bit is not part of the id
	zero := make([]byte, 8)
	next := []byte{78, 0, 0, 0, 0, 0, 0, 0}
	random := append(append(append(zero, taken...), next...), make([]byte, 64*1024)...)
	for i := 24; i < len(random); i++ {
		random[i] = byte(i * i / 251)
	}
	m, err := omemo.New(omemo.Config{Engine: newEngine(), JID: alice, Rand: bytesReader(&random)})
	require.NoError(t, err)
	ctx, st := t.Context(), omemotest.NewStore()
	require.NoError(t, st.SaveDevice(ctx, uint8(engine.Profile03), alice, 77, true))
	_, err = m.Setup(ctx, st)
	require.NoError(t, err)
	id, err := m.DeviceID(ctx, st)
	require.NoError(t, err)
	require.Equal(t, uint32(78), id)
}

type reader struct{ b *[]byte }

func bytesReader(b *[]byte) reader { return reader{b} }

func (r reader) Read(p []byte) (int, error) {
	if len(*r.b) == 0 {
		return 0, errors.New("source is empty")
	}
	n := copy(p, *r.b)
	*r.b = (*r.b)[n:]
	return n, nil
}

func TestSetupWithoutRandomness(t *testing.T) { everywhere(t, testSetupWithoutRandomness) }

func testSetupWithoutRandomness(t *testing.T) {
	empty := []byte{}
	m, err := omemo.New(omemo.Config{Engine: newEngine(), JID: alice, Rand: bytesReader(&empty)})
	require.NoError(t, err)
	st := omemotest.NewStore()
	_, err = m.Setup(t.Context(), st)
	require.Error(t, err)
	require.True(t, st.Equal(omemotest.NewStore()))
}

func TestMaintainRefills(t *testing.T) { everywhere(t, testMaintainRefills) }

func testMaintainRefills(t *testing.T) {
	_, a, b := pair(t)
	publish, err := b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.True(t, publish, "one prekey was used")
	keys := b.bundle().PreKeys
	require.Len(t, keys, 100)
	require.Equal(t, uint32(101), keys[99].ID)
	publish, err = b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.False(t, publish, "nothing to do twice")
	require.Equal(t, "still", b.read(a, a.send("still", bob)))
}

// The ids run out at 2^24 - 2 and start again, never at 0 and never on one that
// is there.
func TestPreKeyIDsWrap(t *testing.T) { everywhere(t, testPreKeyIDsWrap) }

func testPreKeyIDsWrap(t *testing.T) {
	const last = 1<<24 - 2
	w := newWorld(t)
	c := w.client(alice)
	for id := uint32(1); id <= 100; id++ {
		require.NoError(t, c.st.MarkPreKeyUsed(c.ctx, id))
	}
	_, err := c.st.DeleteUsedPreKeys(c.ctx)
	require.NoError(t, err)
	k, err := engine.NewPreKey(nil, 1)
	require.NoError(t, err)
	for _, id := range []uint32{last - 3, 1, 2} {
		require.NoError(t, c.st.SavePreKey(c.ctx, id, k.Private[:], k.Public[:]))
	}
	for range 3 {
		_, err = c.Maintain(c.ctx, c.st)
		require.NoError(t, err)
		keys := c.bundle().PreKeys
		require.Len(t, keys, 100)
		for i, k := range keys {
			require.NotZero(t, k.ID)
			require.LessOrEqual(t, k.ID, uint32(last))
			if i > 0 {
				require.Greater(t, k.ID, keys[i-1].ID)
			}
		}
		require.Equal(t, uint32(last), keys[99].ID, "the ids up to the last are used first")
		for _, k := range keys[40:80] {
			require.NoError(t, c.st.MarkPreKeyUsed(c.ctx, k.ID))
		}
	}
}

func TestSignedPreKeyRotation(t *testing.T) { everywhere(t, testSignedPreKeyRotation) }

func testSignedPreKeyRotation(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	first := b.bundle()
	publish, err := b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.False(t, publish)
	w.clock.t = w.clock.t.Add(7*24*time.Hour - time.Second)
	publish, err = b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.False(t, publish, "not before a week has passed")

	w.clock.t = w.clock.t.Add(time.Second)
	publish, err = b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.True(t, publish)
	second := b.bundle()
	require.NotEqual(t, first.SignedPreKeyID, second.SignedPreKeyID)
	require.NotEqual(t, first.SignedPreKey, second.SignedPreKey)
	require.Equal(t, first.Identity, second.Identity)

	// A message to the previous signed prekey can still be read.
	require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), first))
	require.Equal(t, "late", b.read(a, a.send("late", bob)))

	// One to the one before no longer.
	require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), first))
	tooLate := a.send("too late", bob)
	w.clock.t = w.clock.t.Add(8 * 24 * time.Hour)
	_, err = b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	b.refuse(alice, tooLate, omemo.ReasonPreKeyGone)
}

func TestMaintainRepairsMissingSignedPreKey(t *testing.T) {
	everywhere(t, testMaintainRepairsMissingSignedPreKey)
}

func testMaintainRepairsMissingSignedPreKey(t *testing.T) {
	w := newWorld(t)
	c := w.client(alice)
	require.NoError(t, c.st.PruneSignedPreKeys(c.ctx, 0))
	_, err := c.OwnBundle(c.ctx, c.st)
	require.ErrorIs(t, err, omemo.ErrNotSetUp)
	publish, err := c.Maintain(c.ctx, c.st)
	require.NoError(t, err)
	require.True(t, publish)
	require.NotZero(t, c.bundle().SignedPreKeyID)
}

// Two messages that lay in the archive used the same prekey. Both can be read
// while the archive is caught up with; afterwards the key goes, once.
func TestUsedPreKeysWhileCatchingUp(t *testing.T) { everywhere(t, testUsedPreKeysWhileCatchingUp) }

func testUsedPreKeysWhileCatchingUp(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.client(alice), w.client(bob), w.client(carol)
	w.sync()
	bundle := b.bundle()
	bundle.PreKeys = bundle.PreKeys[:1]
	require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), bundle))
	require.NoError(t, c.AddBundle(c.ctx, c.st, b.addr(), bundle))
	fromAlice, fromCarol := a.send("from alice", bob), c.send("from carol", bob)

	b.st.SetCatchingUp(true)
	require.Equal(t, "from alice", b.read(a, fromAlice))
	publish, err := b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.False(t, publish)
	res := b.receive(c, fromCarol)
	require.Equal(t, "from carol", string(res.Plaintext))
	require.True(t, res.PreKeyUsed)

	b.st.SetCatchingUp(false)
	publish, err = b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.True(t, publish)
	publish, err = b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	require.False(t, publish, "once")
	require.NotEqual(t, bundle.PreKeys[0].ID, b.bundle().PreKeys[0].ID)

	// The same without a catch-up.
	d := w.client(bob)
	w.sync()
	bundle = d.bundle()
	bundle.PreKeys = bundle.PreKeys[:1]
	require.NoError(t, a.AddBundle(a.ctx, a.st, d.addr(), bundle))
	require.NoError(t, c.AddBundle(c.ctx, c.st, d.addr(), bundle))
	require.Equal(t, "1", d.read(a, a.send("1", bob)))
	second := c.send("2", bob)
	d.refuse(carol, second, omemo.ReasonPreKeyGone)
	_, err = d.Maintain(d.ctx, d.st)
	require.NoError(t, err)
	d.refuse(carol, second, omemo.ReasonPreKeyGone)
}
