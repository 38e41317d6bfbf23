// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/ratchet"
)

// Made with libxeddsa, which TestReferenceSignatures compares with at random.
// The first and the last key have an Ed25519 form with sign 0, the others are
// negated.
var xeddsaVectors = []struct{ private, nonce, message, public, signature string }{
	{
		"a8" + strings.Repeat("ab", 30) + "6b", strings.Repeat("00", 64), "",
		"e3712d851a0e5d79b831c5e34ab22b41a198171de209b8b8faca23a11c624859",
		"ca880dd718594e86eb876742630c24d4b0871dfaaf391721dcafc29d080b6170" +
			"1ba74e97e090a3c66ca8fa1ee72bb75d79256e57ec16bc4b1512f1eeb2b1dc0d",
	},
	{
		"58" + strings.Repeat("01", 30) + "41", strings.Repeat("ab", 64), "616263",
		"50ad4b63a83b235a254e2ac8bfefbfb7b35d1efd312e9aad5bc3bf67fa7ca427",
		"adca7dbac04297493f9b71f63c230408d4353309f5a095c450b96b55e9398427" +
			"defbdc07f7b4693184919f3c825d3e2c341bf4babfc2bc735ae516d6d26f5e01",
	},
	{
		"70" + strings.Repeat("01", 30) + "42", strings.Repeat("fe", 64), "05ff",
		"eff5e110c018d93049cfd4f686c8e391dc0eef3c410552aa8c622db9dcde2f21",
		"98d5d90f7e38e3bf8634fedb249092e13c4c72fcab8b8d2b8f916e37d2ef9524" +
			"c02a4116c3269230bf3acdbba09ab0fd60f3131a3482cd826155904c661bc702",
	},
	{
		"f805" + strings.Repeat("01", 29) + "43", strings.Repeat("ff", 64), "00",
		"2f720fe51fad09d5103231dae520013045dd02439e5e0b73bb0cec42c5ec0f7f",
		"dd83e0a65be40631b6d523ea3adbefc737478a339eeffef0768f280310a8b01b" +
			"3bb62887a0cf6731d4c62d37695ef4eaa34485fca7b4ae66dc0844bfbb71fe08",
	},
}

func TestXEdDSAVectors(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	for i, v := range xeddsaVectors {
		private := engine.PrivateKey(unhex(v.private))
		msg := unhex(v.message)
		sig, err := ratchet.SignWith(bytes.NewReader(unhex(v.nonce)), private, msg)
		require.NoError(t, err)
		require.Equal(t, v.signature, hex.EncodeToString(sig), "vector %d", i)
		public, err := private.Public()
		require.NoError(t, err)
		require.Equal(t, v.public, public.String())
		// It is an Ed25519 signature by the form with sign 0, in both profiles.
		form, err := public.Edwards()
		require.NoError(t, err)
		require.Zero(t, form[31]&0x80)
		require.True(t, ed25519.Verify(form[:], msg, sig))
		require.Zero(t, sig[63]&0x80)
		for _, p := range ratchet.New().Profiles() {
			by, err := engine.VerifySignature(p, public, msg, sig)
			require.NoError(t, err)
			require.Equal(t, form, by)
		}
	}
}

func TestSignatures(t *testing.T) {
	e := ratchet.New()
	for range 32 {
		id, err := engine.NewIdentityKey(nil, 1)
		require.NoError(t, err)
		one, err := e.Sign(id, []byte("x"))
		require.NoError(t, err)
		two, err := e.Sign(id, []byte("x"))
		require.NoError(t, err)
		require.NotEqual(t, one, two, "the nonce is not random")
		for _, sig := range [][]byte{one, two} {
			_, err := engine.VerifySignature(engine.Profile2, id.Public, []byte("x"), sig)
			require.NoError(t, err)
		}
	}
	broken := errors.New("broken")
	_, err := ratchet.SignWith(iotest.ErrReader(broken), engine.PrivateKey{1}, nil)
	require.ErrorIs(t, err, engine.ErrEngine)
}
