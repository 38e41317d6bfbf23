// SPDX-License-Identifier: MPL-2.0

// RFC 5122: xmpp URIs, XEP-0147: XMPP URI Scheme Query Components

package xmpp

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"mellium.im/xmpp/jid"
)

// ErrURI: a text is no xmpp URI, or one beyond the limits.
var ErrURI error = &codedError{"xmpp.uri.malformed", "not an xmpp URI"}

// Bounds on URIs in bytes and parameters.
const (
	maxLink   = 4096
	maxParams = 32
)

// Actions of a URI, https://xmpp.org/registrar/querytypes.html.
const (
	ActionMessage   = "message"
	ActionJoin      = "join"
	ActionRoster    = "roster"
	ActionSubscribe = "subscribe"
	ActionRegister  = "register"
	ActionRemove    = "remove"
)

// A URI names somebody or something, and what is to be done with it.
type URI struct {
	JID    jid.JID
	Action string // one of the constants, another word, or empty
	Params []URIParam
}

// A URIParam is a parameter of an action.
type URIParam struct{ Key, Value string }

// Param returns the first parameter of that name, or "".
func (u URI) Param(key string) string {
	for _, p := range u.Params {
		if p.Key == key {
			return p.Value
		}
	}
	return ""
}

// ParseURI reads an xmpp URI. The authority of "xmpp://us@here/them@there", which
// says whose account is meant, is passed over.
//
// Errors: [ErrURI].
func ParseURI(s string) (URI, error) {
	const scheme = "xmpp:"
	if len(s) > maxLink || len(s) <= len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return URI{}, fmt.Errorf("parse uri: %w", ErrURI)
	}
	s = s[len(scheme):]
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		if _, s, ok = strings.Cut(rest, "/"); !ok {
			return URI{}, fmt.Errorf("parse uri: %w", ErrURI)
		}
	}
	u, err := parseURI(s)
	if err != nil {
		return URI{}, fmt.Errorf("parse uri: %w", err)
	}
	return u, nil
}

// ParseLink is ParseURI, and reads links to web pages that hold one behind the
// "#", as landing pages of invitations do, XEP-0379 §3.3.
//
// Errors: [ErrURI].
func ParseLink(s string) (URI, error) {
	if len(s) > maxLink {
		return URI{}, fmt.Errorf("parse link: %w", ErrURI)
	}
	page, fragment, ok := strings.Cut(s, "#")
	if scheme, _, web := strings.Cut(page, "://"); !ok || !web || !strings.EqualFold(scheme, "https") {
		return ParseURI(s)
	}
	if strings.HasPrefix(strings.ToLower(fragment), "xmpp:") {
		return ParseURI(fragment)
	}
	u, err := parseURI(fragment)
	if err == nil && u.JID.Localpart() == "" {
		err = ErrURI // any word is a domain
	}
	if err != nil {
		return URI{}, fmt.Errorf("parse link: %w", err)
	}
	return u, nil
}

// parseURI reads what stands behind the scheme.
func parseURI(s string) (u URI, err error) {
	s, _, _ = strings.Cut(s, "#")
	path, query, asks := strings.Cut(s, "?")
	address, err := unescape(path)
	if err != nil {
		return u, err
	}
	if u.JID, err = jid.Parse(address); err != nil {
		return URI{}, ErrURI
	}
	if !asks {
		return u, nil
	}
	parts := strings.Split(query, ";")
	if len(parts) > maxParams+1 {
		return URI{}, ErrURI
	}
	if u.Action, err = unescape(parts[0]); err != nil {
		return URI{}, err
	}
	for _, part := range parts[1:] {
		k, v, _ := strings.Cut(part, "=")
		if k == "" {
			continue
		}
		var p URIParam
		if p.Key, err = unescape(k); err != nil {
			return URI{}, err
		}
		if p.Value, err = unescape(v); err != nil {
			return URI{}, err
		}
		u.Params = append(u.Params, p)
	}
	return u, nil
}

// unescape decodes what is percent-encoded; a plus is one.
func unescape(s string) (string, error) {
	out, err := url.PathUnescape(s)
	if err != nil || !utf8.ValidString(out) || strings.ContainsRune(out, 0) {
		return "", ErrURI
	}
	return out, nil
}

// String builds the URI; everything but letters, digits and -._~ is encoded, and
// the @ and / of the address are not.
func (u URI) String() string {
	var b strings.Builder
	b.WriteString("xmpp:")
	if local := u.JID.Localpart(); local != "" {
		b.WriteString(escape(local) + "@")
	}
	b.WriteString(strings.NewReplacer("%3A", ":", "%5B", "[", "%5D", "]").Replace(escape(u.JID.Domainpart())))
	if resource := u.JID.Resourcepart(); resource != "" {
		b.WriteString("/" + escape(resource))
	}
	if u.Action == "" && len(u.Params) == 0 {
		return b.String()
	}
	b.WriteString("?" + escape(u.Action))
	for _, p := range u.Params {
		b.WriteString(";" + escape(p.Key))
		if p.Value != "" {
			b.WriteString("=" + escape(p.Value))
		}
	}
	return b.String()
}

func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
