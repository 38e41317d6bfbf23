// SPDX-License-Identifier: MPL-2.0

package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/confab-im/confab/network/xmpp/emoji"
)

// Bounds of what [FindNames] looks for.
const (
	maxNames = 16
	maxName  = 256 // bytes
)

// FindNames returns where names stand as words of their own in a body, whatever
// the case: who is meant in a group chat whose clients send no mentions. At most
// 16 names of up to 256 bytes are looked for.
func FindNames(body string, names ...string) []Range {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.TrimSpace(n) == "" || len(n) > maxName })
	names = names[:min(len(names), maxNames)]
	// The longer of two names that begin alike comes first.
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) })
	var found []Range
	before := ' '
	for i := 0; i < len(body) && len(found) < MaxSpans; {
		r, size := utf8.DecodeRuneInString(body[i:])
		if !word(before) {
			if n := nameAt(body[i:], names); n > 0 {
				found = append(found, Range{i, i + n})
				before, _ = utf8.DecodeLastRuneInString(body[:i+n])
				i += n
				continue
			}
		}
		before = r
		i += size
	}
	return found
}

// nameAt returns the length of the name that s begins with as a word, 0 when it
// begins with none.
func nameAt(s string, names []string) int {
	for _, name := range names {
		if len(name) > len(s) || !boundary(s, len(name)) || !strings.EqualFold(s[:len(name)], name) {
			continue
		}
		last, _ := utf8.DecodeLastRuneInString(name)
		next, size := utf8.DecodeRuneInString(s[len(name):])
		if size == 0 || !word(next) || !word(last) {
			return len(name)
		}
	}
	return 0
}

func word(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) || r == '_'
}

// OnlyEmoji returns how many emoji a body has that consists of nothing else but
// white space, 0 when there is anything else or more than limit: such a message
// is shown large. Signs that are text unless said otherwise, such as ™, do not
// count as emoji.
func OnlyEmoji(body string, limit int) int {
	n := 0
	for i := 0; i < len(body); {
		size, ambiguous := emoji.Prefix(body[i:])
		switch {
		case size > 0 && !ambiguous:
			if n++; n > limit {
				return 0
			}
			i += size
		default:
			r, size := utf8.DecodeRuneInString(body[i:])
			if !space(r) {
				return 0
			}
			i += size
		}
	}
	return n
}
