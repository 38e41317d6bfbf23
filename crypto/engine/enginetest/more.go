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

// Benchmark measures session set-up, encrypting and decrypting, each with the
// session read from and written to bytes, as a store needs it.
func Benchmark(b *testing.B, e engine.Engine) {
	b.Helper()
	for _, p := range e.Profiles() {
		b.Run(p.String(), func(b *testing.B) {
			x, y := NewParty(b, e, p, 1), NewParty(b, e, p, 2)
			content := make([]byte, 32)
			b.Run("initiate", func(b *testing.B) {
				b.ReportAllocs()
				bundle := y.Bundle()
				for b.Loop() {
					if _, err := e.Initiate(p, x.Identity, bundle); err != nil {
						b.Fatal(err)
					}
				}
			})
			kex, _ := x.Initiate(b, y).Encrypt(b, "x")
			b.Run("accept", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := e.Accept(p, y.Identity, y.Signed, y.OneTime, kex); err != nil {
						b.Fatal(err)
					}
				}
			})
			alice, bob := Pair(b, e, p)
			b.Run("encrypt", func(b *testing.B) {
				b.ReportAllocs()
				s := alice.State
				var err error
				for b.Loop() {
					if s, _, _, err = e.Encrypt(s, content); err != nil {
						b.Fatal(err)
					}
				}
			})
			wire, _ := alice.Encrypt(b, string(content))
			b.Run("decrypt new chain", func(b *testing.B) { decryptLoop(b, e, bob.State, wire) })
			bob.Decrypt(b, wire)
			wire, _ = alice.Encrypt(b, string(content))
			b.Run("decrypt", func(b *testing.B) { decryptLoop(b, e, bob.State, wire) })
			forged := bytes.Clone(wire)
			forged[len(forged)-1] ^= 1
			b.Run("refuse", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := e.Decrypt(bob.State, forged); err == nil {
						b.Fatal("a forged message was accepted")
					}
				}
			})
		})
	}
}

func decryptLoop(b *testing.B, e engine.Engine, s engine.State, wire []byte) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := e.Decrypt(s, wire); err != nil {
			b.Fatal(err)
		}
	}
}
