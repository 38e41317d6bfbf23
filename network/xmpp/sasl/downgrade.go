// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"hash"
	"slices"
	"strings"
)

// offerHash is the hash of XEP-0474 section "Server Sends Downgrade Protection
// Hash" over what a server offered. bindings is empty when it announced none.
func offerHash(h func() hash.Hash, offered, bindings []string) []byte {
	list := func(names []string) string {
		return strings.Join(slices.Sorted(slices.Values(names)), "\x1e")
	}
	s := list(offered)
	if len(bindings) > 0 {
		s += "\x1f" + list(bindings)
	}
	d := h()
	d.Write([]byte(s))
	return d.Sum(nil)
}
