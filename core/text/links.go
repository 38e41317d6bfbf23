// SPDX-License-Identifier: MPL-2.0

package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Action is what a link is for.
type Action uint8

// The actions. All but Browse concern an app of the system or this one.
const (
	Browse Action = iota + 1 // http:, https:
	Chat                     // xmpp:, to be opened by this app itself
	Mail                     // mailto:
	Call                     // tel:
	Map                      // geo:
	// Media is an encrypted file (aesgcm:) with its key. It is to be fetched
	// and decrypted by this app: it must never be opened by anything else, nor
	// be shown as a link, XEP-0454 §6.
	Media
)

var actionNames = map[Action]string{Browse: "browse", Chat: "chat", Mail: "mail", Call: "call", Map: "map", Media: "media"}

// String returns the action's stable name.
func (a Action) String() string {
	if n, ok := actionNames[a]; ok {
		return n
	}
	return "unknown"
}

// A LinkInfo describes a link.
type LinkInfo struct {
	URL    string // as it stands in the body
	Action Action
	// Host is the host of a Browse link as people read it, and ASCII as DNS has
	// it; both empty for other links.
	Host, ASCII string
	Warnings    Warning
}

// Opens reports whether the link may be handed to the system when it is tapped,
// which Media must never be.
func (l LinkInfo) Opens() bool { return l.Action != Media }

// schemes that are found, without "://" or ":".
var schemes = map[string]Action{
	"http": Browse, "https": Browse, "xmpp": Chat, "mailto": Mail, "tel": Call, "geo": Map, "aesgcm": Media,
}

const (
	maxScheme = 6
	maxLink   = 4096 // bytes; longer ones are text
)

// links finds the links between start and end, which hold no line end.
func (p *parser) links(start, end int) {
	for i := start; i < end; {
		n := strings.IndexByte(p.s[i:end], ':')
		if n < 0 {
			return
		}
		colon := i + n
		from, action := schemeBefore(p.s[i:colon], p.s[start:i])
		if action == 0 || !follows(p.s[colon+1:end], action) {
			i = colon + 1
			continue
		}
		from += i
		to := colon + 1 + linkEnd(p.s[colon+1:end])
		i = colon + 1 + run(p.s[colon+1:end])
		if to <= colon+1 || to-from > maxLink {
			continue
		}
		info := LinkInfo{URL: p.s[from:to], Action: action}
		if info.inspect() {
			p.add(Span{Kind: Link, Range: Range{from, to}, Inner: Range{from, to}, Link: &info})
		}
	}
}

// schemeBefore returns where the scheme that s ends with begins; before is what
// stands before s.
func schemeBefore(s, before string) (from int, action Action) {
	from = len(s)
	for from > 0 && len(s)-from <= maxScheme && letter(s[from-1]) {
		from--
	}
	if len(s)-from > maxScheme {
		return 0, 0
	}
	action = schemes[strings.ToLower(s[from:])]
	r, size := utf8.DecodeLastRuneInString(s[:from])
	if size == 0 {
		r, size = utf8.DecodeLastRuneInString(before)
	}
	if size > 0 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("+-._", r)) {
		return 0, 0 // the end of another word
	}
	return from, action
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// follows reports whether what comes after the colon can be that of a link.
func follows(s string, action Action) bool {
	switch action {
	case Browse, Media:
		rest, ok := strings.CutPrefix(s, "//")
		r, size := utf8.DecodeRuneInString(rest)
		return ok && size > 0 && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '[')
	case Call:
		return s != "" && (s[0] == '+' || s[0] >= '0' && s[0] <= '9')
	case Map:
		return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9')
	default:
		r, size := utf8.DecodeRuneInString(s)
		return size > 0 && !endsLink(r) && r != ':'
	}
}

// endsLink reports what cannot be in a link: white space, controls, invisible
// characters, and quotation marks.
func endsLink(r rune) bool {
	return space(r) || r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("<>\"`\u201c\u201d\u00ab\u00bb", r)
}

// run returns how far a link may go at most.
func run(s string) int {
	if i := strings.IndexFunc(s, endsLink); i >= 0 {
		return i
	}
	return len(s)
}

// linkEnd is run without what belongs to the sentence: punctuation at the end,
// and closing brackets that were not opened in the link.
func linkEnd(s string) int {
	s = s[:run(s)]
	var open [3]int
	for i := range len(s) {
		if n := strings.IndexByte("([{", s[i]); n >= 0 {
			open[n]++
		} else if n := strings.IndexByte(")]}", s[i]); n >= 0 {
			open[n]--
		}
	}
	for len(s) > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		if n := strings.IndexRune(")]}", r); n >= 0 {
			if open[n] >= 0 {
				break
			}
			open[n]++
		} else if !strings.ContainsRune(".,;:!?'*_~\u2026\u3002\uff0c\uff1f\uff01", r) {
			break
		}
		s = s[:len(s)-size]
	}
	return len(s)
}
