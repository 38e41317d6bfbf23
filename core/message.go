// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
)

// MessageID names a message in this database, for good.
type MessageID = int64

// MessageState says how far a message got.
type MessageState uint8

// The states of a message.
const (
	MessageReceived  = MessageState(pipeline.StateReceived)  // somebody else's
	MessageQueued    = MessageState(pipeline.StateQueued)    // durable here, on its way
	MessageBlocked   = MessageState(pipeline.StateBlocked)   // waits for a decision: see Reason
	MessageSent      = MessageState(pipeline.StateSent)      // the server has it
	MessageDelivered = MessageState(pipeline.StateDelivered) // a device of the peer has it
	MessageRead      = MessageState(pipeline.StateRead)      // the peer has displayed it
	MessageFailed    = MessageState(pipeline.StateFailed)    // refused: see Reason
	MessageUnknown   = MessageState(pipeline.StateUnknown)   // cut off; only a person can say
)

var messageStates = map[MessageState]string{
	MessageReceived: "received", MessageQueued: "queued", MessageBlocked: "blocked", MessageSent: "sent",
	MessageDelivered: "delivered", MessageRead: "read", MessageFailed: "failed", MessageUnknown: "unknown",
}

// String returns the state's stable name.
func (s MessageState) String() string { return name(messageStates, s) }

// MessageKind says what a message is.
type MessageKind uint8

// The kinds of message.
const (
	Text       = MessageKind(pipeline.KindText)
	Unreadable = MessageKind(pipeline.KindUnreadable) // a placeholder: see Reason
	// OTR: of Off-the-Record Messaging, which is not spoken here and never
	// answered. Reason says what it is: "otr.query", "otr.data", "otr.error".
	OTR = MessageKind(pipeline.KindOTR)
	// Notice: something that happened in a room; see RoomNotice.
	Notice = MessageKind(pipeline.KindEvent)
)

// String returns the kind's stable name.
func (k MessageKind) String() string {
	return name(map[MessageKind]string{Text: "text", Unreadable: "unreadable", OTR: "otr", Notice: "notice"}, k)
}

// Encryption says how a message travelled, or how a conversation's messages are to.
type Encryption uint8

// The encryptions. OMEMO is what every new conversation uses; which version a
// message takes is up to the devices that have to read it. A message says OMEMO2
// when it went in version 2 (urn:xmpp:omemo:2) only, and OMEMO when in 0.3 to
// any of them, or not yet.
const (
	Plain  = Encryption(pipeline.EncryptionNone)
	OMEMO  = Encryption(pipeline.EncryptionOMEMO)
	OMEMO2 = Encryption(pipeline.EncryptionOMEMO2)
)

// String returns the encryption's stable name.
func (e Encryption) String() string {
	return name(map[Encryption]string{Plain: "plain", OMEMO: "omemo", OMEMO2: "omemo:2"}, e)
}

func name[K comparable](names map[K]string, k K) string {
	if n, ok := names[k]; ok {
		return n
	}
	return "unknown"
}

// Message is a message as it was when it was read.
type Message struct {
	ID           MessageID
	Conversation ConversationID
	Account      AccountID
	Outgoing     bool
	Sender       string // bare JID
	Nick         string // the sender's in a room, as it was then
	Channel      string // "xmpp"
	Kind         MessageKind
	Body         string
	At           time.Time // when it was written, as far as is known
	ReceivedAt   time.Time // when it came to this device
	State        MessageState
	Encryption   Encryption
	Device       uint32     // OMEMO device of the sender
	Fingerprint  string     // of that device's key, 64 hexadecimal digits
	Trust        TrustState // in that key when the message came
	Reason       string     // stable code when blocked, failed or unreadable, or queued and held up
	Cursor       Cursor     // its place in the conversation
	Reply        *Reply     // which message it answers; nil if none
	Edited       time.Time  // when its text was written, if it was corrected; see Edits
	Retracted    *Retraction
	Files        int         // how many it shares: see Client.Attachments
	Reactions    []Reaction  // by their first appearance; none of a message taken back
	Notice       *RoomNotice // of the kind Notice
	Mentioned    bool        // it names us, in a room
	AfterGap     bool        // between it and the one before it messages may be missing: see LoadOlder
}

// LogValue keeps bodies and people out of logs.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", m.ID), slog.String("state", m.State.String()))
}

// Format keeps them out of whatever is printed, with every verb.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %d of conversation %d, %s", m.ID, m.Conversation, m.State)
}

// Cursor is a place in a conversation. The zero value is its end.
type Cursor int64

