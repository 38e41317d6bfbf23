// SPDX-License-Identifier: MPL-2.0

package emoji_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/xmpp/emoji"
)

func TestPrefix(t *testing.T) {
	for in, want := range map[string]struct {
		size      int
		ambiguous bool
	}{
		"":                             {0, false},
		"a":                            {0, false},
		"1":                            {0, false},
		"#":                            {0, false},
		"1\uFE0F":                      {0, false},
		"1\u20E3":                      {4, false},
		"#\uFE0F\u20E3x":               {7, false},
		"\U0001F44B":                   {4, false},
		"\U0001F44B!":                  {4, false},
		"\U0001F44B\U0001F3FD":         {8, false}, // with a skin tone
		"\U0001F3FD":                   {4, false},
		"\u2764":                       {3, false},
		"\u2764\uFE0F":                 {6, false},
		"\u2764\uFE0E":                 {0, false}, // explicitly text
		"\u2122":                       {3, true},
		"\u2122\uFE0F":                 {6, false},
		"\u231A":                       {3, false},  // a watch, coloured by default
		"\u2764\uFE0F\u200D\U0001F525": {13, false}, // heart on fire
		"\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466": {25, false}, // a family
		"\U0001F468\u200D":               {4, false}, // joined to nothing
		"\U0001F468\u200Dx":              {4, false},
		"\u200D\U0001F468":               {0, false},
		"\U0001F1E9\U0001F1EA":           {8, false}, // a flag
		"\U0001F1E9\U0001F1EA\U0001F1EB": {8, false},
		"\U0001F1E9":                     {0, false}, // half a flag
		"\U0001F1E9x":                    {0, false},
		"\U0001F3F4\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F": {28, false}, // Scotland
		"\U0001F3F4\U000E0067": {4, false}, // tags without an end
		"\U0001F9FF\u0301":     {4, false},
		"\uFE0F":               {0, false},
		"\xf0\x9f":             {0, false},
		"\xff":                 {0, false},
		"\u00e4":               {0, false},
		"\U0001FAE8":           {4, false}, // of Unicode 15: reserved in the tables
	} {
		size, ambiguous := emoji.Prefix(in)
		require.Equal(t, want.size, size, "%+q", in)
		require.Equal(t, want.ambiguous, ambiguous, "%+q", in)
	}
}

func TestSingle(t *testing.T) {
	require.True(t, emoji.Single("\U0001F44B"))
	require.True(t, emoji.Single("\u2764"))
	require.False(t, emoji.Single("\U0001F44B\U0001F44B"))
	require.False(t, emoji.Single("\U0001F44B "))
	require.False(t, emoji.Single(" \U0001F44B"))
	require.False(t, emoji.Single("like"))
	require.False(t, emoji.Single(""))
	require.False(t, emoji.Single(strings.Repeat("\U0001F468\u200D", 1000)+"\U0001F468"), "no end")
	require.False(t, emoji.Single("\U0001F3F4"+strings.Repeat("\U000E0067", 1000)+"\U000E007F"))
}

func ExampleSingle() {
	fmt.Println(emoji.Single("\U0001F422"), emoji.Single("turtle"))
	// Output: true false
}

func FuzzPrefix(f *testing.F) {
	for _, s := range []string{"\U0001F44B\U0001F3FD", "1\uFE0F\u20E3", "\U0001F1E9\U0001F1EA", "\U0001F468\u200D\U0001F469", "\u2764\uFE0E"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		size, ambiguous := emoji.Prefix(s)
		require.GreaterOrEqual(t, size, 0)
		require.LessOrEqual(t, size, min(len(s), emoji.MaxSize))
		require.False(t, ambiguous && size == 0)
		if size > 0 {
			require.True(t, utf8.ValidString(s[:size]))
			again, _ := emoji.Prefix(s[:size])
			require.Equal(t, size, again)
		}
	})
}
