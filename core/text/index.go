// SPDX-License-Identifier: MPL-2.0

package text

import (
	"sort"
	"unicode/utf8"
)

// An Index converts offsets in a text between bytes, UTF-16 units and code
// points. It keeps the text, and a fraction of its size.
type Index struct {
	s     string
	ascii bool
	marks []mark // one for every step bytes
}

// A mark is one place in three ways of counting.
type mark struct{ bytes, units, points int }

// step is about how many bytes lie between two marks, and so how much has to be
// looked at for one conversion.
const step = 128

// NewIndex returns an Index of s.
func NewIndex(s string) *Index {
	x := &Index{s: s, ascii: true}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			x.ascii = false
			break
		}
	}
	if x.ascii {
		return x
	}
	at := mark{}
	x.marks = append(x.marks, at)
	next := step
	for i, r := range s {
		at.bytes = i
		if i >= next {
			x.marks = append(x.marks, at)
			next = i + step
		}
		at.units += units(r)
		at.points++
	}
	at.bytes = len(s)
	x.marks = append(x.marks, at)
	return x
}

// units returns how many UTF-16 units r takes; an invalid byte is one.
func units(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

// UTF16 returns the UTF-16 offset of a byte offset. One within a character is
// that of its beginning, one outside of the text that of the nearer end.
func (x *Index) UTF16(bytes int) int {
	return x.at(bytes, func(m mark) int { return m.bytes }).units
}

// CodePoints returns the code point offset of a byte offset, see UTF16.
func (x *Index) CodePoints(bytes int) int {
	return x.at(bytes, func(m mark) int { return m.bytes }).points
}

// FromUTF16 returns the byte offset of a UTF-16 offset, see UTF16.
func (x *Index) FromUTF16(units int) int {
	return x.at(units, func(m mark) int { return m.units }).bytes
}

// FromCodePoints returns the byte offset of a code point offset, false when the
// text has not as many.
func (x *Index) FromCodePoints(points int) (int, bool) {
	m := x.at(points, func(m mark) int { return m.points })
	return m.bytes, m.points == points
}

// Range returns the part of the text between two code points, as references
// (XEP-0372) name it; false when there is no such part.
func (x *Index) Range(start, end int) (Range, bool) {
	from, okFrom := x.FromCodePoints(start)
	to, okTo := x.FromCodePoints(end)
	return Range{from, to}, okFrom && okTo && from < to
}

// at returns the last place whose count is not beyond n.
func (x *Index) at(n int, count func(mark) int) mark {
	n = max(n, 0)
	if x.ascii {
		n = min(n, len(x.s))
		return mark{n, n, n}
	}
	i := sort.Search(len(x.marks), func(i int) bool { return count(x.marks[i]) > n })
	m := x.marks[i-1] // the first mark is 0
	for m.bytes < len(x.s) {
		r, size := utf8.DecodeRuneInString(x.s[m.bytes:])
		next := mark{m.bytes + size, m.units + units(r), m.points + 1}
		if count(next) > n {
			break
		}
		m = next
	}
	return m
}

// boundary reports whether a character begins at i, or the text ends there.
func boundary(s string, i int) bool { return i == len(s) || utf8.RuneStart(s[i]) }
