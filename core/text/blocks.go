// SPDX-License-Identifier: MPL-2.0

// XEP-0393: Message Styling

package text

import (
	"strings"
	"unicode/utf8"
)

// A parser reads a body line by line.
type parser struct {
	s      string
	styled bool
	spans  []Span
	markup []Range
	levels [MaxQuoteDepth + 1]level
	depth  int // the innermost level in use; its quotation is that of level depth-1
	close  closers
}

// A level is the body itself or a quotation that is open.
type level struct {
	quote int // index in spans of the quotation inside, -1 for none that is kept
	code  int // index in spans of the preformatted block that is open, -1 for none that is kept
	pre   bool
	begun bool // the block has had a line
}

const fence = "```"

// add appends a span and returns its index, -1 when there are too many.
func (p *parser) add(s Span) int {
	if len(p.spans) >= MaxSpans {
		return -1
	}
	p.spans = append(p.spans, s)
	return len(p.spans) - 1
}

func (p *parser) mark(start, end int) {
	if start < end && len(p.markup) < 2*MaxSpans {
		p.markup = append(p.markup, Range{start, end})
	}
}

// blocks reads all lines.
func (p *parser) blocks() {
	for start := 0; start < len(p.s); {
		end, next := len(p.s), len(p.s)
		if i := strings.IndexByte(p.s[start:], '\n'); i >= 0 {
			end, next = start+i, start+i+1
		}
		if end > start && p.s[end-1] == '\r' {
			end--
		}
		if p.styled {
			p.line(start, end)
		} else {
			p.links(start, end)
		}
		start = next
	}
}

// line reads one line: level by level down to where its text begins.
func (p *parser) line(start, end int) {
	at := start
	for n := 0; ; n++ {
		l := &p.levels[n]
		rest := p.s[at:end]
		if l.pre {
			p.inCode(l, at, end)
			p.extend(n, end)
			return
		}
		if n == MaxQuoteDepth || !strings.HasPrefix(rest, ">") {
			p.leave(n)
			if strings.HasPrefix(rest, fence) {
				p.openCode(l, at, end)
			} else {
				p.plain(at, end)
			}
			p.extend(n, end)
			return
		}
		if p.depth == n {
			l.quote = p.add(Span{Kind: Quote, Range: Range{at, end}, Inner: Range{at, end}, Depth: n + 1})
			p.depth = n + 1
			p.levels[n+1] = level{}
		}
		after := at + 1
		if r, size := utf8.DecodeRuneInString(p.s[after:end]); size > 0 && space(r) {
			after += size
		}
		p.mark(at, after)
		at = after
	}
}

// leave closes what is inside of level n.
func (p *parser) leave(n int) { p.depth = n }

// extend makes the quotations around level n reach to the end of the line.
func (p *parser) extend(n, end int) {
	for i := range n {
		if q := p.levels[i].quote; q >= 0 {
			p.spans[q].End, p.spans[q].Inner.End = end, end
		}
	}
}

// openCode reads the line that opens a preformatted block.
func (p *parser) openCode(l *level, at, end int) {
	p.mark(at, end)
	l.pre, l.begun = true, false
	l.code = p.add(Span{
		Kind: CodeBlock, Range: Range{at, end}, Inner: Range{end, end}, Info: info(p.s[at+len(fence) : end]),
	})
}

// maxInfo bounds what is kept of the line that opens a preformatted block.
const maxInfo = 64

func info(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxInfo {
		return ""
	}
	return s
}

// inCode reads a line of a preformatted block, or the one that closes it.
func (p *parser) inCode(l *level, at, end int) {
	closing := p.s[at:end] == fence
	if closing {
		p.mark(at, end)
		l.pre = false
	}
	if l.code < 0 {
		return
	}
	c := &p.spans[l.code]
	if !l.begun {
		l.begun, c.Inner = true, Range{at, at}
	}
	if !closing {
		c.Inner.End = end
	}
	c.End = end
}
