// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// Update is one thing that came in. Exactly one field is set, beside Foreign.
type Update struct {
	Message *Incoming
	Receipt *Receipt
	Bounce  *Bounce
	Ack     *Ack
	// Apply is the transport's own bookkeeping, done in the same transaction.
	Apply func(tx *storage.Tx, emit func(event.Event)) error
	// Foreign says that Apply stores what others said: should that not be
	// possible, it is passed over, where everything else fails the batch.
	Foreign bool
}

// Incoming is a message from a peer, or one of ours from another device.
// Everything in it has been checked by the transport: who sent it, who put
// the archive id on it.
type Incoming struct {
	Peer      string // bare JID of the conversation
	Sender    string // bare JID of the author; in a room whose is not known: the occupant's address
	Room      bool   // Peer is a room
	Private   bool   // Peer is the address of an occupant of a room
	Occupant  string // the author's id in a room that gives such ids; else empty
	Nick      string // the author's in the room
	Called    string // what we are called in the room
	RealJID   string // the author's bare JID if the room vouches for it; else empty
	Outgoing  bool   // written by us, on another device
	RemoteID  string // origin-id, else stanza id
	ArchiveID string // stanza-id in the account's own archive, if known
	Place     string // its place in the stream it came on, if that is counted
	At        time.Time
	Content   Content          // what is not encrypted of it
	Envelopes []omemo.Envelope // that say the same to different devices; none: plain text
	// Unreadable is the code of why the content could not even be parsed;
	// empty if it could.
	Unreadable string
	// ReceiptTo is the address that asked for a delivery receipt; empty for none.
	ReceiptTo string
}

// keys returns the dedupe keys, the archive's first.
func (m *Incoming) keys(own string) [][]byte {
	var keys [][]byte
	if m.ArchiveID != "" {
		keys = append(keys, ArchiveKey(m.archive(own), m.ArchiveID))
	}
	for i := range m.Envelopes {
		keys = append(keys, CipherKey(m.author(own), &m.Envelopes[i]))
	}
	if len(m.Envelopes) > 0 {
		return keys
	}
	if k := ContentKey(m.author(own), m.RemoteID, m.Content.canonical()); k != nil {
		keys = append(keys, k)
	}
	if len(keys) == 0 && m.Place != "" {
		keys = append(keys, PlaceKey(m.Place, m.author(own), m.Content.canonical()))
	}
	return keys
}

// Receipt says that a device of From has the message RemoteID (XEP-0184).
type Receipt struct{ From, RemoteID string }

// Bounce says that the message RemoteID to From came back with an error.
type Bounce struct{ From, RemoteID, Code string }

// Ack says that the server has the first Upto stanzas of the stream StreamID.
type Ack struct {
	StreamID string
	Upto     uint64
}

// Outcome says what a batch asks of the transport.
type Outcome struct {
	Queued     bool // the outbox has something new
	PreKeyUsed bool // a prekey was used up: the bundle wants maintenance
	// Broken are trusted devices whose messages cannot be read for want of a
	// session that fits, Changed those that came with another identity key;
	// both only of what came live.
	Broken, Changed []omemo.Target
}

// Deliver stores a batch in one transaction. A nil error means that all of it
// is durable and may be acknowledged; with an error nothing of it is.
func (a *Account) Deliver(ctx context.Context, batch []Update) (Outcome, error) {
	if len(batch) == 0 {
		return Outcome{}, nil
	}
	KillPoint("inbox.before")
	var outcome Outcome
	err := a.updateCarefully(ctx, func(tx *storage.Tx, emit *emitter) error {
		defer func() { outcome = emit.outcome }()
		for i := range batch {
			if err := a.applyApart(tx, emit, &batch[i]); err != nil {
				return err
			}
		}
		KillPoint("inbox.uncommitted")
		return nil
	})
	KillPoint("inbox.committed")
	if err != nil {
		return Outcome{}, fmt.Errorf("deliver batch: %w", err)
	}
	return outcome, nil
}

