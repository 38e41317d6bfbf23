// SPDX-License-Identifier: MPL-2.0

package framer

import "bytes"

// state is where in the grammar the scanner stands.
type state uint8

const (
	atTop     state = iota // between elements, or in front of the header
	inSpace                // in white space between elements
	atMarkup               // after "<"
	inName                 // in the name of a start tag
	inTag                  // in a start tag, between attributes
	inAttr                 // in the name of an attribute
	atEquals               // after it
	atValue                // in front of its value
	inValue                // in its value
	atSlash                // after "/" in a start tag
	inText                 // in the content of an element
	atBang                 // after "<!"
	inCDATA                // in a CDATA section
	inEnd                  // in the name of an end tag
	atEndTag               // after it
	inDecl                 // in the XML declaration
	afterDecl              // between it and the header
)

const cdataOpen = "[CDATA["

// A scanner finds where frames end, byte by byte, however they arrive.
type scanner struct {
	state  state
	prolog bool  // the header has not been seen
	quote  byte  // the one that ends the attribute value
	match  int   // how much of cdataOpen, "]]>" or "?>" has been seen
	attrs  int   // of the tag being read
	depth  int   // of open elements, that of the stream not counted
	ends   []int // where in names the name of each of them begins
	names  []byte
	top    []byte // the name of the outermost element
	end    int    // how much of the name of an end tag has been seen

	headLen int    // length of the outermost start tag, once it is complete
	allowed int    // how large the element may be, once that was asked
	skip    int    // bytes read past, when the element is over a limit
	head    []byte // what stands in for it
}

func (s *scanner) reset(prolog bool) {
	*s = scanner{prolog: prolog, ends: s.ends[:0], names: s.names[:0], top: s.top[:0]}
}

