// SPDX-License-Identifier: MPL-2.0

package element_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/xmpp/element"
)

func Example() {
	e, err := element.Parse([]byte(`<message from='alice@example.com/phone'><body>Hi &amp; bye</body></message>`), element.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.AttrValue("from"), e.ChildText(element.NSClient, "body"))

	reply := element.New(element.NSClient, "message").
		With("to", e.AttrValue("from")).
		Add(element.New(element.NSClient, "body").WithText("<3"))
	fmt.Println(string(reply.Bytes()))
	// Output:
	// alice@example.com/phone Hi & bye
	// <message to='alice@example.com/phone'><body>&lt;3</body></message>
}

func parse(t testing.TB, s string) *element.Element {
	t.Helper()
	e, err := element.Parse([]byte(s), element.Limits{})
	require.NoError(t, err)
	return e
}

func TestParseNamespaces(t *testing.T) {
	e := parse(t, `<message xml:lang='en' xmlns:p="urn:p" p:a="1" a="2"><x xmlns='urn:x'><y/><z xmlns=''><w/></z></x><p:q/><stream:error/></message>`)
	require.True(t, e.Is(element.NSClient, "message"))
	require.Equal(t, "en", e.AttrNS(element.NSXML, "lang"))
	require.Equal(t, "1", e.AttrNS("urn:p", "a"))
	require.Equal(t, "2", e.AttrValue("a"))
	require.Len(t, e.Attr, 3, "declarations are no attributes")
	x := e.Child("urn:x", "x")
	require.NotNil(t, x.Child("urn:x", "y"))
	require.NotNil(t, x.Child("", "z").Child("", "w"))
	require.NotNil(t, e.Child("urn:p", "q"))
	require.NotNil(t, e.Child(element.NSStream, "error"))
}

func TestParseText(t *testing.T) {
	for in, want := range map[string]string{
		"<a>x</a>":                         "x",
		"<a> x\r\ny\rz </a>":               " x\ny\nz ",
		"<a>&lt;&gt;&amp;&quot;&apos;</a>": `<>&"'`,
		"<a>&#65;&#x42;&#13;</a>":          "AB\r",
		"<a>&#x10FFFF;</a>":                "\U0010FFFF",
		"<a>1<b/>2<c>no</c>3</a>":          "123",
		"<a><![CDATA[<&>\r\n]]]]></a>":     "<&>\n]]",
		"<a>x<![CDATA[]]>y</a>":            "xy",
		"<a>]] > ]]&gt;</a>":               "]] > ]]>",
		"<a>\ufeff\ufffd\uf8ff</a>":        "\ufeff\ufffd\uf8ff",
		" <a>é</a >\n":                     "é",
	} {
		require.Equal(t, want, parse(t, in).Text, in)
	}
	for in, want := range map[string]string{
		`<a v=''/>`:                   "",
		`<a v = "it's" />`:            "it's",
		`<a v='"&apos;"'/>`:           `"'"`,
		"<a v='1\t2\n3\r\n4\r5'/>":    "1 2 3 4 5",
		"<a v='&#9;&#10;&#13;'/>":     "\t\n\r",
		"<a\tw='x'\nv='>]]>\ufffd'/>": ">]]>\ufffd",
	} {
		require.Equal(t, want, parse(t, in).AttrValue("v"), in)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		err error
		in  []string
	}{
		{element.ErrSyntax, []string{
			"", " ", "x", "<", "<a", "<a>", "<a/", "<a/ >", "<a></b>", "<a></ab>", "<ab></a>", "<a></a", "</a>",
			"<a/><b/>", "<a/>x", "x<a/>", "< a/>", "<a></ a>", "<1/>", "<-a/>", "<a:/>", "<:a/>", "<a:b:c/>", "<a>&#0;</a>",
			"<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&#xFFFE;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&#-1;</a>", "<a>&#4294967361;</a>",
			"<a>&#X41;</a>", "<a>&</a>", "<a>&amp</a>", "<a>& ;</a>&", "<a>\x00</a>", "<a>\x1f</a>", "<a>\ufffe</a>", "<a>\uffff</a>",
			"<a v='\x01'/>", "<a v='\uffff'/>", "<a><![CDATA[\x01]]></a>", "<a><![CDATA[x]]</a>", "<a>]]></a>", "<a v='<'/>", "<a v/>",
			"<a v=1/>", "<a v='1\"/>", "<a v='1'w='2'/>", "<a v='1' v='2'/>", "<a xmlns='x' xmlns='y'/>",
			"<a xmlns:p='x' xmlns:q='x' p:v='1' q:v='2'/>", "<a xmlns:p='x' xmlns:p='y'/>", "\xff", "<a>\xc3</a>", "<a>\xed\xa0\x80</a>",
			"<a>\xc0\x80</a>", "\ufeff<a/>", "<a\u00d7/>", "<\u0300/>", "<stream:a></a>",
		}},
		{element.ErrRestricted, []string{
			"<!-- x --><a/>", "<a><!-- x --></a>", "<?xml version='1.0'?><a/>", "<a><?p?></a>", "<!DOCTYPE a><a/>",
			"<a><!ENTITY x 'y'></a>", "<a>&nbsp;</a>", "<a v='&x;'/>", "<![CDATA[x]]>",
		}},
		{element.ErrNamespace, []string{
			"<p:a/>", "<a p:v='1'/>", "<a><b xmlns:p='x'/><p:c/></a>", "<a xmlns:p=''/>", "<a xmlns:xml='x'/>", "<a xmlns:xmlns='x'/>",
			"<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", "<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<xmlns:a/>",
		}},
	} {
		for _, in := range c.in {
			e, err := element.Parse([]byte(in), element.Limits{})
			require.ErrorIs(t, err, c.err, "%q", in)
			require.Nil(t, e)
		}
	}
}

func TestParseLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attrs := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " a%d=''", i)
		}
		return "<a" + b.String() + "/>"
	}
	bindings := func(n int) string {
		var open, end strings.Builder
		for i := range n {
			fmt.Fprintf(&open, "<a xmlns:p%d='x' xmlns:q%d='x' xmlns:r%d='x' xmlns:s%d='x' xmlns:t%d='x'>", i, i, i, i, i)
			end.WriteString("</a>")
		}
		return open.String() + end.String()
	}
	for name, c := range map[string]struct {
		lim       element.Limits
		good, bad string
	}{
		"bytes":            {element.Limits{Bytes: 8}, "<a>1</a>", "<a>12</a>"},
		"bytes default":    {element.Limits{}, "<a>" + strings.Repeat("x", element.DefaultBytes-7) + "</a>", "<a>" + strings.Repeat("x", element.DefaultBytes-6) + "</a>"},
		"depth":            {element.Limits{Depth: 3}, nested(3), nested(4)},
		"depth default":    {element.Limits{}, nested(element.DefaultDepth), nested(element.DefaultDepth + 1)},
		"depth ceiling":    {element.Limits{Depth: 1 << 30}, nested(1000), nested(1001)},
		"attrs":            {element.Limits{Attrs: 2}, attrs(2), attrs(3)},
		"attrs default":    {element.Limits{}, attrs(element.DefaultAttrs), attrs(element.DefaultAttrs + 1)},
		"declarations":     {element.Limits{Attrs: 1}, "<a xmlns='x'/>", "<a xmlns='x' b='y'/>"},
		"children":         {element.Limits{Children: 2}, "<a><b/><b><c/></b></a>", "<a><b/><b/><b/></a>"},
		"children default": {element.Limits{}, "<a>" + strings.Repeat("<b/>", element.DefaultChildren) + "</a>", "<a>" + strings.Repeat("<b/>", element.DefaultChildren+1) + "</a>"},
		"bindings":         {element.Limits{}, bindings(50), bindings(51)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := element.Parse([]byte(c.good), c.lim)
			require.NoError(t, err)
			_, err = element.Parse([]byte(c.bad), c.lim)
			require.ErrorIs(t, err, element.ErrLimit)
		})
	}
}

