// SPDX-License-Identifier: MPL-2.0

package element

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Default limits, used where a field of [Limits] is zero.
const (
	DefaultBytes    = 256 << 10
	DefaultDepth    = 64
	DefaultAttrs    = 64
	DefaultChildren = 10_000
)

const (
	maxDepth    = 1000 // the parser recurses: no caller may ask for more
	maxBindings = 256  // namespace declarations in scope at one place
)

// Limits bound what [Parse] accepts. A zero field means its default.
type Limits struct {
	Bytes    int // size of the whole element
	Depth    int // nesting, 1 being the outermost element; 1000 at most
	Attrs    int // attributes of one element, namespace declarations included
	Children int // direct children of one element
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	if l.Depth > maxDepth {
		l.Depth = maxDepth
	}
	if l.Attrs <= 0 {
		l.Attrs = DefaultAttrs
	}
	if l.Children <= 0 {
		l.Children = DefaultChildren
	}
	return l
}

// A Scope holds the namespace declarations in force around an element: those of
// a stream header.
type Scope struct {
	Default  string            // the default namespace
	Prefixes map[string]string // prefix to namespace; "xml" need not be there
}

// Parse reads exactly one element, with white space around it allowed, as it
// stands in a client's stream: the default namespace is [NSClient] and the
// prefix "stream" is [NSStream].
//
// Errors: [ErrSyntax], [ErrRestricted], [ErrNamespace] and [ErrLimit], with the
// byte offset at which reading stopped.
func Parse(b []byte, l Limits) (*Element, error) {
	return parse(b, l, append(make([]binding, 0, firstChunk), binding{"", NSClient}, binding{"stream", NSStream}))
}

// Parse is [Parse] within other namespace declarations.
func (s Scope) Parse(b []byte, l Limits) (*Element, error) {
	ns := make([]binding, 0, 1+len(s.Prefixes))
	ns = append(ns, binding{"", s.Default})
	for prefix, uri := range s.Prefixes {
		ns = append(ns, binding{prefix, uri})
	}
	return parse(b, l, ns)
}

func parse(b []byte, l Limits, scope []binding) (*Element, error) {
	l = l.withDefaults()
	if len(b) > l.Bytes {
		return nil, fmt.Errorf("parse element: %w: %d bytes of %d", ErrLimit, len(b), l.Bytes)
	}
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("parse element: %w: not UTF-8", ErrSyntax)
	}
	p := parser{s: string(b), lim: l, ns: scope}
	p.attrs, p.kids = make([]xml.Attr, 0, firstChunk), make([]*Element, 0, 2*firstChunk)
	e, err := p.document()
	if err != nil {
		return nil, fmt.Errorf("parse element: %w at byte %d", err, p.i)
	}
	return e, nil
}

// A binding is one namespace declaration; the empty prefix is the default.
type binding struct{ prefix, uri string }

// A parser reads p.s, which is known to be UTF-8, from p.i on.
type parser struct {
	s     string
	i     int
	lim   Limits
	ns    []binding  // declarations in scope, innermost last
	attrs []xml.Attr // of the tag being read
	kids  []*Element // of all elements being read, innermost last
	mem   arena
}

func (p *parser) document() (*Element, error) {
	p.space()
	if err := p.markup(); err != nil {
		return nil, err
	}
	e, err := p.element(1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i != len(p.s) {
		return nil, ErrSyntax
	}
	return e, nil
}

// markup checks that an element starts here, naming what else does.
func (p *parser) markup() error {
	if p.i >= len(p.s) || p.s[p.i] != '<' {
		return ErrSyntax
	}
	if p.i+1 < len(p.s) && (p.s[p.i+1] == '!' || p.s[p.i+1] == '?') {
		return ErrRestricted
	}
	return nil
}

// element reads one element, from its "<" to the end of its end tag.
func (p *parser) element(depth int) (*Element, error) {
	if depth > p.lim.Depth {
		return nil, ErrLimit
	}
	p.i++ // the "<"
	tag, prefix, local, err := p.name()
	if err != nil {
		return nil, err
	}
	e := p.mem.element()
	scope := len(p.ns)
	empty, err := p.attributes(e, scope)
	if err != nil {
		return nil, err
	}
	space, ok := p.lookup(prefix)
	if !ok {
		return nil, ErrNamespace
	}
	e.Name = xml.Name{Space: space, Local: local}
	if !empty {
		if err := p.content(e, tag, depth); err != nil {
			return nil, err
		}
	}
	p.ns = p.ns[:scope]
	return e, nil
}

// content reads up to and including the end tag.
func (p *parser) content(e *Element, tag string, depth int) error {
	var text chars
	first := len(p.kids)
	for {
		if err := p.text(&text); err != nil {
			return err
		}
		switch rest := p.s[p.i:]; {
		case strings.HasPrefix(rest, "</"):
			p.i += len("</")
			if !strings.HasPrefix(p.s[p.i:], tag) {
				return ErrSyntax
			}
			p.i += len(tag)
			p.space()
			if !p.take('>') {
				return ErrSyntax
			}
			e.Text = text.string()
			e.Children = p.mem.children(p.kids[first:])
			p.kids = p.kids[:first]
			return nil
		case strings.HasPrefix(rest, "<![CDATA["):
			if err := p.cdata(&text); err != nil {
				return err
			}
		default:
			if err := p.markup(); err != nil {
				return err
			}
			if len(p.kids)-first >= p.lim.Children {
				return ErrLimit
			}
			child, err := p.element(depth + 1)
			if err != nil {
				return err
			}
			p.kids = append(p.kids, child)
		}
	}
}

// attributes reads the rest of a start tag and reports whether it was that of
// an empty element. Declarations are put in scope, attributes get their
// namespaces. The tag's own declarations are those in p.ns from scope on.
func (p *parser) attributes(e *Element, scope int) (empty bool, err error) {
	p.attrs = p.attrs[:0]
	for count := 0; ; count++ {
		spaced := p.space()
		switch {
		case p.i >= len(p.s):
			return false, ErrSyntax
		case p.take('>'):
			return false, p.resolve(e)
		case p.take('/'):
			if !p.take('>') {
				return false, ErrSyntax
			}
			return true, p.resolve(e)
		case !spaced:
			return false, ErrSyntax
		case count >= p.lim.Attrs:
			return false, ErrLimit
		}
		_, prefix, local, err := p.name()
		if err != nil {
			return false, err
		}
		p.space()
		if !p.take('=') {
			return false, ErrSyntax
		}
		p.space()
		value, err := p.value()
		if err != nil {
			return false, err
		}
		switch {
		case prefix == "xmlns":
			err = p.declare(local, value, scope, true)
		case prefix == "" && local == "xmlns":
			err = p.declare("", value, scope, false)
		default:
			p.attrs = append(p.attrs, xml.Attr{Name: xml.Name{Space: prefix, Local: local}, Value: value})
		}
		if err != nil {
			return false, err
		}
	}
}

// resolve gives e the attributes collected in p.attrs, replaces their prefixes
// by namespaces and refuses one that is there twice.
func (p *parser) resolve(e *Element) error {
	attrs := p.attrs
	for i := range attrs {
		n := &attrs[i].Name
		if n.Space != "" {
			uri, ok := p.lookup(n.Space)
			if !ok {
				return ErrNamespace
			}
			n.Space = uri
		}
		for j := range attrs[:i] {
			if attrs[j].Name.Local == n.Local && attrs[j].Name.Space == n.Space {
				return ErrSyntax
			}
		}
	}
	e.Attr = p.mem.attributes(attrs)
	return nil
}
