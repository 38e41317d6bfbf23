// SPDX-License-Identifier: MPL-2.0

package text_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/core/text"
)

// found writes spans as "kind:text", in order.
func found(t text.Text) []string {
	list := []string{}
	for _, s := range t.Spans {
		list = append(list, s.Kind.String()+":"+t.Body[s.Start:s.End])
	}
	return list
}

// The cases of XEP-0393 §4.2, and of what it leaves to its rules.
func TestSpans(t *testing.T) {
	for body, want := range map[string][]string{
		"":                          {},
		"plain span":                {},
		"*strong span*":             {"strong:*strong span*"},
		"plain _emphasis_ plain":    {"emphasis:_emphasis_"},
		"`pre` plain *strong*":      {"code:`pre`", "strong:*strong*"},
		"*strong*plain*":            {"strong:*strong*"},
		"* plain *strong*":          {"strong:*strong*"},
		"not strong*":               {},
		"*not strong":               {},
		"*not \n strong*":           {},
		"*not *strong":              {},
		"**":                        {},
		"***":                       {},
		"****":                      {},
		"*":                         {},
		"**bold**":                  {},
		"*a**":                      {"strong:*a*"},
		"Everyone ~dis~likes cake.": {"strike:~dis~"},
		"This is `*monospace*`":     {"code:`*monospace*`"},
		"*`monospace and bold`*":    {"strong:*`monospace and bold`*", "code:`monospace and bold`"},
		"*_~`all`~_*":               {"strong:*_~`all`~_*", "emphasis:_~`all`~_", "strike:~`all`~", "code:`all`"},
		"a*b*c":                     {},
		"a *b*c":                    {"strong:*b*"},
		"*a *b*":                    {"strong:*a *b*"},
		"* a*":                      {},
		"*a *":                      {},
		"*a\u00a0*":                 {},
		"\u2003*a*":                 {"strong:*a*"},
		"\u200b*a*":                 {}, // no white space
		"*a* *b*":                   {"strong:*a*", "strong:*b*"},
		"*a _b* c_":                 {"strong:*a _b*"},
		"_a *b_ c*":                 {"emphasis:_a *b_"},
		"*_a*":                      {"strong:*_a*"},
		"*_a_":                      {}, // the first is no directive, so the second follows none
		"*a*\n*b*":                  {"strong:*a*", "strong:*b*"},
		"*a*\r\n*b*\r\n":            {"strong:*a*", "strong:*b*"},
		"*\u00e9*":                  {"strong:*\u00e9*"},
		"`` a `b`":                  {"code:`b`"},
		"*a\x00*":                   {"strong:*a\x00*"},
	} {
		got := text.Parse(body, text.Options{})
		require.Equal(t, want, found(got), "%q", body)
		require.Empty(t, text.Parse(body, text.Options{Unstyled: true}).Spans, "%q", body)
		for _, s := range got.Spans {
			require.Equal(t, text.Range{s.Start + 1, s.End - 1}, s.Inner)
			require.Contains(t, got.Markup, text.Range{s.Start, s.Start + 1})
			require.Contains(t, got.Markup, text.Range{s.End - 1, s.End})
		}
	}
}

