// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
)

func TestDuplicates(t *testing.T) { everywhere(t, testDuplicates) }

func testDuplicates(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	first, second := a.send("1", bob), a.send("2", bob)
	require.Equal(t, "2", b.read(a, second))
	b.refuse(alice, second, omemo.ReasonDuplicate)
	require.Equal(t, "1", b.read(a, first))
	b.refuse(alice, first, omemo.ReasonDuplicate)
	a.read(b, b.send("turn", alice))
	third := a.send("3", bob)
	require.Equal(t, "3", b.read(a, third))
	for _, env := range []omemo.Envelope{first, second, third} {
		b.refuse(alice, env, omemo.ReasonDuplicate)
	}
	_, err := b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	b.refuse(alice, first, omemo.ReasonDuplicate)
}

// Replaying a key exchange after the session is lost gets nowhere, as its
// prekey is gone.
func TestReplayAfterSessionLoss(t *testing.T) { everywhere(t, testReplayAfterSessionLoss) }

func testReplayAfterSessionLoss(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	env := a.send("1", bob)
	b.read(a, env)
	require.NoError(t, b.ForgetDevice(b.ctx, b.st, a.addr()))
	b.refuse(alice, env, omemo.ReasonPreKeyGone)
	_, err := b.Maintain(b.ctx, b.st)
	require.NoError(t, err)
	b.refuse(alice, env, omemo.ReasonPreKeyGone)
}

func TestNotForThisDevice(t *testing.T) { everywhere(t, testNotForThisDevice) }

func testNotForThisDevice(t *testing.T) {
	_, a, b := pair(t)
	env := a.send("x", bob)
	other := env
	other.Keys = nil
	b.refuse(alice, other, omemo.ReasonNotForThisDevice)
	other.Keys = []omemo.Key{{RID: b.id + 1, Data: env.Keys[0].Data}}
	b.refuse(alice, other, omemo.ReasonNotForThisDevice)
	// Nor when it only looks like one from oneself.
	own := env
	own.SID = b.id
	b.refuse(bob, own, omemo.ReasonOwnMessage)
	b.refuse(alice, own, omemo.ReasonNoSession)
	require.Equal(t, "x", b.read(a, env))
}

func TestMalformedEnvelopes(t *testing.T) { everywhere(t, testMalformedEnvelopes) }

func testMalformedEnvelopes(t *testing.T) {
	_, a, b := pair(t)
	good := a.send("x", bob)
	for name, change := range map[string]func(*omemo.Envelope) string{
		"no sender":         func(*omemo.Envelope) string { return "" },
		"full JID":          func(*omemo.Envelope) string { return alice + "/phone" },
		"sid 0":             func(e *omemo.Envelope) string { e.SID = 0; return alice },
		"sid too large":     func(e *omemo.Envelope) string { e.SID = omemo.MaxID + 1; return alice },
		"empty key":         func(e *omemo.Envelope) string { e.Keys[0].Data = nil; return alice },
		"short key":         func(e *omemo.Envelope) string { e.Keys[0].Data = e.Keys[0].Data[:9]; return alice },
		"long key":          func(e *omemo.Envelope) string { e.Keys[0].Data = make([]byte, 1<<16); return alice },
		"payload too large": func(e *omemo.Envelope) string { e.Payload = make([]byte, 1<<20+1); return alice },
		"too many keys": func(e *omemo.Envelope) string {
			e.Keys = slices.Repeat(e.Keys, 20_001)
			return alice
		},
		"not a key exchange": func(e *omemo.Envelope) string { e.Keys[0].PreKey = true; return alice },
		"no IV":              func(e *omemo.Envelope) string { e.IV = nil; return alice },
		"IV of 8 bytes":      func(e *omemo.Envelope) string { e.IV = e.IV[:8]; return alice },
		"IV of 24 bytes":     func(e *omemo.Envelope) string { e.IV = make([]byte, 24); return alice },
	} {
		env := good
		env.Keys = slices.Clone(good.Keys)
		if strings.Contains(name, "IV") && a.w.profile == engine.Profile2 {
			continue // it has none
		}
		sender := change(&env)
		t.Run(name, func(t *testing.T) { b.refuse(sender, env, omemo.ReasonMalformed) })
	}
	unknown := good
	unknown.SID++
	b.refuse(alice, unknown, omemo.ReasonNoSession)
	require.Equal(t, "x", b.read(a, good))
}

