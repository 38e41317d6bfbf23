// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/crypto/ratchet"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// amnesia makes u lose every session with the device of other, as a damaged
// database does.
func (u *user) amnesia(other *user) {
	u.t.Helper()
	ctx := withPatience(u.t)
	require.NoError(u.t, u.client.Close())
	db, err := storage.Open(ctx, storage.Options{Path: u.config.Path, Key: storage.RawKey(u.config.Key)})
	require.NoError(u.t, err)
	require.NoError(u.t, db.Update(ctx, func(tx *storage.Tx) error {
		for _, p := range []engine.Profile{engine.Profile03, engine.Profile2} {
			if err := tx.OMEMO(u.account.ID()).DeleteSessions(ctx, uint8(p), other.account.JID(), other.id()); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(u.t, db.Close())
	u.open()
	u.online()
}

// settle lets two people write to each other until no message is a key exchange
// any more.
func settle(a, b *user) {
	a.t.Helper()
	for range 2 {
		for _, pair := range [][2]*user{{a, b}, {b, a}} {
			id := pair[0].send(pair[1], "hello")
			pair[0].until("delivered", func() bool { return pair[0].state(id) == core.MessageDelivered })
		}
	}
}

// unreadable waits for the n-th placeholder from other.
func (u *user) unreadable(other *user, n int) (m core.Message) {
	u.t.Helper()
	u.until("an unreadable message", func() bool {
		found := 0
		for _, row := range u.history(other) {
			if row.Kind == core.Unreadable {
				m, found = row, found+1
			}
		}
		return found >= n
	})
	return m
}

func (u *user) reads(other *user, body string) {
	u.t.Helper()
	u.until("the message", func() bool {
		for _, m := range u.history(other) {
			if m.Body == body && m.Kind == core.Text {
				return true
			}
		}
		return false
	})
}

// A session is lost. Nothing happens by itself; a person repairs it.
func TestRepairSession(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		settle(alice, bob)
		bob.amnesia(alice)
		for n := range 2 {
			alice.send(bob, "lost")
			m := bob.unreadable(alice, n+1)
			require.Equal(t, core.ProblemSession, m.Problem())
			e, err := bob.client.ExplainUnreadable(ctx, m.ID)
			require.NoError(t, err)
			require.Equal(t, omemo.ReasonNoSession.Code(), e.Code)
			require.Equal(t, []core.Remedy{core.RepairTheSession, core.AskToResend}, e.Remedies)
			require.Equal(t, alice.id(), e.Device.ID)
		}
		seen := bob.device(alice).LastSeen
		require.NoError(t, bob.account.RepairSession(ctx, alice.account.JID(), 0))
		require.Eventually(t, func() bool { return bob.device(alice).LastSeen.After(seen) }, patience, 50*time.Millisecond, "the answer")
		alice.send(bob, "found")
		bob.reads(alice, "found")

		require.ErrorIs(t, bob.account.RepairSession(ctx, alice.account.JID(), alice.id()+1), core.ErrUnknownDevice)
		require.NoError(t, bob.account.SetTrust(ctx, alice.account.JID(), bob.device(alice).Fingerprint, core.Distrusted))
		require.Equal(t, "omemo.refused", core.ErrorCode(bob.account.RepairSession(ctx, alice.account.JID(), alice.id())))
		text, err := bob.client.Search(ctx, core.Search{Text: "found"})
		require.NoError(t, err)
		e, err := bob.client.ExplainUnreadable(ctx, text[0].ID)
		require.NoError(t, err)
		require.Equal(t, core.Explanation{Message: text[0].ID, Sender: alice.account.JID()}, e)
	})
}

// With the policy to do so the session repairs itself.
func TestHealing(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		settle(alice, bob)
		bob.config.Healing = core.HealTrusted
		bob.amnesia(alice)
		seen := bob.device(alice).LastSeen
		alice.send(bob, "lost")
		bob.unreadable(alice, 1)
		require.Eventually(t, func() bool { return bob.device(alice).LastSeen.After(seen) }, patience, 50*time.Millisecond, "the answer")
		alice.send(bob, "found")
		bob.reads(alice, "found")
	})
}

