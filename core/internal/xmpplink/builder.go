// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/network/xmpp"
	"mellium.im/xmpp/jid"
)

// Builder makes the final bytes of outgoing stanzas, and what is encrypted in
// them; it implements pipeline.Builder and keeps no state.
type Builder struct{}

// How much earlier and later than its stanza a message may say that it was
// encrypted. What is written without a network goes out when there is one again,
// which may be a season later; a clock may be wrong by a time zone and a day.
const (
	maxEarlier = 365 * 24 * time.Hour
	maxLater   = 48 * time.Hour
)

// Plaintext implements pipeline.Builder.
func (Builder) Plaintext(p engine.Profile, a pipeline.Affix, c pipeline.Content) ([]byte, error) {
	if p == engine.Profile03 {
		_, body, _ := wire(textOnly(&c))
		return []byte(body), nil
	}
	from, to, err := addresses(a)
	if err != nil {
		return nil, fmt.Errorf("build envelope: %w", err)
	}
	return xmpp.Envelope{Content: sealed(&c), From: from, To: to, Time: a.At}.Bytes(), nil
}

// Content implements pipeline.Builder.
func (Builder) Content(p engine.Profile, a pipeline.Affix, outside pipeline.Content, plaintext []byte) (pipeline.Content, error) {
	if p == engine.Profile03 {
		c := content{outside}
		c.Body, c.Files = string(plaintext), nil // a server may have put files there
		return c.cut(), nil
	}
	from, to, err := addresses(a)
	if err != nil {
		return pipeline.Content{}, fmt.Errorf("read envelope: %w", err)
	}
	e, err := xmpp.ParseEnvelope(plaintext)
	if err != nil {
		return pipeline.Content{}, err
	}
	err = e.Check(xmpp.Expected{From: from, To: to, Room: a.Room, At: a.At, Before: maxEarlier, After: maxLater})
	if err != nil {
		return pipeline.Content{}, err
	}
	m := e.Message()
	x := xmpp.ParseContent(m)
	c := said(&x, e.Body(), xmpp.ParseMarker(m)).cut()
	c.Markable = c.Markable || outside.Markable
	return c, nil
}

func addresses(a pipeline.Affix) (from, to jid.JID, err error) {
	if from, err = jid.Parse(a.From); err == nil {
		to, err = jid.Parse(a.To)
	}
	return from, to, err
}

// Message implements pipeline.Builder. In the first profile of OMEMO, all that
// is not text stands outside of the encryption; in the other one nothing does.
func (Builder) Message(s pipeline.Stanza) ([]byte, error) {
	m, err := message(s.To, s.ID)
	if err != nil {
		return nil, err
	}
	if s.Type != "" {
		m.Type = s.Type
	}
	m.OriginID = s.ID
	m.Hints = xmpp.HintStore
	if (s.Content.Shown() || s.Content.Corrects != "") && m.Type == "chat" {
		m.Receipt = &xmpp.ReceiptInfo{Request: true} // asked of no room, XEP-0184 §5.3
	}
	outside := &s.Content
	if len(s.Envelopes) > 0 {
		bare := *textOnly(outside)
		bare.Files = nil // nobody else may see their keys
		outside = &bare
	}
	m.Content, m.Body, m.Marker = wire(outside)
	for i := range s.Envelopes {
		m.OMEMO = append(m.OMEMO, envelopeToWire(&s.Envelopes[i]))
	}
	switch {
	case len(s.Envelopes) == 0:
	case s.Envelopes[0].Profile == engine.Profile03:
		m.Body, m.EME = omemoText, xmpp.NSOMEMO03
	default:
		m.Body, m.EME = "", xmpp.NSOMEMO2 // no text beside it, XEP-0420 §7
		m.Content, m.Marker = xmpp.Content{}, nil
	}
	e := m.Build()
	if m.Type == "chat" && m.To.Resourcepart() != "" {
		e.Add(xmpp.PrivateMark()) // only occupants of rooms are written to so
	}
	return e.Bytes(), nil
}

// Empty implements pipeline.Builder. There is nothing in it worth keeping for
// a device that is away for long.
func (Builder) Empty(to string, env omemo.Envelope) ([]byte, error) {
	m, err := message(to, xmpp.NewID())
	if err != nil {
		return nil, err
	}
	m.OMEMO = []xmpp.Encrypted{envelopeToWire(&env)}
	m.Hints = xmpp.HintStore // a session would stay half made without it
	return m.Build().Bytes(), nil
}

// Receipt implements pipeline.Builder.
func (Builder) Receipt(to, id string) ([]byte, error) {
	m, err := message(to, xmpp.NewID())
	if err != nil {
		return nil, err
	}
	m.Receipt = &xmpp.ReceiptInfo{Received: id}
	m.Hints = xmpp.HintStore
	return m.Build().Bytes(), nil
}

func message(to, id string) (xmpp.Message, error) {
	address, err := jid.Parse(to)
	if err != nil {
		return xmpp.Message{}, fmt.Errorf("build message: address: %w", err)
	}
	return xmpp.Message{To: address, ID: id, Type: "chat"}, nil
}

func envelopeToWire(env *omemo.Envelope) xmpp.Encrypted {
	w := xmpp.Encrypted{Profile: uint8(env.Profile), SID: env.SID, IV: env.IV, Payload: env.Payload}
	w.Keys = make([]xmpp.EncryptedKey, len(env.Keys))
	for i, k := range env.Keys {
		w.Keys[i] = xmpp.EncryptedKey{RID: k.RID, JID: k.JID, PreKey: k.PreKey, Data: k.Data}
	}
	return w
}

func envelopeFromWire(w *xmpp.Encrypted) omemo.Envelope {
	env := omemo.Envelope{Profile: engine.Profile(w.Profile), SID: w.SID, IV: w.IV, Payload: w.Payload}
	env.Keys = make([]omemo.Key, len(w.Keys))
	for i, k := range w.Keys {
		env.Keys[i] = omemo.Key{RID: k.RID, JID: bareOf(k.JID), PreKey: k.PreKey, Data: k.Data}
	}
	return env
}

// bareOf is an address as others are compared with; what is none stays as it is,
// like nobody.
func bareOf(address string) string {
	j, err := jid.Parse(address)
	if err != nil {
		return address
	}
	return j.Bare().String()
}
