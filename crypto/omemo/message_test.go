// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
)

func TestConversation(t *testing.T) { everywhere(t, testConversation) }

func testConversation(t *testing.T) {
	_, a, b := pair(t)
	for n := range 10 {
		text := strings.Repeat("ü", n*100)
		env := a.send(text, bob)
		require.Equal(t, a.id, env.SID)
		if a.w.profile == engine.Profile03 {
			require.Len(t, env.IV, 12)
			require.Len(t, env.Payload, len(text), "the tag travels with the key")
			require.Empty(t, env.Keys[0].JID)
		} else {
			require.Empty(t, env.IV)
			require.Len(t, env.Payload, len(text)/16*16+16, "and so does the authentication code")
			require.Equal(t, bob, env.Keys[0].JID)
		}
		require.Len(t, env.Keys, 1)
		require.False(t, env.Keys[0].PreKey)
		res := b.receive(a, env)
		require.Equal(t, text, string(res.Plaintext))
		require.NotNil(t, res.Plaintext)
		require.Equal(t, trust.Blind, res.Trust)
		require.Equal(t, trust.Show, res.Verdict)
		require.False(t, res.NewKey)
		require.False(t, res.PreKeyUsed)
		require.False(t, res.AnswerNeeded)
		if n%3 == 0 {
			require.Equal(t, "ok", a.read(b, b.send("ok", alice)))
		}
	}
}

func TestFirstMessage(t *testing.T) { everywhere(t, testFirstMessage) }

func testFirstMessage(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	env := a.send("first", bob)
	require.True(t, env.Keys[0].PreKey)
	res := b.receive(a, env)
	k, err := a.Identity(a.ctx, a.st)
	require.NoError(t, err)
	require.Equal(t, k, res.Identity)
	require.True(t, res.NewKey)
	require.True(t, res.PreKeyUsed)
	require.True(t, res.AnswerNeeded)
	// The second one comes before an answer: same session, no prekey of its own.
	env = a.send("second", bob)
	require.True(t, env.Keys[0].PreKey)
	res = b.receive(a, env)
	require.False(t, res.NewKey)
	require.False(t, res.PreKeyUsed)
	require.False(t, res.AnswerNeeded)
	answer, err := b.EncryptEmpty(b.ctx, b.st, a.addr())
	require.NoError(t, err)
	require.Nil(t, answer.Payload)
	require.Len(t, answer.IV, len(env.IV))
	require.Len(t, answer.Keys, 1)
	require.False(t, answer.Keys[0].PreKey)
	res = a.receive(b, answer)
	require.True(t, res.Empty)
	require.Nil(t, res.Plaintext)
	require.False(t, a.send("third", bob).Keys[0].PreKey, "the answer ends the key exchange")
}

func TestManyDevices(t *testing.T) { everywhere(t, testManyDevices) }

func testManyDevices(t *testing.T) {
	w := newWorld(t)
	a1, a2 := w.client(alice), w.client(alice)
	b1, b2 := w.client(bob), w.client(bob)
	c1 := w.client(carol)
	w.sync()
	env := a1.send("to all", bob, carol, bob)
	require.Len(t, env.Keys, 4, "own other device included, each once, never the own one")
	for _, c := range []*client{a2, b1, b2, c1} {
		require.Equal(t, "to all", c.read(a1, env))
	}
	a1.refuse(alice, env, omemo.ReasonOwnMessage)
	require.Equal(t, "answer", a1.read(b2, b2.send("answer", alice, carol)))

	// A device added later is reported until its bundle was fetched.
	b3 := w.client(bob)
	w.sync()
	env, report, err := a1.Encrypt(a1.ctx, a1.st, []byte("x"), []string{bob})
	require.NoError(t, err)
	require.Len(t, env.Keys, 3)
	outcome := map[omemo.Address]omemo.Outcome{}
	for _, d := range report.Devices {
		outcome[d.Address] = d.Outcome
	}
	require.Equal(t, map[omemo.Address]omemo.Outcome{
		b1.addr(): omemo.Encrypted, b2.addr(): omemo.Encrypted, b3.addr(): omemo.NoSession, a2.addr(): omemo.Encrypted,
	}, outcome)
	b3.refuse(alice, env, omemo.ReasonNotForThisDevice)
}

