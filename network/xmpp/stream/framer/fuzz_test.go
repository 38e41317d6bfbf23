// SPDX-License-Identifier: MPL-2.0

package framer_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

// boundaries reads a stream with encoding/xml. ok means that all of it is
// well-formed and of the kinds that XMPP allows.
func boundaries(in string) (frames []string, ok bool) {
	d := xml.NewDecoder(strings.NewReader(in))
	depth, start := 0, 0
	for {
		begin := int(d.InputOffset())
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return frames, depth == 0
		}
		if err != nil {
			return nil, false
		}
		end := int(d.InputOffset())
		switch t := tok.(type) {
		case xml.StartElement:
			if depth == 0 && len(frames) > 0 {
				return nil, false // a second root
			}
			if depth == 1 {
				start = begin
			}
			depth++
			if depth == 1 {
				frames = append(frames, in[begin:end])
			}
		case xml.EndElement:
			depth--
			if depth == 1 {
				frames = append(frames, in[start:end])
			}
		case xml.CharData:
			if depth <= 1 && strings.Trim(in[begin:end], " \t\r\n") != "" {
				return nil, false
			}
		case xml.ProcInst:
			// Of the declaration encoding/xml checks the version and encoding only.
			if depth > 0 || begin > 0 || t.Target != "xml" || bytes.ContainsRune(t.Inst, '<') {
				return nil, false
			}
		default:
			return nil, false
		}
	}
}

// FuzzFramer checks that whatever encoding/xml accepts is cut at the same
// places, however it arrives, and that garbage does no harm.
func FuzzFramer(f *testing.F) {
	for _, body := range []string{
		"", "<a/>", "<a><b c='d>'/>text</a> <e f=\"'\" />", "<a><![CDATA[</a>]]]]></a>",
		"<a><![CDATA[x]]><![CDATA[]]></a>", "<x:a xmlns:x='y'><x:b/></x:a>", "<a>&amp;</a>",
		"<a b='1'c='2'/>", "<a></a\n>", "<!-- --><a/>", "<a><?x?></a>", "<é a.b-c='1'/>",
		strings.Repeat("<a>", 70) + strings.Repeat("</a>", 70), "<a b='" + strings.Repeat("x", 300) + "'/><c/>",
		"<a " + strings.Repeat("b='c' ", 70) + "/><c/>", "<s/>", "<a><b></a></b>", "<a>\x00</a>", "\xef\xbb\xbf<a/>",
	} {
		f.Add("<s>" + body + "</s>")
		f.Add(header + body)
	}
	f.Add("<?xml version='1.0'?><s></s>")
	f.Add("\xef\xbb\xbf<s></s>")
	f.Add("<?xml <?><s></s>")
	f.Add("<s></s><A/>")
	f.Add("<s><" + strings.Repeat("a", 192) + ">b</s>")
	lim := framer.Limits{Bytes: 200, Depth: 10, Attrs: 10, Skip: 1000}
	f.Fuzz(func(t *testing.T, in string) {
		whole, wholeErr := all(strings.NewReader(in), lim)
		byByte, byteErr := all(iotest.OneByteReader(strings.NewReader(in)), lim)
		// What is too large is only skipped, not checked, from where it is seen to be.
		limited := func(frames []string, err error) bool {
			return errors.Is(err, framer.ErrLimit) || slices.ContainsFunc(frames, func(f string) bool { return strings.HasPrefix(f, "over:") })
		}
		if wholeErr == nil && byteErr == nil || !limited(whole, wholeErr) && !limited(byByte, byteErr) {
			require.Equal(t, whole, byByte)
			require.Equal(t, wholeErr == nil, byteErr == nil)
		}

		want, ok := boundaries(in)
		if !ok || len(want) == 0 {
			return
		}
		root := nameOf(want[0])
		for _, w := range want[1:] {
			if nameOf(w) == root {
				return // a stream within the stream is refused
			}
		}
		roomy := framer.Limits{Bytes: len(in) + 1, Depth: len(in) + 1, Attrs: len(in) + 1}
		got, err := all(strings.NewReader(in), roomy)
		if strings.HasSuffix(strings.TrimRight(want[0], ">"), "/") && err != nil {
			return // the stream is an empty element
		}
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(got), 2, "no end")
		require.Equal(t, "4", got[len(got)-1][:1])
		got = got[:len(got)-1]
		require.Len(t, got, len(want))
		require.True(t, strings.HasSuffix(got[0], want[0]))
		for i := 1; i < len(want); i++ {
			require.Equal(t, "2:"+want[i], got[i])
		}
	})
}

func nameOf(frame string) string {
	i := bytes.IndexAny([]byte(frame), " \t\r\n/>")
	return frame[:max(i, 0)]
}
