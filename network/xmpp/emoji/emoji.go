// SPDX-License-Identifier: MPL-2.0

package emoji

import (
	"unicode"
	"unicode/utf8"
)

// MaxSize is the most bytes that one emoji may have. The longest that is
// recommended for interchange has 35 (Unicode 16).
const MaxSize = 128

const (
	joiner       = '\u200D'
	asText       = '\uFE0E'
	asPicture    = '\uFE0F'
	keycap       = '\u20E3'
	firstTone    = '\U0001F3FB'
	lastTone     = '\U0001F3FF'
	firstFlag    = '\U0001F1E6'
	lastFlag     = '\U0001F1FF'
	firstTag     = '\U000E0020'
	lastTag      = '\U000E007E'
	endOfTags    = '\U000E007F'
	symbolsBegin = '\u2600' // from here on, no punctuation
)

// Prefix returns the size in bytes of the emoji that s begins with, 0 when it
// begins with none. The grammar is that of UTS #51, ED-17a (a possible emoji).
//
// Ambiguous is set for a picture such as U+2122 (trade mark sign) that is text
// unless a variation selector follows, and none does.
func Prefix(s string) (size int, ambiguous bool) {
	if s == "" || s[0] < utf8.RuneSelf && !keycapBase(s[0]) {
		return 0, false
	}
	if keycapBase(s[0]) {
		n := skip(s, 1, asPicture)
		if end := skip(s, n, keycap); end > n {
			return end, false
		}
		return 0, false
	}
	first, n := utf8.DecodeRuneInString(s)
	if flag(first) {
		second, m := utf8.DecodeRuneInString(s[n:])
		if !flag(second) {
			return 0, false
		}
		return n + m, false
	}
	size = element(s)
	if size == 0 {
		return 0, false
	}
	ambiguous = size == n && first < symbolsBegin && !unicode.Is(coloured, first)
	for {
		joined := skip(s, size, joiner)
		if joined == size {
			return size, ambiguous
		}
		more := element(s[joined:])
		if more == 0 || joined+more > MaxSize {
			return size, ambiguous
		}
		size, ambiguous = joined+more, false
	}
}

// Single reports whether s is exactly one emoji.
func Single(s string) bool {
	size, _ := Prefix(s)
	return size > 0 && size == len(s) && size <= MaxSize
}

// element returns the size of the emoji at the start of s that is not joined to
// others, 0 when there is none.
func element(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if !picture(r) {
		return 0
	}
	next, m := utf8.DecodeRuneInString(s[n:])
	switch {
	case next == asText:
		return 0
	case next == asPicture:
		return skip(s, n+m, keycap)
	case next >= firstTone && next <= lastTone:
		return n + m
	case next >= firstTag && next <= lastTag:
		return tags(s, n)
	}
	return n
}

// tags returns the end of the tag sequence, such as that of the flag of
// Scotland, which begins at n; n when it has no end.
func tags(s string, n int) int {
	for i := n; i < len(s) && i <= MaxSize-utf8.UTFMax; {
		r, m := utf8.DecodeRuneInString(s[i:])
		i += m
		if r == endOfTags {
			return i
		}
		if r < firstTag || r > lastTag {
			break
		}
	}
	return n
}

// skip returns where s goes on after r, which may stand at i.
func skip(s string, i int, r rune) int {
	next, n := utf8.DecodeRuneInString(s[i:])
	if n > 0 && next == r {
		return i + n
	}
	return i
}

func picture(r rune) bool {
	if r >= firstTone && r <= lastTone {
		return true // a skin tone alone is a coloured patch
	}
	return unicode.Is(pictures, r) && !flag(r)
}

func flag(r rune) bool { return r >= firstFlag && r <= lastFlag }

func keycapBase(c byte) bool { return c >= '0' && c <= '9' || c == '#' || c == '*' }
