// SPDX-License-Identifier: MPL-2.0

package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// space reports white space as XEP-0393 §4 defines it.
func space(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Z, r) }

// directive returns the kind of span that c opens, 0 when it opens none.
func directive(c byte) Kind {
	switch c {
	case '*':
		return Strong
	case '_':
		return Emphasis
	case '~':
		return Strike
	case '`':
		return Code
	}
	return 0
}

// closers are the places of a line where a span may end, by its kind and in
// order. They are asked for from the left to the right, and so used up.
type closers struct {
	places [Code + 1][]int
	used   [Code + 1]int
}

// find collects the closers of a line.
func (c *closers) find(s string, start, end int) {
	for k := range c.places {
		c.places[k], c.used[k] = c.places[k][:0], 0
	}
	for i := start + 1; i < end; i++ {
		kind := directive(s[i])
		if kind == 0 {
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(s[start:i]); !space(r) {
			c.places[kind] = append(c.places[kind], i)
		}
	}
}

// after returns the first closer after i, or -1.
func (c *closers) after(kind Kind, i int) int {
	list := c.places[kind]
	for c.used[kind] < len(list) && list[c.used[kind]] <= i {
		c.used[kind]++
	}
	if c.used[kind] == len(list) {
		return -1
	}
	return list[c.used[kind]]
}

// plain reads a line that is no other block.
func (p *parser) plain(start, end int) {
	if !strings.ContainsAny(p.s[start:end], "*_~`") {
		p.links(start, end)
		return
	}
	p.close.find(p.s, start, end)
	p.inline(start, end)
}

// inline reads the spans between start and end, which are a line or what is
// inside of a span. Each goes to the nearest closer; it holds no other of its
// kind, so spans nest four deep at most.
func (p *parser) inline(start, end int) {
	text := start // where the text begins that is in no span
	for i := start; i < end; {
		kind := directive(p.s[i])
		if kind == 0 || !p.opens(i, start, end) {
			i++
			continue
		}
		to := p.close.after(kind, i)
		switch {
		case to < 0 || to >= end:
			i++
		case to == i+1: // nothing in between: neither is a directive
			i += 2
		default:
			p.links(text, i)
			p.add(Span{Kind: kind, Range: Range{i, to + 1}, Inner: Range{i + 1, to}})
			p.mark(i, i+1)
			if kind != Code {
				p.inline(i+1, to)
			}
			p.mark(to, to+1)
			i, text = to+1, to+1
		}
	}
	p.links(text, end)
}

// opens reports whether the directive at i may open a span: at the beginning of
// the block, after white space or after another opening directive, and not
// before white space.
func (p *parser) opens(i, start, end int) bool {
	next, size := utf8.DecodeRuneInString(p.s[i+1 : end])
	if size == 0 || space(next) {
		return false
	}
	if i == start {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(p.s[start:i])
	return space(before)
}
