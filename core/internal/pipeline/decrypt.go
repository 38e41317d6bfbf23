// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"errors"
	"slices"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/storage"
)

// decrypt fills row from the envelopes of in and returns what they say. It says
// whether the row is to be shown: messages without content and repeated ones
// are not. A message that
// cannot be read becomes a placeholder with the reason; its ratchet steps are
// rolled back to a savepoint and no session is touched.
//
// The error is the database's only.
func (a *Account) decrypt(tx *storage.Tx, emit *emitter, in *Incoming, row *storage.Message, order order) (content Content, show bool, err error) {
	row.Encryption = encryptionOf(in.Envelopes)
	row.SenderDevice = in.Envelopes[0].SID
	if a.OMEMO == nil {
		return content, a.unreadable(in, row, ReasonNoEngine), nil
	}
	if !slices.ContainsFunc(in.Envelopes, func(env omemo.Envelope) bool { return a.OMEMO.Speaks(env.Profile) }) {
		return content, a.unreadable(in, row, ReasonProfile), nil
	}
	var result omemo.Result
	var refused *omemo.DecryptError
	err = tx.Savepoint(func() error {
		var err error
		result, err = a.OMEMO.Decrypt(tx.Context(), tx.OMEMO(a.ID), in.Sender, in.Envelopes)
		return err
	})
	switch {
	case errors.As(err, &refused):
		if refused.Reason == omemo.ReasonDuplicate || refused.Reason == omemo.ReasonOwnMessage {
			return content, false, nil // shown already
		}
		if refused.Reason == omemo.ReasonNotForThisDevice && order != nil && order.ancient() {
			return content, false, nil // from before this device existed
		}
		if refused.Reason == omemo.ReasonNotForThisDevice {
			if read, err := a.readBefore(tx, in, row.SenderDevice); err != nil || read {
				return content, false, err
			}
		}
		if err := a.noteBroken(tx, emit, in, refused, order); err != nil {
			return content, false, err
		}
		return content, a.unreadable(in, row, refused.Code()), nil
	case err != nil:
		return content, false, err
	}
	if err := a.answer(tx, emit, result, order); err != nil {
		return content, false, err
	}
	emit.outcome.PreKeyUsed = emit.outcome.PreKeyUsed || result.PreKeyUsed
	if result.NewKey {
		emit.add(event.Event{Kind: event.TrustChanged, Peer: in.Sender})
	}
	if result.Empty {
		return content, false, nil
	}
	row.Encryption = EncryptionOMEMO
	if result.Profile == engine.Profile2 {
		row.Encryption = EncryptionOMEMO2
	}
	row.SenderDevice, row.Identity = result.Sender.Device, result.Identity[:]
	if err := a.replacePlaceholder(tx, emit, in, row.SenderDevice); err != nil {
		return content, false, err
	}
	row.Trust = uint8(result.Trust)
	if result.Verdict == trust.Refuse {
		return content, a.unreadable(in, row, "omemo.refused"), nil
	}
	content, err = a.Builder.Content(result.Profile, in.affix(a.JID), in.Content, result.Plaintext)
	if err != nil { // the ratchet has moved on all the same: the message is authentic
		return Content{}, a.unreadable(in, row, code.Of(err)), nil
	}
	return content, content.Shown() || result.Profile == engine.Profile03 && !content.refers(), nil
}

// affix is what the content of a message must agree with.
func (m *Incoming) affix(own string) Affix {
	a := Affix{From: m.Sender, To: own, At: m.At, Room: m.Room}
	if m.Outgoing || m.Room {
		a.To = m.Peer
	}
	return a
}

// unreadable makes row a placeholder, unless the envelope carried no content
// to lose.
func (a *Account) unreadable(in *Incoming, row *storage.Message, reason string) bool {
	row.Kind, row.Reason = KindUnreadable, reason
	a.Log.Warn("message cannot be read", "account", a.ID, "reason", reason, "device", row.SenderDevice)
	return slices.ContainsFunc(in.Envelopes, func(env omemo.Envelope) bool { return len(env.Payload) > 0 })
}
