// SPDX-License-Identifier: MPL-2.0

package text

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// Bounds of what is found in one body. What exceeds them is plain text.
const (
	MaxSpans      = 2000
	MaxQuoteDepth = 8
)

// A Kind says what a part of a body is.
type Kind uint8

// The kinds of parts.
const (
	Strong    Kind = iota + 1 // *bold*
	Emphasis                  // _italic_
	Strike                    // ~struck through~
	Code                      // `monospaced`
	CodeBlock                 // lines between ``` and ```
	Quote                     // lines that begin with >
	Link                      // see Span.Link
	Mention                   // of somebody: see Span.JID
)

var kindNames = map[Kind]string{
	Strong: "strong", Emphasis: "emphasis", Strike: "strike", Code: "code", CodeBlock: "code-block",
	Quote: "quote", Link: "link", Mention: "mention",
}

// String returns the kind's stable name.
func (k Kind) String() string {
	if n, ok := kindNames[k]; ok {
		return n
	}
	return "unknown"
}

// A Range is a part of a body, from Start up to and without End.
type Range struct{ Start, End int }

// A Span is a part of a body that is shown in a special way.
type Span struct {
	Kind Kind
	Range
	// Inner is the part without the directives around it; in a Quote and in a
	// CodeBlock inside of one, lines in it still begin with theirs.
	Inner Range
	// Depth is how deep a Quote is, from 1.
	Depth int
	// Info is what follows the opening of a CodeBlock: a language, mostly.
	Info string
	// Link is set for a Link, JID for a Mention.
	Link *LinkInfo
	JID  string
}

// A Text is a body with what was found in it.
type Text struct {
	Body string
	// Spans are ordered by where they begin, an outer one before those in it.
	// Two spans overlap only when one holds the other, except that a Mention,
	// which the sender places, may overlap any.
	Spans []Span
	// Markup are the directives, in order: to be dimmed or hidden.
	Markup []Range
	// Me is set when the body begins with "/me ": show who wrote it in place of
	// the first three bytes.
	Me bool
}

// Options change what is looked for.
type Options struct {
	// Unstyled turns styles off, as a sender may ask for, XEP-0393 §6.
	Unstyled bool
	// Mentions are those that came with the message, in bytes; those that do not
	// fit the body are left out.
	Mentions []MentionAt
}

// A MentionAt says that a part of a body is somebody's name.
type MentionAt struct {
	Range
	JID string
}

// Parse finds out how a body is to be shown.
func Parse(body string, o Options) Text {
	t := Text{Body: body}
	_, t.Me = Me(body)
	p := parser{s: body, styled: !o.Unstyled}
	p.blocks()
	t.Spans, t.Markup = p.spans, p.markup
	for _, m := range o.Mentions {
		if len(t.Spans) >= MaxSpans {
			break
		}
		if m.fits(body) && m.JID != "" {
			t.Spans = append(t.Spans, Span{Kind: Mention, Range: m.Range, Inner: m.Range, JID: m.JID})
		}
	}
	slices.SortStableFunc(t.Spans, func(a, b Span) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	return t
}

// fits reports whether r is a part of s that begins and ends at code points.
func (r Range) fits(s string) bool {
	return r.Start >= 0 && r.Start < r.End && r.End <= len(s) && boundary(s, r.Start) && boundary(s, r.End)
}

// Me returns what is said about the sender in the third person, XEP-0245, and
// whether anything is.
func Me(body string) (action string, ok bool) {
	return strings.CutPrefix(body, "/me ")
}

// UTF16 returns t with all offsets in UTF-16 units.
func (t Text) UTF16() Text {
	x := NewIndex(t.Body)
	if x.ascii {
		return t
	}
	convert := func(r Range) Range { return Range{x.UTF16(r.Start), x.UTF16(r.End)} }
	t.Spans, t.Markup = slices.Clone(t.Spans), slices.Clone(t.Markup)
	for i := range t.Spans {
		s := &t.Spans[i]
		s.Range, s.Inner = convert(s.Range), convert(s.Inner)
	}
	for i := range t.Markup {
		t.Markup[i] = convert(t.Markup[i])
	}
	return t
}

const redacted = "text [redacted]"

// Format writes what t is, without its content.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue is what t is, without its content.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns what t is, without its content.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }
