// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/omemo"
)

// The payload of Profile2 as the text of XEP-0384 §4.4 has it, put together by
// hand.
func TestForeignPayloads2(t *testing.T) {
	t.Run("ratchet-2", func(t *testing.T) {
		_, a, b := pair(t)
		key, text := bytes.Repeat([]byte{7}, 32), []byte("hello, and more than a block")
		keys, err := hkdf.Key(sha256.New, key, make([]byte, 32), "OMEMO Payload", 80)
		require.NoError(t, err)
		block, err := aes.NewCipher(keys[:32])
		require.NoError(t, err)
		seal := func(padded []byte) (material, payload []byte) {
			payload = make([]byte, len(padded))
			cipher.NewCBCEncrypter(block, keys[64:]).CryptBlocks(payload, padded)
			mac := hmac.New(sha256.New, keys[32:64])
			mac.Write(payload)
			return append(bytes.Clone(key), mac.Sum(nil)[:16]...), payload
		}
		material, payload := seal(append(bytes.Clone(text), 4, 4, 4, 4))
		require.Equal(t, string(text), b.read(a, a.craft(b, material, nil, payload)))
		for name, padding := range map[string][]byte{
			"zero": {0, 0, 0, 0}, "too long": {17, 17, 17, 17}, "not the same": {3, 4, 4, 4}, "of another length": {5, 5, 5, 5},
		} {
			material, payload := seal(append(bytes.Clone(text), padding...))
			failed := b.refuse(alice, a.craft(b, material, nil, payload), omemo.ReasonBadPayload)
			require.NotNil(t, failed, name)
		}
		for n := range 64 {
			want := omemo.ReasonMalformed
			if n == 48 {
				want = omemo.ReasonBadPayload
			}
			b.refuse(alice, a.craft(b, make([]byte, n), nil, payload), want)
		}
		require.True(t, b.receive(a, a.craft(b, make([]byte, 32), nil, nil)).Empty)
		for _, n := range []int{0, 16, 31, 33, 48} {
			b.refuse(alice, a.craft(b, make([]byte, n), nil, nil), omemo.ReasonMalformed)
		}
		b.refuse(alice, a.craft(b, bytes.Repeat([]byte{1}, 32), nil, nil), omemo.ReasonMalformed)

		// A key for the same device id of somebody else is not ours.
		env := a.send("x", bob)
		require.Empty(t, env.IV)
		require.Equal(t, bob, env.Keys[0].JID)
		env.Keys[0].JID = carol
		b.refuse(alice, env, omemo.ReasonNotForThisDevice)
		env.Keys[0].JID = bob
		require.Equal(t, "x", b.read(a, env))
	})
}