// Whoever can send messages that no session fits makes a device begin one new
// session while it runs, and none without the policy.
func TestHealingOnce(t *testing.T) {
	s := prosody.Server(t)
	for policy, want := range map[core.HealingPolicy]int{core.HealManually: 0, core.HealTrusted: 1} {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		settle(alice, bob)
		if policy != core.HealManually {
			bob.config.Healing = policy
			bob.restart()
			bob.online()
		}
		listener := newRawPeer(t, s, testserver.Account{User: local(alice), Domain: s.Domain, Password: string(alice.where.Password)})
		wire := append([]byte{0x33, 0x0a, 0x21, 0x05, 9}, make([]byte, 31)...)
		wire = append(wire, 0x10, 5, 0x18, 0, 0x22, 0x10)
		for n := range 3 { // forged, though well-formed
			data := append(append([]byte(nil), wire...), badKey(16+8)...)
			listener.say(bob.account.JID(), fmt.Sprintf(`<message to='{to}' type='chat' id='f%d'><encrypted xmlns='%s'><header sid='%d'>`+
				`<key rid='%d'>%s</key><iv>%s</iv></header><payload>AAAA</payload></encrypted></message>`,
				n, xmpp.NSOMEMO03, alice.id(), bob.id(), base64.StdEncoding.EncodeToString(data), base64.StdEncoding.EncodeToString(badKey(12))))
			require.Equal(t, core.ProblemSession, bob.unreadable(alice, n+1).Problem())
		}
		alice.send(bob, "still fits")
		bob.reads(alice, "still fits")
		// A person's doing comes after all that the device did by itself.
		require.NoError(t, bob.account.RepairSession(withPatience(t), alice.account.JID(), 0))
		begun := 0
		listener.until("a new session", func() bool {
			begun = 0
			for _, e := range listener.heard {
				x := e.Child(xmpp.NSOMEMO03, "encrypted")
				if x != nil && x.Child(xmpp.NSOMEMO03, "payload") == nil && strings.HasPrefix(e.AttrValue("from"), bob.account.JID()) {
					begun++
				}
			}
			return begun > want
		})
		require.Equal(t, want+1, begun, "policy %d", policy)
	}
}

func local(u *user) string {
	name, _, _ := strings.Cut(u.account.JID(), "@")
	return name
}

// impostor publishes the bundles of another identity for a device of u, and
// returns that identity's fingerprint.
func impostor(t *testing.T, s *testserver.Server, u *user) string {
	t.Helper()
	ctx := withPatience(t)
	suite, err := omemo.NewSuite(omemo.Config{Engine: ratchet.New(), JID: u.account.JID()})
	require.NoError(t, err)
	st := omemotest.NewStore()
	_, err = suite.Setup(ctx, st)
	require.NoError(t, err)
	p := newRawPeer(t, s, testserver.Account{User: local(u), Domain: s.Domain, Password: string(u.where.Password)})
	var fingerprint string
	for _, profile := range suite.Profiles() {
		own, err := suite.OwnBundle(ctx, st, profile)
		require.NoError(t, err)
		identity, err := engine.IdentityBytes(profile, own.Identity)
		require.NoError(t, err)
		bundle := xmpp.Bundle{
			Identity: identity[len(identity)-32:], SignedPreKeyID: own.SignedPreKeyID, SignedPreKey: own.SignedPreKey[:], Signature: own.Signature,
		}
		for _, k := range own.PreKeys {
			bundle.PreKeys = append(bundle.PreKeys, xmpp.PreKey{ID: k.ID, Public: k.Public[:]})
		}
		require.NoError(t, p.PublishBundle(ctx, uint8(profile), u.id(), bundle))
		fingerprint = omemo.Fingerprint(own.Identity)
	}
	return fingerprint
}

// A known device comes with another key: it is refused and shown, and taken
// only when a person says so, and only that one.
func TestAcceptKey(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		settle(alice, bob)
		jid, old := bob.account.JID(), alice.device(bob)
		other := impostor(t, s, bob)

		require.Equal(t, "omemo.identity-changed", core.ErrorCode(alice.account.RepairSession(ctx, jid, old.ID)))
		d := alice.device(bob)
		require.Equal(t, old.Fingerprint, d.Fingerprint)
		require.Equal(t, other, d.NewFingerprint)
		require.Equal(t, core.DeviceBlind, d.State())
		id := alice.send(bob, "with the old key")
		alice.until("delivered", func() bool { return alice.state(id) == core.MessageDelivered })

		require.Equal(t, "omemo.identity-changed", core.ErrorCode(alice.account.AcceptKey(ctx, jid, old.ID, someKey)))
		require.ErrorIs(t, alice.account.AcceptKey(ctx, jid, old.ID, "x"), core.ErrUnknownFingerprint)
		require.ErrorIs(t, alice.account.AcceptKey(ctx, jid, old.ID+1, other), core.ErrUnknownDevice)
		require.Equal(t, d, alice.device(bob))
		require.NoError(t, alice.account.AcceptKey(ctx, jid, old.ID, core.FormatFingerprint(other)))
		d = alice.device(bob)
		require.Equal(t, other, d.Fingerprint)
		require.Empty(t, d.NewFingerprint)
		require.Equal(t, core.DeviceBlind, d.State())

		// What comes with the key that was given up is refused now, and says so.
		bob.amnesia(alice)
		bob.send(alice, "with the old key again")
		m := alice.unreadable(bob, 1)
		require.Equal(t, core.ProblemKeyChanged, m.Problem())
	})
}
