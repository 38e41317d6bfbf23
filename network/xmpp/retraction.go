// SPDX-License-Identifier: MPL-2.0

// XEP-0424: Message Retraction

package xmpp

import (
	"time"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSRetraction is the namespace of message retraction.
const NSRetraction = "urn:xmpp:message-retract:1"

const (
	nsRetraction0 = "urn:xmpp:message-retract:0"
	nsFasten      = "urn:xmpp:fasten:0" // XEP-0422, which version 0 was wrapped in

	nsRetractModerated = "urn:xmpp:message-moderate:0"
)

// A Retraction asks to forget a message. Only its author may; a moderator's
// request looks like one to clients that do not know XEP-0425, and is told
// apart by Moderated.
type Retraction struct {
	ID string // of the message: in a group chat the room's stanza-id
	// Legacy is set for version 0, whose ID is always an origin-id, XEP-0359.
	Legacy bool
	// Moderated is set when the element says to be the work of a moderator,
	// XEP-0425. Only the room itself may say so.
	Moderated bool
}

// ParseRetraction reads a request to retract, nil when there is none. Version 0
// is read but never sent.
func ParseRetraction(message *element.Element) *Retraction {
	if x := only(message, NSRetraction, "retract"); x != nil {
		if id := referredID(x); id != "" {
			return &Retraction{ID: id, Moderated: saysModerated(x)}
		}
		return nil
	}
	to := only(message, nsFasten, "apply-to")
	x := only(to, nsRetraction0, "retract")
	wrapped := to.Child(nsRetractModerated, "moderated")
	if x == nil && wrapped != nil {
		x = only(wrapped, nsRetraction0, "retract")
	}
	if id := referredID(to); x != nil && id != "" {
		return &Retraction{ID: id, Legacy: true, Moderated: wrapped != nil || saysModerated(x)}
	}
	return nil
}

// saysModerated reports whether a retraction names a moderator, in the form of
// either version of XEP-0425.
func saysModerated(retract *element.Element) bool {
	return retract.Child("urn:xmpp:message-moderate:1", "moderated") != nil || retract.Child(nsRetractModerated, "moderated") != nil
}

func (r *Retraction) element() *element.Element {
	if r == nil || r.ID == "" {
		return nil
	}
	return element.New(NSRetraction, "retract").With("id", r.ID)
}

// A Tombstone is what an archive puts in the place of a retracted message,
// XEP-0424 §5. It is only to be believed in a message from an archive.
type Tombstone struct {
	ID    string    // of the message that retracted it; may be empty in version 0
	Stamp time.Time // when that was, zero when unknown
}

// ParseTombstone reads a tombstone, nil when there is none.
func ParseTombstone(message *element.Element) *Tombstone {
	x := only(message, NSRetraction, "retracted")
	if x == nil {
		x = only(message, nsRetraction0, "retracted")
	}
	if x == nil {
		x = only(only(message, nsRetractModerated, "moderated"), nsRetraction0, "retracted")
	}
	if x == nil {
		return nil
	}
	stamp, err := parseTime(x.AttrValue("stamp"))
	if err != nil {
		stamp = time.Time{}
	}
	return &Tombstone{ID: referredID(x), Stamp: stamp}
}
