// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// asciiHost returns the form of a host that DNS, TLS and SOCKS5 use: an IP
// address without brackets, or a name in A-labels and lower case without a
// final dot. The DNS root "." becomes "".
func asciiHost(host string) (string, error) {
	literal := host
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		literal = host[1 : len(host)-1]
	}
	if addr, err := netip.ParseAddr(literal); err == nil {
		if addr.Zone() != "" {
			return "", errors.New("address with a zone")
		}
		return addr.Unmap().String(), nil
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" {
		return "", nil
	}
	name, err := idna.Lookup.ToASCII(host)
	if err != nil {
		// Hosts with an underscore exist, and IDNA lets none through.
		name = strings.ToLower(host)
	}
	if len(name) > 253 || !plainName(name) {
		return "", errors.New("not a host name")
	}
	return name, nil
}

// plainName tells whether a name consists of the letters, digits, hyphens and
// underscores that hosts have in practice.
func plainName(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// isOnion tells whether DNS must never hear of a name (RFC 7686).
func isOnion(host string) bool { return host == "onion" || strings.HasSuffix(host, ".onion") }
