// SPDX-License-Identifier: MPL-2.0

package element

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// TokenReader returns e as the tokens of encoding/xml, for types that decode
// themselves from it:
//
//	err := xml.NewTokenDecoder(e.TokenReader()).Decode(&v)
//
// e must not change while the reader is in use.
func (e *Element) TokenReader() xml.TokenReader {
	return &tokenReader{pending: []step{{e: e}}}
}

type step struct {
	e     *Element
	space string // default namespace around e
	next  int    // 0 start, 1 text, from 2 on children, then the end
}

type tokenReader struct{ pending []step }

func (r *tokenReader) Token() (xml.Token, error) {
	for len(r.pending) > 0 {
		top := &r.pending[len(r.pending)-1]
		e := top.e
		top.next++
		switch n := top.next - 1; {
		case n == 0:
			attr := e.Attr
			if e.Name.Space == "" && top.space != "" {
				attr = append([]xml.Attr{{Name: xml.Name{Local: "xmlns"}}}, attr...)
			}
			return xml.StartElement{Name: e.Name, Attr: attr}, nil
		case n == 1:
			if e.Text != "" {
				return xml.CharData(e.Text), nil
			}
		case n-2 < len(e.Children):
			r.pending = append(r.pending, step{e: e.Children[n-2], space: e.Name.Space})
		default:
			r.pending = r.pending[:len(r.pending)-1]
			return xml.EndElement{Name: e.Name}, nil
		}
	}
	return nil, io.EOF
}

// FromTokens reads one element from tokens as [xml.Decoder.Token] returns them
// and as the builders of mellium.im/xmpp write them, where a child without a
// namespace is in that of its parent. Reading stops after the end of the
// element. The default [Limits] hold, the one on bytes excepted.
func FromTokens(r xml.TokenReader) (*Element, error) {
	lim := Limits{}.withDefaults()
	var open []*Element
	for {
		tok, err := r.Token()
		switch t := tok.(type) {
		case xml.StartElement:
			parent := (*Element)(nil)
			if len(open) > 0 {
				parent = open[len(open)-1]
			}
			if len(open) >= lim.Depth || len(t.Attr) > lim.Attrs || parent != nil && len(parent.Children) >= lim.Children {
				return nil, fmt.Errorf("read tokens: %w", ErrLimit)
			}
			e := fromStart(t, parent)
			if parent != nil {
				parent.Children = append(parent.Children, e)
			}
			open = append(open, e)
		case xml.CharData:
			if len(open) > 0 {
				top := open[len(open)-1]
				top.Text += string(t)
			} else if strings.Trim(string(t), " \t\r\n") != "" {
				return nil, fmt.Errorf("read tokens: %w", ErrSyntax)
			}
		case xml.EndElement:
			switch len(open) {
			case 0:
				return nil, fmt.Errorf("read tokens: %w", ErrSyntax)
			case 1:
				return open[0], nil
			}
			open = open[:len(open)-1]
		case nil:
		default:
			return nil, fmt.Errorf("read tokens: %w", ErrRestricted)
		}
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read tokens: %w", io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, fmt.Errorf("read tokens: %w", err)
		}
	}
}

func fromStart(t xml.StartElement, parent *Element) *Element {
	e := &Element{Name: t.Name}
	declared := false
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			declared = true
			if e.Name.Space == "" {
				e.Name.Space = a.Value
			}
		case a.Name.Space == "xmlns":
		case a.Name.Space == "xml":
			e.WithNS(NSXML, a.Name.Local, a.Value)
		default:
			e.WithNS(a.Name.Space, a.Name.Local, a.Value)
		}
	}
	if e.Name.Space == "" && !declared && parent != nil {
		e.Name.Space = parent.Name.Space
	}
	return e
}