func TestBlocks(t *testing.T) {
	for body, want := range map[string][]string{
		"> That that is, is.\nSaid the old hermit of Prague.": {"quote:> That that is, is."},
		">> That that is, is.\n> Said the old hermit.\nWho?":  {"quote:>> That that is, is.\n> Said the old hermit.", "quote:> That that is, is."},
		">a\n\n>b":      {"quote:>a", "quote:>b"},
		">a\n>b":        {"quote:>a\n>b"},
		"> > a\n>  > b": {"quote:> > a\n>  > b", "quote:> a"},
		"a > b":         {},
		" > a":          {},
		">":             {"quote:>"},
		"> *a*":         {"quote:> *a*", "strong:*a*"},
		"> *a\n> b*":    {"quote:> *a\n> b*"},
		"```ignored\n(println \"*a*\")\n```\nplain": {"code-block:```ignored\n(println \"*a*\")\n```"},
		"```":                       {"code-block:```"},
		"```\n```":                  {"code-block:```\n```"},
		"```\na":                    {"code-block:```\na"},
		"```\n\n\na\n```":           {"code-block:```\n\n\na\n```"},
		"```\n``` \n```\n*a*":       {"code-block:```\n``` \n```", "strong:*a*"},
		"```\n> a\n```":             {"code-block:```\n> a\n```"},
		"> ```\n> (println)\nplain": {"quote:> ```\n> (println)", "code-block:```\n> (println)"},
		"> ```\n>> a\n> ```\n> *b*": {"quote:> ```\n>> a\n> ```\n> *b*", "code-block:```\n>> a\n> ```", "strong:*b*"},
		"> ```\na\n> *b*":           {"quote:> ```", "code-block:```", "quote:> *b*", "strong:*b*"},
		"a```":                      {},
		"a\r\n> b\r\nc":             {"quote:> b"},
	} {
		require.Equal(t, want, found(text.Parse(body, text.Options{})), "%q", body)
	}

	got := text.Parse("> ```go\n> x := 1\n> ```\n> y", text.Options{})
	require.Equal(t, "go", got.Spans[1].Info)
	require.Equal(t, "x := 1", got.Body[got.Spans[1].Inner.Start:got.Spans[1].Inner.End])
	require.Equal(t, []text.Range{{0, 2}, {2, 7}, {8, 10}, {17, 19}, {19, 22}, {23, 25}}, got.Markup)
	require.Equal(t, 1, got.Spans[0].Depth)
	got = text.Parse("```\n\na\n\n```", text.Options{})
	require.Equal(t, "\na\n", got.Body[got.Spans[0].Inner.Start:got.Spans[0].Inner.End])
	require.Empty(t, text.Parse("```"+strings.Repeat("x", 100), text.Options{}).Spans[0].Info)

	deep := text.Parse(strings.Repeat(">", 1000)+"a", text.Options{})
	require.Len(t, deep.Spans, text.MaxQuoteDepth)
	require.Equal(t, text.MaxQuoteDepth, deep.Spans[text.MaxQuoteDepth-1].Depth)
	require.Empty(t, text.Parse("> a\n```\nb", text.Options{Unstyled: true}).Spans)
}

func TestBounds(t *testing.T) {
	many := text.Parse(strings.Repeat("*a* ", 10_000), text.Options{Mentions: []text.MentionAt{{text.Range{0, 1}, "a@b"}}})
	require.Len(t, many.Spans, text.MaxSpans)
	require.LessOrEqual(t, len(many.Markup), 2*text.MaxSpans)
	many = text.Parse(strings.Repeat("> a\n\n```\nx\n```\n", 10_000), text.Options{})
	require.Len(t, many.Spans, text.MaxSpans)
}

func TestMe(t *testing.T) {
	action, ok := text.Me("/me laughs")
	require.True(t, ok)
	require.Equal(t, "laughs", action)
	// XEP-0245 §2
	for _, body := range []string{
		"/meshrugs in disgust", "/me's disgusted", " /me shrugs in disgust", "\"/me shrugs in disgust\"", "* Atlas shrugs in disgust",
		"Why did Atlas say \"/me shrugs in disgust\"?", "/me", "/ME a", "",
	} {
		_, ok := text.Me(body)
		require.False(t, ok, body)
		require.False(t, text.Parse(body, text.Options{}).Me)
	}
	got := text.Parse("/me *waves*", text.Options{})
	require.True(t, got.Me)
	require.Equal(t, []string{"strong:*waves*"}, found(got))
}

func TestMentions(t *testing.T) {
	const body = "h\u00e9 Juliet, *look*"
	got := text.Parse(body, text.Options{Mentions: []text.MentionAt{
		{text.Range{4, 10}, "juliet@capulet.example"},
		{text.Range{2, 10}, "within a character"}, {text.Range{4, 4}, "empty"}, {text.Range{10, 4}, "turned"},
		{text.Range{-1, 4}, "before"}, {text.Range{4, 100}, "beyond"}, {text.Range{4, 10}, ""},
	}})
	require.Equal(t, []string{"mention:Juliet", "strong:*look*"}, found(got))
	require.Equal(t, "juliet@capulet.example", got.Spans[0].JID)

	require.Equal(t, []text.Range{{0, 5}, {10, 15}}, text.FindNames("Romeo and romeo!", "romeo"))
	require.Equal(t, []text.Range{{0, 8}}, text.FindNames("Romeo II, hi", "Romeo", "Romeo II"))
	require.Equal(t, []text.Range{{1, 6}}, text.FindNames("@ren\u00e9!", "REN\u00c9"))
	require.Equal(t, []text.Range{{0, 3}}, text.FindNames("o_0 x", "o_0"))
	require.Equal(t, []text.Range{{2, 6}}, text.FindNames("a (x)y b", "(x)y"))
	for _, body := range []string{"Romeos", "aRomeo", "Rome", "", "Romeo\u0301", "_Romeo"} {
		require.Empty(t, text.FindNames(body, "Romeo", "", " ", strings.Repeat("x", 1000)), body)
	}
}

