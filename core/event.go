// SPDX-License-Identifier: MPL-2.0

package core

import "github.com/confab-im/confab/core/internal/event"

// An Event is one fact of the past. It carries ids; content is read with
// them. See the kinds for which fields are set.
type Event = event.Event

// EventKind says what happened.
type EventKind = event.Kind

// The kinds of event, and which fields beside Account they set.
const (
	EventGap                 = event.Gap                 // events were lost to slowness: read afresh
	EventAccountState        = event.AccountState        // State, Resumed, Code
	EventAccountRemoved      = event.AccountRemoved      //
	EventMessageAdded        = event.MessageAdded        // Conversation, Message, Code if unreadable
	EventMessageChanged      = event.MessageChanged      // Conversation, Message, Code
	EventMessageRemoved      = event.MessageRemoved      // Conversation, Message
	EventConversationChanged = event.ConversationChanged // Conversation
	EventConversationRemoved = event.ConversationRemoved // Conversation
	EventContactChanged      = event.ContactChanged      // Peer
	EventContactRequest      = event.ContactRequest      // Peer
	EventPresenceChanged     = event.PresenceChanged     // Peer
	EventTrustChanged        = event.TrustChanged        // Peer
	EventCatchUp             = event.CatchUp             // State, Count
	EventStorage             = event.Storage             // Code, empty when well again
	EventHistoryLoaded       = event.HistoryLoaded       // Conversation, Count; no EventMessageAdded comes for these
)

// ConnectionState is the state of an account's connection.
type ConnectionState = event.State

// The states of a connection, and of a catch-up in EventCatchUp.
const (
	Offline        = event.Offline
	Connecting     = event.Connecting
	Online         = event.Online
	Failed         = event.Failed // not tried again until something changes; see the code
	CatchUpRunning = event.CatchUpRunning
	CatchUpDone    = event.CatchUpDone
)

// A Filter chooses the events of a Subscription; the zero value is all.
type Filter = event.Filter

// A Subscription is a bounded queue of events with one reader.
type Subscription = event.Subscription

// ErrSubscriptionClosed is what Subscription.Next returns after Close.
var ErrSubscriptionClosed = event.ErrClosed

// Subscribe starts a subscription, which the caller must close. To show a
// list without missing a change: subscribe first, then read.
func (c *Client) Subscribe(f Filter) *Subscription { return c.bus.Subscribe(f) }