// Each of these is refused before anything is stored, so the message itself can
// still be read when it comes, and a prekey it needs is still there.
func TestTamperedPayload(t *testing.T) { everywhere(t, testTamperedPayload) }

func testTamperedPayload(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	for _, kind := range []string{"key exchange", "known session"} {
		good := a.send("genuine", bob)
		require.Equal(t, kind == "key exchange", good.Keys[0].PreKey)
		for i := range good.Payload {
			env := good
			env.Payload = bytes.Clone(good.Payload)
			env.Payload[i] ^= 1
			b.refuse(alice, env, omemo.ReasonBadPayload)
		}
		env := good
		env.Payload = []byte{}
		b.refuse(alice, env, omemo.ReasonBadPayload)
		env.Payload = append(bytes.Clone(good.Payload), 0)
		b.refuse(alice, env, omemo.ReasonBadPayload)
		if w.profile == engine.Profile03 {
			env.Payload = good.Payload
			env.IV = make([]byte, 12)
			b.refuse(alice, env, omemo.ReasonBadPayload)
		}
		require.Equal(t, "genuine", b.read(a, good))
		require.Equal(t, "ok", a.read(b, b.send("ok", alice)))
	}
}

// A message whose payload was stripped is a key transport message to anyone who
// looks: nothing is shown. In Profile2 that can be told from one.
func TestStrippedPayloadIsEmpty(t *testing.T) { everywhere(t, testStrippedPayloadIsEmpty) }

func testStrippedPayloadIsEmpty(t *testing.T) {
	_, a, b := pair(t)
	env := a.send("x", bob)
	env.Payload = nil
	if a.w.profile == engine.Profile2 {
		b.refuse(alice, env, omemo.ReasonMalformed)
		return
	}
	res := b.receive(a, env)
	require.True(t, res.Empty)
	require.Nil(t, res.Plaintext)
}

func TestEmptyPlaintext(t *testing.T) { everywhere(t, testEmptyPlaintext) }

func testEmptyPlaintext(t *testing.T) {
	_, a, b := pair(t)
	env := a.send("", bob)
	require.NotNil(t, env.Payload)
	res := b.receive(a, env)
	require.False(t, res.Empty)
	require.NotNil(t, res.Plaintext)
	require.Empty(t, res.Plaintext)
}

func gcm(t *testing.T, key, iv, plain []byte) (sealed []byte) {
	t.Helper()
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCMWithNonceSize(block, len(iv))
	require.NoError(t, err)
	return aead.Seal(nil, iv, plain, nil)
}

func TestForeignPayloads(t *testing.T) {
	_, a, b := pair(t)
	key, text := bytes.Repeat([]byte{7}, 16), []byte("hello")
	for _, n := range []int{12, 16} {
		iv := bytes.Repeat([]byte{9}, n)
		sealed := gcm(t, key, iv, text)
		body, tag := sealed[:len(text)], sealed[len(text):]
		material := append(bytes.Clone(key), tag...)
		require.Equal(t, "hello", b.read(a, a.craft(b, material, iv, body)), "IV of %d bytes", n)
		// The tag belongs to the key; left in the payload a co-recipient could
		// replace the payload.
		b.refuse(alice, a.craft(b, key, iv, sealed), omemo.ReasonMalformed)
		b.refuse(alice, a.craft(b, append(bytes.Clone(key), tag[:12]...), iv, body), omemo.ReasonMalformed)
		b.refuse(alice, a.craft(b, append(bytes.Clone(material), 0), iv, body), omemo.ReasonMalformed)
		b.refuse(alice, a.craft(b, nil, iv, body), omemo.ReasonMalformed)
	}
	// Key transport, bare or with a tag, with or without an IV.
	for _, n := range []int{16, 32} {
		for _, iv := range [][]byte{nil, make([]byte, 12), make([]byte, 16)} {
			require.True(t, b.receive(a, a.craft(b, make([]byte, n), iv, nil)).Empty)
		}
	}
	for _, n := range []int{0, 1, 15, 17, 31, 33, 48} {
		b.refuse(alice, a.craft(b, make([]byte, n), nil, nil), omemo.ReasonMalformed)
	}
}