func (a *Account) apply(tx *storage.Tx, emit *emitter, u *Update) error {
	switch {
	case u.Message != nil:
		_, err := a.take(tx, emit, u.Message, nil)
		return err
	case u.Receipt != nil:
		return a.receipt(tx, emit, u.Receipt)
	case u.Bounce != nil:
		return a.bounce(tx, emit, u.Bounce)
	case u.Ack != nil:
		return a.ack(tx, emit, u.Ack)
	case u.Apply != nil:
		return u.Apply(tx, emit.add)
	}
	return nil
}

// store takes one message in: once, whatever way and however often it comes.
// order is nil for a live message, which goes to the end of its conversation.
func (a *Account) store(tx *storage.Tx, emit *emitter, in *Incoming, order order) (stored bool, err error) {
	if err := a.attribute(tx, in); err != nil {
		return false, err
	}
	if ignored, err := a.ignored(tx, in, order); err != nil || ignored {
		return false, err
	}
	keys := in.keys(a.JID)
	known, err := a.known(tx, emit, in, keys, order)
	if err != nil || known {
		return false, err
	}
	row := storage.Message{
		AccountID: a.ID, Outgoing: in.Outgoing, Sender: in.Sender,
		RemoteID: in.RemoteID, ArchiveID: in.ArchiveID, Channel: a.Channel,
		Kind: KindText, At: in.At, ReceivedAt: a.Now(),
		Encryption: EncryptionNone, State: StateReceived,
	}
	if in.Outgoing {
		row.State = StateSent
	}
	content, show := in.Content, in.Content.Shown()
	if in.Unreadable != "" {
		row.Kind, row.Reason, row.Encryption = KindUnreadable, in.Unreadable, EncryptionOMEMO
		content, show = Content{}, true
	} else if len(in.Envelopes) > 0 {
		if content, show, err = a.decrypt(tx, emit, in, &row, order); err != nil {
			return false, err
		}
	}
	if !show && !content.refers() {
		return false, a.markSeen(tx, keys, 0)
	}
	conversation, err := a.conversationFor(tx, in, show || order != nil || content.Corrects != "")
	if err != nil {
		return false, err
	}
	var ref *reference
	if content.refers() && conversation.ID != 0 {
		r := referenceOf(in, &content, len(in.Envelopes) > 0)
		applied, err := a.refer(tx, emit, conversation.ID, &r)
		if err != nil {
			return false, err
		}
		if !applied {
			ref = &r
		} else if content.Corrects != "" {
			if err := a.answerReceipt(tx, emit, conversation, in); err != nil {
				return false, err
			}
		}
		// A correction that has nothing to correct is a message of its own, for
		// the time being.
		show = show || !applied && content.Corrects != "" && content.Body != ""
	}
	if !show {
		if ref != nil {
			if err := a.remember(tx, conversation.ID, ref); err != nil {
				return false, err
			}
		}
		return false, a.markSeen(tx, keys, 0)
	}
	row.ConversationID = conversation.ID
	if err := content.fill(&row, in); err != nil {
		return false, err
	}
	if order != nil {
		row.SortKey, err = order.key(tx, conversation.ID, in.At)
	} else {
		err = placeLive(tx, &row, row.ReceivedAt)
	}
	if err != nil {
		return false, err
	}
	if row.Outgoing {
		if _, ok, err := tx.Seen(a.ID, receiptKey(in.Peer, in.RemoteID)); err != nil {
			return false, err
		} else if ok {
			row.State = StateDelivered
		}
	}
	if err := tx.InsertMessage(&row); err != nil {
		return false, err
	}
	if err := a.attach(tx, emit, &row, in, content.Files, order != nil && order.old()); err != nil {
		return false, err
	}
	if read, err := a.alreadyRead(tx, &row); err != nil {
		return false, err
	} else if read {
		if _, err := tx.AdvanceMessageState(row.ID, StateRead); err != nil {
			return false, err
		}
	}
	if order != nil {
		order.stored(&row, in)
	}
	if err := a.markSeen(tx, keys, row.ID); err != nil {
		return false, err
	}
	if row.Kind == KindText {
		if err := a.answerReceipt(tx, emit, conversation, in); err != nil {
			return false, err
		}
	}
	if order == nil || !order.old() {
		emit.message(event.MessageAdded, row.ConversationID, row.ID, row.Reason)
	}
	emit.conversation(row.ConversationID)
	if ref != nil {
		ref.StandsIn = row.ID
		if err := a.remember(tx, conversation.ID, ref); err != nil {
			return false, err
		}
	}
	for _, target := range []string{byRemote + row.RemoteID, byArchive + row.ArchiveID} {
		if err := a.settle(tx, emit, row.ConversationID, row.ID, target); err != nil {
			return false, err
		}
	}
	return true, nil
}

