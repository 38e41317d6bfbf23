// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
)

func TestFingerprint(t *testing.T) {
	k := engine.PublicKey{0: 0xc0, 7: 0x0a, 30: 0xff, 31: 0x42}
	digits, groups := omemo.Fingerprint(k), omemo.FormatFingerprint(k)
	require.Len(t, digits, 64)
	require.Equal(t, strings.ToLower(digits), digits)
	require.Len(t, strings.Fields(groups), 8)
	for _, g := range strings.Fields(groups) {
		require.Len(t, g, 8)
	}
	require.Equal(t, digits, strings.ReplaceAll(groups, " ", ""))
	for _, s := range []string{
		digits, groups, strings.ToUpper(groups), "05" + digits, "05 " + groups, "\n" + groups + "\n",
		strings.ReplaceAll(groups, " ", ":"), strings.ReplaceAll(groups, " ", "-"),
	} {
		got, err := omemo.ParseFingerprint(s)
		require.NoError(t, err, "%q", s)
		require.Equal(t, k, got)
	}
	for _, s := range []string{
		"", "x", digits[:62], digits + "00", "06" + digits, strings.Repeat("0", 64), digits[:63] + "g",
		strings.Repeat("f", 64), "05" + digits[:60], "0505" + digits,
	} {
		_, err := omemo.ParseFingerprint(s)
		require.ErrorIs(t, err, omemo.ErrBadFingerprint, "%q", s)
	}
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add(omemo.FormatFingerprint(engine.PublicKey{9}))
	f.Add("05" + omemo.Fingerprint(engine.PublicKey{9, 8, 7}))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := omemo.ParseFingerprint(s)
		if err != nil {
			return
		}
		again, err := omemo.ParseFingerprint(omemo.FormatFingerprint(k))
		if err != nil || again != k {
			t.Fatal("a fingerprint is not read back")
		}
	})
}

func ExampleFormatFingerprint() {
	fmt.Println(omemo.FormatFingerprint(engine.PublicKey{0: 0xc0, 31: 0x42}))
	// Output: c0000000 00000000 00000000 00000000 00000000 00000000 00000000 00000042
}
