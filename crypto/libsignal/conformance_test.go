// SPDX-License-Identifier: MPL-2.0

package libsignal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/ratchet"
)

func TestConformance(t *testing.T) { enginetest.Run(t, libsignal.New()) }

func FuzzEngine(f *testing.F) { enginetest.Fuzz(f, libsignal.New(), engine.Profile03) }

func BenchmarkEngine(b *testing.B) { enginetest.Benchmark(b, libsignal.New()) }

// A session that package ratchet has made goes on here.
func TestSessionsOfTheOtherEngine(t *testing.T) {
	mine, other := libsignal.New(), ratchet.New()
	a, b := enginetest.NewParty(t, other, engine.Profile03, 1), enginetest.NewParty(t, mine, engine.Profile03, 2)
	alice := a.Initiate(t, b)
	kex, _ := alice.Encrypt(t, "first")
	bob, text := b.Accept(t, kex)
	require.Equal(t, "first", text)
	late, _ := bob.Encrypt(t, "late")
	wire, _ := bob.Encrypt(t, "second")
	require.Equal(t, "second", alice.Decrypt(t, wire))

	foreign := alice.State
	_, err := engine.ParseSession(foreign)
	require.ErrorIs(t, err, engine.ErrBadState, "not in the other engine's own form")
	a.Engine = mine
	remote, err := mine.RemoteIdentity(foreign)
	require.NoError(t, err)
	require.Equal(t, b.Identity.Public, remote)
	require.Equal(t, "late", alice.Decrypt(t, late))
	wire, _ = alice.Encrypt(t, "third")
	require.Equal(t, "third", bob.Decrypt(t, wire))
	_, err = engine.ParseSession(alice.State)
	require.NoError(t, err)
}
