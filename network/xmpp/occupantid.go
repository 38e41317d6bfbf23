// SPDX-License-Identifier: MPL-2.0

// XEP-0421: Occupant identifiers for semi-anonymous MUCs

package xmpp

import (
	"unicode/utf8"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSOccupantID is the feature of a room that gives its occupants stable ids.
const NSOccupantID = "urn:xmpp:occupant-id:0"

// ParseOccupantID returns the id of the occupant who sent a presence or
// message, "" when there is none. It means something only in a room that
// announces [NSOccupantID]: others let occupants claim what they like, §6. Two
// of them, or one that is too long, are none.
func ParseOccupantID(e *element.Element) string {
	found := ""
	for x := range e.All(NSOccupantID, "occupant-id") {
		if found != "" {
			return ""
		}
		if found = x.AttrValue("id"); found == "" || utf8.RuneCountInString(found) > maxOccupantID {
			return ""
		}
	}
	return found
}
