// SPDX-License-Identifier: MPL-2.0

// XEP-0420: Stanza Content Encryption

package xmpp

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"time"

	"mellium.im/xmpp/carbons"
	"mellium.im/xmpp/delay"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/pubsub"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSSCE is the namespace of the envelope that is the plaintext of OMEMO2.
const NSSCE = "urn:xmpp:sce:1"

// MaxEnvelope is the largest envelope that is read, in bytes.
const MaxEnvelope = 1 << 20

// Sizes of the padding, XEP-0420 §4: first up to a size that hides how short a
// text is, then a random number of bytes more.
const (
	padTo  = 256
	padMax = 200
)

var (
	// ErrEnvelopeSender: the content was not encrypted by who has sent it.
	ErrEnvelopeSender error = &codedError{"xmpp.sce.sender", "encrypted by somebody else"}
	// ErrEnvelopeRecipient: the content was encrypted for another conversation.
	ErrEnvelopeRecipient error = &codedError{"xmpp.sce.recipient", "encrypted for another conversation"}
	// ErrEnvelopeTime: the content was encrypted at another time than it was
	// sent.
	ErrEnvelopeTime error = &codedError{"xmpp.sce.time", "encrypted at another time"}
)

// An Envelope is what is encrypted of a stanza: the elements that belong to
// nobody but its readers, and what the stanza must agree with, the affixes.
type Envelope struct {
	// Content is what would be children of the stanza, each in a namespace of
	// its own; a body is in that of clients.
	Content []*element.Element
	// From and To are bare addresses, the zero value if they are not said.
	From, To jid.JID
	Time     time.Time // of the encryption, zero if it is not said
}

// Bytes builds the envelope, with padding of its own each time. Content that
// does not belong into one is left out.
func (e Envelope) Bytes() []byte {
	content := element.New(NSSCE, "content")
	for _, x := range e.Content {
		if sealable(x) {
			content.Add(x)
		}
	}
	x := element.New(NSSCE, "envelope").Add(content)
	if !e.Time.IsZero() {
		x.Add(element.New(NSSCE, "time").With("stamp", formatTime(e.Time)))
	}
	addAffix(x, "from", e.From)
	addAffix(x, "to", e.To)
	pad := element.New(NSSCE, "rpad").WithText("x")
	x.Add(pad)
	pad.Text = padding(padTo - len(x.Bytes()) + len(pad.Text))
	return x.Bytes()
}

func addAffix(x *element.Element, name string, j jid.JID) {
	if !j.Equal(jid.JID{}) {
		x.Add(element.New(NSSCE, name).With("jid", j.Bare().String()))
	}
}

// padding is random text of at least so many bytes.
func padding(least int) string {
	more, err := rand.Int(rand.Reader, big.NewInt(padMax+1))
	if err != nil {
		more = big.NewInt(padMax)
	}
	b := make([]byte, max(least, 0)+int(more.Int64()))
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)[:len(b)]
}

// ParseEnvelope reads an envelope. Content that must not be in one, as servers
// and others who are no readers have to see it, is left out. Nothing has been
// compared with the stanza it came in, see [Envelope.Check].
//
// Errors: [ErrMalformed].
func ParseEnvelope(b []byte) (Envelope, error) {
	e, err := parseEnvelope(b)
	if err != nil {
		return Envelope{}, fmt.Errorf("parse envelope: %w", err)
	}
	return e, nil
}

func parseEnvelope(b []byte) (e Envelope, err error) {
	x, err := element.Scope{}.Parse(b, element.Limits{Bytes: MaxEnvelope})
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !x.Is(NSSCE, "envelope") {
		return e, fmt.Errorf("%w: no envelope", ErrMalformed)
	}
	parts := map[string]*element.Element{}
	for _, c := range x.Children {
		if c.Name.Space != NSSCE {
			continue
		}
		if parts[c.Name.Local] != nil {
			return e, fmt.Errorf("%w: a part twice", ErrMalformed)
		}
		parts[c.Name.Local] = c
	}
	content := parts["content"]
	if content == nil {
		return e, fmt.Errorf("%w: no content", ErrMalformed)
	}
	for _, c := range content.Children {
		if sealable(c) {
			e.Content = append(e.Content, c)
		}
	}
	if e.From, err = affix(parts["from"]); err != nil {
		return e, fmt.Errorf("sender: %w", err)
	}
	if e.To, err = affix(parts["to"]); err != nil {
		return e, fmt.Errorf("recipient: %w", err)
	}
	if at := parts["time"]; at != nil {
		if e.Time, err = parseTime(at.AttrValue("stamp")); err != nil {
			return e, err
		}
	}
	return e, nil
}