// Ids of devices collide across accounts and key elements do not say whose they
// are in 0.3: the right one is found wherever it stands.
func TestCollidingKeyElements(t *testing.T) { everywhere(t, testCollidingKeyElements) }

func testCollidingKeyElements(t *testing.T) {
	w, a, b := pair(t)
	w.client(carol)
	w.sync()
	for at := range 4 {
		env := a.send("mine", bob, carol)
		i := slices.IndexFunc(env.Keys, func(k omemo.Key) bool { return k.RID == b.id })
		mine := env.Keys[i]
		others := []omemo.Key{
			{RID: b.id, JID: bob, PreKey: true, Data: []byte("garbage")},
			{RID: b.id, JID: bob, Data: nil},
			env.Keys[1-i], // a real one, to somebody else
		}
		others[2].RID = b.id
		env.Keys = slices.Insert(others, at, mine)
		require.Equal(t, "mine", b.read(a, env), "at %d", at)
		b.refuse(alice, env, omemo.ReasonDuplicate)
	}
	// But not without end.
	env := a.send("mine", bob)
	env.Keys = append(slices.Repeat([]omemo.Key{{RID: b.id, JID: bob, Data: []byte("garbage")}}, 16), env.Keys...)
	b.refuse(alice, env, omemo.ReasonMalformed)
}

// Messages of older sessions can be read in any order, and an attempt with the
// wrong session leaves no trace.
func TestArchivedSessions(t *testing.T) { everywhere(t, testArchivedSessions) }

func testArchivedSessions(t *testing.T) {
	w, a, b := pair(t)
	var late []omemo.Envelope
	late = append(late, a.send("0", bob))
	for n := 1; n < 5; n++ {
		require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), b.bundle()))
		b.read(a, a.send("start", bob))
		a.read(b, b.send("answer", alice))
		late = append(late, a.send(string(rune('0'+n)), bob))
	}
	seqs, _, err := b.st.Sessions(b.ctx, uint8(w.profile), alice, a.id)
	require.NoError(t, err)
	require.Len(t, seqs, 5)
	for _, env := range late { // no session authenticates it
		bad := env
		bad.Keys = slices.Clone(env.Keys)
		bad.Keys[0].Data = bytes.Clone(env.Keys[0].Data)
		bad.Keys[0].Data[len(bad.Keys[0].Data)-1] ^= 1
		b.refuse(alice, bad, omemo.ReasonBadMAC)
	}
	for _, n := range []int{1, 4, 0, 3, 2} {
		before, states, err := b.st.Sessions(b.ctx, uint8(w.profile), alice, a.id)
		require.NoError(t, err)
		require.Equal(t, string(rune('0'+n)), b.read(a, late[n]))
		after, changed, err := b.st.Sessions(b.ctx, uint8(w.profile), alice, a.id)
		require.NoError(t, err)
		require.Equal(t, seqs[4-n], after[0], "the session of the message is the newest now")
		for i, seq := range before {
			j := slices.Index(after, seq)
			require.Equal(t, seq != after[0], bytes.Equal(states[i], changed[j]), "only the session of the message changes")
		}
		b.refuse(alice, late[n], omemo.ReasonDuplicate)
	}
	require.Equal(t, "works", a.read(b, b.send("works", alice)))
	require.Equal(t, "works", b.read(a, a.send("works", bob)))
}

func TestSimultaneousInitiation(t *testing.T) { everywhere(t, testSimultaneousInitiation) }