func TestErrorsHaveCodesAndNoContent(t *testing.T) {
	for _, in := range []string{"<a>secret", "<a>secret&x;</a>", "<secret:a/>", strings.Repeat("<secret>", 100)} {
		_, err := element.Parse([]byte(in), element.Limits{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
		var coded interface{ Code() string }
		require.ErrorAs(t, err, &coded)
		require.True(t, strings.HasPrefix(coded.Code(), "xmpp.xml."))
	}
}

func TestScopeParse(t *testing.T) {
	s := element.Scope{Default: "jabber:server", Prefixes: map[string]string{"db": "jabber:server:dialback"}}
	e, err := s.Parse([]byte("<a><db:b/></a>"), element.Limits{})
	require.NoError(t, err)
	require.True(t, e.Is("jabber:server", "a"))
	require.NotNil(t, e.Child("jabber:server:dialback", "b"))
	_, err = s.Parse([]byte("<stream:a/>"), element.Limits{})
	require.ErrorIs(t, err, element.ErrNamespace)
}

func TestWrite(t *testing.T) {
	lang := xml.Attr{Name: xml.Name{Space: element.NSXML, Local: "lang"}, Value: "en"}
	for _, c := range []struct {
		e    *element.Element
		want string
	}{
		{element.New(element.NSClient, "presence"), "<presence/>"},
		{element.New("urn:x", "x"), "<x xmlns='urn:x'/>"},
		{element.New("", "x"), "<x xmlns=''/>"},
		{element.New(element.NSClient, "a").Add(element.New("urn:x", "x").Add(element.New("urn:x", "y"), nil, element.New(element.NSClient, "z"))),
			"<a><x xmlns='urn:x'><y/><z xmlns='jabber:client'/></x></a>"},
		{&element.Element{Name: xml.Name{Space: element.NSClient, Local: "a"}, Attr: []xml.Attr{lang}}, "<a xml:lang='en'/>"},
		{element.New(element.NSClient, "a").WithNS("urn:p", "v", "1").WithNS("urn:q", "v", "2"), "<a xmlns:n1='urn:p' n1:v='1' xmlns:n2='urn:q' n2:v='2'/>"},
		{element.New(element.NSClient, "a").With("v", "1").With("v", "2").WithOptional("w", ""), "<a v='2'/>"},
		{element.New(element.NSClient, "a").With("v", "<>&'\"\t\r\n\x00é"), "<a v='&lt;&gt;&amp;&apos;\"&#9;&#13;&#10;\ufffdé'/>"},
		{element.New(element.NSClient, "a").WithText("<>&'\"\t\r\n\x00é\xff\ufffe]]>"), "<a>&lt;&gt;&amp;'\"\t&#13;\n\ufffdé\ufffd\ufffd]]&gt;</a>"},
	} {
		require.Equal(t, c.want, string(c.e.Bytes()))
	}
}

func TestWriteRoundTrip(t *testing.T) {
	var all strings.Builder
	for r := rune(0); r <= 0x10FFFF; r++ {
		all.WriteRune(r)
	}
	s := all.String()[:0] + strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, all.String())
	e := element.New(element.NSClient, "a").With("v", s).WithText(s)
	got, err := element.Parse(e.Bytes(), element.Limits{Bytes: 1 << 26})
	require.NoError(t, err)
	require.True(t, got.AttrValue("v") == s && got.Text == s)
}

func TestReading(t *testing.T) {
	e := parse(t, "<a><b>1</b><c xmlns='urn:x'/><b>2</b></a>")
	texts := []string{}
	for b := range e.All(element.NSClient, "b") {
		texts = append(texts, b.Text)
	}
	require.Equal(t, []string{"1", "2"}, texts)
	for range e.All(element.NSClient, "") {
		texts = append(texts, "any")
		break
	}
	require.Len(t, texts, 3)

	var none *element.Element
	require.Empty(t, none.AttrValue("a"))
	require.Empty(t, none.ChildText("a", "b"))
	require.Nil(t, none.Child("a", "b").Child("c", "d"))
	require.Nil(t, none.Clone())
	require.False(t, none.Is("a", "b"))
	require.Equal(t, "<nil>", none.String())
	require.Empty(t, slices.Collect(none.All("a", "b")))
}

func TestCloneIsIndependent(t *testing.T) {
	e := parse(t, "<a v='1'>t<b/></a>")
	want := e.Bytes()
	c := e.Clone()
	require.Equal(t, want, c.Bytes())
	c.With("v", "2").WithText("u").Children[0].With("x", "y")
	require.Equal(t, want, e.Bytes())
}

func TestArenaNeighboursDoNotOverlap(t *testing.T) {
	e := parse(t, "<a><b v='1'><x/></b><c w='2'><y/></c></a>")
	e.Children[0].With("new", "x").Add(element.New("", "new"))
	require.Equal(t, "2", e.Children[1].AttrValue("w"))
	require.NotNil(t, e.Children[1].Child(element.NSClient, "y"))
}

func TestFormattingShowsNoContent(t *testing.T) {
	e := parse(t, "<message to='secret'>secret<body>secret</body></message>")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "stanza", e)
	for _, s := range []string{e.String(), fmt.Sprintf("%v %+v %#v %s %d", e, e, e, e, e), log.String()} {
		require.Contains(t, s, "message")
		require.NotContains(t, s, "secret")
	}
}
