// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"testing"

	"github.com/confab-im/confab/network/xmpp/element"
)

// BenchmarkReceive is from the bytes of a stanza to its values.
func BenchmarkReceive(b *testing.B) {
	for name, s := range map[string]string{"plain": plainMessage, "omemo": omemoMessage, "carbon": carbon("juliet@capulet.example", "received", forwardedMessage)} {
		in := []byte(s)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, err := element.Parse(in, element.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := ParseMessage(e, juliet); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