func affix(x *element.Element) (jid.JID, error) {
	if x == nil {
		return jid.JID{}, nil
	}
	j, err := parseJID(x.AttrValue("jid"))
	if err != nil {
		return jid.JID{}, err
	}
	if j.Equal(jid.JID{}) {
		return jid.JID{}, fmt.Errorf("%w: no address", ErrMalformed)
	}
	return j.Bare(), nil
}

// outside are the namespaces of what belongs to servers, XEP-0420 §9, and of
// what only others than the sender can say.
var outside = map[string]bool{
	"":                                   true,
	NSSCE:                                true,
	NSHints:                              true,
	NSEME:                                true,
	stanza.NSSid:                         true,
	delay.NS:                             true,
	carbons.NS:                           true,
	NSMAM:                                true,
	NSOMEMO03:                            true,
	pubsub.NSEvent:                       true,
	"jabber:x:delay":                     true,
	"http://jabber.org/protocol/address": true,
	element.NSStream:                     true,
}

// sealable tells whether x may be in an envelope.
func sealable(x *element.Element) bool {
	switch {
	case x.Name.Space == element.NSClient:
		return x.Name.Local == "body" || x.Name.Local == "subject" || x.Name.Local == "thread"
	case x.Name.Space == NSOMEMO2:
		return x.Name.Local == "opt-out"
	}
	return !outside[x.Name.Space]
}

// Message is the content as a stanza, for the functions of this package that
// read what is in one. It says nothing about sender and recipient.
func (e Envelope) Message() *element.Element {
	return element.New(element.NSClient, "message").Add(e.Content...)
}

// Body returns the text, "" when there is none.
func (e Envelope) Body() string { return textOf(e.Message(), "body") }

// Expected is what an envelope has to agree with.
type Expected struct {
	From jid.JID // who sent the stanza
	// To is the conversation: who it was sent to, or the room. An envelope for
	// a room must say so, else the server could make it a private message and
	// the other way round (XEP-0384 §5.5.1).
	To   jid.JID
	Room bool
	// At is when the stanza was sent, Before and After how much earlier or
	// later its content may say it was encrypted; zero allows anything. Clocks
	// go wrong, and what is written without a network goes out when there is one.
	At            time.Time
	Before, After time.Duration
}

// Check compares the affixes with the stanza. One that is not there agrees with
// anything, save To in a room.
//
// Errors: [ErrEnvelopeSender], [ErrEnvelopeRecipient], [ErrEnvelopeTime].
func (e Envelope) Check(x Expected) error {
	said := func(j jid.JID) bool { return !j.Equal(jid.JID{}) }
	switch {
	case said(e.From) && !e.From.Equal(x.From.Bare()):
		return fmt.Errorf("check envelope: %w", ErrEnvelopeSender)
	case said(e.To) && !e.To.Equal(x.To.Bare()), !said(e.To) && x.Room:
		return fmt.Errorf("check envelope: %w", ErrEnvelopeRecipient)
	case e.Time.IsZero():
		return nil
	case x.Before > 0 && e.Time.Before(x.At.Add(-x.Before)), x.After > 0 && e.Time.After(x.At.Add(x.After)):
		return fmt.Errorf("check envelope: %w", ErrEnvelopeTime)
	}
	return nil
}

// Format writes what e is, without its content.
func (e Envelope) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "envelope"+redacted) }

// LogValue is what e is, without its content.
func (e Envelope) LogValue() slog.Value { return slog.StringValue("envelope" + redacted) }

// MarshalText returns what e is, without its content.
func (e Envelope) MarshalText() ([]byte, error) { return []byte("envelope" + redacted), nil }
