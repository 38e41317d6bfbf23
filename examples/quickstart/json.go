// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/confab-im/confab/core"
)

// maxLine is the longest command line accepted, in bytes.
const maxLine = 1 << 20

// command is one line of input. Every command is answered by one line with
// "event":"reply" and the same "id".
//
//	{"cmd":"sign-in","jid":…,"password":…}   or "register"; without a password
//	                                         the one of -password-file
//	{"cmd":"accept","peer":…}                let somebody see our presence
//	{"cmd":"add","peer":…}                   put somebody on the roster
//	{"cmd":"send","peer":…,"body":…}         reply: "message"
//	{"cmd":"encryption","peer":…,"state":…}  "omemo" or "plain"
//	{"cmd":"history","peer":…,"limit":…,"before":…}   reply: "messages", newest first
//	{"cmd":"search","body":…}                reply: "messages"
//	{"cmd":"read","peer":…}                  all read
//	{"cmd":"conversations"}                  reply: "conversations"
//	{"cmd":"fingerprints","peer":…}          reply: "own", "devices"
//	{"cmd":"trust","peer":…,"fingerprint":…,"state":…}
//	{"cmd":"state"}                          reply: "state", "code"
//	{"cmd":"network-changed"}, {"cmd":"quit"}
type command struct {
	Cmd         string      `json:"cmd"`
	ID          string      `json:"id,omitempty"`
	JID         string      `json:"jid,omitempty"`
	Password    string      `json:"password,omitempty"`
	Peer        string      `json:"peer,omitempty"`
	Body        string      `json:"body,omitempty"`
	Fingerprint string      `json:"fingerprint,omitempty"`
	State       string      `json:"state,omitempty"`
	Limit       int         `json:"limit,omitempty"`
	Before      core.Cursor `json:"before,omitempty"`
}

// line is one line of output. Beside "reply" there are "ready" (commands are
// read) and the kinds of core's events by their names; "message-added" and
// "message-changed" have the message whole.
type line struct {
	Event         string             `json:"event"`
	ID            string             `json:"id,omitempty"`
	OK            bool               `json:"ok,omitempty"`
	Error         string             `json:"error,omitempty"`
	Code          string             `json:"code,omitempty"`
	Peer          string             `json:"peer,omitempty"`
	State         string             `json:"state,omitempty"`
	Resumed       bool               `json:"resumed,omitempty"`
	Message       *jsonMessage       `json:"message,omitempty"`
	Messages      []jsonMessage      `json:"messages,omitempty"`
	Conversations []jsonConversation `json:"conversations,omitempty"`
	Own           *jsonDevice        `json:"own,omitempty"`
	Devices       []jsonDevice       `json:"devices,omitempty"`
}

type jsonMessage struct {
	ID          core.MessageID `json:"id"`
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
	Peer    string `json:"peer"`
	Unread  int    `json:"unread"`
	Preview string `json:"preview"`
}

type jsonDevice struct {
	ID          uint32 `json:"id"`
	Fingerprint string `json:"fingerprint"`
	Trust       string `json:"trust"`
	Active      bool   `json:"active"`
}

// driver serves another program.
type driver struct {
	client  *core.Client
	options options
	in      *bufio.Scanner

	mu  sync.Mutex // of out, which several goroutines write lines to
	out *json.Encoder

	account *core.Account // owned by run
}

func newDriver(client *core.Client, o options, in io.Reader, out io.Writer) *driver {
	d := &driver{client: client, options: o, in: bufio.NewScanner(in), out: json.NewEncoder(out)}
	d.in.Buffer(nil, maxLine)
	d.out.SetEscapeHTML(false)
	return d
}

func (d *driver) run(ctx context.Context) error {
	events := d.client.Subscribe(core.Filter{Queue: 1 << 16})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer events.Close()
	wg.Go(func() { d.forward(ctx, events) })

	if accounts := d.client.Accounts(); len(accounts) > 0 {
		d.account = accounts[0]
	}
	d.write(line{Event: "ready"})
	lines := make(chan []byte)
	go func() { // ends with the process: a read from a terminal cannot be interrupted
		defer close(lines)
		for d.in.Scan() {
			lines <- append([]byte(nil), d.in.Bytes()...)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case text, ok := <-lines:
			if !ok {
				return d.in.Err()
			}
			var c command
			reply := line{}
			err := json.Unmarshal(text, &c)
			if err == nil && c.Cmd == "quit" {
				d.write(line{Event: "reply", ID: c.ID, OK: true})
				return nil
			}
			if err == nil {
				reply, err = d.do(ctx, c)
			}
			reply.Event, reply.ID, reply.OK = "reply", c.ID, err == nil
			if err != nil {
				reply.Error, reply.Code = err.Error(), core.ErrorCode(err)
			}
			d.write(reply)
		}
	}
}

var (
	errUnknownCommand = errors.New("unknown command")
	errUnknownState   = errors.New("unknown state")
	errNoAccount      = errors.New("sign in first")
)

