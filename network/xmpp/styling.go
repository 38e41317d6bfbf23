// SPDX-License-Identifier: MPL-2.0

// XEP-0393: Message Styling

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSStyling is the namespace of message styling. Styles are in the body; the
// only element says that there are none.
const NSStyling = "urn:xmpp:styling:0"

// ParseUnstyled reports whether the sender asks not to style the body, §6.
func ParseUnstyled(message *element.Element) bool {
	return message.Child(NSStyling, "unstyled") != nil
}

func unstyledElement(unstyled bool) *element.Element {
	if !unstyled {
		return nil
	}
	return element.New(NSStyling, "unstyled")
}
