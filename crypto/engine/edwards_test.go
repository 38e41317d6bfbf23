// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"testing"

	"filippo.io/edwards25519"
	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

func TestIdentityForms(t *testing.T) {
	signs := map[byte]bool{}
	for seed := range 64 {
		pub, priv := edKey(t, seed)
		e := engine.EdwardsKey(pub)
		signs[e[31]>>7] = true
		k, err := e.Montgomery()
		require.NoError(t, err)

		// The Curve25519 form is the public key of the same scalar (RFC 8032 §5.1.5).
		digest := sha512.Sum512(priv.Seed())
		want, err := engine.PrivateKey(digest[:32]).Public()
		require.NoError(t, err)
		require.Equal(t, want, k)

		// Both signs are one identity, and the own form is the one with sign 0.
		other := e
		other[31] ^= 0x80
		same, err := other.Montgomery()
		require.NoError(t, err)
		require.Equal(t, k, same)
		e[31] &= 0x7f
		back, err := k.Edwards()
		require.NoError(t, err)
		require.Equal(t, e, back)

		wire, err := engine.IdentityBytes(engine.Profile2, k)
		require.NoError(t, err)
		require.Equal(t, e[:], wire)
		for _, wire := range [][]byte{e[:], other[:]} {
			got, err := engine.ParseIdentity(engine.Profile2, wire)
			require.NoError(t, err)
			require.Equal(t, k, got)
		}
		wire, err = engine.IdentityBytes(engine.Profile03, k)
		require.NoError(t, err)
		got, err := engine.ParseIdentity(engine.Profile03, wire)
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	require.Len(t, signs, 2)
}

func TestIdentityFormsRefused(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	zeros := make([]byte, 32)
	one := append([]byte{1}, zeros[:31]...)
	negativeZero := append([]byte{1}, append(bytes.Clone(zeros[:30]), 0x80)...)
	prime := append([]byte{0xed}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...)
	beyond := append([]byte{0xee}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...)
	minusOne := append([]byte{0xec}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...)
	for name, b := range map[string][]byte{
		"neutral element": one, "neutral element with sign": negativeZero, "order 4": zeros, "order 2": minusOne,
		"order 8": unhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
		"prime":   prime, "one in disguise": beyond,
		"no point": append([]byte{2}, zeros[:31]...),
	} {
		_, err := engine.ParseIdentity(engine.Profile2, b)
		require.ErrorIs(t, err, engine.ErrBadKey, name)
	}
	for _, n := range []int{0, 31, 33} {
		_, err := engine.ParseIdentity(engine.Profile2, make([]byte, n))
		require.ErrorIs(t, err, engine.ErrMalformed)
	}
	_, err := engine.ParseIdentity(9, one)
	require.ErrorIs(t, err, engine.ErrUnsupported)
	_, err = engine.IdentityBytes(9, engine.PublicKey{9})
	require.ErrorIs(t, err, engine.ErrUnsupported)
	for _, k := range engine.LowOrderKeys() {
		_, err := k.Edwards()
		require.ErrorIs(t, err, engine.ErrBadKey)
	}
	_, err = engine.PublicKey{2}.Edwards()
	require.ErrorIs(t, err, engine.ErrBadKey, "2 is on the twist")
}

// What the standard library signs with a key of either sign verifies under the
// Curve25519 form, and the form that signed is found.
func TestVerifySignature(t *testing.T) {
	msg := []byte("signed")
	for seed := range 16 {
		pub, priv := edKey(t, seed)
		k, err := engine.EdwardsKey(pub).Montgomery()
		require.NoError(t, err)
		sig := ed25519.Sign(priv, msg)
		form, err := engine.VerifySignature(engine.Profile2, k, msg, sig)
		require.NoError(t, err)
		require.Equal(t, engine.EdwardsKey(pub), form)

		old := bytes.Clone(sig)
		old[63] |= pub[31] & 0x80
		form, err = engine.VerifySignature(engine.Profile03, k, msg, old)
		require.NoError(t, err)
		require.Equal(t, engine.EdwardsKey(pub), form)
		wrong := bytes.Clone(sig)
		wrong[63] |= ^pub[31] & 0x80
		_, err = engine.VerifySignature(engine.Profile03, k, msg, wrong)
		require.ErrorIs(t, err, engine.ErrBadSignature)

		marked := bytes.Clone(sig)
		marked[63] |= 0x80
		_, err = engine.VerifySignature(engine.Profile2, k, msg, marked)
		require.ErrorIs(t, err, engine.ErrBadSignature)
		for _, p := range []engine.Profile{engine.Profile03, engine.Profile2} {
			for i := range sig {
				hostile := bytes.Clone(old)
				hostile[i] ^= 1
				_, err = engine.VerifySignature(p, k, msg, hostile)
				require.ErrorIs(t, err, engine.ErrBadSignature)
			}
			_, err = engine.VerifySignature(p, k, append(msg, 0), sig)
			require.ErrorIs(t, err, engine.ErrBadSignature)
			_, err = engine.VerifySignature(p, k, msg, sig[:63])
			require.ErrorIs(t, err, engine.ErrBadSignature)
			_, err = engine.VerifySignature(p, engine.PublicKey{1}, msg, sig)
			require.ErrorIs(t, err, engine.ErrBadKey)
		}
	}
	_, err := engine.VerifySignature(3, engine.PublicKey{9}, msg, make([]byte, 64))
	require.ErrorIs(t, err, engine.ErrUnsupported)
}

// RFC 8032 §7.1, tests 1 to 3: signatures of Ed25519 are checked under the
// Curve25519 form of their key.
func TestVerifySignatureVectors(t *testing.T) {
	for _, v := range []struct{ public, message, signature string }{
		{
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	} {
		var b [3][]byte
		for i, s := range []string{v.public, v.message, v.signature} {
			var err error
			b[i], err = hex.DecodeString(s)
			require.NoError(t, err)
		}
		k, err := engine.ParseIdentity(engine.Profile2, b[0])
		require.NoError(t, err)
		form, err := engine.VerifySignature(engine.Profile2, k, b[1], b[2])
		require.NoError(t, err)
		require.Equal(t, engine.EdwardsKey(b[0]), form)
	}
}

func edKey(t testing.TB, n int) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	seed := sha512.Sum512(fmt.Append(nil, "seed ", n))
	priv := ed25519.NewKeyFromSeed(seed[:32])
	return priv.Public().(ed25519.PublicKey), priv
}

func FuzzParseIdentity(f *testing.F) {
	pub, _ := edKey(f, 1)
	f.Add([]byte(pub))
	f.Add(make([]byte, 32))
	f.Add(edwards25519.NewGeneratorPoint().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := engine.ParseIdentity(engine.Profile2, b)
		if err != nil {
			return
		}
		back, err := engine.IdentityBytes(engine.Profile2, k)
		if err != nil {
			t.Fatalf("an identity that was read cannot be written: %v", err)
		}
		back[31] |= b[31] & 0x80
		if !bytes.Equal(back, b) {
			t.Fatal("an identity has another encoding")
		}
	})
}
