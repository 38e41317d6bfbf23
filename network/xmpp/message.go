// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A Message is a message stanza, RFC 6121 §5, with the extensions of this
// package decoded. Its strings share the memory of the stanza they came in.
type Message struct {
	// From and To are who wrote it and to whom. An absent address is that of
	// the own account.
	From, To jid.JID
	ID       string
	Type     string // normal, chat, groupchat, headline or error
	Body     string // the fallback text when the message is encrypted
	Thread   string
	// Delay is when the message was first sent, zero when it has just been.
	// With Carbon or from an archive the own server says so, else anybody may.
	Delay    time.Time
	OriginID string // XEP-0359, as the sender says
	// StanzaIDs are those given by the own account or, to a message of type
	// groupchat, by its room. They can only be trusted when that entity
	// announces NSStanzaID or NSMAM: one which does not lets forged ids pass.
	StanzaIDs []StanzaID
	Receipt   *ReceiptInfo // XEP-0184
	State     ChatState    // XEP-0085
	Marker    *Marker      // XEP-0333
	OMEMO     []Encrypted  // XEP-0384; one of each profile at most, which say the same
	OMEMOErr  error        // why no OMEMO element could be read
	EME       string       // XEP-0380, a namespace
	Hints     Hints        // XEP-0334
	Content   Content      // corrections, reactions, replies, files and the like
	Carbon    Carbon       // XEP-0280; the other fields are those of the original
	Event     *Event       // XEP-0060
	Error     *stanza.Error
	// Element is the message itself, inside of a carbon, for anything else.
	Element *element.Element
}

// NSStanzaID is the namespace of XEP-0359.
const NSStanzaID = stanza.NSSid

// ParseMessage decodes a message that account self received on its own stream.
// A carbon copy is unwrapped. Of a message of type error only From, To, ID,
// Type and Error are set, as the rest echoes what had been sent.
//
// Errors: [ErrMalformed]; [ErrForged] for a carbon copy which the own account
// did not send. Such a message is to be acknowledged and forgotten.
func ParseMessage(e *element.Element, self jid.JID) (Message, error) {
	self = self.Bare()
	if !e.Is(element.NSClient, "message") {
		return Message{}, fmt.Errorf("parse message: %w: not a message", ErrMalformed)
	}
	from, err := addressOr(e.AttrValue("from"), self)
	if err != nil {
		return Message{}, fmt.Errorf("parse message: sender: %w", err)
	}
	inner, kind, stamp, err := unwrapCarbon(e, from, self)
	if err != nil {
		return Message{}, fmt.Errorf("parse message: %w", err)
	}
	if inner == nil {
		m, err := parseMessage(e, self, self)
		if err != nil {
			return Message{}, fmt.Errorf("parse message: %w", err)
		}
		return m, nil
	}
	m, err := parseMessage(inner, self, self)
	if err != nil {
		return Message{}, fmt.Errorf("parse carbon: %w", err)
	}
	m.Carbon = kind
	if !stamp.IsZero() {
		m.Delay = stamp
	}
	if err := m.checkCarbon(self); err != nil {
		return Message{}, fmt.Errorf("parse carbon: %w", err)
	}
	return m, nil
}

// Message is [ParseMessage] for the account of c.
func (c *Client) Message(e *element.Element) (Message, error) {
	return ParseMessage(e, c.self)
}

// parseMessage decodes a message without looking for wrappers in it. archive is
// whose archive it is in, or would be.
func parseMessage(e *element.Element, self, archive jid.JID) (Message, error) {
	m := Message{ID: e.AttrValue("id"), Type: messageType(e.AttrValue("type")), Element: e}
	var err error
	if m.From, err = addressOr(e.AttrValue("from"), self); err != nil {
		return m, fmt.Errorf("sender: %w", err)
	}
	if m.To, err = addressOr(e.AttrValue("to"), self); err != nil {
		return m, fmt.Errorf("recipient: %w", err)
	}
	if m.Type == "error" {
		m.Error = parseError(e)
		return m, nil
	}
	m.Body = textOf(e, "body")
	m.Thread = e.ChildText(element.NSClient, "thread")
	m.OriginID = e.Child(stanza.NSSid, "origin-id").AttrValue("id")
	room := m.From.Bare()
	if m.Type == "groupchat" {
		m.StanzaIDs = stanzaIDs(e, room)
		m.Delay = delayOf(e, room, room.Domain(), self, self.Domain())
	} else {
		m.StanzaIDs = stanzaIDs(e, archive)
		m.Delay = delayOf(e, self, self.Domain())
	}
	m.Receipt = ParseReceipt(e)
	m.State = ParseChatState(e)
	m.Marker = ParseMarker(e)
	m.EME = ParseEME(e)
	m.Hints = ParseHints(e)
	m.Content = ParseContent(e)
	m.OMEMO, m.OMEMOErr = encryptedOf(e)
	if ev, ok := parseEvent(e, m.From); ok {
		m.Event = &ev
	}
	return m, nil
}

// Build makes the stanza that sends m: every field but From, Delay,
// StanzaIDs, Carbon, Event, Error and Element, which are not the sender's to
// say.
func (m Message) Build() *element.Element {
	e := element.New(element.NSClient, "message").
		WithOptional("to", m.To.String()).
		WithOptional("type", m.Type).
		WithOptional("id", m.ID)
	if m.Body != "" {
		e.Add(element.New(element.NSClient, "body").WithText(m.Body))
	}
	if m.Thread != "" {
		e.Add(element.New(element.NSClient, "thread").WithText(m.Thread))
	}
	for _, x := range m.OMEMO {
		e.Add(x.Element())
	}
	if m.EME != "" {
		e.Add(emeElement(m.EME))
	}
	m.Receipt.appendTo(e)
	m.State.appendTo(e)
	m.Marker.appendTo(e)
	m.Hints.appendTo(e)
	e.Add(m.Content.Elements()...)
	if m.OriginID != "" {
		e.Add(originID(m.OriginID))
	}
	return e
}

// messageType applies the default, RFC 6121 §5.2.2.
func messageType(s string) string {
	switch s {
	case "chat", "groupchat", "headline", "error":
		return s
	}
	return "normal"
}

// textOf returns the text of a child that may be there in several languages:
// the one without a language if there is one, else the first.
func textOf(e *element.Element, local string) string {
	text := ""
	for c := range e.All(element.NSClient, local) {
		if _, ok := c.LookupAttr(element.NSXML, "lang"); !ok {
			return c.Text
		}
		if text == "" {
			text = c.Text
		}
	}
	return text
}

// addressOr reads an address, an absent one being that of the own account;
// RFC 6120 §8.1.1.1 and §8.1.2.1.
func addressOr(s string, self jid.JID) (jid.JID, error) {
	if s == "" {
		return self, nil
	}
	return parseJID(s)
}
