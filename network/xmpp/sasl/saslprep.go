// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// saslprep prepares a name or password as RFC 4013 says, as a query: code
// points which Unicode 3.2 did not know are allowed. SCRAM is defined on it
// (RFC 5802 section 5.1), and servers hash passwords in that form; its
// successor OpaqueString (RFC 8265) normalises differently. The normalisation
// tables are those of a newer Unicode, which differs from 3.2 only for
// compatibility characters added since.
func saslprep(s string) (string, error) {
	ascii := true
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return "", ErrCharacters
		}
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if ascii {
		return s, nil
	}
	if !utf8.ValidString(s) {
		return "", ErrCharacters
	}
	s = norm.NFKC.String(strings.Map(func(r rune) rune {
		switch {
		case inRanges(r, nonASCIISpace):
			return ' '
		case inRanges(r, mappedToNothing):
			return -1
		}
		return r
	}, s))
	for _, r := range s {
		if inRanges(r, prohibited) || r&0xfffe == 0xfffe {
			return "", ErrCharacters
		}
	}
	if !bidiAllowed(s) {
		return "", ErrCharacters
	}
	return s, nil
}

// bidiAllowed checks the rule of RFC 3454, section 6: a string with
// right-to-left characters has no left-to-right ones, and begins and ends with
// right-to-left ones.
func bidiAllowed(s string) bool {
	var right, left, first, last bool
	for i, r := range s {
		p, _ := bidi.LookupRune(r)
		isRight := p.Class() == bidi.R || p.Class() == bidi.AL
		right = right || isRight
		left = left || p.Class() == bidi.L
		if i == 0 {
			first = isRight
		}
		last = isRight
	}
	return !right || !left && first && last
}

// runeRange is inclusive.
type runeRange struct{ lo, hi rune }

func inRanges(r rune, table []runeRange) bool {
	for _, t := range table {
		if t.lo <= r && r <= t.hi {
			return true
		}
	}
	return false
}

// The tables are those of RFC 3454 that RFC 4013 refers to.
var (
	// C.1.2. It is applied first, so U+200B, also in B.1, becomes a space.
	nonASCIISpace = []runeRange{
		{0x00a0, 0x00a0}, {0x1680, 0x1680}, {0x2000, 0x200b}, {0x202f, 0x202f},
		{0x205f, 0x205f}, {0x3000, 0x3000},
	}
	// B.1
	mappedToNothing = []runeRange{
		{0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x1806, 0x1806}, {0x180b, 0x180d},
		{0x200b, 0x200d}, {0x2060, 0x2060}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
	}
	// C.1.2, C.2.1, C.2.2, C.3 to C.9; the last two of each plane (C.4) are
	// tested apart, and UTF-8 has no surrogates (C.5).
	prohibited = []runeRange{
		{0x0000, 0x001f}, {0x007f, 0x00a0}, {0x0340, 0x0341}, {0x06dd, 0x06dd},
		{0x070f, 0x070f}, {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f},
		{0x2028, 0x202f}, {0x205f, 0x2063}, {0x206a, 0x206f}, {0x2ff0, 0x2ffb},
		{0x3000, 0x3000}, {0xe000, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfeff, 0xfeff},
		{0xfff9, 0xfffd}, {0x1d173, 0x1d17a}, {0xe0001, 0xe0001},
		{0xe0020, 0xe007f}, {0xf0000, 0x10ffff},
	}
)
