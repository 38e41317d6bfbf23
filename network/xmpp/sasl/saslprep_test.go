// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestSASLprep has the examples of RFC 4013 section 3 and one of each table.
func TestSASLprep(t *testing.T) {
	for in, want := range map[string]string{
		"I\u00adX":       "IX",
		"user":           "user",
		"USER":           "USER",
		"\u00aa":         "a",
		"\u2168":         "IX",
		"":               "",
		"a b":            "a b",
		"a\u00a0b\u3000": "a b ",
		"e\u0301":        "é",
		"ﬁ":              "fi",
		"\u0627\u0628":   "\u0627\u0628",
		"\u05d01\u05d1":  "\u05d01\u05d1",
		"🔑":              "🔑",
	} {
		got, err := saslprep(in)
		require.NoError(t, err, "%+q", in)
		require.Equal(t, want, got, "%+q", in)
	}
	for _, in := range []string{
		"\u0007", "\x7f", "a\u0080b", "\u0627\u0031", "\u0627a\u0628", "a\u0627", "\u200e", "\u2028",
		"\ue000", "\U000f0000", "\ufdd0", "\ufffe", "\U0001ffff", "\ufffd", "\u2ff0",
		"\U000e0001", "\U000e0041", "\xff", "\U0001d173", "\u06dd",
	} {
		_, err := saslprep(in)
		require.ErrorIs(t, err, ErrCharacters, "%+q", in)
	}
}

func FuzzSASLprep(f *testing.F) {
	for _, s := range []string{"user", "I\u00adX", "\u2168", "\u0627\u0031", "\xff", "é\u0301🔑"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := saslprep(s)
		if err != nil {
			require.ErrorIs(t, err, ErrCharacters)
			return
		}
		require.True(t, utf8.ValidString(got))
		for _, r := range got {
			require.False(t, inRanges(r, prohibited), "%+q", got)
		}
	})
}