// conversationFor returns the conversation of a message. Its ID is 0 if there is
// none and none is to be made.
func (a *Account) conversationFor(tx *storage.Tx, in *Incoming, create bool) (c storage.Conversation, err error) {
	if !create {
		c, err = tx.ConversationByPeer(a.ID, in.Peer)
		if errors.Is(err, storage.ErrNotFound) {
			err = nil
		}
		return c, err
	}
	kind := ConversationDirect
	switch {
	case in.Room:
		kind = ConversationRoom
	case in.Private:
		kind = ConversationPrivate
	}
	c, created, err := tx.EnsureConversation(a.ID, in.Peer, kind)
	switch {
	case err != nil:
		return c, err
	case created:
		err = a.introduce(tx, &c, in)
	case in.Outgoing:
		err = accept(tx, c)
	}
	return c, err
}

// The kinds of conversation, as stored.
const (
	ConversationDirect uint8 = 1 // with one person
	ConversationRoom   uint8 = 2
	// ConversationPrivate is with one occupant of a room, by way of the room:
	// who that is may not be known, and nothing can be encrypted.
	ConversationPrivate uint8 = 3
)

// known says whether the message was taken in before. What the second way of
// its arrival adds (an archive id, the certainty that the server has it) is
// kept.
func (a *Account) known(tx *storage.Tx, emit *emitter, in *Incoming, keys [][]byte, order order) (bool, error) {
	for i, k := range keys {
		id, ok, err := tx.Seen(a.ID, k)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		if err := a.markSeen(tx, append(keys[:i:i], keys[i+1:]...), id); err != nil {
			return false, err
		}
		if err := a.confirm(tx, emit, id, in); err != nil {
			return false, err
		}
		if order == nil || id == 0 {
			return true, nil
		}
		return true, order.known(tx, emit, id, in)
	}
	return false, nil
}

// confirm notes that row id is in the archive, or that a room has shown it. For
// a message of ours this is proof that it was taken, whatever became of the
// stream.
func (a *Account) confirm(tx *storage.Tx, emit *emitter, id int64, in *Incoming) error {
	archiveID := in.ArchiveID
	if id == 0 || archiveID == "" && !in.Room {
		return nil
	}
	row, err := tx.Message(id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	if row.ArchiveID == "" && archiveID != "" {
		if err := tx.SetMessageArchiveID(id, archiveID); err != nil {
			return err
		}
		if err := a.settle(tx, emit, row.ConversationID, id, byArchive+archiveID); err != nil {
			return err
		}
	}
	if !row.Outgoing {
		return nil
	}
	out, err := tx.OutboxByMessage(id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.DeleteOutbox(out.ID); err != nil {
		return err
	}
	return a.advance(tx, emit, row, StateSent)
}

func (a *Account) advance(tx *storage.Tx, emit *emitter, row storage.Message, state uint8) error {
	if state < StateRead {
		if read, err := a.alreadyRead(tx, &row); err != nil {
			return err
		} else if read {
			state = StateRead
		}
	}
	changed, err := tx.AdvanceMessageState(row.ID, state)
	if err != nil || !changed {
		return err
	}
	emit.message(event.MessageChanged, row.ConversationID, row.ID, "")
	emit.conversation(row.ConversationID)
	return nil
}

func (a *Account) markSeen(tx *storage.Tx, keys [][]byte, id int64) error {
	for _, k := range keys {
		if err := tx.MarkSeen(a.ID, k, id); err != nil {
			return err
		}
	}
	return nil
}