func TestOnlyEmoji(t *testing.T) {
	for body, want := range map[string]int{
		"\U0001F44B": 1, " \U0001F44B\n\U0001F44B\U0001F3FD ": 2, "\U0001F1E9\U0001F1EA": 1, "\u2764\uFE0F": 1, "\u2764": 1,
		"1\uFE0F\u20E3": 1, "": 0, " ": 0, "a": 0, "\U0001F44Ba": 0, "1": 0, "\u2122": 0, "\u2122\uFE0F": 1,
		strings.Repeat("\U0001F44B", 8): 8, strings.Repeat("\U0001F44B", 9): 0, "\u200d": 0, "\xff": 0,
	} {
		require.Equal(t, want, text.OnlyEmoji(body, 8), "%+q", body)
	}
}

func TestUTF16(t *testing.T) {
	const body = "\U0001F44B *\u00e9* `x`"
	got := text.Parse(body, text.Options{}).UTF16()
	require.Equal(t, []text.Range{{3, 6}, {7, 10}}, []text.Range{got.Spans[0].Range, got.Spans[1].Range})
	require.Equal(t, text.Range{4, 5}, got.Spans[0].Inner)
	require.Equal(t, []text.Range{{3, 4}, {5, 6}, {7, 8}, {9, 10}}, got.Markup)
	ascii := text.Parse("a *b*", text.Options{})
	require.Equal(t, ascii, ascii.UTF16())
}

func TestNothingIsShown(t *testing.T) {
	parsed := text.Parse("*canary*", text.Options{})
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", parsed, "in", struct{ V any }{parsed})
	fmt.Fprintf(&log, "%v %+v %#v %s", parsed, parsed, parsed, &parsed)
	require.NotContains(t, log.String(), "canary")
}

func Example() {
	t := text.Parse("> *hi* there\nhttps://example.org", text.Options{})
	for _, s := range t.Spans {
		fmt.Printf("%s %d-%d\n", s.Kind, s.Start, s.End)
	}
	// Output:
	// quote 0-12
	// strong 2-6
	// link 13-32
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"*a _b_ ~c~ `d`*", "> > ```go\n> > x\n> ```", "http://u@\u0430pple.example/(a)).", "aesgcm://h/x#ab", "/me *a*", "\xff*a*\xff",
		"xmpp:a@b?join mailto:a@b tel:+1 geo:1,2", "***", "```\n```", "\U0001F44B *x*", "https://[::1]/ https://0x7f.1",
	} {
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, body string, unstyled bool) {
		got := text.Parse(body, text.Options{Unstyled: unstyled})
		require.LessOrEqual(t, len(got.Spans), text.MaxSpans)
		last := 0
		var open []text.Span
		for _, s := range got.Spans {
			require.True(t, s.Start < s.End && s.End <= len(body))
			require.GreaterOrEqual(t, s.Start, last)
			last = s.Start
			require.True(t, s.Inner.Start >= s.Start && s.Inner.Start <= s.Inner.End && s.Inner.End <= s.End)
			require.Equal(t, s.Kind == text.Link, s.Link != nil)
			for len(open) > 0 && open[len(open)-1].End <= s.Start {
				open = open[:len(open)-1]
			}
			if len(open) > 0 {
				require.LessOrEqual(t, s.End, open[len(open)-1].End, "spans cross")
			}
			open = append(open, s)
			if utf8.ValidString(body) {
				require.True(t, utf8.ValidString(body[s.Start:s.End]))
			}
		}
		last = 0
		for _, m := range got.Markup {
			require.True(t, m.Start >= last && m.Start < m.End && m.End <= len(body))
			last = m.End
		}
		got.UTF16()
		text.OnlyEmoji(body, 10)
		text.FindNames(body, "a", "b")
	})
}
