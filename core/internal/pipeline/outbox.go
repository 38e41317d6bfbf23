// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// Outgoing is a message to send.
type Outgoing struct {
	Conversation int64
	RemoteID     string // becomes the stanza id and the origin-id
	Content      Content
	// Replaces is a failed message whose place this one takes; 0 for none.
	Replaces int64
	// Files lie in the media folder, each with a FileSecret; Content.Files is as
	// long. They are uploaded before the message is sent.
	Files []storage.Attachment
	// Next is stored with it, to be sent after it.
	Next *Outgoing
	// AfterFiles says that it is sent after the files of the message before.
	AfterFiles bool
}

// Enqueue makes a message durable: its row and its outbox row, in one
// transaction. When it returns nil the message will be sent, whatever happens
// to this process.
func (a *Account) Enqueue(ctx context.Context, m Outgoing) (id int64, err error) {
	KillPoint("outbox.before")
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) (err error) {
		id, err = a.enqueue(tx, emit, m)
		if err == nil && m.Next != nil {
			_, err = a.enqueue(tx, emit, *m.Next)
		}
		return err
	})
	KillPoint("outbox.queued")
	if err != nil {
		return 0, fmt.Errorf("enqueue message: %w", err)
	}
	return id, nil
}

func (a *Account) enqueue(tx *storage.Tx, emit *emitter, m Outgoing) (id int64, err error) {
	conversation, err := tx.Conversation(m.Conversation)
	if err != nil {
		return 0, err
	}
	if err := accept(tx, conversation); err != nil {
		return 0, err
	}
	if m.Replaces != 0 {
		if err := tx.DeleteMessage(m.Replaces); err != nil {
			return 0, err
		}
		emit.message(event.MessageRemoved, conversation.ID, m.Replaces, "")
	}
	row := storage.Message{
		ConversationID: conversation.ID, AccountID: a.ID, Outgoing: true,
		Sender: a.JID, RemoteID: m.RemoteID, Channel: a.Channel,
		Kind: KindText, At: a.Now(), ReceivedAt: a.Now(),
		State: StateQueued, Encryption: conversation.Encryption,
	}
	if err := m.Content.fill(&row, nil); err != nil {
		return 0, err
	}
	if row.Encryption == EncryptionDefault {
		row.Encryption = EncryptionOMEMO
	}
	if err := tx.InsertMessage(&row); err != nil {
		return 0, err
	}
	state := OutQueued
	if m.AfterFiles {
		state = OutUploading
	}
	for i, f := range m.Files {
		f.MessageID, f.Position, f.State, f.Created = row.ID, i, FileQueued, a.Now()
		if row.Encryption != EncryptionNone {
			f.Secret = f.FileSecret // what lies in the folder is what is uploaded
		}
		if err := tx.AddAttachment(&f); err != nil {
			return 0, err
		}
		state, emit.transfers = OutUploading, true
	}
	if row.Encryption == EncryptionNone {
		// An archive copy must be known again even if every trace of the
		// stream is lost; for OMEMO the key is known once encrypted.
		if err := a.markSeen(tx, [][]byte{ContentKey(a.JID, m.RemoteID, m.Content.canonical())}, row.ID); err != nil {
			return 0, err
		}
	}
	emit.message(event.MessageAdded, row.ConversationID, row.ID, "")
	emit.conversation(row.ConversationID)
	return row.ID, tx.Enqueue(&storage.OutboxRow{
		AccountID: a.ID, ConversationID: conversation.ID, MessageID: row.ID,
		Kind: OutMessage, To: conversation.Peer, State: state, Created: a.Now(),
	})
}

// Position is where the next stanza goes: as the Next-th of the stream
// StreamID, counted from one.
type Position struct {
	StreamID string
	Next     uint64
}

// Limits of one Prepare: stanzas that one transaction finalises, and rows
// looked at on the way.
const (
	prepareStanzas = 64
	prepareScan    = 256
)

// Prepared is the outcome of one Prepare.
type Prepared struct {
	Stanzas [][]byte // in the order of their sending
	// Need lists the peers whose devices must be looked up before their
	// messages can be encrypted, Deviceless those who announce none.
	Need, Deviceless []string
	// Members lists those who belong to rooms and whose devices must be looked
	// up.
	Members []string

	kinds map[int64]uint8 // of conversations
}

