// SPDX-License-Identifier: MPL-2.0

package enginetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/confab-im/confab/crypto/engine"
)

// Fuzz feeds an engine arbitrary messages and states. Nothing may panic, be
// accepted that was not sent, or come back as ErrEngine.
func Fuzz(f *testing.F, e engine.Engine, p engine.Profile) {
	f.Helper()
	a, b := NewParty(f, e, p, 1001), NewParty(f, e, p, 2)
	alice := a.Initiate(f, b)
	kex, _ := alice.Encrypt(f, "genuine")
	bob, _ := b.Accept(f, kex)
	again, _ := alice.Encrypt(f, "genuine")
	back, _ := bob.Encrypt(f, "turn")
	alice.Decrypt(f, back)
	wire, _ := alice.Encrypt(f, "genuine")
	for _, seed := range [][]byte{nil, kex, again, wire, back, wire[:len(wire)-8]} {
		f.Add(seed, []byte(nil))
		f.Add(seed, []byte(bob.State))
	}
	f.Fuzz(func(t *testing.T, in, state []byte) {
		kept := bytes.Clone(bob.State)
		check := func(plain []byte, err error) {
			if errors.Is(err, engine.ErrEngine) {
				t.Fatalf("the engine failed inside: %v", err)
			}
			if err == nil && string(plain) != "genuine" {
				t.Fatal("a message nobody sent was accepted")
			}
		}
		_, err := e.ParseKeyExchange(p, in)
		check([]byte("genuine"), err)
		_, plain, err := e.Accept(p, b.Identity, b.Signed, b.OneTime, in)
		check(plain, err)
		_, plain, err = e.Decrypt(bob.State, in)
		check(plain, err)
		if !bytes.Equal(kept, bob.State) {
			t.Fatal("the state was changed in place")
		}
		// A state comes from the store and is trusted; it must only not panic.
		_, _, _ = e.Decrypt(state, in)
		_, _, _ = e.Decrypt(state, wire)
		_, _, _, _ = e.Encrypt(state, in[:min(len(in), engine.MaxPlaintext)])
		_, _ = e.RemoteIdentity(state)
	})
}