// messageOf makes a message of a row and what is beside its columns.
func messageOf(row *storage.Message, extra *pipeline.Extra) Message {
	m := Message{
		ID: row.ID, Conversation: row.ConversationID, Account: row.AccountID, Outgoing: row.Outgoing,
		Sender: row.Sender, Channel: row.Channel, Kind: MessageKind(row.Kind), Body: row.Body,
		At: row.At, ReceivedAt: row.ReceivedAt, State: MessageState(row.State), Encryption: Encryption(row.Encryption),
		Device: row.SenderDevice, Fingerprint: hex.EncodeToString(row.Identity), Trust: TrustState(row.Trust),
		Reason: row.Reason, Cursor: Cursor(row.SortKey),
		Files: extra.Files, Nick: extra.Nick, Edited: extra.Edited, Retracted: retractionOf(extra.Retracted),
	}
	m.Mentioned = extra.Mentioned
	if m.Kind == Notice {
		m.Notice, m.Outgoing = noticeOf(row, extra), false
	}
	if extra.Reply != nil {
		m.Reply = &Reply{Author: extra.Reply.Author, Quote: extra.Reply.Quote}
	}
	return m
}

// messagesOf makes messages of rows, with all that belongs to them, in a few
// reads for all.
func messagesOf(r *storage.Reader, rows []storage.Message) ([]Message, error) {
	list := make([]Message, len(rows))
	ids := make([]int64, 0, len(rows))
	replies := make([]*pipeline.Reply, len(rows))
	answers := make(map[ConversationID][]string)
	for i := range rows {
		row := &rows[i]
		extra, err := pipeline.ExtraOf(row)
		if err != nil {
			return nil, err
		}
		list[i] = messageOf(row, &extra)
		ids = append(ids, row.ID)
		if replies[i] = extra.Reply; extra.Reply != nil {
			answers[row.ConversationID] = append(answers[row.ConversationID], extra.Reply.ID)
		}
	}
	reactions, err := r.ReactionsTo(ids)
	if err != nil {
		return nil, err
	}
	answered := make(map[ConversationID]map[string]int64, len(answers))
	for conversation, names := range answers {
		c, err := r.Conversation(conversation)
		if err != nil {
			return nil, err
		}
		if answered[conversation], err = r.MessageIDs(conversation, names, c.Kind == roomKind); err != nil {
			return nil, err
		}
	}
	for i := range list {
		m := &list[i]
		if m.Retracted == nil || m.Retracted.Unproven {
			m.Reactions = grouped(reactions[m.ID])
		}
		if m.Reply != nil {
			m.Reply.Message = answered[m.Conversation][replies[i].ID]
		}
	}
	return list, nil
}

// roomKind is the kind of a conversation that is a room.
const roomKind = pipeline.ConversationRoom

// Message returns one message, or ErrNoMessage.
func (c *Client) Message(ctx context.Context, id MessageID) (Message, error) {
	var list []Message
	err := c.db.View(ctx, func(r *storage.Reader) error {
		row, err := r.Message(id)
		if err == nil {
			list, err = messagesOf(r, []storage.Message{row})
		}
		return err
	})
	if err != nil {
		return Message{}, notFound(err, ErrNoMessage, "read message")
	}
	return list[0], nil
}

// MaxPage is the most messages or conversations that one read returns.
const MaxPage = 500

func page(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

// History returns up to limit messages before a place, newest first. The zero
// Cursor starts at the end; the last message's Cursor continues. AfterGap of a
// message says where some may be missing that LoadOlder can load; it is set only
// by History and HistoryAfter.
func (cv *Conversation) History(ctx context.Context, before Cursor, limit int) ([]Message, error) {
	return cv.history(ctx, func(r *storage.Reader) ([]storage.Message, error) {
		return r.MessagesBefore(cv.id, int64(before), page(limit))
	})
}

// HistoryAfter returns up to limit messages after a place, oldest first.
func (cv *Conversation) HistoryAfter(ctx context.Context, after Cursor, limit int) ([]Message, error) {
	return cv.history(ctx, func(r *storage.Reader) ([]storage.Message, error) {
		return r.MessagesAfter(cv.id, int64(after), page(limit))
	})
}

// Search finds messages.
type Search struct {
	Text         string         // words; the last may be the beginning of one, from two letters on
	Conversation ConversationID // 0: everywhere
	Before       MessageID      // continues after the last message of a page; 0 starts
	Limit        int
}

// Search returns messages that contain every word, newest first.
func (c *Client) Search(ctx context.Context, s Search) ([]Message, error) {
	var list []Message
	err := c.db.View(ctx, func(r *storage.Reader) error {
		rows, err := r.Search(storage.SearchQuery{
			Text: s.Text, ConversationID: s.Conversation, BeforeID: s.Before, Limit: page(s.Limit),
		})
		if err == nil {
			list, err = messagesOf(r, rows)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search messages: %w", err)
	}
	return list, nil
}
