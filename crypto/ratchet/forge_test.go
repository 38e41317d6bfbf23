// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/ratchet"
)

// padded is text with PKCS#7 padding.
func padded(text string) []byte {
	n := 16 - len(text)%16
	return append([]byte(text), bytes.Repeat([]byte{byte(n)}, n)...)
}

// The other side itself, with all its keys, gets nothing in but messages of the
// one form that there is.
func TestAuthenticButMalformed(t *testing.T) {
	for _, p := range ratchet.New().Profiles() {
		t.Run(p.String(), func(t *testing.T) {
			alice, bob := enginetest.Pair(t, ratchet.New(), p)
			alice.Encrypt(t, "lost")
			forge := func(f ratchet.Forgery) []byte {
				wire, err := ratchet.Forge(alice.State, f)
				require.NoError(t, err)
				return wire
			}
			block := padded("forged")
			appended := func(tail ...byte) func([]byte) []byte {
				return func(b []byte) []byte { return append(b, tail...) }
			}
			pad := func(change func([]byte)) []byte {
				b := bytes.Clone(block)
				change(b)
				return b
			}
			for name, f := range map[string]ratchet.Forgery{
				"padding of 0":       {Blocks: make([]byte, 16)},
				"padding of 17":      {Blocks: bytes.Repeat([]byte{17}, 32)},
				"padding of 255":     {Blocks: bytes.Repeat([]byte{255}, 32)},
				"uneven padding":     {Blocks: pad(func(b []byte) { b[14] = 1 })},
				"no ciphertext":      {},
				"half a block":       {Blocks: block[:8]},
				"a block and a byte": {Blocks: append(bytes.Clone(block), 0)},
				"too long":           {Blocks: padded(string(make([]byte, engine.MaxPlaintext+1)))},
				"unknown field":      {Blocks: block, Covered: appended(0x78, 1)},
				"field again":        {Blocks: block, Covered: appended(0x22, 0)},
				"trailing byte":      {Blocks: block, Covered: appended(0)},
				"empty":              {Blocks: block, Covered: func([]byte) []byte { return nil }},
				"fields reversed": {Blocks: block, Covered: func(b []byte) []byte {
					n := len(b) - 2 - len(block)
					return append(append(bytes.Clone(b[:n]), b[n+2:]...), b[n:n+2]...)
				}},
				"long form of a length": {Blocks: block, Covered: func(b []byte) []byte {
					n := len(b) - 1 - len(block)
					return append(append(bytes.Clone(b[:n]), 0x80|16, 0), b[n+1:]...)
				}},
			} {
				before := bytes.Clone(bob.State)
				_, _, err := bob.Engine.Decrypt(bob.State, forge(f))
				require.ErrorIs(t, err, engine.ErrMalformed, name)
				require.Equal(t, before, []byte(bob.State))
			}
			// Any count of the previous chain is read, and believed as far as it can be.
			for _, n := range []uint32{0, 1, 1000, 1001, math.MaxInt32, math.MaxUint32} {
				require.Equal(t, "forged", bob.Clone().Decrypt(t, forge(ratchet.Forgery{Blocks: block, PreviousLen: n})), "%d", n)
			}
			for ahead, want := range map[uint32]error{
				engine.MaxSkip: engine.ErrTooManySkipped, // one was lost before
				5000:           engine.ErrTooManySkipped,
			} {
				bob.Refuse(t, forge(ratchet.Forgery{Ahead: ahead, Blocks: block}), want)
			}
			require.Equal(t, "forged", bob.Decrypt(t, forge(ratchet.Forgery{Ahead: engine.MaxSkip - 1, Blocks: block})))
		})
	}
}

// In omemo:2 the keys of what was not seen of a chain are stored when the next
// one tells its length; in 0.3 the length is not believed. Late messages are
// read in both, also when the length is a lie.
func TestLengthOfThePreviousChain(t *testing.T) {
	for _, p := range ratchet.New().Profiles() {
		for _, lie := range []uint32{0, 1, 2, 3, 4, 900, 5000, math.MaxUint32} {
			alice, bob := enginetest.Pair(t, ratchet.New(), p)
			first, _ := alice.Encrypt(t, "first")
			second, _ := alice.Encrypt(t, "second")
			last, _ := alice.Encrypt(t, "last")
			bob.Decrypt(t, first)
			back, _ := bob.Encrypt(t, "turn")
			alice.Decrypt(t, back)
			alice.Encrypt(t, "lost") // makes the turn
			stored := len(bob.State)
			wire, err := ratchet.Forge(alice.State, ratchet.Forgery{PreviousLen: lie, Blocks: padded("next")})
			require.NoError(t, err)
			require.Equal(t, "next", bob.Decrypt(t, wire))
			if p == engine.Profile03 {
				require.Less(t, len(bob.State)-stored, 200)
			} else if lie == 900 {
				require.Greater(t, len(bob.State)-stored, 899*84)
			}
			require.Equal(t, "last", bob.Decrypt(t, last), "%s %d", p, lie)
			require.Equal(t, "second", bob.Decrypt(t, second))
			bob.Refuse(t, last, engine.ErrDuplicate)
			require.LessOrEqual(t, len(bob.State), engine.MaxState)
		}
	}
}

// The count that is sent is the true one.
func TestPreviousCountSent(t *testing.T) {
	alice, bob := enginetest.Pair(t, ratchet.New(), engine.Profile03)
	for _, n := range []int{1, 3, 2, 200} {
		for range n {
			wire, _ := alice.Encrypt(t, "x")
			bob.Decrypt(t, wire)
		}
		back, _ := bob.Encrypt(t, "turn")
		alice.Decrypt(t, back)
		wire, _ := alice.Encrypt(t, "x")
		bob.Decrypt(t, wire)
		// Version, key with its tag and length, number 0, then the count.
		at := 1 + 2 + 33 + 2
		require.Equal(t, byte(0x18), wire[at])
		count := int(wire[at+1])
		if count >= 0x80 {
			count = count&0x7f | int(wire[at+2])<<7
		}
		require.Equal(t, n, count)
		back, _ = bob.Encrypt(t, "turn") // the next chain of alice begins after this one
		alice.Decrypt(t, back)
	}
}