func testSimultaneousInitiation(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	fromAlice, fromBob := a.send("from alice", bob), b.send("from bob", alice)
	require.Equal(t, "from alice", b.read(a, fromAlice))
	require.Equal(t, "from bob", a.read(b, fromBob))
	for range 3 {
		fromAlice, fromBob = a.send("again", bob), b.send("again", alice)
		require.Equal(t, "again", b.read(a, fromAlice))
		require.Equal(t, "again", a.read(b, fromBob))
	}
	require.Equal(t, "one at a time", b.read(a, a.send("one at a time", bob)))
	require.Equal(t, "one at a time", a.read(b, b.send("one at a time", alice)))
	require.False(t, a.send("x", bob).Keys[0].PreKey)
}

// Somebody else turns up under the name of a known device.
func TestIdentityChanged(t *testing.T) { everywhere(t, testIdentityChanged) }

func testIdentityChanged(t *testing.T) {
	w, a, b := pair(t)
	mallory := w.client(bob)
	require.NoError(t, mallory.AddBundle(mallory.ctx, mallory.st, a.addr(), a.bundle()))
	w.sync()
	mallory.fetch(alice)
	env := mallory.send("trust me", alice)
	env.SID = b.id
	failed := a.refuse(bob, env, omemo.ReasonIdentityChanged)
	require.ErrorIs(t, failed, omemo.ErrIdentityChanged)
	require.Equal(t, "still me", a.read(b, b.send("still me", alice)))

	// A person who knows why lets the new key in.
	require.NoError(t, a.ForgetDevice(a.ctx, a.st, b.addr()))
	res, err := a.Decrypt(a.ctx, a.st, bob, env)
	require.NoError(t, err)
	require.Equal(t, "trust me", string(res.Plaintext))
	require.True(t, res.NewKey)
}

// Our own key exchange comes back under another name.
func TestReflectedKeyExchange(t *testing.T) { everywhere(t, testReflectedKeyExchange) }

func testReflectedKeyExchange(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	env := a.send("x", bob)
	env.Keys[0].RID = a.id
	if w.profile == engine.Profile2 {
		env.Keys[0].JID = alice
	}
	env.SID = b.id%1000 + 1 // a device not seen before
	failed := a.refuse(bob, env, omemo.ReasonMalformed)
	require.ErrorIs(t, failed, engine.ErrBadKey)
}

func TestTooFarAhead(t *testing.T) { everywhere(t, testTooFarAhead) }

func testTooFarAhead(t *testing.T) {
	_, a, b := pair(t)
	for range engine.MaxSkip + 1 {
		a.send("lost", bob)
	}
	env := a.send("x", bob)
	b.refuse(alice, env, omemo.ReasonTooFarAhead)
	// A new session gets over it.
	require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), b.bundle()))
	require.Equal(t, "fresh", b.read(a, a.send("fresh", bob)))
}

// A stranger cannot fill the store with device ids.
func TestDeviceFlood(t *testing.T) { everywhere(t, testDeviceFlood) }

func testDeviceFlood(t *testing.T) {
	w := newWorld(t)
	w.limits.Devices = 1
	b := w.client(bob)
	for n := range 4 {
		a := w.client(alice)
		require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), b.bundle()))
		env, _, err := a.Encrypt(a.ctx, a.st, []byte("x"), []string{bob})
		require.NoError(t, err)
		require.Equal(t, "x", b.read(a, env), "%d", n)
		_, err = b.Maintain(b.ctx, b.st)
		require.NoError(t, err)
	}
	a := w.client(alice)
	require.NoError(t, a.AddBundle(a.ctx, a.st, b.addr(), b.bundle()))
	env, _, err := a.Encrypt(a.ctx, a.st, []byte("x"), []string{bob})
	require.NoError(t, err)
	failed := b.refuse(alice, env, omemo.ReasonRefused)
	require.ErrorIs(t, failed, omemo.ErrTooManyDevices)
	b.unchanged(omemo.ErrTooManyDevices, func() error { return b.AddBundle(b.ctx, b.st, a.addr(), a.bundle()) })
}
