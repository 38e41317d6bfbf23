// SPDX-License-Identifier: MPL-2.0

// XEP-0203: Delayed Delivery

package xmpp

import (
	"fmt"
	"time"

	"mellium.im/xmpp/delay"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// ParseDelay reads a <delay/>: who says so, and when the stanza was first
// sent. delay.Delay of mellium is not used, because it decodes by reflection
// once per message.
//
// Errors: [ErrMalformed].
func ParseDelay(e *element.Element) (from jid.JID, stamp time.Time, err error) {
	if !e.Is(delay.NS, "delay") {
		return jid.JID{}, time.Time{}, fmt.Errorf("parse delay: %w", ErrMalformed)
	}
	if from, err = parseJID(e.AttrValue("from")); err != nil {
		return jid.JID{}, time.Time{}, fmt.Errorf("parse delay: %w", err)
	}
	if stamp, err = parseTime(e.AttrValue("stamp")); err != nil {
		return jid.JID{}, time.Time{}, fmt.Errorf("parse delay: %w", err)
	}
	return from, stamp, nil
}

// parseTime reads a DateTime of XEP-0082 §3.2.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	t = t.UTC()
	if err != nil || t.Year() < 1 || t.Year() > 9999 { // an offset leads out of what can be written
		return time.Time{}, fmt.Errorf("%w: time", ErrMalformed)
	}
	return t, nil
}

func formatTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// delayOf returns the delay of a stanza that one of the given entities stamped
// on it, or that names nobody. Others may write what they like into a stanza;
// so may a sender whose server does not look, which makes this a claim and no
// proof.
func delayOf(e *element.Element, by ...jid.JID) time.Time {
	for d := range e.All(delay.NS, "delay") {
		from, stamp, err := ParseDelay(d)
		if err != nil {
			continue
		}
		if from.Equal(jid.JID{}) {
			return stamp
		}
		for _, j := range by {
			if from.Equal(j) || from.Bare().Equal(j) {
				return stamp
			}
		}
	}
	return time.Time{}
}
