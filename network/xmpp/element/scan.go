// SPDX-License-Identifier: MPL-2.0

package element

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Classes of bytes: what a reader has to look at more closely.
const (
	inName    = 1 << iota // may stand in a name
	startName             // may begin a name
	inText                // plain in character data
	inValue               // plain in an attribute value, quotes apart
	inCDATA               // plain in a CDATA section
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < ' ' && c != '\t' && c != '\n':
			// Control characters, and the carriage return that is rewritten.
		case c == 0xEF: // may begin U+FFFE or U+FFFF, which XML 1.0 excludes
		default:
			t[c] = inText | inValue | inCDATA
		}
	}
	for _, c := range "<&]" {
		t[c] &^= inText
	}
	for _, c := range "<&\t\n" {
		t[c] &^= inValue
	}
	t[']'] &^= inCDATA
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= inName | startName
		t[c-'a'+'A'] |= inName | startName
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= inName
	}
	t['_'] |= inName | startName
	t['-'] |= inName
	t['.'] |= inName
	return t
}()

// chars collects character data: one piece of the input as it stands, or a
// buffer once there is more.
type chars struct {
	one string
	buf []byte
}

func (c *chars) add(s string) {
	switch {
	case s == "":
	case c.buf != nil:
		c.buf = append(c.buf, s...)
	case c.one == "":
		c.one = s
	default:
		c.buf = make([]byte, 0, 2*(len(c.one)+len(s)))
		c.buf = append(append(c.buf, c.one...), s...)
	}
}

func (c *chars) string() string {
	if c.buf != nil {
		return string(c.buf)
	}
	return c.one
}

// space skips white space and reports whether there was any.
func (p *parser) space() bool {
	start := p.i
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
			continue
		}
		break
	}
	return p.i > start
}

// take skips c if it stands here.
func (p *parser) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// name reads a qualified name, Namespaces in XML 1.0 §4.
func (p *parser) name() (qname, prefix, local string, err error) {
	start := p.i
	first, err := p.ncname()
	if err != nil {
		return "", "", "", err
	}
	if !p.take(':') {
		return first, "", first, nil
	}
	local, err = p.ncname()
	if err != nil {
		return "", "", "", err
	}
	return p.s[start:p.i], first, local, nil
}

// ncname reads a name without a colon, by the fifth edition of XML 1.0.
func (p *parser) ncname() (string, error) {
	start := p.i
	want := uint8(startName)
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c < utf8.RuneSelf {
			if class[c]&want == 0 {
				break
			}
			p.i++
		} else {
			r, size := utf8.DecodeRuneInString(p.s[p.i:])
			if !nameRune(r) && (p.i == start || !nameMark(r)) {
				break
			}
			p.i += size
		}
		want = inName
	}
	if p.i == start {
		return "", ErrSyntax
	}
	return p.s[start:p.i], nil
}

func nameRune(r rune) bool {
	switch {
	case r == 0xD7, r == 0xF7, r == 0x37E:
		return false
	case r >= 0xC0 && r <= 0x2FF, r >= 0x370 && r <= 0x1FFF, r == 0x200C, r == 0x200D,
		r >= 0x2070 && r <= 0x218F, r >= 0x2C00 && r <= 0x2FEF, r >= 0x3001 && r <= 0xD7FF,
		r >= 0xF900 && r <= 0xFDCF, r >= 0xFDF0 && r <= 0xFFFD, r >= 0x10000 && r <= 0xEFFFF:
		return true
	}
	return false
}

// nameMark tells the runes that may continue a name but not begin it.
func nameMark(r rune) bool {
	return r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}

// text reads character data up to the next "<".
func (p *parser) text(out *chars) error {
	for start := p.i; ; {
		for p.i < len(p.s) && class[p.s[p.i]]&inText != 0 {
			p.i++
		}
		if p.i >= len(p.s) {
			return ErrSyntax
		}
		switch p.s[p.i] {
		case '<':
			out.add(p.s[start:p.i])
			return nil
		case ']':
			if strings.HasPrefix(p.s[p.i:], "]]>") {
				return ErrSyntax
			}
			p.i++
			continue
		}
		plain, err := p.special()
		if err != nil {
			return err
		}
		if plain {
			continue
		}
		out.add(p.s[start:p.i])
		if err := p.rewrite(out); err != nil {
			return err
		}
		start = p.i
	}
}

