// SPDX-License-Identifier: MPL-2.0

// XEP-0359: Unique and Stable Stanza IDs

package xmpp

import (
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A StanzaID is the id that By has given to a stanza, as in its archive.
type StanzaID struct {
	ID string
	By jid.JID
}

// stanzaIDs returns the ids which one of the given entities assigned. An
// entity that seems to have assigned two has assigned none: one is forged.
func stanzaIDs(e *element.Element, by ...jid.JID) []StanzaID {
	var ids []StanzaID
	for _, want := range by {
		found := ""
		for x := range e.All(stanza.NSSid, "stanza-id") {
			j, err := parseJID(x.AttrValue("by"))
			id := x.AttrValue("id")
			if err != nil || id == "" || !j.Equal(want) {
				continue
			}
			if found != "" {
				found = ""
				break
			}
			found = id
		}
		if found != "" {
			ids = append(ids, StanzaID{ID: found, By: want})
		}
	}
	return ids
}

func originID(id string) *element.Element {
	return element.New(stanza.NSSid, "origin-id").With("id", id)
}
