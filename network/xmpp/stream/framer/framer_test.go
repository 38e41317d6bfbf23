// SPDX-License-Identifier: MPL-2.0

package framer_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

const header = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' ` +
	`xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>`

func ExampleFramer() {
	conn := strings.NewReader(header + "<message><body>a > b</body></message>\n<presence/></stream:stream>")
	f := framer.New(conn, framer.Limits{})
	for {
		frame, err := f.Next()
		if err != nil {
			fmt.Println(err)
			return
		}
		if frame.Kind == framer.Element {
			fmt.Printf("%s\n", frame.Data)
		}
	}
	// Output:
	// <message><body>a > b</body></message>
	// <presence/>
	// EOF
}

// all frames what it can and returns it as "kind:data" lines.
func all(r io.Reader, l framer.Limits) (out []string, err error) {
	f := framer.New(r, l)
	for {
		frame, err := f.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return out, err
		}
		switch {
		case frame.Kind == framer.Space:
		case frame.Err != nil:
			out = append(out, "over:"+string(frame.Data))
		default:
			out = append(out, fmt.Sprintf("%d:%s", frame.Kind, frame.Data))
		}
	}
}

// Whatever follows the end of a stream belongs to none.
func TestNothingFollowsTheEnd(t *testing.T) {
	got, err := all(strings.NewReader("<s><a/></s><b/></s>garbage"), framer.Limits{})
	require.NoError(t, err)
	require.Equal(t, []string{"1:<s>", "2:<a/>", "4:</s>"}, got)
}

func TestFrames(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string // behind the header
		want []string
		err  error
	}{
		"nothing":            {"", nil, nil},
		"self-closed":        {"<a/>", []string{"2:<a/>"}, nil},
		"two":                {"<a></a><b/>", []string{"2:<a></a>", "2:<b/>"}, nil},
		"white space":        {" \r\n\t<a/> <b/> ", []string{"2:<a/>", "2:<b/>"}, nil},
		"nested, same name":  {"<a><a><a/></a></a>", []string{"2:<a><a><a/></a></a>"}, nil},
		"gt in a value":      {`<a b='>' c=">"/>`, []string{`2:<a b='>' c=">"/>`}, nil},
		"slash in a value":   {`<a b='/>'/>`, []string{`2:<a b='/>'/>`}, nil},
		"quotes in quotes":   {`<a b='"' c="'">'"</a>`, []string{`2:<a b='"' c="'">'"</a>`}, nil},
		"gt in text":         {"<a>></a>", []string{"2:<a>></a>"}, nil},
		"space in tags":      {"<a  b = 'c' \n></a \t>", []string{"2:<a  b = 'c' \n></a \t>"}, nil},
		"cdata":              {"<a><![CDATA[</a>]]></a>", []string{"2:<a><![CDATA[</a>]]></a>"}, nil},
		"cdata, brackets":    {"<a><![CDATA[]]]]>]]]></a>", []string{"2:<a><![CDATA[]]]]>]]]></a>"}, nil},
		"cdata, more":        {"<a><![CDATA[]]]]></a>", []string{"2:<a><![CDATA[]]]]></a>"}, nil},
		"prefixes":           {"<x:a><y:b/></x:a>", []string{"2:<x:a><y:b/></x:a>"}, nil},
		"not ASCII":          {"<é>ü</é>", []string{"2:<é>ü</é>"}, nil},
		"the parser's part":  {"<a>&no;\x00\xff</a>", []string{"2:<a>&no;\x00\xff</a>"}, nil},
		"end":                {"<a/></stream:stream>", []string{"2:<a/>", "4:</stream:stream>"}, nil},
		"end with space":     {"</stream:stream\n>", []string{"4:</stream:stream\n>"}, nil},
		"wrong end":          {"</stream:strea>", nil, framer.ErrSyntax},
		"other end":          {"</a>", nil, framer.ErrSyntax},
		"longer end":         {"<a></ab>", nil, framer.ErrSyntax},
		"shorter end":        {"<ab></a>", nil, framer.ErrSyntax},
		"crossed":            {"<a><b></a></b>", nil, framer.ErrSyntax},
		"no name":            {"<>", nil, framer.ErrSyntax},
		"empty end":          {"<a></></a>", nil, framer.ErrSyntax},
		"space before name":  {"< a/>", nil, framer.ErrSyntax},
		"slash not at end":   {"<a/ >", nil, framer.ErrSyntax},
		"no quotes":          {"<a b=c/>", nil, framer.ErrSyntax},
		"no value":           {"<a b/>", nil, framer.ErrSyntax},
		"lt in a value":      {"<a b='<'/>", nil, framer.ErrSyntax},
		"lt in a tag":        {"<a <b/>", nil, framer.ErrSyntax},
		"text between":       {"<a/>x<b/>", []string{"2:<a/>"}, framer.ErrSyntax},
		"reference between":  {"&#32;", nil, framer.ErrSyntax},
		"comment":            {"<!-- -->", nil, framer.ErrRestricted},
		"comment inside":     {"<a><!-- --></a>", nil, framer.ErrRestricted},
		"instruction":        {"<?a?>", nil, framer.ErrRestricted},
		"instruction inside": {"<a><?a?></a>", nil, framer.ErrRestricted},
		"declaration again":  {"<?xml version='1.0'?>", nil, framer.ErrRestricted},
		"document type":      {"<!DOCTYPE a>", nil, framer.ErrRestricted},
		"entity":             {"<a><!ENTITY x 'y'></a>", nil, framer.ErrRestricted},
		"cdata between":      {"<![CDATA[ ]]>", nil, framer.ErrRestricted},
		"stream again":       {"<stream:stream>", nil, framer.ErrSyntax},
		"cut in a tag":       {"<a", nil, io.ErrUnexpectedEOF},
		"cut in content":     {"<a>b", nil, io.ErrUnexpectedEOF},
		"cut after the lt":   {"<", nil, io.ErrUnexpectedEOF},
		"zero byte":          {"\x00", nil, framer.ErrSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{
				strings.NewReader(header + tc.in),
				iotest.OneByteReader(strings.NewReader(header + tc.in)),
				iotest.DataErrReader(strings.NewReader(header + tc.in)),
			} {
				got, err := all(r, framer.Limits{})
				if tc.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tc.err)
				}
				require.Equal(t, append([]string{"1:" + header}, tc.want...), got)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	for name, tc := range map[string]struct {
		in  string
		err error
	}{
		"plain":              {"<s>", nil},
		"space in front":     {" \n<s>", nil},
		"declaration":        {"<?xml version='1.0'?>\n<s a='b'>", nil},
		"two declarations":   {"<?xml?><?xml?><s>", framer.ErrRestricted},
		"document type":      {"<!DOCTYPE s><s>", framer.ErrRestricted},
		"document type, too": {"<?xml?><!DOCTYPE s><s>", framer.ErrRestricted},
		"self-closed":        {"<s/>", framer.ErrSyntax},
		"end":                {"</s>", framer.ErrSyntax},
		"text":               {"HTTP/1.1 400 Bad Request", framer.ErrSyntax},
		"tls alert":          {"\x15\x03\x01\x00\x02\x02\x16", framer.ErrSyntax},
		"nothing":            {"", nil},
		"cut":                {"<s", io.ErrUnexpectedEOF},
		"attributes":         {"<s " + strings.Repeat("a='b' ", 65) + ">", framer.ErrLimit},
		"endless space":      {strings.Repeat(" ", framer.DefaultBytes+1) + "<s>", framer.ErrLimit},
		"endless attribute":  {"<s a='" + strings.Repeat(" ", framer.DefaultBytes) + "'>", framer.ErrLimit},
		"endless name":       {"<" + strings.Repeat("s", framer.DefaultBytes) + ">", framer.ErrLimit},
		"endless decl":       {"<?" + strings.Repeat("s", framer.DefaultBytes) + "?><s>", framer.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := all(strings.NewReader(tc.in), framer.Limits{})
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
				require.Empty(t, got)
				return
			}
			require.NoError(t, err)
			if tc.in != "" {
				require.Equal(t, []string{"1:" + tc.in}, got)
			}
		})
	}
}

