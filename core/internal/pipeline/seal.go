// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// finalise makes the bytes of a queued row. False: it has to wait.
func (a *Account) finalise(tx *storage.Tx, emit *emitter, row *storage.OutboxRow, ready func(string) bool, p *Prepared) (bool, error) {
	if row.Kind == OutReference {
		return a.finaliseReference(tx, emit, row, ready, p)
	}
	message, err := tx.Message(row.MessageID)
	if errors.Is(err, storage.ErrNotFound) {
		return false, tx.DeleteOutbox(row.ID) // deleted before it was sent
	}
	if err != nil {
		return false, err
	}
	s := Stanza{To: row.To, ID: message.RemoteID}
	p.address(&s, row.ConversationID)
	if s.Content, err = ContentOf(&message); err != nil {
		return false, err
	}
	if s.Content.Files, err = filesOf(tx, &message); err != nil {
		return false, err
	}
	if message.Encryption == EncryptionNone {
		// The text may have been changed since it was queued.
		if err := a.markSeen(tx, [][]byte{ContentKey(a.JID, s.ID, s.Content.canonical())}, message.ID); err != nil {
			return false, err
		}
	} else {
		reason, wait, err := a.seal(tx, &s, ready, p)
		switch {
		case err != nil || wait:
			return false, err
		case reason != "":
			return false, a.block(tx, emit, row, &message, reason)
		}
		sent := Incoming{Sender: a.JID, Envelopes: s.Envelopes}
		if err := a.markSeen(tx, sent.keys(a.JID), message.ID); err != nil {
			return false, err
		}
		if e := encryptionOf(s.Envelopes); e != message.Encryption {
			if err := tx.SetMessageSecurity(message.ID, e, message.SenderDevice, message.Identity, message.Trust); err != nil {
				return false, err
			}
		}
	}
	row.Stanza, err = a.Builder.Message(s)
	return err == nil, err
}

// seal encrypts a stanza to all who are to read it. A reason says that a
// decision is needed first; wait, that devices have to be looked up.
func (a *Account) seal(tx *storage.Tx, s *Stanza, ready func(string) bool, p *Prepared) (reason string, wait bool, err error) {
	if a.OMEMO == nil {
		return ReasonNoEngine, false, nil
	}
	if s.private {
		return ReasonNotEncryptable, false, nil
	}
	if s.Type != "groupchat" && !ready(s.To) {
		p.Need = with(p.Need, s.To)
		return "", true, nil
	}
	plaintext := func(p engine.Profile) ([]byte, error) {
		return a.Builder.Plaintext(p, Affix{From: a.JID, To: s.To, Room: s.Type == "groupchat", At: a.Now()}, s.Content)
	}
	encrypt := func(readers ...string) error {
		return tx.Savepoint(func() (err error) {
			s.Envelopes, _, err = a.OMEMO.Encrypt(tx.Context(), tx.OMEMO(a.ID), plaintext, readers)
			if err == nil && s.Content.Reacts != nil && a.ClearReactions && encryptionOf(s.Envelopes) == EncryptionOMEMO {
				err = errInTheClear
			}
			return err
		})
	}
	if s.Type == "groupchat" {
		if reason, wait, err = a.sealRoom(tx, s, ready, p, encrypt); reason != "" || wait {
			return reason, wait, err
		}
	} else {
		err = encrypt(s.To, a.JID)
	}
	switch {
	case errors.Is(err, errInTheClear):
		s.Envelopes = nil
		return "", false, nil
	case errors.Is(err, omemo.ErrUndecided):
		return ReasonUndecided, false, nil
	case errors.Is(err, omemo.ErrNoDevices):
		p.Deviceless = with(p.Deviceless, s.To)
		return ReasonNoDevices, false, nil
	case code.In(err, "omemo"), code.In(err, "engine"):
		return code.Of(err), false, nil
	}
	return "", false, err
}

// errInTheClear undoes an encryption that will not be used.
var errInTheClear = errors.New("goes out in the clear")

// outReference is what the row of a reference keeps until its bytes are made.
type outReference struct {
	RemoteID  string  `json:"id"`
	Target    int64   `json:"target"` // the message it is about
	Encrypted bool    `json:"encrypted,omitempty"`
	Type      string  `json:"type,omitempty"` // see Stanza
	Content   Content `json:"content"`
}

// queueReference makes a reference durable; it is sent as a message is.
func (a *Account) queueReference(tx *storage.Tx, c storage.Conversation, r outReference) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write reference: %w", err)
	}
	return tx.Enqueue(&storage.OutboxRow{
		AccountID: a.ID, ConversationID: c.ID, Kind: OutReference, To: c.Peer, State: OutQueued, Stanza: b, Created: a.Now(),
	})
}

// finaliseReference is finalise for what is about another message.
func (a *Account) finaliseReference(tx *storage.Tx, emit *emitter, row *storage.OutboxRow, ready func(string) bool, p *Prepared) (bool, error) {
	var r outReference
	if err := json.Unmarshal(row.Stanza, &r); err != nil {
		return false, fmt.Errorf("read reference: %w", err)
	}
	s := Stanza{To: row.To, Type: r.Type, ID: r.RemoteID, Content: r.Content}
	p.address(&s, row.ConversationID)
	if r.Encrypted {
		reason, wait, err := a.seal(tx, &s, ready, p)
		switch {
		case err != nil || wait:
			return false, err
		case reason != "":
			row.State, row.Reason = OutBlocked, reason
			emit.message(event.MessageChanged, row.ConversationID, r.Target, reason)
			return false, tx.UpdateOutbox(*row)
		}
	}
	sent := Incoming{Sender: a.JID, RemoteID: s.ID, Content: s.Content, Envelopes: s.Envelopes}
	if err := a.markSeen(tx, sent.keys(a.JID), 0); err != nil {
		return false, err
	}
	var err error
	row.Stanza, err = a.Builder.Message(s)
	return err == nil, err
}
