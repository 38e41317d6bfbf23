// SPDX-License-Identifier: MPL-2.0

package text_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/core/text"
)

// hostile are the beginnings of bodies that a careless parser takes long for.
var hostile = map[string]string{
	"openers":      "*a ",
	"mixed":        "*_~`",
	"nested":       "*a _b ~c `d ",
	"stars":        "*",
	"quotes":       ">",
	"quoted lines": ">>>> a\n",
	"fences":       "```\n",
	"deep fences":  ">```\n",
	"line ends":    "\n",
	"schemes":      "http:",
	"links":        "http://a.example/ ",
	"brackets":     "https://a/((((",
	"closing":      "https://a/))))",
	"dots":         "https://a/....",
	"one link":     "https://a.example/a",
	"hosts":        "https://\u0430\u0440\u0440.\u4f8b",
	"host":         "\u00e9",
	"colons":       ":",
	"letters":      "a",
	"names":        "romeo ",
	"family":       "\U0001F468\u200D",
	"tags":         "\U0001F3F4\U000E0067",
	"invalid":      "\xf0\x9f",
}

func work(body string) {
	text.Parse(body, text.Options{}).UTF16()
	text.FindNames(body, "romeo", "romeo romeo", "rome")
	text.OnlyEmoji(body, 1<<30)
}

// shortest returns the least time that a body takes in some tries.
func shortest(body string) time.Duration {
	least := time.Hour
	for range 7 {
		begin := time.Now()
		work(body)
		least = min(least, time.Since(begin))
	}
	return max(least, time.Microsecond)
}

// Sixteen times the input may take sixteen times as long, and some more for a
// busy machine; what is quadratic takes 256 times as long.
func TestLinearTime(t *testing.T) {
	const size, factor = 16 << 10, 16
	for name, piece := range hostile {
		for _, prefix := range []string{"", "https://", "*", "> "} {
			short := prefix + strings.Repeat(piece, size/len(piece))
			long := prefix + strings.Repeat(piece, factor*size/len(piece))
			ratio := 0.0
			for range 4 { // a busy machine gets more chances
				ratio = float64(shortest(long)) / float64(shortest(short))
				if ratio < 5*factor {
					break
				}
			}
			require.Less(t, ratio, 5.0*factor, "%q, %s", prefix, name)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for name, body := range map[string]string{
		"plain":  strings.Repeat("The full title is Twelfth Night. ", 4),
		"styled": "> *hi* _there_\nsee https://example.org/ and `code`\n```go\nx\n```\n",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				text.Parse(body, text.Options{})
			}
		})
	}
}