func TestNoteToSelf(t *testing.T) { everywhere(t, testNoteToSelf) }

func testNoteToSelf(t *testing.T) {
	w := newWorld(t)
	a1 := w.client(alice)
	w.sync()
	a1.unchanged(omemo.ErrNoDevices, func() error {
		_, _, err := a1.Encrypt(a1.ctx, a1.st, []byte("x"), []string{alice})
		return err
	})
	a2 := w.client(alice)
	w.sync()
	require.Equal(t, "note", a2.read(a1, a1.send("note", alice)))
	require.Equal(t, "back", a1.read(a2, a2.send("back", alice)))
}

func TestEncryptNeedsDevices(t *testing.T) { everywhere(t, testEncryptNeedsDevices) }

func testEncryptNeedsDevices(t *testing.T) {
	_, a, _ := pair(t)
	for _, jids := range [][]string{{carol}, {bob, carol}, {carol, bob, carol}} {
		a.unchanged(omemo.ErrNoDevices, func() error {
			_, report, err := a.Encrypt(a.ctx, a.st, []byte("x"), jids)
			var none *omemo.NoDevicesError
			require.ErrorAs(t, err, &none)
			require.Equal(t, []string{carol}, none.JIDs)
			require.Equal(t, slices.Contains(jids, bob), len(report.Devices) == 1)
			return err
		})
	}
	for _, jids := range [][]string{nil, {""}, {bob + "/x"}} {
		a.unchanged(omemo.ErrBadAddress, func() error {
			_, _, err := a.Encrypt(a.ctx, a.st, []byte("x"), jids)
			return err
		})
	}
	a.unchanged(omemo.ErrTooLarge, func() error {
		_, _, err := a.Encrypt(a.ctx, a.st, make([]byte, 1<<20+1), []string{bob})
		return err
	})
}

func TestBlindTrustBeforeVerification(t *testing.T) { everywhere(t, testBlindTrustBeforeVerification) }

func testBlindTrustBeforeVerification(t *testing.T) {
	w, a, b1 := pair(t)
	b2 := w.client(bob)
	w.sync()
	env := a.send("x", bob)
	require.Equal(t, "x", b1.read(a, env))
	require.Equal(t, "x", b2.read(a, env))
	require.Equal(t, trust.Blind, a.trustIn(b2), "no key of bob's is verified yet")

	a.setTrust(b1, trust.Verified)
	require.Equal(t, trust.Blind, a.trustIn(b2), "what was trusted stays trusted")
	a.send("x", bob)
	b3 := w.client(bob)
	w.sync()
	a.fetch(bob)
	require.Equal(t, trust.Undecided, a.trustIn(b3))
	a.unchanged(omemo.ErrUndecided, func() error {
		_, report, err := a.Encrypt(a.ctx, a.st, []byte("secret"), []string{bob})
		var ask *omemo.DecisionError
		require.ErrorAs(t, err, &ask)
		require.Equal(t, []omemo.Address{b3.addr()}, ask.Devices)
		require.Len(t, report.Devices, 3)
		return err
	})
	// Its messages are shown, but marked.
	res := a.receive(b3, b3.send("hi", alice))
	require.Equal(t, trust.ShowUntrusted, res.Verdict)
	require.Equal(t, "hi", string(res.Plaintext))

	a.setTrust(b3, trust.Distrusted)
	env = a.send("not for the third", bob)
	require.Len(t, env.Keys, 2)
	b3.refuse(alice, env, omemo.ReasonNotForThisDevice)
	require.Equal(t, trust.ShowUntrusted, a.receive(b3, b3.send("hi", alice)).Verdict)
	a.unchanged(omemo.ErrRefused, func() error { _, err := a.EncryptEmpty(a.ctx, a.st, b3.addr()); return err })

	a.setTrust(b3, trust.Compromised)
	require.Len(t, a.send("not for the third", bob).Keys, 2)
	a.refuse(bob, b3.send("hi", alice), omemo.ReasonRefused)

	a.setTrust(b3, trust.Verified)
	env = a.send("for all", bob)
	require.Equal(t, "for all", b3.read(a, env))
	require.Equal(t, trust.Show, a.receive(b3, b3.send("hi", alice)).Verdict)

	// With all keys distrusted there is nobody to send to.
	for _, b := range []*client{b1, b2, b3} {
		a.setTrust(b, trust.Distrusted)
	}
	a.unchanged(omemo.ErrNoDevices, func() error {
		_, _, err := a.Encrypt(a.ctx, a.st, []byte("x"), []string{bob})
		return err
	})
}

