// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"sync"

	"github.com/confab-im/confab/core"
)

// command is one line of input; doc.go says which command has which fields.
type command struct {
	Cmd         string            `json:"cmd"`
	ID          string            `json:"id,omitempty"`
	Account     string            `json:"account,omitempty"`
	JID         string            `json:"jid,omitempty"`
	Password    string            `json:"password,omitempty"`
	Peer        string            `json:"peer,omitempty"`
	Who         string            `json:"who,omitempty"`
	Body        string            `json:"body,omitempty"`
	Fingerprint string            `json:"fingerprint,omitempty"`
	State       string            `json:"state,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Device      uint32            `json:"device,omitempty"`
	Message     core.MessageID    `json:"message,omitempty"`
	Messages    []core.MessageID  `json:"messages,omitempty"`
	Attachment  core.AttachmentID `json:"attachment,omitempty"`
	Path        string            `json:"path,omitempty"`
	Avatar      string            `json:"avatar,omitempty"`
	Emojis      []string          `json:"emojis,omitempty"`
	Name        string            `json:"name,omitempty"`
	Nick        string            `json:"nick,omitempty"`
	Members     []string          `json:"members,omitempty"`
	Service     string            `json:"service,omitempty"`
	Node        string            `json:"node,omitempty"`
	Options     map[string]string `json:"options,omitempty"`
	Public      bool              `json:"public,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Limit       int               `json:"limit,omitempty"`
	Before      core.Cursor       `json:"before,omitempty"`
}

// line is one line of output.
type line struct {
	Event         string             `json:"event"`
	ID            string             `json:"id,omitempty"`
	OK            bool               `json:"ok,omitempty"`
	Error         string             `json:"error,omitempty"`
	Code          string             `json:"code,omitempty"`
	Account       string             `json:"account,omitempty"`
	Peer          string             `json:"peer,omitempty"`
	Nick          string             `json:"nick,omitempty"`
	State         string             `json:"state,omitempty"`
	Resumed       bool               `json:"resumed,omitempty"`
	Count         int                `json:"count,omitempty"`
	More          bool               `json:"more,omitempty"`
	Removed       core.MessageID     `json:"removed,omitempty"`
	Message       *jsonMessage       `json:"message,omitempty"`
	Messages      []jsonMessage      `json:"messages,omitempty"`
	Attachment    core.AttachmentID  `json:"attachment,omitempty"`
	Done          int64              `json:"done,omitempty"`
	Size          int64              `json:"size,omitempty"`
	Files         []jsonFile         `json:"files,omitempty"`
	Edits         []jsonEdit         `json:"edits,omitempty"`
	Readers       []jsonReader       `json:"readers,omitempty"`
	Conversations []jsonConversation `json:"conversations,omitempty"`
	Accounts      []jsonAccount      `json:"accounts,omitempty"`
	Own           *jsonDevice        `json:"own,omitempty"`
	Devices       []jsonDevice       `json:"devices,omitempty"`
	URI           string             `json:"uri,omitempty"`
	Keys          []jsonKey          `json:"keys,omitempty"`
	Peers         []string           `json:"peers,omitempty"`
	Link          *jsonLink          `json:"link,omitempty"`
	Profile       *jsonProfile       `json:"profile,omitempty"`
	Push          *jsonPush          `json:"push,omitempty"`
	Server        *jsonServer        `json:"server,omitempty"`
	Room          *jsonRoom          `json:"room,omitempty"`
	Rooms         []jsonRoom         `json:"rooms,omitempty"`
	Members       []jsonMember       `json:"members,omitempty"`
	Invitations   []jsonInvitation   `json:"invitations,omitempty"`
}

// names remembers the addresses behind ids, since an event may speak of
// something that is gone. It may be used by several goroutines.
type names struct {
	client *core.Client

	mu       sync.Mutex
	accounts map[core.AccountID]string
	peers    map[core.ConversationID]string
}

func newNames(client *core.Client) *names {
	n := &names{client: client, accounts: make(map[core.AccountID]string), peers: make(map[core.ConversationID]string)}
	for _, a := range client.Accounts() {
		n.accounts[a.ID()] = a.JID()
	}
	return n
}

func (n *names) account(id core.AccountID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, known := n.accounts[id]
	if !known {
		if a, err := n.client.Account(id); err == nil {
			name = a.JID()
			n.accounts[id] = name
		}
	}
	return name
}

func (n *names) peer(ctx context.Context, id core.ConversationID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, known := n.peers[id]
	if !known {
		if c, err := n.client.Conversation(ctx, id); err == nil {
			name = c.Peer()
			n.peers[id] = name
		}
	}
	return name
}

func (n *names) messages(ctx context.Context, list []core.Message) []jsonMessage {
	out := make([]jsonMessage, len(list))
	for i, m := range list {
		out[i] = n.message(ctx, m)
	}
	return out
}
