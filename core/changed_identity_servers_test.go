// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
)

// newOlderUser is newUser for OMEMO 0.3 alone.
func newOlderUser(t *testing.T, s *testserver.Server, prefix string) *user {
	t.Helper()
	u := &user{t: t, where: accountAt(t, s.Addr, s.NewAccount(t, prefix)), config: core.Config{
		Path: filepath.Join(t.TempDir(), prefix+".db"), Key: []byte("0123456789abcdef0123456789abcdef"),
		Engine: libsignal.New(), RootCAs: s.CAPool, Logger: testLogger(t, prefix),
	}}
	u.open()
	var err error
	u.account, err = u.client.AddAccount(withPatience(t), u.where)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, u.client.Close()) })
	u.online()
	return u
}

// Somebody who has Bob's password, or his server, puts a key of their own in
// the place of his device's. Nobody believes it: what they write is refused and
// says so, and what is written to Bob goes on to his key.
func TestChangedIdentity(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		alice, bob := newOlderUser(t, s, "alice"), newOlderUser(t, s, "bob")
		befriend(alice, bob)
		bob.send(alice, "genuine")
		alice.until("genuine", func() bool { return len(alice.received(bob)) == 1 })
		device, err := bob.account.OwnDevice(ctx)
		require.NoError(t, err)

		// The keys of the thief, under the id of Bob's device.
		name, _, _ := strings.Cut(bob.account.JID(), "@")
		thief := newRawPeer(t, s, testserver.Account{User: name, Domain: s.Domain, Password: string(bob.where.Password)})
		manager, err := omemo.New(omemo.Config{Engine: libsignal.New(), JID: bob.account.JID()})
		require.NoError(t, err)
		store := omemotest.NewStore()
		_, err = manager.Setup(ctx, store)
		require.NoError(t, err)
		_, private, public, _, err := store.Identity(ctx)
		require.NoError(t, err)
		require.NoError(t, store.SaveIdentity(ctx, device.ID, private, public))
		own, err := manager.OwnBundle(ctx, store)
		require.NoError(t, err)
		bundle := xmpp.Bundle{Identity: own.Identity[:], SignedPreKeyID: own.SignedPreKeyID, SignedPreKey: own.SignedPreKey[:], Signature: own.Signature}
		for _, k := range own.PreKeys {
			bundle.PreKeys = append(bundle.PreKeys, xmpp.PreKey{ID: k.ID, Public: k.Public[:]})
		}
		require.NoError(t, thief.PublishBundle(ctx, xmpp.OMEMO03, device.ID, bundle))

		// They write to Alice.
		to := jid.MustParse(alice.account.JID())
		list, err := thief.FetchDevices(ctx, to, xmpp.OMEMO03)
		require.NoError(t, err)
		require.Len(t, list, 1)
		fetched, err := thief.FetchBundle(ctx, to, xmpp.OMEMO03, list[0].ID)
		require.NoError(t, err)
		target := omemo.PublishedBundle{
			Identity: engine.PublicKey(fetched.Identity), SignedPreKeyID: fetched.SignedPreKeyID,
			SignedPreKey: engine.PublicKey(fetched.SignedPreKey), Signature: fetched.Signature,
		}
		for _, k := range fetched.PreKeys {
			target.PreKeys = append(target.PreKeys, omemo.PublishedPreKey{ID: k.ID, Public: engine.PublicKey(k.Public)})
		}
		_, err = manager.UpdateDevices(ctx, store, to.String(), []omemo.Listed{{ID: list[0].ID}})
		require.NoError(t, err)
		require.NoError(t, manager.AddBundle(ctx, store, omemo.Address{JID: to.String(), Device: list[0].ID}, target))
		env, _, err := manager.Encrypt(ctx, store, []byte("forged"), []string{to.String()})
		require.NoError(t, err)
		wire := xmpp.Encrypted{Profile: xmpp.OMEMO03, SID: device.ID, IV: env.IV, Payload: env.Payload}
		for _, k := range env.Keys {
			wire.Keys = append(wire.Keys, xmpp.EncryptedKey{RID: k.RID, PreKey: k.PreKey, Data: k.Data})
		}
		m := xmpp.Message{To: to, ID: "forged", Type: "chat", Hints: xmpp.HintStore, OMEMO: []xmpp.Encrypted{wire}}
		require.NoError(t, thief.Send(ctx, m.Build()))
		alice.until("placeholder", func() bool { return len(alice.history(bob)) == 2 })
		got := alice.history(bob)[1]
		require.Equal(t, core.Unreadable, got.Kind)
		require.Equal(t, "omemo.decrypt.identity-changed", got.Reason)
		require.Empty(t, got.Body)

		// To Alice the device has the key it had, and Bob still reads her.
		require.NoError(t, alice.account.RefreshDevices(ctx, bob.account.JID()))
		devices, err := alice.account.Devices(ctx, bob.account.JID())
		require.NoError(t, err)
		require.Len(t, devices, 1)
		require.Equal(t, device.Fingerprint, devices[0].Fingerprint)
		alice.send(bob, "answer")
		bob.until("answer", func() bool { return len(bob.received(alice)) == 1 })
		bob.send(alice, "genuine again")
		alice.until("genuine again", func() bool {
			h := alice.history(bob)
			return h[len(h)-1].Body == "genuine again"
		})
	})
}