func TestBlindTrustSwitchedOff(t *testing.T) { everywhere(t, testBlindTrustSwitchedOff) }

func testBlindTrustSwitchedOff(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	a.st.SetBlindTrust(bob, false)
	a.fetch(bob)
	require.Equal(t, trust.Undecided, a.trustIn(b))
	b.st.SetBlindTrust(alice, false)
	a.setTrust(b, trust.Verified)
	res := b.receive(a, a.send("x", bob))
	require.Equal(t, trust.Undecided, res.Trust)
	require.Equal(t, trust.ShowUntrusted, res.Verdict)
	// An answer that says nothing may go to an undecided key.
	_, err := b.EncryptEmpty(b.ctx, b.st, a.addr())
	require.NoError(t, err)
}

// A fingerprint is scanned before the first message: that key is verified from
// the start, any other waits.
func TestVerifiedBeforeFirstContact(t *testing.T) { everywhere(t, testVerifiedBeforeFirstContact) }

func testVerifiedBeforeFirstContact(t *testing.T) {
	w := newWorld(t)
	a, b1, b2 := w.client(alice), w.client(bob), w.client(bob)
	a.setTrust(b1, trust.Verified)
	w.sync()
	a.fetch(bob)
	require.Equal(t, trust.Verified, a.trustIn(b1))
	require.Equal(t, trust.Undecided, a.trustIn(b2))
}

// A compromised key is refused under a new device id too, before any session
// with it exists.
func TestCompromisedKeyOnAnotherDevice(t *testing.T) {
	everywhere(t, testCompromisedKeyOnAnotherDevice)
}

func testCompromisedKeyOnAnotherDevice(t *testing.T) {
	_, a, b := pair(t)
	a.setTrust(b, trust.Compromised)
	require.NoError(t, b.AddBundle(b.ctx, b.st, a.addr(), a.bundle()))
	env := b.send("x", alice)
	env.SID = b.id%1000 + 1
	a.refuse(bob, env, omemo.ReasonRefused)
}

// A sender nobody announced is readable, but gets nothing before it is on its
// owner's list.
func TestUnlistedDevice(t *testing.T) { everywhere(t, testUnlistedDevice) }

func testUnlistedDevice(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(alice), w.client(bob)
	_, err := a.UpdateDevices(a.ctx, a.st, bob, listed(b.id))
	require.NoError(t, err)
	require.Equal(t, "x", b.read(a, a.send("x", bob)))
	require.Empty(t, active(t, b, alice))
	b.unchanged(omemo.ErrNoDevices, func() error {
		_, _, err := b.Encrypt(b.ctx, b.st, []byte("x"), []string{alice})
		return err
	})
	_, err = b.UpdateDevices(b.ctx, b.st, alice, listed(a.id))
	require.NoError(t, err)
	require.Equal(t, "y", a.read(b, b.send("y", alice)))
}

func TestHeartbeat(t *testing.T) { everywhere(t, testHeartbeat) }

