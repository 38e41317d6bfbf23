// SPDX-License-Identifier: MPL-2.0

// XEP-0372: References

package xmpp

import (
	"net/url"
	"strconv"
	"strings"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSReference is the namespace of references.
const NSReference = "urn:xmpp:reference:0"

// The types of references.
const (
	MentionReference = "mention" // of somebody
	DataReference    = "data"    // to something that can be fetched
)

// MaxReferences is how many references of one message are read.
const MaxReferences = 64

// A Reference says what a part of the body is about.
type Reference struct {
	Type string
	URI  string
	// Region is the part of the body; the zero Region is none.
	Region Region
	// Anchor is the URI of the message whose body is meant, if it is not this
	// one's.
	Anchor string
}

// ParseReferences reads the references of a message. Those that carry media of
// XEP-0385 instead of an address are not among them: see [ParseSIMS].
func ParseReferences(message *element.Element) []Reference {
	var list []Reference
	for x := range message.All(NSReference, "reference") {
		if len(list) == MaxReferences {
			break
		}
		r := Reference{Type: x.AttrValue("type"), URI: boundedURI(x.AttrValue("uri")), Anchor: boundedURI(x.AttrValue("anchor"))}
		if r.URI == "" || r.Type == "" || x.Child(nsSIMS, "media-sharing") != nil {
			continue
		}
		r.Region, _ = parseRegion(x, "begin", "end")
		list = append(list, r)
	}
	return list
}

// Mention makes a reference to somebody in a part of the body.
func Mention(j jid.JID, region Region) Reference {
	return Reference{Type: MentionReference, URI: "xmpp:" + escapeJID(j.Bare()), Region: region}
}

// Mentioned returns who is mentioned, false when r mentions nobody.
func (r Reference) Mentioned() (jid.JID, bool) {
	rest, ok := strings.CutPrefix(r.URI, "xmpp:")
	if r.Type != MentionReference || !ok {
		return jid.JID{}, false
	}
	rest, _, _ = strings.Cut(rest, "?")
	address, err := url.PathUnescape(rest)
	if err != nil {
		return jid.JID{}, false
	}
	j, err := parseJID(address)
	if err != nil || j.Equal(jid.JID{}) {
		return jid.JID{}, false
	}
	return j, true
}

// escapeJID writes an address as it stands in an xmpp: URI, RFC 5122 §2.3.
func escapeJID(j jid.JID) string {
	domain := j.Domainpart()
	if j.Localpart() == "" {
		return domain
	}
	return url.PathEscape(j.Localpart()) + "@" + domain
}

func (r Reference) element() *element.Element {
	x := element.New(NSReference, "reference").With("type", r.Type).With("uri", r.URI).WithOptional("anchor", r.Anchor)
	if r.Region.Start < r.Region.End {
		x.With("begin", strconv.Itoa(r.Region.Start)).With("end", strconv.Itoa(r.Region.End))
	}
	return x
}