func (d *driver) do(ctx context.Context, c command) (reply line, err error) {
	switch c.Cmd {
	case "sign-in", "register":
		password := []byte(c.Password)
		if len(password) == 0 {
			if password, err = d.options.password(); err != nil {
				return reply, err
			}
		}
		jid := c.JID
		if jid == "" {
			jid = d.options.account
		}
		account, err := signIn(ctx, d.client, d.options, jid, password, c.Cmd == "register")
		if err == nil {
			d.account = account
		}
		return reply, err
	case "search":
		found, err := d.client.Search(ctx, core.Search{Text: c.Body, Limit: c.Limit})
		reply.Messages = d.messages(ctx, found)
		return reply, err
	case "network-changed":
		d.client.NetworkChanged()
		return reply, nil
	case "conversations":
		list, err := d.client.Conversations(ctx, core.ConversationFilter{})
		for _, i := range list {
			reply.Conversations = append(reply.Conversations, jsonConversation{i.Peer, i.Unread, i.Preview})
		}
		return reply, err
	}
	if d.account == nil {
		return reply, errNoAccount
	}
	switch c.Cmd {
	case "state":
		s := d.account.State()
		reply.State, reply.Code = s.State.String(), s.Code
		return reply, nil
	case "add":
		return reply, d.account.AddContact(ctx, c.Peer, "")
	case "accept":
		return reply, d.account.AcceptRequest(ctx, c.Peer)
	case "fingerprints":
		return d.fingerprints(ctx, c.Peer)
	case "trust":
		state, ok := trustStates[c.State]
		if !ok {
			return reply, errUnknownState
		}
		return reply, d.account.SetTrust(ctx, c.Peer, c.Fingerprint, state)
	}
	conversation, err := d.account.Conversation(ctx, c.Peer)
	if err != nil {
		return reply, err
	}
	return d.converse(ctx, conversation, c)
}

func (d *driver) converse(ctx context.Context, conversation *core.Conversation, c command) (reply line, err error) {
	switch c.Cmd {
	case "send":
		id, err := conversation.Send(ctx, core.Draft{Body: c.Body})
		if err != nil {
			return reply, err
		}
		m, err := d.client.Message(ctx, id)
		if err != nil {
			return reply, err
		}
		j := jsonOf(m, c.Peer)
		reply.Message = &j
		return reply, nil
	case "history":
		list, err := conversation.History(ctx, c.Before, c.Limit)
		reply.Messages = d.messages(ctx, list)
		return reply, err
	case "read":
		return reply, conversation.MarkRead(ctx, 0)
	case "encryption":
		for _, e := range []core.Encryption{core.OMEMO, core.Plain} {
			if c.State == e.String() {
				return reply, conversation.SetEncryption(ctx, e)
			}
		}
		return reply, errUnknownState
	}
	return reply, errUnknownCommand
}

func (d *driver) fingerprints(ctx context.Context, peer string) (reply line, err error) {
	own, err := d.account.OwnDevice(ctx)
	if err != nil {
		return reply, err
	}
	if err := d.account.RefreshDevices(ctx, peer); err != nil {
		return reply, err
	}
	devices, err := d.account.Devices(ctx, peer)
	reply.Own = &jsonDevice{own.ID, own.Fingerprint, own.Trust.String(), true}
	for _, v := range devices {
		reply.Devices = append(reply.Devices, jsonDevice{v.ID, v.Fingerprint, v.Trust.String(), v.Active})
	}
	return reply, err
}

func (d *driver) messages(ctx context.Context, list []core.Message) []jsonMessage {
	out := make([]jsonMessage, len(list))
	for i, m := range list {
		out[i] = jsonOf(m, d.peer(ctx, m.Conversation))
	}
	return out
}

func (d *driver) peer(ctx context.Context, id core.ConversationID) string {
	if c, err := d.client.Conversation(ctx, id); err == nil {
		return c.Peer()
	}
	return ""
}

func jsonOf(m core.Message, peer string) jsonMessage {
	return jsonMessage{
		ID: m.ID, Peer: peer, Sender: m.Sender, Outgoing: m.Outgoing, Kind: m.Kind.String(), Body: m.Body,
		At: m.At.UTC(), State: m.State.String(), Encryption: m.Encryption.String(), Trust: m.Trust.String(),
		Fingerprint: m.Fingerprint, Reason: m.Reason, Cursor: m.Cursor,
	}
}

// forward prints events until the subscription is closed.
func (d *driver) forward(ctx context.Context, events *core.Subscription) {
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return
		}
		out := line{Event: e.Kind.String(), Peer: e.Peer, Code: e.Code, Resumed: e.Resumed}
		if e.State != 0 {
			out.State = e.State.String()
		}
		if e.Kind == core.EventMessageAdded || e.Kind == core.EventMessageChanged {
			m, err := d.client.Message(ctx, e.Message)
			if err != nil {
				continue
			}
			j := jsonOf(m, d.peer(ctx, m.Conversation))
			out.Message = &j
		}
		d.write(out)
	}
}

func (d *driver) write(l line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.out.Encode(l) // nobody is there to be told if the pipe is gone
}
