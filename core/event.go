// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"errors"

	"github.com/confab-im/confab/core/internal/event"
)

// EventKind says what happened.
type EventKind uint8

// The kinds of event, with the fields that each sets beside Account.
const (
	// EventGap: events were lost because this subscription was read too
	// slowly. Read afresh whatever is shown. It sets no field.
	EventGap EventKind = EventKind(event.Gap)
	// EventAccountState: the connection changed. State, Resumed, Code.
	EventAccountState EventKind = EventKind(event.AccountState)
	// EventAccountRemoved: the account is gone, with all that it had.
	EventAccountRemoved EventKind = EventKind(event.AccountRemoved)
	// EventMessageAdded: there is a new message, received or written.
	// Conversation, Message; Code if it is unreadable.
	EventMessageAdded EventKind = EventKind(event.MessageAdded)
	// EventMessageChanged: its state, text, reason or place changed.
	// Conversation, Message; Code if it was refused or waits for a decision.
	EventMessageChanged EventKind = EventKind(event.MessageChanged)
	// EventMessageRemoved: a message is gone. Conversation, Message.
	EventMessageRemoved EventKind = EventKind(event.MessageRemoved)
	// EventConversationChanged: one is new, or its last message, unread count
	// or settings changed. Conversation.
	EventConversationChanged EventKind = EventKind(event.ConversationChanged)
	// EventConversationRemoved: one is gone, with its messages. Conversation.
	EventConversationRemoved EventKind = EventKind(event.ConversationRemoved)
	// EventContactChanged: the roster changed. Peer, or none: read all of it.
	EventContactChanged EventKind = EventKind(event.ContactChanged)
	// EventContactRequest: somebody asks to see our presence. Peer.
	EventContactRequest EventKind = EventKind(event.ContactRequest)
	// EventPresenceChanged: a contact's presence changed. Peer.
	EventPresenceChanged EventKind = EventKind(event.PresenceChanged)
	// EventTrustChanged: devices of somebody or the trust in them changed.
	// Peer; Code if the own keys could not be published.
	EventTrustChanged EventKind = EventKind(event.TrustChanged)
	// EventCatchUp: reading the archive began, went on or ended. State, Count.
	EventCatchUp EventKind = EventKind(event.CatchUp)
	// EventStorage: the database refuses writes, so nothing is acknowledged
	// and the connection waits; or it accepts them again. Code, empty if so.
	EventStorage EventKind = EventKind(event.Storage)
	// EventHistoryLoaded: older messages of a conversation were stored. No
	// EventMessageAdded comes for them, as they are nobody's news.
	// Conversation, Count.
	EventHistoryLoaded EventKind = EventKind(event.HistoryLoaded)
	// EventRoomChanged: what a room is, or who is in it, changed. Conversation.
	EventRoomChanged EventKind = EventKind(event.RoomChanged)
	// EventRoomInvitation: somebody asks us into a room: see
	// Account.Invitations. Peer is the room.
	EventRoomInvitation EventKind = EventKind(event.RoomInvitation)
	// EventBlockListChanged: an address is blocked or no longer is. Peer, or
	// none: read the whole list.
	EventBlockListChanged EventKind = EventKind(event.BlockListChanged)
	// EventProfileChanged: what somebody says of themselves changed. Peer.
	EventProfileChanged EventKind = EventKind(event.ProfileChanged)
	// EventPushChanged: wake-ups by a push service are on or off, or refused.
	// Code, empty when all is well.
	EventPushChanged EventKind = EventKind(event.PushChanged)
	// EventTyping: somebody began to write, paused, or does so no longer.
	// Nobody needs to end it: it ends by itself. Conversation, Peer, Typing;
	// Nick in a room.
	EventTyping EventKind = EventKind(event.Typing)
	// EventTransfer: a file went a part of its way, or its state changed.
	// Conversation, Message, Attachment, Done, Size; Code if it is held up or
	// failed. Without an Attachment, all files of the message are gone.
	EventTransfer EventKind = EventKind(event.Transfer)
)

// String returns the kind's stable name, "message-added" for example.
func (k EventKind) String() string { return event.Kind(k).String() }

// ConnectionState is the state of an account's connection, or of a catch-up.
type ConnectionState uint8

