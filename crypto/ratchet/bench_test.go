// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/ratchet"
)

// BenchmarkEngines measures both engines in one run and logs a table.
func BenchmarkEngines(b *testing.B) { enginetest.Compare(b, ratchet.New(), libsignal.New()) }

// BenchmarkSign is what a bundle costs its owner.
func BenchmarkSign(b *testing.B) {
	p := enginetest.NewParty(b, ratchet.New(), p03, 1)
	for b.Loop() {
		if _, err := p.Engine.Sign(p.Identity, p.Signed.Public[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// The promise is 40; what is asked here is what it takes.
func TestAllocations(t *testing.T) {
	e := ratchet.New()
	for _, p := range e.Profiles() {
		alice, bob := enginetest.Pair(t, e, p)
		wire, _ := alice.Encrypt(t, "new chain")
		newChain := testing.AllocsPerRun(20, func() {
			_, _, err := e.Decrypt(bob.State, wire)
			require.NoError(t, err)
		})
		bob.Decrypt(t, wire)
		content := make([]byte, 48)
		wire, _ = alice.Encrypt(t, string(content))
		decrypt := testing.AllocsPerRun(20, func() {
			_, _, err := e.Decrypt(bob.State, wire)
			require.NoError(t, err)
		})
		encrypt := testing.AllocsPerRun(20, func() {
			_, _, _, err := e.Encrypt(alice.State, content)
			require.NoError(t, err)
		})
		t.Logf("%s: encrypt %.0f, decrypt %.0f, new chain %.0f", p, encrypt, decrypt, newChain)
		require.LessOrEqual(t, encrypt, 40.0)
		require.LessOrEqual(t, decrypt, 40.0)
		require.LessOrEqual(t, newChain, 40.0)
	}
}
