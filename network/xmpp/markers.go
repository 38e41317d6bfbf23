// SPDX-License-Identifier: MPL-2.0

// XEP-0333: Displayed Markers

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSMarkers is the namespace of displayed markers.
const NSMarkers = "urn:xmpp:chat-markers:0"

// A MarkerKind is what a [Marker] says.
type MarkerKind string

// The kinds of XEP-0333. Received and Acknowledged are no longer part of it but
// still sent by older clients.
const (
	Markable     MarkerKind = "markable" // the sender would like a marker
	Received     MarkerKind = "received"
	Displayed    MarkerKind = "displayed"
	Acknowledged MarkerKind = "acknowledged"
)

// A Marker asks for, or says, up to where a conversation was seen.
type Marker struct {
	Kind MarkerKind
	ID   string // of the marked message; empty for Markable
}

// ParseMarker reads the marker of a message, nil when there is none.
func ParseMarker(message *element.Element) *Marker {
	for x := range message.All(NSMarkers, "") {
		m := Marker{ID: x.AttrValue("id")}
		switch MarkerKind(x.Name.Local) {
		case Markable:
			return &Marker{Kind: Markable}
		case Displayed:
			m.Kind = Displayed
		case Received:
			m.Kind = Received
		case Acknowledged:
			m.Kind = Acknowledged
		}
		if m.Kind != "" && m.ID != "" {
			return &m
		}
	}
	return nil
}

func (m *Marker) appendTo(message *element.Element) {
	if m == nil {
		return
	}
	message.Add(element.New(NSMarkers, string(m.Kind)).WithOptional("id", m.ID))
}
