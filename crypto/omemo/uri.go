// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/confab-im/confab/crypto/engine"
)

// Bounds of what is read.
const (
	maxURI     = 16 << 10 // bytes
	maxURIKeys = 128      // and these are more than fit a code that can be scanned
	maxJID     = 3071     // bytes (RFC 7622 section 3.1, without a resource)
)

// ErrBadURI: not an address with fingerprints.
var ErrBadURI error = &CodedError{"omemo.bad-uri", "not a verification address"}

// URI is an address that names the identity keys of somebody's devices, for
// comparing them by scanning:
//
//	xmpp:alice@example.org?omemo-sid-123=hex;omemo-sid-456=hex
//
// It is what clients for OMEMO 0.3 show as a QR code; no specification has it.
// It is an XMPP address with a query (RFC 5122 section 2), whose keys are
// "omemo-sid-" and a device id, and whose values are fingerprints.
type URI struct {
	JID  string // bare; what else it has to be is for the caller to check
	Keys []URIKey
}

// URIKey is a device with its key.
type URIKey struct {
	Device   uint32
	Identity engine.PublicKey
}

const (
	uriScheme = "xmpp:"
	uriKey    = "omemo-sid-"
)

// String makes the address.
func (u URI) String() string {
	var b strings.Builder
	b.WriteString(uriScheme)
	local, domain, ok := strings.Cut(u.JID, "@")
	if ok {
		b.WriteString(url.PathEscape(local))
		b.WriteByte('@')
		b.WriteString(url.PathEscape(domain))
	} else {
		b.WriteString(url.PathEscape(u.JID))
	}
	for i, k := range u.Keys {
		b.WriteByte("?;"[min(i, 1)])
		fmt.Fprintf(&b, "%s%d=%s", uriKey, k.Device, Fingerprint(k.Identity))
	}
	return b.String()
}

// ParseURI reads an address that was scanned or opened. It may come from
// anybody. Other parts of its query, such as an action, are passed over;
// repeated keys are read once.
//
// The error is ErrBadURI: for anything that is not an address of that kind, has
// no key at all, a key that cannot be one, two keys of one device, a resource,
// or is too long.
func ParseURI(s string) (URI, error) {
	u, ok := parseURI(s)
	if !ok {
		return URI{}, fmt.Errorf("parse verification address: %w", ErrBadURI)
	}
	return u, nil
}

func parseURI(s string) (u URI, ok bool) {
	if len(s) > maxURI || len(s) < len(uriScheme) || !strings.EqualFold(s[:len(uriScheme)], uriScheme) {
		return URI{}, false
	}
	s, _, _ = strings.Cut(s[len(uriScheme):], "#")
	path, query, _ := strings.Cut(s, "?")
	if u.JID, ok = unescape(path); !ok || !bareJID(u.JID) || len(u.JID) > maxJID {
		return URI{}, false // with an authority it begins with a slash, and is refused too
	}
	for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == ';' || r == '&' }) {
		name, value, _ := strings.Cut(part, "=")
		id, about := strings.CutPrefix(strings.ToLower(name), uriKey)
		if !about {
			continue
		}
		k, ok := parseURIKey(id, value)
		if !ok {
			return URI{}, false
		}
		i := slices.IndexFunc(u.Keys, func(o URIKey) bool { return o.Device == k.Device })
		switch {
		case i >= 0 && u.Keys[i] != k, i < 0 && len(u.Keys) == maxURIKeys:
			return URI{}, false
		case i < 0:
			u.Keys = append(u.Keys, k)
		}
	}
	return u, len(u.Keys) > 0
}

func parseURIKey(id, value string) (URIKey, bool) {
	if id == "" || id[0] < '1' || id[0] > '9' { // no sign, no leading zero
		return URIKey{}, false
	}
	device, err := strconv.ParseUint(id, 10, 32)
	if err != nil || !validID(uint32(device)) {
		return URIKey{}, false
	}
	fingerprint, ok := unescape(value)
	if !ok {
		return URIKey{}, false
	}
	identity, err := ParseFingerprint(fingerprint)
	return URIKey{uint32(device), identity}, err == nil
}

// unescape undoes the escapes of an address, whose text has to be printable.
func unescape(s string) (string, bool) {
	plain, err := url.PathUnescape(s)
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return plain, err == nil && utf8.ValidString(plain) && !strings.ContainsFunc(plain, control)
}
