// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/confab-im/confab/network/xmpp/element"
)

// Content is what a message says in addition to its text, or instead of one.
// It stands in the message itself or, end-to-end encrypted, in the <content/>
// of an XEP-0420 envelope. Nobody but the sender vouches for it.
type Content struct {
	Corrects   string           // XEP-0308: id of the message that this one replaces
	Retracts   *Retraction      // XEP-0424
	Tombstone  *Tombstone       // XEP-0424, from an archive
	Reactions  *Reactions       // XEP-0444
	Reply      *Reply           // XEP-0461
	Fallbacks  []Fallback       // XEP-0428
	References []Reference      // XEP-0372
	Files      []SharedFile     // XEP-0447, XEP-0385
	Attached   *AttachedSources // XEP-0447
	Links      []OOB            // XEP-0066
	Spoiler    *Spoiler         // XEP-0382
	Unstyled   bool             // XEP-0393
}

// ParseContent reads what is in a message or in an envelope. What cannot be
// read, or is there twice where once is allowed, is left out.
func ParseContent(e *element.Element) Content {
	if !anyContent(e) {
		return Content{}
	}
	c := Content{
		Corrects: ParseCorrection(e), Retracts: ParseRetraction(e), Tombstone: ParseTombstone(e),
		Reactions: ParseReactions(e), Reply: ParseReply(e), Fallbacks: ParseFallbacks(e),
		References: ParseReferences(e), Files: ParseFiles(e), Attached: ParseAttachedSources(e),
		Links: ParseOOB(e), Spoiler: ParseSpoiler(e), Unstyled: ParseUnstyled(e),
	}
	for _, f := range ParseSIMS(e) {
		if len(c.Files) == MaxFiles {
			break
		}
		if !slices.ContainsFunc(c.Files, func(other SharedFile) bool { return sameFile(f, other) }) {
			c.Files = append(c.Files, f)
		}
	}
	return c
}

// anyContent spares the many messages that hold none of it a dozen searches.
func anyContent(e *element.Element) bool {
	return e != nil && slices.ContainsFunc(e.Children, func(c *element.Element) bool { return contentSpaces[c.Name.Space] })
}

var contentSpaces = map[string]bool{
	NSCorrection: true, NSRetraction: true, nsRetraction0: true, nsFasten: true, nsRetractModerated: true,
	NSReactions: true, NSReply: true, NSFallback: true, NSReference: true, NSFileSharing: true,
	NSOOB: true, NSSpoiler: true, NSStyling: true,
}

// Elements builds what [ParseContent] reads: all but Tombstone, which is an
// archive's to say, and files of XEP-0385.
func (c Content) Elements() []*element.Element {
	var list element.Element
	list.Add(correctionElement(c.Corrects), c.Retracts.element(), c.Reactions.element(), c.Reply.element())
	for _, f := range c.Fallbacks {
		list.Add(f.element())
	}
	for _, r := range c.References {
		list.Add(r.element())
	}
	for _, f := range c.Files {
		if !f.SIMS {
			list.Add(f.element())
		}
	}
	list.Add(c.Attached.elements()...)
	for _, l := range c.Links {
		list.Add(l.element())
	}
	return list.Add(c.Spoiler.element(), unstyledElement(c.Unstyled)).Children
}

// ContentFeatures are what to announce ([Config.Features]) when all of Content
// is understood.
func ContentFeatures() []string {
	return []string{
		NSCorrection, NSRetraction, NSReactions, NSReply, NSFallback, NSReference, NSFileSharing, nsFileMetadata,
		nsSIMS, nsEncryptedFiles, NSOOB, NSSpoiler, NSStyling, nsThumbs,
	}
}

// maxReferredID bounds ids that name other messages, in bytes.
const maxReferredID = 1024

// referredID returns the id in an element that names a message, "" when there
// is none or one that nobody would have given.
func referredID(x *element.Element) string {
	id := x.AttrValue("id")
	if len(id) > maxReferredID {
		return ""
	}
	return id
}

// only returns the child of that name, nil when there is none or, so that no
// two readers take a different one, more than one.
func only(e *element.Element, space, local string) *element.Element {
	var found *element.Element
	for x := range e.All(space, local) {
		if found != nil {
			return nil
		}
		found = x
	}
	return found
}

// maxURI bounds addresses, in bytes.
const maxURI = 4096

// boundedURI returns s when it has the form of a URI with a scheme, else "".
func boundedURI(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxURI || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return ""
	}
	return s
}

// httpsURL returns s when it is an https: address without a user, else "".
func httpsURL(s string) string {
	s = boundedURI(s)
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return s
}

// firstBytes returns s cut to at most n bytes, at the border of a code point.
func firstBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