func testHeartbeat(t *testing.T) {
	_, a, b := pair(t)
	for n := 1; n <= 55; n++ {
		res := b.receive(a, a.send(fmt.Sprint(n), bob))
		require.Equal(t, n >= 53, res.HeartbeatNeeded, "message %d", n)
	}
	env, err := b.EncryptEmpty(b.ctx, b.st, a.addr())
	require.NoError(t, err)
	require.True(t, a.receive(b, env).Empty)
	require.False(t, b.receive(a, a.send("x", bob)).HeartbeatNeeded)
	// A message with content counts as well.
	for range 60 {
		b.receive(a, a.send("x", bob))
	}
	b.send("answer", alice)
	require.False(t, b.receive(a, a.send("x", bob)).HeartbeatNeeded)
}

func TestEncryptEmptyWithoutSession(t *testing.T) { everywhere(t, testEncryptEmptyWithoutSession) }

func testEncryptEmptyWithoutSession(t *testing.T) {
	w, a, b := pair(t)
	c := w.client(carol)
	for _, to := range []omemo.Address{{}, {JID: bob, Device: b.id%1000 + 1}, c.addr()} {
		a.unchanged(omemo.ErrNoSession, func() error { _, err := a.EncryptEmpty(a.ctx, a.st, to); return err })
	}
	require.NoError(t, a.ForgetDevice(a.ctx, a.st, b.addr()))
	a.unchanged(omemo.ErrNoSession, func() error { _, err := a.EncryptEmpty(a.ctx, a.st, b.addr()); return err })
}

// Managers keep nothing that matters: any one will do.
func TestManagersAreInterchangeable(t *testing.T) { everywhere(t, testManagersAreInterchangeable) }

func testManagersAreInterchangeable(t *testing.T) {
	w, a, b := pair(t)
	for n := range 5 {
		m, err := omemo.New(omemo.Config{Engine: w.engine, Profile: w.profile, JID: alice, Now: w.clock.now})
		require.NoError(t, err)
		a.Manager = m
		require.Equal(t, fmt.Sprint(n), b.read(a, a.send(fmt.Sprint(n), bob)))
	}
}

func TestBrokenSessionIsReported(t *testing.T) { everywhere(t, testBrokenSessionIsReported) }

func testBrokenSessionIsReported(t *testing.T) {
	w, a, b := pair(t)
	b2 := w.client(bob)
	w.sync()
	a.fetch(bob)
	wire := b.send("still readable", alice)
	_, err := a.st.SaveSession(a.ctx, uint8(w.profile), bob, b.id, 0, []byte("broken"))
	require.NoError(t, err)
	env, report, err := a.Encrypt(a.ctx, a.st, []byte("x"), []string{bob})
	require.NoError(t, err)
	require.Len(t, env.Keys, 1)
	require.Equal(t, b2.id, env.Keys[0].RID)
	i := slices.IndexFunc(report.Devices, func(d omemo.DeviceReport) bool { return d.Address == b.addr() })
	require.Equal(t, omemo.Failed, report.Devices[i].Outcome)
	require.Error(t, report.Devices[i].Err)
	require.Equal(t, "still readable", a.read(b, wire), "with the session under it")
	require.Equal(t, "healed", b.read(a, a.send("healed", bob)), "which is the newest now")
}

// The session that would be encrypted with must be one with the key that was
// decided about.
func TestSessionWithAnotherKeyIsNotUsed(t *testing.T) {
	everywhere(t, testSessionWithAnotherKeyIsNotUsed)
}

func testSessionWithAnotherKeyIsNotUsed(t *testing.T) {
	w, a, b := pair(t)
	c := w.client(carol)
	k, err := c.Identity(c.ctx, c.st)
	require.NoError(t, err)
	require.NoError(t, a.SetTrust(a.ctx, a.st, bob, k, trust.Verified))
	require.NoError(t, a.st.SetDeviceIdentity(a.ctx, uint8(w.profile), bob, b.id, k[:]))
	a.unchanged(omemo.ErrNoDevices, func() error {
		_, report, err := a.Encrypt(a.ctx, a.st, []byte("x"), []string{bob})
		require.Equal(t, omemo.Failed, report.Devices[0].Outcome)
		require.ErrorIs(t, report.Devices[0].Err, omemo.ErrIdentityChanged)
		return err
	})
	a.refuse(bob, b.send("x", alice), omemo.ReasonIdentityChanged)
}
