// SPDX-License-Identifier: MPL-2.0

package element

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendXML appends e as it stands in a client's stream: without a declaration
// for [NSClient], which the stream has made the default namespace. Character
// data comes before the children. Characters that XML cannot carry, such as
// U+0000, become U+FFFD.
func (e *Element) AppendXML(dst []byte) []byte {
	return e.AppendXMLIn(dst, NSClient)
}

// AppendXMLIn is [Element.AppendXML] where another default namespace is in
// force. With a space that cannot be one, such as "\x00", the declaration is
// always written.
func (e *Element) AppendXMLIn(dst []byte, space string) []byte {
	dst = append(dst, '<')
	dst = e.appendName(dst)
	if e.Name.Space != space && e.Name.Space != NSXML {
		dst = appendAttr(dst, "", "xmlns", e.Name.Space)
		space = e.Name.Space
	}
	prefixes := 0
	for i := range e.Attr {
		a := &e.Attr[i]
		switch a.Name.Space {
		case "":
			dst = appendAttr(dst, "", a.Name.Local, a.Value)
		case NSXML:
			dst = appendAttr(dst, "xml", a.Name.Local, a.Value)
		default:
			prefixes++
			prefix := "n" + strconv.Itoa(prefixes)
			dst = appendAttr(dst, "xmlns", prefix, a.Name.Space)
			dst = appendAttr(dst, prefix, a.Name.Local, a.Value)
		}
	}
	if e.Text == "" && len(e.Children) == 0 {
		return append(dst, '/', '>')
	}
	dst = append(dst, '>')
	dst = appendEscaped(dst, e.Text, false)
	for _, c := range e.Children {
		dst = c.AppendXMLIn(dst, space)
	}
	dst = append(dst, '<', '/')
	dst = e.appendName(dst)
	return append(dst, '>')
}

// appendName appends the name of a tag: without a prefix, except in the one
// namespace that may not be the default.
func (e *Element) appendName(dst []byte) []byte {
	if e.Name.Space == NSXML {
		dst = append(dst, "xml:"...)
	}
	return append(dst, e.Name.Local...)
}

// Bytes returns e as [Element.AppendXML] writes it.
func (e *Element) Bytes() []byte {
	return e.AppendXML(make([]byte, 0, 256))
}

func appendAttr(dst []byte, prefix, local, value string) []byte {
	dst = append(dst, ' ')
	if prefix != "" {
		dst = append(append(dst, prefix...), ':')
	}
	dst = append(append(dst, local...), '=', '\'')
	dst = appendEscaped(dst, value, true)
	return append(dst, '\'')
}

// mustEscape marks the bytes that cannot stand as they are in an attribute
// value; some of them can in character data.
var mustEscape = func() (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' || c >= utf8.RuneSelf || strings.IndexByte("<>&'", byte(c)) >= 0
	}
	return t
}()

// appendEscaped appends s for character data or, with value set, for an
// attribute value in single quotes, where a reader would turn line ends and
// tabs into spaces.
func appendEscaped(dst []byte, s string, value bool) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if !mustEscape[c] {
			i++
			continue
		}
		size, esc := 1, ""
		switch c {
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '&':
			esc = "&amp;"
		case '\r':
			esc = "&#13;"
		case '\'':
			esc = only(value, "&apos;")
		case '\t':
			esc = only(value, "&#9;")
		case '\n':
			esc = only(value, "&#10;")
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 || !legal(r) {
				esc = "\uFFFD"
			}
		}
		if esc != "" {
			dst = append(append(dst, s[start:i]...), esc...)
			start = i + size
		}
		i += size
	}
	return append(dst, s[start:]...)
}

func only(value bool, esc string) string {
	if value {
		return esc
	}
	return ""
}
