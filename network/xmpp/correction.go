// SPDX-License-Identifier: MPL-2.0

// XEP-0308: Last Message Correction

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSCorrection is the namespace of message correction.
const NSCorrection = "urn:xmpp:message-correct:0"

// ParseCorrection returns the id of the message that this one replaces, or "".
// Only the author of a message may replace it: XEP-0308 §4 says how to tell. An
// id that is no correction's is not looked for here.
func ParseCorrection(message *element.Element) string {
	return referredID(only(message, NSCorrection, "replace"))
}

func correctionElement(id string) *element.Element {
	if id == "" {
		return nil
	}
	return element.New(NSCorrection, "replace").With("id", id)
}
