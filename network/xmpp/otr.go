// SPDX-License-Identifier: MPL-2.0

// XEP-0364: Current Off-the-Record Messaging Usage

package xmpp

import "strings"

// OTR is what a body is in Off-the-Record Messaging. It is recognised so that a
// person can be told why a message cannot be read, and never answered.
type OTR uint8

// The kinds of OTR messages.
const (
	NoOTR     OTR = iota
	OTRQuery      // asks for an OTR session; the rest may be an explanation to read
	OTRData       // a part of a session: cannot be read
	OTRError      // says that a session has failed
	OTRTagged     // a text to read, with an offer of OTR in white space
)

// otrTag begins the offer in white space.
const otrTag = " \t  \t\t\t\t \t \t \t  "

// ParseOTR recognises a body of OTR, versions 1 to 4.
func ParseOTR(body string) OTR {
	rest, ok := strings.CutPrefix(body, "?OTR")
	if !ok {
		if strings.Contains(body, otrTag) {
			return OTRTagged
		}
		return NoOTR
	}
	switch {
	case strings.HasPrefix(rest, " Error:"):
		return OTRError
	case strings.HasPrefix(rest, ":"), strings.HasPrefix(rest, ","), strings.HasPrefix(rest, "|"):
		return OTRData // whole, or a fragment of version 2 or 3
	case otrVersions(rest):
		return OTRQuery
	}
	return NoOTR
}

// otrVersions recognises what follows in a query: "?", "v23?" or "?v2?".
func otrVersions(s string) bool {
	s, old := strings.CutPrefix(s, "?")
	s, versions := strings.CutPrefix(s, "v")
	if !versions {
		return old
	}
	for i := range len(s) {
		if s[i] == '?' {
			return true
		}
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'z') || i > 16 {
			break
		}
	}
	return old
}

// WithoutOTRTag returns the text of an [OTRTagged] body.
func WithoutOTRTag(body string) string {
	before, after, found := strings.Cut(body, otrTag)
	if !found {
		return body
	}
	// Eight bytes for each version offered.
	for len(after) >= 8 && strings.Trim(after[:8], " \t") == "" {
		after = after[8:]
	}
	return before + after
}