// The states of a connection, and the two of a catch-up in EventCatchUp.
const (
	// Offline: signed out, or the client is closed.
	Offline ConnectionState = ConnectionState(event.Offline)
	// Connecting: not connected, and trying; the code says what went wrong
	// the last time.
	Connecting ConnectionState = ConnectionState(event.Connecting)
	// Online: signed in.
	Online ConnectionState = ConnectionState(event.Online)
	// Failed: not tried again until a person changes something, such as the
	// password. The code says why.
	Failed ConnectionState = ConnectionState(event.Failed)
	// CatchUpRunning and CatchUpDone are states of EventCatchUp.
	CatchUpRunning ConnectionState = ConnectionState(event.CatchUpRunning)
	CatchUpDone    ConnectionState = ConnectionState(event.CatchUpDone)
)

// String returns the state's stable name: "offline", "connecting", "online",
// "failed", "running", "done".
func (s ConnectionState) String() string { return event.State(s).String() }

// Event is one fact of the past. It carries ids and no content: whoever reads
// the database on an event finds what it speaks of, or what came after.
//
// Events of messages and conversations, of catching up and of removed accounts
// come in the order of the database's commits, over all accounts: a message is
// added before it is changed, and changed before it is removed. The others say
// that something is to be looked at again, and come between them at once.
type Event struct {
	Kind         EventKind
	Account      AccountID       // 0 for EventGap only
	Conversation ConversationID  // 0 where the kind does not name it
	Message      MessageID       // likewise
	Peer         string          // bare JID, where the kind names it
	Nick         string          // of EventTyping in a room
	State        ConnectionState // of EventAccountState and EventCatchUp
	Typing       TypingState     // of EventTyping
	Resumed      bool            // EventAccountState, Online: the old session went on
	Count        int             // EventCatchUp: messages stored so far; EventHistoryLoaded: these
	Attachment   AttachmentID    // of EventTransfer
	Done, Size   int64           // EventTransfer: bytes, both 0 if only the state changed; Size -1 when not known
	Code         string          // stable error code; empty when all is well
}

func eventOf(e event.Event) Event {
	out := Event{
		Kind: EventKind(e.Kind), Account: e.Account, Conversation: e.Conversation, Message: e.Message,
		Peer: e.Peer, Nick: e.Nick, State: ConnectionState(e.State), Resumed: e.Resumed, Count: e.Count, Code: e.Code,
		Attachment: e.Attachment, Done: e.Done, Size: e.Size,
	}
	if e.Kind == event.Typing {
		out.State, out.Typing = 0, TypingState(e.State)
	}
	return out
}

// DefaultQueue is how many events a Subscription holds whose Filter does not
// say otherwise.
const DefaultQueue = event.DefaultQueue

// Filter chooses the events of a Subscription. The zero value is all.
type Filter struct {
	// Kinds are those wanted; none means all. EventGap always comes.
	Kinds []EventKind
	// Account and Conversation, when not 0, are the only ones wanted; with a
	// Conversation, events that are about none are left out.
	Account      AccountID
	Conversation ConversationID
	// Queue is the number of events held at most; 0 means DefaultQueue.
	Queue int
}

// Subscription is a bounded queue of events with one reader. The SDK calls no
// code of an app: an app reads at its own pace.
type Subscription struct{ queue *event.Subscription }

// Subscribe starts a subscription, which the caller must close. To show a
// list without missing a change: subscribe first, then read.
func (c *Client) Subscribe(f Filter) *Subscription {
	inner := event.Filter{Account: f.Account, Conversation: f.Conversation, Queue: f.Queue}
	for _, k := range f.Kinds {
		inner.Kinds = append(inner.Kinds, event.Kind(k))
	}
	return &Subscription{c.bus.Subscribe(inner)}
}

// Next returns the next event, waiting for one. It is called by one goroutine
// at a time. When more events came than the queue holds, all of it is dropped
// and one EventGap returned in its place.
//
// Errors: ctx's, and ErrSubscriptionClosed after Close; after the Client's
// Close as well, once all that was queued has been read.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	e, err := s.queue.Next(ctx)
	if errors.Is(err, event.ErrClosed) {
		err = ErrSubscriptionClosed
	}
	return eventOf(e), err
}

// Close ends the subscription and drops what it holds. Any goroutine may call
// it, and again.
func (s *Subscription) Close() { s.queue.Close() }
