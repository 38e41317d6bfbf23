// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"sync"
	"time"

	"github.com/confab-im/confab/core"
)

// command is one line of input; doc.go says which command has which fields.
type command struct {
	Cmd         string      `json:"cmd"`
	ID          string      `json:"id,omitempty"`
	Account     string      `json:"account,omitempty"`
	JID         string      `json:"jid,omitempty"`
	Password    string      `json:"password,omitempty"`
	Peer        string      `json:"peer,omitempty"`
	Body        string      `json:"body,omitempty"`
	Fingerprint string      `json:"fingerprint,omitempty"`
	State       string      `json:"state,omitempty"`
	Limit       int         `json:"limit,omitempty"`
	Before      core.Cursor `json:"before,omitempty"`
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
	State         string             `json:"state,omitempty"`
	Resumed       bool               `json:"resumed,omitempty"`
	Count         int                `json:"count,omitempty"`
	Removed       core.MessageID     `json:"removed,omitempty"`
	Message       *jsonMessage       `json:"message,omitempty"`
	Messages      []jsonMessage      `json:"messages,omitempty"`
	Conversations []jsonConversation `json:"conversations,omitempty"`
	Accounts      []jsonAccount      `json:"accounts,omitempty"`
	Own           *jsonDevice        `json:"own,omitempty"`
	Devices       []jsonDevice       `json:"devices,omitempty"`
}

type jsonMessage struct {
	ID          core.MessageID `json:"id"`
	Account     string         `json:"account"`
	Peer        string         `json:"peer"`
	Sender      string         `json:"sender"`
	Outgoing    bool           `json:"outgoing"`
	Kind        string         `json:"kind"`
	Body        string         `json:"body"`
	At          time.Time      `json:"at"`
	State       string         `json:"state"`
	Encryption  string         `json:"encryption"`
	Trust       string         `json:"trust"`
	Fingerprint string         `json:"fingerprint,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	Cursor      core.Cursor    `json:"cursor"`
}

type jsonConversation struct {
	Account string `json:"account"`
	Peer    string `json:"peer"`
	Unread  int    `json:"unread"`
	Preview string `json:"preview"`
}

type jsonAccount struct {
	Account string `json:"account"`
	State   string `json:"state"`
	Code    string `json:"code,omitempty"`
}

type jsonDevice struct {
	ID          uint32 `json:"id"`
	Fingerprint string `json:"fingerprint"`
	Trust       string `json:"trust"`
	Active      bool   `json:"active"`
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

func (n *names) message(ctx context.Context, m core.Message) jsonMessage {
	return jsonMessage{
		ID: m.ID, Account: n.account(m.Account), Peer: n.peer(ctx, m.Conversation), Sender: m.Sender, Outgoing: m.Outgoing,
		Kind: m.Kind.String(), Body: m.Body, At: m.At.UTC(), State: m.State.String(), Encryption: m.Encryption.String(),
		Trust: m.Trust.String(), Fingerprint: m.Fingerprint, Reason: m.Reason, Cursor: m.Cursor,
	}
}

func (n *names) messages(ctx context.Context, list []core.Message) []jsonMessage {
	out := make([]jsonMessage, len(list))
	for i, m := range list {
		out[i] = n.message(ctx, m)
	}
	return out
}
