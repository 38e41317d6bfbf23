// SPDX-License-Identifier: MPL-2.0

// XEP-0461: Message Replies

package xmpp

import (
	"strings"
	"unicode/utf8"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSReply is the namespace of message replies.
const NSReply = "urn:xmpp:reply:0"

// A Reply says which message this one answers.
type Reply struct {
	ID string  // of that message: in a group chat the room's stanza-id
	To jid.JID // its author, as the sender says; zero when absent or unreadable
}

// ParseReply reads which message is answered, nil when none is.
func ParseReply(message *element.Element) *Reply {
	x := only(message, NSReply, "reply")
	id := referredID(x)
	if id == "" {
		return nil
	}
	to, err := parseJID(x.AttrValue("to"))
	if err != nil {
		to = jid.JID{}
	}
	return &Reply{ID: id, To: to}
}

func (r *Reply) element() *element.Element {
	if r == nil || r.ID == "" {
		return nil
	}
	return element.New(NSReply, "reply").WithOptional("to", r.To.String()).With("id", r.ID)
}

// Sizes of the quotation that [QuoteReply] makes.
const (
	maxQuoteLines = 5
	maxQuoteLine  = 200 // code points
)

// QuoteReply makes the text that stands before an answer for clients that do
// not know replies, and its indication: the beginning of the answered message,
// quoted as in XEP-0393. The body of the answer is then quote + answer. Both
// results are zero when there is nothing to quote.
func QuoteReply(answered string) (quote string, fallback Fallback) {
	var b strings.Builder
	lines := 0
	for line := range strings.Lines(answered) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if lines++; lines > maxQuoteLines {
			b.WriteString("> \u2026\n")
			break
		}
		b.WriteString("> ")
		b.WriteString(firstPoints(line, maxQuoteLine))
		b.WriteByte('\n')
	}
	if b.Len() == 0 {
		return "", Fallback{}
	}
	quote = b.String()
	return quote, Fallback{For: NSReply, Body: []Region{{0, utf8.RuneCountInString(quote)}}}
}

// firstPoints returns the first n code points of s, with an ellipsis when there
// are more.
func firstPoints(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "\u2026"
		}
		n--
	}
	return s
}
