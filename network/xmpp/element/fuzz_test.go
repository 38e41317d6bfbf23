// SPDX-License-Identifier: MPL-2.0

package element_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/xmpp/element"
)

var seeds = []string{
	chat, omemo, roster,
	"<a/>", " <a b='c' xml:lang='en'>d</a> ", "<stream:error><x xmlns='y'/></stream:error>",
	"<a xmlns='' xmlns:p='q' p:r='s'>1<p:b/>2<![CDATA[]]>]]></a>", "<a>&#13;\r\n&amp;</a>", "<a v='\r\n\t&#10;'/>",
	"<a><!-- --></a>", "<xml:a><b/></xml:a>", "<é/>", "<a><b xmlns='x'><c xmlns=''/></b></a>", "<a>\ufffe</a>", "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
}

// FuzzParse holds the parser against encoding/xml: what it accepts is accepted
// there and says the same, and writing it gives a stable form.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		e, err := element.Parse([]byte(in), element.Limits{})
		if err != nil {
			require.Nil(t, e)
			return
		}
		if asciiNames(e) {
			// encoding/xml has the names of the fourth edition of XML 1.0.
			require.Equal(t, string(flatten(reference(t, in)).Bytes()), string(flatten(e.Clone()).Bytes()))
		}
		out := e.Bytes()
		again, err := element.Parse(out, element.Limits{Bytes: 1 << 30, Attrs: 1 << 10})
		require.NoError(t, err)
		require.Equal(t, string(out), string(again.Bytes()))
		require.Equal(t, string(out), string(e.Clone().Bytes()))
		back, err := element.FromTokens(e.TokenReader())
		require.NoError(t, err)
		require.Equal(t, string(out), string(back.Bytes()))
	})
}

// FuzzWrite checks that no string breaks out of the place it is written to.
func FuzzWrite(f *testing.F) {
	f.Add("<>&'\"", "]]>\x00\xff\ufffe\r\n\t")
	f.Fuzz(func(t *testing.T, value, text string) {
		e := element.New("urn:x", "a").With("v", value).Add(element.New("urn:x", "b").WithText(text))
		got, err := element.Parse(e.Bytes(), element.Limits{Bytes: 1 << 30})
		require.NoError(t, err)
		require.Len(t, got.Attr, 1)
		require.Len(t, got.Children, 1)
		require.Empty(t, got.Children[0].Children)
		require.Equal(t, e.Bytes(), got.Bytes())
		if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0xFFFE || r == 0xFFFF }) {
			require.Equal(t, text, got.Children[0].Text)
		}
	})
}

// reference reads the element with encoding/xml.
func reference(t testing.TB, in string) *element.Element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" + in + "</stream:stream>"))
	var open []*element.Element
	for {
		tok, err := d.Token()
		require.NoError(t, err, "%q", in)
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &element.Element{Name: tok.Name}
			for _, a := range tok.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					e.Attr = append(e.Attr, a)
				}
			}
			if len(open) > 0 {
				open[len(open)-1].Add(e)
			}
			open = append(open, e)
		case xml.CharData:
			open[len(open)-1].Text += string(tok)
		case xml.EndElement:
			if len(open) == 1 {
				require.Len(t, open[0].Children, 1)
				return open[0].Children[0]
			}
			open = open[:len(open)-1]
		default:
			t.Fatalf("accepted a %T: %q", tok, in)
		}
	}
}

// flatten undoes the one thing that encoding/xml leaves undone: the white space
// of attribute values, namespaces included, XML 1.0 §3.3.3.
func flatten(e *element.Element) *element.Element {
	blank := strings.NewReplacer("\t", " ", "\n", " ")
	e.Name.Space = blank.Replace(e.Name.Space)
	for i := range e.Attr {
		e.Attr[i].Value = blank.Replace(e.Attr[i].Value)
		e.Attr[i].Name.Space = blank.Replace(e.Attr[i].Name.Space)
	}
	for _, c := range e.Children {
		flatten(c)
	}
	return e
}

func asciiNames(e *element.Element) bool {
	ascii := func(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) }
	if !ascii(e.Name.Local) {
		return false
	}
	for _, a := range e.Attr {
		if !ascii(a.Name.Local) {
			return false
		}
	}
	for _, c := range e.Children {
		if !asciiNames(c) {
			return false
		}
	}
	return true
}
