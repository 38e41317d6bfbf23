// SPDX-License-Identifier: MPL-2.0

// XEP-0317: Hats

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSHats is the feature of a room that has hats.
const NSHats = "urn:xmpp:hats:0"

// A Hat is a part that an occupant plays, such as that of a teacher.
type Hat struct {
	URI   string // what the hat is known by
	Title string // for people
}

// ParseHats reads the hats in the presence of an occupant, 16 at most. They mean
// something only in a room that announces [NSHats].
func ParseHats(presence *element.Element) []Hat {
	var hats []Hat
	for x := range presence.Child(NSHats, "hats").All(NSHats, "hat") {
		h := Hat{URI: x.AttrValue("uri"), Title: clip(x.AttrValue("title"), maxRoomStatus)}
		if h.URI == "" || len(h.URI) > maxRoomStatus {
			continue
		}
		if hats = append(hats, h); len(hats) == maxHats {
			break
		}
	}
	return hats
}