// Prepare takes the next stanzas from the outbox: encrypts what is queued and
// stores the final bytes with the advanced ratchet, the stream and the count
// they go out with, in one transaction. After it the bytes must be handed to
// the stream, in order. ready says for which peers the devices are known.
//
// Messages of a conversation never overtake each other: one that must wait
// holds up those behind it. A stanza under suspicion (see Refused) goes alone:
// when nothing is in flight, and with nothing after it until it is counted.
func (a *Account) Prepare(ctx context.Context, pos Position, ready func(peer string) bool) (Prepared, error) {
	var p Prepared
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		p = Prepared{}
		busy, suspect, err := a.inFlight(tx)
		if err != nil || suspect {
			return err
		}
		waiting := make(map[int64]bool)
		after := int64(0)
		for len(p.Stanzas) < prepareStanzas {
			rows, err := tx.Outbox(a.ID, after, prepareScan, OutQueued, OutReady)
			if err != nil {
				return err
			}
			for i := range rows {
				row := &rows[i]
				after = row.ID
				if len(p.Stanzas) == prepareStanzas || row.Reason != "" && (busy || len(p.Stanzas) > 0) {
					return nil
				}
				if (row.Kind == OutMessage || row.Kind == OutReference) && waiting[row.ConversationID] {
					continue
				}
				room, err := p.roomOf(tx, row.ConversationID, row.To)
				if err != nil {
					return err
				}
				if room != "" && !ready(room) {
					waiting[row.ConversationID] = true
					continue
				}
				if row.State == OutQueued {
					done, err := a.finalise(tx, emit, row, ready, &p)
					if err != nil {
						return err
					}
					if !done {
						waiting[row.ConversationID] = true
						continue
					}
				}
				row.State = OutWritten
				row.StreamID, row.StreamCount = pos.StreamID, pos.Next+uint64(len(p.Stanzas))
				row.Attempts++
				if err := tx.UpdateOutbox(*row); err != nil {
					return err
				}
				p.Stanzas = append(p.Stanzas, row.Stanza)
				if row.Reason != "" {
					return nil
				}
			}
			if len(rows) < prepareScan {
				break
			}
		}
		KillPoint("outbox.uncommitted")
		return nil
	})
	if err != nil {
		return Prepared{}, fmt.Errorf("prepare outbox: %w", err)
	}
	if len(p.Stanzas) > 0 {
		KillPoint("outbox.committed")
	}
	return p, nil
}

// encryptionOf names what protects a message that goes out in these envelopes:
// of two versions the older one.
func encryptionOf(envs []omemo.Envelope) uint8 {
	for _, env := range envs {
		if env.Profile != engine.Profile2 {
			return EncryptionOMEMO
		}
	}
	return EncryptionOMEMO2
}

// with adds a peer to a list that has each once.
func with(list []string, peer string) []string {
	if slices.Contains(list, peer) {
		return list
	}
	return append(list, peer)
}

func (a *Account) block(tx *storage.Tx, emit *emitter, row *storage.OutboxRow, message *storage.Message, reason string) error {
	row.State, row.Reason = OutBlocked, reason
	if err := tx.UpdateOutbox(*row); err != nil {
		return err
	}
	if err := tx.SetMessageState(message.ID, StateBlocked, reason); err != nil {
		return err
	}
	emit.message(event.MessageChanged, message.ConversationID, message.ID, reason)
	emit.conversation(message.ConversationID)
	return nil
}

// Deviceless returns the peers whose messages wait for them to announce a
// device.
func (a *Account) Deviceless(ctx context.Context) (peers []string, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) error {
		for after := int64(0); ; {
			rows, err := r.Outbox(a.ID, after, prepareScan, OutBlocked)
			if err != nil {
				return err
			}
			for _, row := range rows {
				after = row.ID
				if row.Reason != ReasonNoDevices {
					continue
				}
				// Those of rooms try again when the room is entered.
				if c, err := r.Conversation(row.ConversationID); err != nil || c.Kind == ConversationDirect {
					peers = with(peers, row.To)
				}
			}
			if len(rows) < prepareScan {
				return nil
			}
		}
	})
	return peers, err
}

// Unblock queues the blocked messages to peer again, after something changed
// that may let them pass: a decision, a device. A message written to be
// encrypted stays so, whatever its conversation is set to meanwhile. An empty
// peer means everybody.
func (a *Account) Unblock(ctx context.Context, peer string) (n int, err error) {
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		n = 0
		return a.unblock(tx, emit, peer, &n)
	})
	return n, err
}

func (a *Account) unblock(tx *storage.Tx, emit *emitter, peer string, n *int) error {
	for after := int64(0); ; {
		rows, err := tx.Outbox(a.ID, after, prepareScan, OutBlocked)
		if err != nil {
			return err
		}
		for _, row := range rows {
			after = row.ID
			if peer != "" && row.To != peer {
				if ok, err := a.shares(tx, &row, peer); err != nil {
					return err
				} else if !ok {
					continue
				}
			}
			conversation, err := tx.Conversation(row.ConversationID)
			if err != nil {
				return err
			}
			row.State, row.Reason = OutQueued, ""
			if err := tx.UpdateOutbox(row); err != nil {
				return err
			}
			*n++
			if row.Kind != OutMessage {
				continue
			}
			if err := tx.SetMessageState(row.MessageID, StateQueued, ""); err != nil {
				return err
			}
			emit.message(event.MessageChanged, conversation.ID, row.MessageID, "")
			emit.conversation(conversation.ID)
		}
		if len(rows) < prepareScan {
			return nil
		}
	}
}

// ack ends the outbox rows that the server has counted.
func (a *Account) ack(tx *storage.Tx, emit *emitter, ack *Ack) error {
	KillPoint("ack.before")
	rows, err := tx.AckOutbox(a.ID, ack.StreamID, ack.Upto)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Kind != OutMessage {
			continue
		}
		if kept, err := a.taken(tx, row); err != nil {
			return err
		} else if kept {
			continue
		}
		message, err := tx.Message(row.MessageID)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := a.advance(tx, emit, message, StateSent); err != nil {
			return err
		}
	}
	return nil
}