// An element over a limit must cost neither the memory nor the stream.
func TestOverTheLimit(t *testing.T) {
	lim := framer.Limits{Bytes: 100, Depth: 3, Attrs: 2, Skip: 10_000}
	long := strings.Repeat("x", 5000)
	for name, tc := range map[string]struct{ in, want string }{
		"text":              {"<iq id='1'><a>" + long + "</a></iq>", "<iq id='1'/>"},
		"just over":         {"<iq id='1'>" + strings.Repeat("x", 85) + "</iq>", "<iq id='1'/>"},
		"value":             {"<iq id='" + long + "'/>", "<iq/>"},
		"value inside":      {"<iq id='1'><a b='" + long + "'/></iq>", "<iq id='1'/>"},
		"name inside":       {"<iq id='1'><" + long + "/></iq>", "<iq id='1'/>"},
		"end inside":        {"<iq id='1'><a></a" + strings.Repeat(" ", 5000) + "></iq>", "<iq id='1'/>"},
		"cdata":             {"<iq id='1'><![CDATA[" + long + "</iq>]]></iq>", "<iq id='1'/>"},
		"depth":             {"<iq id='1'><a><b><c/></b></a></iq>", "<iq id='1'/>"},
		"depth, far":        {"<iq id='1'>" + strings.Repeat("<a>", 500) + strings.Repeat("</a>", 500) + "</iq>", "<iq id='1'/>"},
		"attributes":        {"<iq a='1' b='2' c='3'/>", "<iq/>"},
		"attributes inside": {"<iq id='1'><a a='1' b='2' c='3'></a></iq>", "<iq id='1'/>"},
	} {
		t.Run(name, func(t *testing.T) {
			in := "<s>" + tc.in + "<after/>" + tc.in + "<b>1</b>"
			want := []string{"1:<s>", "over:" + tc.want, "2:<after/>", "over:" + tc.want, "2:<b>1</b>"}
			for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
				got, err := all(r, lim)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
	t.Run("exact", func(t *testing.T) {
		fits := "<iq id='1'>" + strings.Repeat("x", 84) + "</iq>"
		require.Len(t, fits, lim.Bytes)
		got, err := all(strings.NewReader("<s>"+fits), lim)
		require.NoError(t, err)
		require.Equal(t, []string{"1:<s>", "2:" + fits}, got)
	})
	t.Run("endless", func(t *testing.T) {
		r := &endless{piece: "<a>"}
		_, err := all(io.MultiReader(strings.NewReader("<s><iq>"), r), lim)
		require.ErrorIs(t, err, framer.ErrLimit)
		require.Less(t, r.read, 64<<10)
	})
	t.Run("endless name", func(t *testing.T) {
		r := &endless{piece: "a"}
		_, err := all(io.MultiReader(strings.NewReader("<s><iq><"), r), lim)
		require.ErrorIs(t, err, framer.ErrLimit)
		require.Less(t, r.read, 64<<10)
	})
}

type endless struct {
	piece string
	read  int
}

func (e *endless) Read(b []byte) (int, error) {
	n := 0
	for n+len(e.piece) <= len(b) {
		n += copy(b[n:], e.piece)
	}
	e.read += n
	return n, nil
}

func TestRestart(t *testing.T) {
	f := framer.New(strings.NewReader("<s><a/> \n"), framer.Limits{})
	for _, want := range []framer.Kind{framer.Header, framer.Element} {
		frame, err := f.Next()
		require.NoError(t, err)
		require.Equal(t, want, frame.Kind)
	}
	require.NoError(t, f.Restart(strings.NewReader("<?xml?><t></t>")))
	got, err := f.Next()
	require.NoError(t, err)
	require.Equal(t, framer.Frame{Kind: framer.Header, Data: []byte("<?xml?><t>")}, got)
	got, err = f.Next()
	require.NoError(t, err)
	require.Equal(t, framer.Close, got.Kind)
}

func TestRestartRefusesWhatCameEarly(t *testing.T) {
	for _, early := range []string{"<b/>", "<", "x", " <message/>"} {
		f := framer.New(strings.NewReader("<s><proceed/>"+early), framer.Limits{})
		for range 2 {
			_, err := f.Next()
			require.NoError(t, err)
		}
		require.ErrorIs(t, f.Restart(strings.NewReader("<t>")), framer.ErrEarly, early)
	}
}

func TestPartial(t *testing.T) {
	pr, pw := io.Pipe()
	f := framer.New(pr, framer.Limits{})
	go func() {
		_, _ = io.WriteString(pw, "<s><a>")
		_ = pw.Close()
	}()
	_, err := f.Next()
	require.NoError(t, err)
	require.False(t, f.Partial())
	_, err = f.Next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.True(t, f.Partial())
	_, again := f.Next()
	require.Equal(t, err, again)
}

func TestNoProgress(t *testing.T) {
	f := framer.New(iotest.ErrReader(nil), framer.Limits{})
	_, err := f.Next()
	require.ErrorIs(t, err, io.ErrNoProgress)
}

func BenchmarkNext(b *testing.B) {
	stanza := "<message from='a@b.example/c' to='d@b.example' id='12345678' type='chat'>" +
		"<encrypted xmlns='eu.siacs.conversations.axolotl'><payload>" + strings.Repeat("QUJD", 60) +
		"</payload></encrypted><store xmlns='urn:xmpp:hints'/></message>"
	r := &endless{piece: stanza}
	f := framer.New(io.MultiReader(strings.NewReader(header), r), framer.Limits{})
	if _, err := f.Next(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(stanza)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// What is larger than usual passes if somebody expects it, up to their limit,
// and takes no memory for longer than it is there.
func TestMore(t *testing.T) {
	element := func(name string, n int) string {
		return "<" + name + " a='1'>" + strings.Repeat("x", n) + "</" + name + ">"
	}
	var asked []string
	lim := framer.Limits{Bytes: 100, Skip: 5000, More: func(head []byte) int {
		asked = append(asked, string(head))
		switch string(head) {
		case "<big a='1'>":
			return 1000
		case "<huge a='1'>":
			return 100_000 // Skip is the limit all the same
		}
		return 0
	}}
	in := "<s>" + element("small", 50) + element("big", 900) + element("plain", 900) + element("big", 1100) +
		element("huge", 4000) + element("small", 50) + "<" + strings.Repeat("n", 200) + "/></s>"
	for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		asked = nil
		got, err := all(r, lim)
		require.NoError(t, err)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], " ")
			got[i], _, _ = strings.Cut(got[i], "nn")
		}
		require.Equal(t, []string{"1:<s>", "2:<small", "2:<big", "over:<plain", "over:<big", "2:<huge", "2:<small", "over:<", "4:</s>"}, got)
		require.Equal(t, []string{"<big a='1'>", "<plain a='1'>", "<big a='1'>", "<huge a='1'>"}, asked, "once each")
	}
	_, err := all(strings.NewReader("<s>"+element("huge", 60_000)), lim)
	require.ErrorIs(t, err, framer.ErrLimit)
}
