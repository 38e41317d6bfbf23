// SPDX-License-Identifier: MPL-2.0

// XEP-0334: Message Processing Hints

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSHints is the namespace of message processing hints.
const NSHints = "urn:xmpp:hints"

// Hints tell servers what to do with a message.
type Hints uint8

// The hints of XEP-0334 §4.
const (
	HintStore            Hints = 1 << iota // keep it, though it has no body
	HintNoStore                            // keep it nowhere
	HintNoPermanentStore                   // keep it for offline delivery only
	HintNoCopy                             // deliver it to the addressed client only
)

var hintNames = []struct {
	hint Hints
	name string
}{{HintStore, "store"}, {HintNoStore, "no-store"}, {HintNoPermanentStore, "no-permanent-store"}, {HintNoCopy, "no-copy"}}

// ParseHints reads the hints of a message.
func ParseHints(message *element.Element) Hints {
	var h Hints
	for _, n := range hintNames {
		if message.Child(NSHints, n.name) != nil {
			h |= n.hint
		}
	}
	return h
}

func (h Hints) appendTo(message *element.Element) {
	for _, n := range hintNames {
		if h&n.hint != 0 {
			message.Add(element.New(NSHints, n.name))
		}
	}
}
