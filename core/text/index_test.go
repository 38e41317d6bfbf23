// SPDX-License-Identifier: MPL-2.0

package text_test

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/core/text"
)

// The table of XEP-0426 §2, shortened.
func TestIndex(t *testing.T) {
	for s, want := range map[string][2]int{
		"Hello, world!": {13, 13}, "You & Me": {8, 8}, "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c": {7, 7}, "\U0001F44B": {2, 1},
		"\U0001F9D1\u200D\U0001F680": {5, 3}, "": {0, 0},
	} {
		x := text.NewIndex(s)
		require.Equal(t, want[0], x.UTF16(len(s)), s)
		require.Equal(t, want[1], x.CodePoints(len(s)), s)
	}
	x := text.NewIndex("a\U0001F44Bb")
	for _, n := range []int{2, 3, 4} {
		require.Equal(t, 1, x.UTF16(n), "within a character")
	}
	require.Equal(t, 1, x.FromUTF16(2))
	require.Equal(t, 4, x.UTF16(100))
	require.Equal(t, 0, x.UTF16(-5))
	_, ok := x.FromCodePoints(4)
	require.False(t, ok)
	for _, bad := range [][2]int{{0, 4}, {2, 2}, {2, 1}, {-1, 2}, {5, 6}} {
		_, ok := x.Range(bad[0], bad[1])
		require.False(t, ok, bad)
	}
	r, ok := x.Range(1, 2)
	require.True(t, ok)
	require.Equal(t, text.Range{1, 5}, r)
	_, ok = text.NewIndex("abc").Range(1, 4)
	require.False(t, ok)
}

func checkIndex(t *testing.T, s string) {
	x := text.NewIndex(s)
	points, units := 0, 0
	for i, r := range s {
		require.Equal(t, units, x.UTF16(i))
		require.Equal(t, points, x.CodePoints(i))
		require.Equal(t, i, x.FromUTF16(units))
		at, ok := x.FromCodePoints(points)
		require.True(t, ok)
		require.Equal(t, i, at)
		points++
		units += utf16.RuneLen(r)
	}
	require.Equal(t, utf8.RuneCountInString(s), x.CodePoints(len(s)))
	require.Equal(t, len(s), x.FromUTF16(units))
}

func TestIndexLong(t *testing.T) {
	checkIndex(t, strings.Repeat("a\u00e9\u20ac\U0001F44B", 500))
	checkIndex(t, strings.Repeat("a", 1000)+"\u00e9"+strings.Repeat("b", 1000))
}

func FuzzIndex(f *testing.F) {
	f.Add("a\u00e9\u20ac\U0001F44B")
	f.Add("\xff\xf0\x9f")
	f.Fuzz(func(t *testing.T, s string) { checkIndex(t, s) })
}