func white(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// nameByte reports whether c may stand in a name, as far as boundaries care.
func nameByte(c byte) bool {
	return c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c >= '0' && c <= '9' || c == '_' || c == ':' || c == '-' || c == '.'
}

// feed scans b and returns how much of it was used and, when a frame is
// complete, its kind.
func (s *scanner) feed(b []byte, f *Framer) (n int, done Kind, err error) {
	for n < len(b) {
		switch s.state { // long runs, at once
		case inText:
			i := bytes.IndexByte(b[n:], '<')
			if i < 0 {
				return len(b), 0, nil
			}
			n += i
		case inValue:
			i := bytes.IndexByte(b[n:], s.quote)
			run := b[n:]
			if i >= 0 {
				run = run[:i]
			}
			if bytes.IndexByte(run, '<') >= 0 {
				return n, 0, ErrSyntax
			}
			if i < 0 {
				return len(b), 0, nil
			}
			n += i
		}
		c := b[n]
		if s.state == inSpace && !white(c) {
			return n, Space, nil
		}
		n++
		done, err = s.step(c, f, n)
		if done != 0 || err != nil {
			return n, done, err
		}
	}
	if s.state == inSpace {
		return n, Space, nil
	}
	return n, 0, nil
}

// step takes one byte; n is how many of this piece have been taken with it.
func (s *scanner) step(c byte, f *Framer, n int) (Kind, error) {
	switch s.state {
	case atTop, afterDecl:
		return 0, s.between(c)
	case inSpace:
		return 0, nil
	case atMarkup:
		return 0, s.markup(c)
	case inName:
		if nameByte(c) {
			s.name(c)
			return 0, nil
		}
		return s.named(c, f, n)
	case inTag, inAttr, atEquals, atValue, inValue, atSlash:
		return s.tag(c, f, n)
	case inText:
		s.state = atMarkup // feed has found a "<"
	case atBang:
		if c != cdataOpen[s.match] {
			return 0, ErrRestricted
		}
		if s.match++; s.match == len(cdataOpen) {
			s.state, s.match = inCDATA, 0
		}
	case inCDATA:
		switch {
		case c == ']':
			s.match = min(s.match+1, 2)
		case c == '>' && s.match == 2:
			s.state = inText
		default:
			s.match = 0
		}
	case inEnd, atEndTag:
		return s.endTag(c, f)
	case inDecl:
		switch {
		case c == '?':
			s.match = 1
		case c == '>' && s.match == 1:
			s.state = afterDecl
		case c == '<' || c == '>':
			return 0, ErrSyntax
		default:
			s.match = 0
		}
	}
	return 0, nil
}

// between takes a byte outside of any element.
func (s *scanner) between(c byte) error {
	switch {
	case c == '<':
		s.match = 0
		if s.state == afterDecl {
			s.match = -1 // no second declaration
		}
		s.state = atMarkup
	case !white(c):
		return ErrSyntax
	case !s.prolog:
		s.state = inSpace
	}
	return nil
}

// markup takes the byte after "<".
func (s *scanner) markup(c byte) error {
	switch {
	case c == '/' && s.prolog:
		return ErrSyntax
	case c == '/':
		s.state, s.end = inEnd, 0
	case c == '?' && s.prolog && s.match == 0:
		s.state, s.match = inDecl, 0
	case c == '?':
		return ErrRestricted
	case c == '!' && s.depth > 0:
		s.state, s.match = atBang, 0
	case c == '!':
		return ErrRestricted
	case nameByte(c):
		s.state, s.attrs = inName, 0
		if s.skip == 0 {
			s.ends = append(s.ends, len(s.names))
		}
		s.name(c)
	default:
		return ErrSyntax
	}
	return nil
}

// name takes a byte of the name of a start tag.
func (s *scanner) name(c byte) {
	if s.skip == 0 {
		s.names = append(s.names, c)
		if s.depth == 0 {
			s.top = append(s.top, c)
		}
	}
}

// named takes the byte after the name of a start tag.
func (s *scanner) named(c byte, f *Framer, n int) (Kind, error) {
	if s.depth == 0 && !s.prolog && string(s.top) == f.root {
		return 0, ErrSyntax // a stream within the stream
	}
	s.depth++
	if s.depth > f.lim.Depth {
		f.giveUp()
	}
	s.state = inTag
	return s.tag(c, f, n)
}

// tag takes a byte of a start tag behind its name.
func (s *scanner) tag(c byte, f *Framer, n int) (Kind, error) {
	switch s.state {
	case inTag:
		switch {
		case white(c):
		case c == '>':
			return s.open(f, n)
		case c == '/':
			s.state = atSlash
		case nameByte(c):
			s.state = inAttr
			if s.attrs++; s.attrs > f.lim.Attrs {
				if s.prolog {
					return 0, ErrLimit
				}
				f.giveUp()
			}
		default:
			return 0, ErrSyntax
		}
	case inAttr, atEquals:
		switch {
		case c == '=':
			s.state = atValue
		case white(c):
			s.state = atEquals
		case s.state == atEquals || !nameByte(c):
			return 0, ErrSyntax
		}
	case atValue:
		switch {
		case c == '"' || c == '\'':
			s.state, s.quote = inValue, c
		case !white(c):
			return 0, ErrSyntax
		}
	case inValue: // feed has found the quote
		s.state = inTag
	case atSlash:
		if c != '>' || s.prolog {
			return 0, ErrSyntax
		}
		return s.close(f), nil
	}
	return 0, nil
}

// open is at the end of a start tag.
func (s *scanner) open(f *Framer, n int) (Kind, error) {
	if s.prolog {
		return Header, nil
	}
	if s.depth == 1 && s.skip == 0 {
		s.headLen = f.pos - f.start + n
	}
	s.state = inText
	return 0, nil
}

// close is at the end of an element.
func (s *scanner) close(f *Framer) Kind {
	s.depth--
	if s.depth == 0 {
		return Element
	}
	if s.skip == 0 {
		last := len(s.ends) - 1
		s.names, s.ends = s.names[:s.ends[last]], s.ends[:last]
	}
	s.state = inText
	return 0
}

// endTag takes a byte of an end tag behind its "</".
func (s *scanner) endTag(c byte, f *Framer) (Kind, error) {
	want := []byte(nil)
	switch {
	case s.skip > 0:
	case s.depth == 0:
		want = []byte(f.root)
	default:
		want = s.names[s.ends[len(s.ends)-1]:]
	}
	switch {
	case s.state == inEnd && nameByte(c):
		if s.skip == 0 && (s.end >= len(want) || want[s.end] != c) {
			return 0, ErrSyntax
		}
		s.end++
	case s.end == 0 || s.skip == 0 && s.end != len(want):
		return 0, ErrSyntax
	case white(c):
		s.state = atEndTag
	case c != '>':
		return 0, ErrSyntax
	case s.depth == 0:
		return Close, nil
	default:
		return s.close(f), nil
	}
	return 0, nil
}
