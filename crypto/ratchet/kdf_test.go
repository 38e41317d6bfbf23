// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// RFC 4231 §4, the cases whose key fits; HMAC pads a shorter one with zeros.
func TestHMACVectors(t *testing.T) {
	for _, v := range []struct{ key, msg, want string }{
		{
			strings.Repeat("0b", 20), hex.EncodeToString([]byte("Hi There")),
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		},
		{
			hex.EncodeToString([]byte("Jefe")), hex.EncodeToString([]byte("what do ya want for nothing?")),
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		},
		{
			strings.Repeat("aa", 20), strings.Repeat("dd", 50),
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
		},
		{
			"0102030405060708090a0b0c0d0e0f10111213141516171819", strings.Repeat("cd", 50),
			"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
		},
	} {
		var key, out secret
		copy(key[:], unhex(t, v.key))
		hmac256(&out, &key, unhex(t, v.msg))
		require.Equal(t, v.want, hex.EncodeToString(out[:]))
	}
}

// RFC 5869 appendix A, the cases whose salt fits.
func TestHKDFVectors(t *testing.T) {
	for _, v := range []struct{ ikm, salt, info, want string }{
		{
			strings.Repeat("0b", 22), "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
		},
		{
			strings.Repeat("0b", 22), "", "",
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
		},
	} {
		var salt secret
		copy(salt[:], unhex(t, v.salt))
		out := make([]byte, len(v.want)/2)
		hkdf256(out, &salt, unhex(t, v.ikm), string(unhex(t, v.info)))
		require.Equal(t, v.want, hex.EncodeToString(out))
	}
}

// The own HMAC and HKDF are those of the standard library.
func TestKDFMatchesStandardLibrary(t *testing.T) {
	random := rand.NewChaCha8([32]byte{3})
	for n := range 600 {
		var key, out secret
		_, _ = random.Read(key[:])
		msg := make([]byte, n)
		_, _ = random.Read(msg)
		h := hmac.New(sha256.New, key[:])
		h.Write(msg)
		hmac256(&out, &key, msg)
		require.Equal(t, h.Sum(nil), out[:], "%d bytes", n)

		for _, s := range []*suite{suite03, suite2} {
			for _, info := range []string{s.x3dh, s.root, s.message} {
				want, err := stdHKDF(msg, key[:], info, 80)
				require.NoError(t, err)
				got := make([]byte, 80)
				hkdf256(got, &key, msg, info)
				require.Equal(t, want, got)
			}
		}
		aliased := key
		hmac256(&aliased, &aliased, msg)
		require.Equal(t, out, aliased)
	}
}

func stdHKDF(secret, salt []byte, info string, n int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, salt, info, n)
}

// The three KDFs, put together again from the words of the specifications with
// nothing but the standard library.
func TestKDFsAsSpecified(t *testing.T) {
	random := rand.NewChaCha8([32]byte{4})
	for _, s := range []*suite{suite03, suite2} {
		var dh [4][]byte
		ikm := []byte(strings.Repeat("\xff", 32))
		for i := range dh {
			dh[i] = make([]byte, 32)
			_, _ = random.Read(dh[i])
			ikm = append(ikm, dh[i]...)
		}
		want, err := stdHKDF(ikm, make([]byte, 32), s.x3dh, 32)
		require.NoError(t, err)
		root := s.agree(dh[0], dh[1], dh[2], dh[3])
		require.Equal(t, want, root[:])
		for _, b := range dh {
			require.Equal(t, make([]byte, 32), b, "a shared secret was not wiped")
		}

		a, err := ecdh.X25519().GenerateKey(nil)
		require.NoError(t, err)
		b, err := ecdh.X25519().GenerateKey(nil)
		require.NoError(t, err)
		shared, err := b.ECDH(a.PublicKey())
		require.NoError(t, err)
		want, err = stdHKDF(shared, root[:], s.root, 64)
		require.NoError(t, err)
		next, chain, err := s.turn(&root, a, engine.PublicKey(b.PublicKey().Bytes()))
		require.NoError(t, err)
		require.Equal(t, want, append(next[:], chain[:]...))

		mk := hmacOf(chain[:], 1)
		want, err = stdHKDF(mk, make([]byte, 32), s.message, 80)
		require.NoError(t, err)
		keys := s.keysOf(&chain)
		require.Equal(t, want, keys[:])
		want = hmacOf(chain[:], 2)
		chain.step()
		require.Equal(t, want, chain[:])
	}
}

func hmacOf(key []byte, b byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte{b})
	return h.Sum(nil)
}

// RFC 7748 §5.2.
func TestX25519Vectors(t *testing.T) {
	for _, v := range []struct{ scalar, u, want string }{
		{
			"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
			"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
		},
		{
			"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
			"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
			"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
		},
	} {
		own, err := ecdh.X25519().NewPrivateKey(unhex(t, v.scalar))
		require.NoError(t, err)
		dh, err := sharedSecret(own, engine.PublicKey(unhex(t, v.u)))
		require.NoError(t, err)
		require.Equal(t, v.want, hex.EncodeToString(dh))
	}
	own, err := ecdh.X25519().GenerateKey(nil)
	require.NoError(t, err)
	for _, k := range engine.LowOrderKeys() {
		_, err := sharedSecret(own, k)
		require.ErrorIs(t, err, engine.ErrBadKey)
	}
}
