// SPDX-License-Identifier: MPL-2.0

package media

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func testKey(seed byte, keyBytes, ivBytes int) Key {
	b := make([]byte, keyBytes+ivBytes)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	k, err := NewKey(b[:keyBytes], b[keyBytes:])
	if err != nil {
		panic(err)
	}
	return k
}

// standard encrypts with crypto/cipher.
func standard(t testing.TB, k Key, plain []byte) []byte {
	t.Helper()
	key, iv := k.Parts()
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCMWithNonceSize(block, len(iv))
	require.NoError(t, err)
	return aead.Seal(nil, iv, plain, nil)
}

func encrypt(t testing.TB, k Key, plain []byte) []byte {
	t.Helper()
	e, err := newEncrypter(bytes.NewReader(plain), k)
	require.NoError(t, err)
	b, err := io.ReadAll(e)
	require.NoError(t, err)
	return b
}

func decrypt(k Key, b []byte) ([]byte, error) {
	r, err := Open(context.Background(), bytes.NewReader(b), int64(len(b)), k)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func random(seed byte, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed, 1}).Read(b)
	return b
}

// Test cases 13, 14 and 16 of the submission of GCM to NIST, which the vectors
// of AES-256 in NIST's own collection repeat; 16 without its additional data is
// case 15.
func TestVectors(t *testing.T) {
	const longKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
	for _, v := range []struct{ key, iv, plain, want string }{
		{strings.Repeat("0", 64), strings.Repeat("0", 24), "", "530f8afbc74536b9a963b4f1c4cb738b"},
		{strings.Repeat("0", 64), strings.Repeat("0", 24), strings.Repeat("0", 32), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
		{
			longKey, "cafebabefacedbaddecaf888",
			"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
			"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c",
		},
	} {
		parts := make([][]byte, 3)
		for i, s := range []string{v.key, v.iv, v.plain} {
			var err error
			parts[i], err = hex.DecodeString(s)
			require.NoError(t, err)
		}
		k, err := NewKey(parts[0], parts[1])
		require.NoError(t, err)
		require.Equal(t, v.want, hex.EncodeToString(encrypt(t, k, parts[2])))
	}
}

func TestAgainstStandard(t *testing.T) {
	sizes := []int{
		0, 1, 15, 16, 17, 31, 32, 33, 255, pieceSize - 1, pieceSize, pieceSize + 1, pieceSize + 16,
		2*pieceSize - 1, 2 * pieceSize, 3*pieceSize + 5,
	}
	for range 40 {
		sizes = append(sizes, rand.IntN(4*pieceSize))
	}
	for n, size := range sizes {
		for _, k := range []Key{testKey(byte(n), 32, 12), testKey(byte(n), 32, 16), testKey(byte(n), 16, 12)} {
			plain := random(byte(n), size)
			want := standard(t, k, plain)
			got := encrypt(t, k, plain)
			require.True(t, bytes.Equal(want, got), "size %d", size)
			require.Equal(t, Size(int64(size)), int64(len(got)))
			back, err := decrypt(k, got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(plain, back), "size %d", size)
		}
	}
}

// The counter has 32 bits and begins again within the file, which with a long
// initialisation vector can happen anywhere.
func TestCounterWraps(t *testing.T) {
	for _, low := range []uint64{0xffffffff, 0xfffffffe, 0xfffffff0, 0xffffffff - pieceSize/blockSize, 0xfffff000} {
		k := testKey(7, 32, 16)
		g, err := newGCM(k)
		require.NoError(t, err)
		// J0 = (IV·H + lengths)·H, solved for IV.
		first := fieldElement{0x0123456789abcdef, 0x76543210<<32 | low}
		iv := first.mul(g.hash.inverse).add(fieldElement{0, 128}).mul(g.hash.inverse)
		iv.store(k.iv[:])
		g, err = newGCM(k)
		require.NoError(t, err)
		require.Equal(t, first, loadElement(g.first[:]))

		plain := random(1, 4*pieceSize+3)
		want := standard(t, k, plain)
		require.True(t, bytes.Equal(want, encrypt(t, k, plain)), "%x", low)
		back, err := decrypt(k, want)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, back))
	}
}

func TestField(t *testing.T) {
	one := fieldElement{1 << 63, 0}
	zero := fieldElement{}
	for range 100 {
		x := fieldElement{rand.Uint64(), rand.Uint64()}
		y := fieldElement{rand.Uint64(), rand.Uint64()}
		z := fieldElement{rand.Uint64(), rand.Uint64()}
		require.Equal(t, x, x.mul(one))
		require.Equal(t, zero, x.mul(zero))
		require.Equal(t, x.mul(y), y.mul(x))
		require.Equal(t, x.mul(y).mul(z), x.mul(y.mul(z)))
		require.Equal(t, x.mul(y).add(x.mul(z)), x.mul(y.add(z)))
		require.Equal(t, one, x.mul(x.inverse()))
	}
	require.Equal(t, zero, zero.inverse())
	require.Equal(t, one, one.inverse())
}

func FuzzAgainstStandard(f *testing.F) {
	f.Add([]byte("plain"), byte(1), true)
	f.Add([]byte{}, byte(2), false)
	f.Add(bytes.Repeat([]byte("x"), 70_000), byte(2), false)
	f.Fuzz(func(t *testing.T, plain []byte, seed byte, long bool) {
		k := testKey(seed, 32, 12)
		if long {
			k = testKey(seed, 32, 16)
		}
		want := standard(t, k, plain)
		require.True(t, bytes.Equal(want, encrypt(t, k, plain)))
		back, err := decrypt(k, want)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, back))
	})
}

const benchSize = 16 << 20

func BenchmarkEncrypt(b *testing.B) {
	plain, k := random(1, benchSize), testKey(1, 32, 12)
	buf := make([]byte, pieceSize)
	b.SetBytes(benchSize)
	for b.Loop() {
		e, err := newEncrypter(bytes.NewReader(plain), k)
		require.NoError(b, err)
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, e, buf)
		require.NoError(b, err)
	}
}

func BenchmarkOpen(b *testing.B) {
	k := testKey(1, 32, 12)
	sealed := standard(b, k, random(1, benchSize))
	b.SetBytes(benchSize)
	for b.Loop() {
		_, err := Open(b.Context(), bytes.NewReader(sealed), int64(len(sealed)), k)
		require.NoError(b, err)
	}
}

// BenchmarkStandard is the whole file at once in crypto/cipher.
func BenchmarkStandard(b *testing.B) {
	plain, k := random(1, benchSize), testKey(1, 32, 12)
	key, iv := k.Parts()
	block, err := aes.NewCipher(key)
	require.NoError(b, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(b, err)
	dst := make([]byte, 0, len(plain)+tagSize)
	b.SetBytes(benchSize)
	for b.Loop() {
		aead.Seal(dst, iv, plain, nil)
	}
}
