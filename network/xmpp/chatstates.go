// SPDX-License-Identifier: MPL-2.0

// XEP-0085: Chat State Notifications

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSChatStates is the namespace of chat state notifications.
const NSChatStates = "http://jabber.org/protocol/chatstates"

// A ChatState is what somebody is doing in a conversation.
type ChatState string

// The states of XEP-0085 §2.
const (
	Active    ChatState = "active"
	Composing ChatState = "composing"
	Paused    ChatState = "paused"
	Inactive  ChatState = "inactive"
	Gone      ChatState = "gone"
)

// ParseChatState returns the chat state in a message, or "".
func ParseChatState(message *element.Element) ChatState {
	for x := range message.All(NSChatStates, "") {
		switch s := ChatState(x.Name.Local); s {
		case Active:
			return Active
		case Composing:
			return Composing
		case Paused:
			return Paused
		case Inactive:
			return Inactive
		case Gone:
			return Gone
		}
	}
	return ""
}

func (s ChatState) appendTo(message *element.Element) {
	switch s {
	case Active, Composing, Paused, Inactive, Gone:
		message.Add(element.New(NSChatStates, string(s)))
	}
}