// value reads an attribute value with its quotes. White space in it becomes
// spaces, XML 1.0 §3.3.3.
func (p *parser) value() (string, error) {
	var out chars
	if p.i >= len(p.s) || p.s[p.i] != '"' && p.s[p.i] != '\'' {
		return "", ErrSyntax
	}
	quote := p.s[p.i]
	p.i++
	for start := p.i; ; {
		for p.i < len(p.s) && p.s[p.i] != quote && class[p.s[p.i]]&inValue != 0 {
			p.i++
		}
		if p.i >= len(p.s) {
			return "", ErrSyntax
		}
		switch c := p.s[p.i]; c {
		case quote:
			out.add(p.s[start:p.i])
			p.i++
			return out.string(), nil
		case '<':
			return "", ErrSyntax
		case '\t', '\n', '\r':
			out.add(p.s[start:p.i])
			out.add(" ")
			if p.i++; c == '\r' {
				p.take('\n')
			}
			start = p.i
			continue
		}
		plain, err := p.special()
		if err != nil {
			return "", err
		}
		if plain {
			continue
		}
		out.add(p.s[start:p.i])
		if err := p.rewrite(&out); err != nil {
			return "", err
		}
		start = p.i
	}
}

// cdata reads a CDATA section, which is one more way to write character data.
func (p *parser) cdata(out *chars) error {
	p.i += len("<![CDATA[")
	for start := p.i; ; {
		for p.i < len(p.s) && class[p.s[p.i]]&inCDATA != 0 {
			p.i++
		}
		if p.i >= len(p.s) {
			return ErrSyntax
		}
		if p.s[p.i] == ']' {
			if strings.HasPrefix(p.s[p.i:], "]]>") {
				out.add(p.s[start:p.i])
				p.i += len("]]>")
				return nil
			}
			p.i++
			continue
		}
		plain, err := p.special()
		if err != nil {
			return err
		}
		if plain {
			continue
		}
		out.add(p.s[start:p.i])
		if err := p.rewrite(out); err != nil {
			return err
		}
		start = p.i
	}
}

// special looks at a byte that stands for something else or may be forbidden.
// It skips a plain character, and leaves to [parser.rewrite] what must be
// written differently.
func (p *parser) special() (plain bool, err error) {
	switch p.s[p.i] {
	case '&', '\r':
		return false, nil
	case 0xEF:
		if r, _ := utf8.DecodeRuneInString(p.s[p.i:]); r == 0xFFFE || r == 0xFFFF {
			return false, ErrSyntax
		}
		p.i += 3
		return true, nil
	}
	return false, ErrSyntax // a control character
}

// rewrite reads a reference or a line end and adds what it stands for.
func (p *parser) rewrite(out *chars) error {
	if p.take('\r') { // XML 1.0 §2.11
		p.take('\n')
		out.add("\n")
		return nil
	}
	const longest = 32 // bytes of a reference, leading zeros included
	p.i++              // the "&"
	end := strings.IndexByte(p.s[p.i:min(len(p.s), p.i+longest+1)], ';')
	if end < 0 {
		return ErrSyntax
	}
	ref := p.s[p.i : p.i+end]
	s, err := reference(ref)
	if err != nil {
		return err
	}
	p.i += end + 1
	out.add(s)
	return nil
}

// reference returns what "&ref;" stands for.
func reference(ref string) (string, error) {
	switch ref {
	case "lt":
		return "<", nil
	case "gt":
		return ">", nil
	case "amp":
		return "&", nil
	case "quot":
		return `"`, nil
	case "apos":
		return "'", nil
	}
	digits, ok := strings.CutPrefix(ref, "#")
	if !ok {
		name := parser{s: ref}
		if _, err := name.ncname(); err != nil || name.i != len(ref) {
			return "", ErrSyntax
		}
		return "", ErrRestricted
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || !legal(rune(n)) {
		return "", ErrSyntax
	}
	return string(rune(n)), nil
}

// legal tells the characters of XML 1.0 §2.2.
func legal(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return true
	case r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000 && r <= 0x10FFFF:
		return true
	}
	return false
}
