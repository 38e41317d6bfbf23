// SPDX-License-Identifier: MPL-2.0

package event

// Kind says what happened.
type Kind uint8

// The kinds of event. The fields that are set beside Account are named with
// each kind.
const (
	// Gap: events were lost because the subscriber was slow; read afresh.
	Gap Kind = iota + 1
	// AccountState: the connection's state changed. State, Code.
	AccountState
	// AccountRemoved: the account and all its rows are gone.
	AccountRemoved
	// MessageAdded: a message row is new. Conversation, Message.
	MessageAdded
	// MessageChanged: state, body or reason of a row changed. Conversation, Message, Code.
	MessageChanged
	// MessageRemoved: a message row is gone. Conversation, Message.
	MessageRemoved
	// ConversationChanged: summary, unread count or settings changed. Conversation.
	ConversationChanged
	// ConversationRemoved: a conversation and its messages are gone. Conversation.
	ConversationRemoved
	// ContactChanged: a roster item was added, changed or removed. Peer.
	ContactChanged
	// ContactRequest: somebody asks to see our presence. Peer.
	ContactRequest
	// PresenceChanged: a contact's availability changed. Peer.
	PresenceChanged
	// TrustChanged: the devices of a peer or the trust in one changed. Peer.
	TrustChanged
	// CatchUp: catching up from the archive started, went on or ended. State, Count.
	CatchUp
	// Storage: the database refuses writes; nothing is acknowledged until it
	// accepts them again. Code; an empty code says that it does.
	Storage
	// HistoryLoaded: older messages of a conversation were stored, which are
	// nobody's news: no MessageAdded speaks of them. Conversation, Count.
	HistoryLoaded
	// RoomChanged: what is known of a room, or of who is in it, changed.
	// Conversation.
	RoomChanged
	// RoomInvitation: somebody asks us into a room. Peer is the room.
	RoomInvitation
	// BlockListChanged: an address is blocked or no longer is. Peer, or none:
	// the whole list.
	BlockListChanged
	// ProfileChanged: what somebody says of themselves changed. Peer.
	ProfileChanged
	// PushChanged: wake-ups by a push service were turned on or off, or are
	// refused. Code.
	PushChanged
	// Typing: somebody began or ended to write a message. Peer, Nick in a room,
	// Conversation, State.
	Typing
	// Transfer: a file of a message went a part of its way, or its state changed.
	// Conversation, Message, Attachment, 0 for all that the message has; Done,
	// Size; Code.
	Transfer
)

var kindNames = [...]string{
	Gap: "gap", AccountState: "account-state", AccountRemoved: "account-removed",
	MessageAdded: "message-added", MessageChanged: "message-changed", MessageRemoved: "message-removed",
	ConversationChanged: "conversation-changed", ConversationRemoved: "conversation-removed",
	ContactChanged: "contact-changed", ContactRequest: "contact-request", PresenceChanged: "presence-changed",
	TrustChanged: "trust-changed", CatchUp: "catch-up", Storage: "storage", HistoryLoaded: "history-loaded",
	RoomChanged: "room-changed", RoomInvitation: "room-invitation",
	BlockListChanged: "block-list-changed", ProfileChanged: "profile-changed", PushChanged: "push-changed",
	Typing:   "typing",
	Transfer: "transfer",
}

// String returns the kind's stable name, for logs and JSON.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// State is a state that an AccountState, CatchUp or Typing event speaks of.
type State uint8

// The states of an account's connection, of a catch-up and of somebody's typing.
const (
	Offline State = iota + 1
	Connecting
	Online
	Failed // will not be tried again without a change by the user; Code says why
	CatchUpRunning
	CatchUpDone
	TypingComposing
	TypingPaused
	TypingActive // no longer
)

var stateNames = [...]string{
	Offline: "offline", Connecting: "connecting", Online: "online", Failed: "failed",
	CatchUpRunning: "running", CatchUpDone: "done",
	TypingComposing: "composing", TypingPaused: "paused", TypingActive: "active",
}

// String returns the state's stable name.
func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return "unknown"
}

// Event is one fact of the past. Ids only: content is read from the database.
type Event struct {
	Kind         Kind
	Account      int64
	Conversation int64
	Message      int64
	Peer         string // bare JID where the kind says so
	Nick         string // Typing in a room: whose
	State        State
	Resumed      bool   // AccountState Online: the old stream went on, nothing was missed
	Count        int    // CatchUp: messages stored so far; HistoryLoaded: with this page
	Attachment   int64  // Transfer: the file
	Done, Size   int64  // Transfer: bytes; Size is -1 when it is not known
	Code         string // stable error code, empty when all is well
}
