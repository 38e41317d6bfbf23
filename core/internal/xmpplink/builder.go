// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"fmt"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/network/xmpp"
	"mellium.im/xmpp/jid"
)

// Builder makes the final bytes of outgoing stanzas; it implements
// pipeline.Builder and keeps no state.
type Builder struct{}

// fallback is the text that a client without OMEMO shows beside an envelope.
const fallback = "This message is encrypted with OMEMO, which this app does not support."

// Message implements pipeline.Builder.
func (Builder) Message(to, id, body string, env *omemo.Envelope) ([]byte, error) {
	m, err := message(to, id)
	if err != nil {
		return nil, err
	}
	m.OriginID = id
	m.Receipt = &xmpp.ReceiptInfo{Request: true}
	m.Hints = xmpp.HintStore
	if env == nil {
		m.Body = body
		return m.Build().Bytes(), nil
	}
	m.Body = fallback
	m.OMEMO = envelopeToWire(env)
	m.EME = xmpp.NSOMEMO03
	return m.Build().Bytes(), nil
}

// Empty implements pipeline.Builder. There is nothing in it worth keeping for
// a device that is away for long.
func (Builder) Empty(to string, env omemo.Envelope) ([]byte, error) {
	m, err := message(to, xmpp.NewID())
	if err != nil {
		return nil, err
	}
	m.OMEMO = envelopeToWire(&env)
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

func envelopeToWire(env *omemo.Envelope) *xmpp.Encrypted {
	w := &xmpp.Encrypted{Profile: profile, SID: env.SID, IV: env.IV, Payload: env.Payload}
	w.Keys = make([]xmpp.EncryptedKey, len(env.Keys))
	for i, k := range env.Keys {
		w.Keys[i] = xmpp.EncryptedKey{RID: k.RID, JID: k.JID, PreKey: k.PreKey, Data: k.Data}
	}
	return w
}

func envelopeFromWire(w *xmpp.Encrypted) *omemo.Envelope {
	env := &omemo.Envelope{SID: w.SID, IV: w.IV, Payload: w.Payload}
	env.Keys = make([]omemo.Key, len(w.Keys))
	for i, k := range w.Keys {
		env.Keys[i] = omemo.Key{RID: k.RID, JID: k.JID, PreKey: k.PreKey, Data: k.Data}
	}
	return env
}
