// SPDX-License-Identifier: MPL-2.0

package element

import (
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
)

// Namespaces every XMPP stream knows.
const (
	// NSClient is the default namespace of a client's stream, RFC 6120 §4.8.2.
	NSClient = "jabber:client"
	// NSStream is the namespace of the stream itself, bound to the prefix
	// "stream", RFC 6120 §4.8.1.
	NSStream = "http://etherx.jabber.org/streams"
	// NSXML is the namespace of xml:lang, bound to the prefix "xml".
	NSXML = "http://www.w3.org/XML/1998/namespace"
)

// An Element is one XML element. Name.Space and the Space of each attribute are
// namespaces, never prefixes; namespace declarations are not among the
// attributes. Text is all character data directly in the element, joined.
//
// Name, and the names of attributes, are written as they are: they must be XML
// names. Text and attribute values may be any string.
type Element struct {
	Name     xml.Name
	Attr     []xml.Attr
	Text     string
	Children []*Element
}

// New returns an empty element. An empty space means no namespace at all: it
// does not inherit that of a parent.
func New(space, local string) *Element {
	return &Element{Name: xml.Name{Space: space, Local: local}}
}

// With sets an attribute that has no namespace and returns e.
func (e *Element) With(local, value string) *Element {
	return e.WithNS("", local, value)
}

// WithNS sets an attribute in a namespace, such as xml:lang, and returns e.
func (e *Element) WithNS(space, local, value string) *Element {
	for i := range e.Attr {
		if e.Attr[i].Name.Local == local && e.Attr[i].Name.Space == space {
			e.Attr[i].Value = value
			return e
		}
	}
	e.Attr = append(e.Attr, xml.Attr{Name: xml.Name{Space: space, Local: local}, Value: value})
	return e
}

// WithOptional is [Element.With], except that an empty value sets nothing.
func (e *Element) WithOptional(local, value string) *Element {
	if value == "" {
		return e
	}
	return e.With(local, value)
}

// WithText sets the character data and returns e.
func (e *Element) WithText(s string) *Element {
	e.Text = s
	return e
}

// Add appends children, leaving out nil ones, and returns e.
func (e *Element) Add(children ...*Element) *Element {
	for _, c := range children {
		if c != nil {
			e.Children = append(e.Children, c)
		}
	}
	return e
}

// Is reports whether e is an element of that name.
func (e *Element) Is(space, local string) bool {
	return e != nil && e.Name.Local == local && e.Name.Space == space
}

// AttrValue returns the value of an attribute that has no namespace, or "".
func (e *Element) AttrValue(local string) string {
	return e.AttrNS("", local)
}

// AttrNS returns the value of an attribute in a namespace, or "".
func (e *Element) AttrNS(space, local string) string {
	v, _ := e.LookupAttr(space, local)
	return v
}

// LookupAttr is [Element.AttrNS] and reports whether the attribute is there.
func (e *Element) LookupAttr(space, local string) (value string, ok bool) {
	if e == nil {
		return "", false
	}
	for i := range e.Attr {
		if e.Attr[i].Name.Local == local && e.Attr[i].Name.Space == space {
			return e.Attr[i].Value, true
		}
	}
	return "", false
}

// Child returns the first child of that name, or nil.
func (e *Element) Child(space, local string) *Element {
	if e == nil {
		return nil
	}
	for _, c := range e.Children {
		if c.Name.Local == local && c.Name.Space == space {
			return c
		}
	}
	return nil
}

// All yields the children of that name in document order. An empty local
// matches every name in the namespace.
func (e *Element) All(space, local string) iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for _, c := range e.Children {
			if c.Name.Space == space && (local == "" || c.Name.Local == local) && !yield(c) {
				return
			}
		}
	}
}

// ChildText returns the character data of the first child of that name, or "".
func (e *Element) ChildText(space, local string) string {
	if c := e.Child(space, local); c != nil {
		return c.Text
	}
	return ""
}

// Clone returns a copy that shares nothing with e, not even the bytes e was
// parsed from.
func (e *Element) Clone() *Element {
	if e == nil {
		return nil
	}
	c := &Element{Name: cloneName(e.Name), Text: strings.Clone(e.Text)}
	if len(e.Attr) > 0 {
		c.Attr = make([]xml.Attr, len(e.Attr))
		for i, a := range e.Attr {
			c.Attr[i] = xml.Attr{Name: cloneName(a.Name), Value: strings.Clone(a.Value)}
		}
	}
	if len(e.Children) > 0 {
		c.Children = make([]*Element, len(e.Children))
		for i, child := range e.Children {
			c.Children[i] = child.Clone()
		}
	}
	return c
}

func cloneName(n xml.Name) xml.Name {
	return xml.Name{Space: strings.Clone(n.Space), Local: strings.Clone(n.Local)}
}

// String names the element without its attributes or content, as do the
// methods below.
func (e *Element) String() string {
	if e == nil {
		return "<nil>"
	}
	return "<" + e.Name.Local + " xmlns=" + e.Name.Space + "> [redacted]"
}

// Format writes [Element.String] whatever the verb.
func (e *Element) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.String()) }

// LogValue is [Element.String] for slog.
func (e *Element) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalText is [Element.String] for encoders; see [Element.AppendXML].
func (e *Element) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
