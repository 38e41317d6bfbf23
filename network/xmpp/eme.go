// SPDX-License-Identifier: MPL-2.0

// XEP-0380: Explicit Message Encryption

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSEME is the namespace of explicit message encryption.
const NSEME = "urn:xmpp:eme:0"

// ParseEME returns the namespace of the encryption that a message says it is
// protected with, or "".
func ParseEME(message *element.Element) string {
	return message.Child(NSEME, "encryption").AttrValue("namespace")
}

func emeElement(namespace string) *element.Element {
	name := ""
	if namespace == NSOMEMO03 || namespace == NSOMEMO2 {
		name = "OMEMO"
	}
	return element.New(NSEME, "encryption").With("namespace", namespace).WithOptional("name", name)
}
