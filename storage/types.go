// SPDX-License-Identifier: MPL-2.0

package storage

import "time"

// The rows. A zero time is "none"; other times keep microseconds. Rows redact
// themselves: what they print, log or marshal to is their ids, since the rest
// is private.

// Account is one account on one network.
type Account struct {
	ID            int64
	Kind          string // "xmpp", "sms", or an app's own
	Address       string // unique together with Kind
	Resource      string
	Enabled       bool
	Secret        Secret // the password
	Settings      []byte // the caller's own
	RosterVersion string
	Credentials   Secret // what is kept instead of a password
	Created       time.Time
}

// Conversation is an account's exchange with one peer. The fields from
// LastMessageID to ReadKey and Revision are kept by this package and follow the
// messages; UpdateConversation ignores them.
type Conversation struct {
	ID, AccountID int64
	Peer          string // unique in the account
	Kind          uint8
	Title         string
	LastMessageID int64 // the message with the largest sort key; 0 = none
	LastKey       int64
	LastAt        time.Time
	LastPreview   string // at most PreviewRunes runes, on one line
	LastOutgoing  bool
	LastState     uint8
	Unread        int   // incoming messages after ReadKey
	ReadKey       int64 // the sort key up to which all is read
	Pinned        bool
	Archived      bool
	MutedUntil    time.Time
	Draft         string
	Encryption    uint8
	Request       bool
	Revision      int64 // grows with each change
}

// Message is one message of a conversation.
type Message struct {
	ID             int64 // never used again
	ConversationID int64
	SortKey        int64 // the place in the conversation, positive and unique in it
	AccountID      int64
	Outgoing       bool
	Sender         string // bare JID or occupant
	RemoteID       string // origin-id, or else the stanza's id
	ArchiveID      string
	Channel        string // "xmpp", "sms"
	Kind           uint8
	Body           string
	At             time.Time // when it was sent, as far as known
	ReceivedAt     time.Time
	State          uint8 // the caller's scale; a larger value is further on
	Encryption     uint8
	SenderDevice   uint32
	Identity       []byte // the sender's identity key
	Trust          uint8
	Reason         string // stable code, when it is blocked, failed or unreadable
	Extra          []byte // the caller's own
	Revision       int64  // grows with each change
}

// States of an OutboxRow.
const (
	OutboxQueued  uint8 = 0 // to be prepared
	OutboxReady   uint8 = 1 // the bytes are final
	OutboxWritten uint8 = 2 // given to a stream, not acknowledged
	OutboxBlocked uint8 = 3 // needs a decision
)

// OutboxRow is something that is to be sent.
type OutboxRow struct {
	ID             int64
	AccountID      int64
	ConversationID int64 // 0 = none
	MessageID      int64 // 0 = none
	Kind           uint8
	To             string
	State          uint8 // OutboxQueued …
	Stanza         []byte
	StreamID       string // the stream it was written to, when written
	StreamCount    uint64 // and its place there
	Attempts       int
	Reason         string
	Created        time.Time
}

// Stream is the state of an account's stream management session.
type Stream struct {
	AccountID         int64
	ID, Location, JID string
	Handled           uint64
	Max               time.Duration // to the microsecond
	Updated           time.Time
}

// Gap is a stretch of an archive that was not fetched.
type Gap struct {
	ID             int64
	AccountID      int64
	Archive        string
	ConversationID int64  // 0 = the whole archive
	After, Before  string // archive ids on both sides; empty = open
	SortKey        int64  // where it shows in the conversation
	Created        time.Time
}

// RosterItem is one contact of an account's roster.
type RosterItem struct {
	AccountID    int64
	JID          string
	Name         string
	Subscription string
	Ask          bool
	Groups       []string
}
