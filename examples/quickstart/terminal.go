// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/confab-im/confab/core"
)

const help = `/list                     conversations
/chat JID                 talk to somebody
/add JID                  put somebody on the roster
/history [N]              the last messages
/fingerprints             devices of both sides
/trust FINGERPRINT STATE  verified, distrusted, compromised or blind
/plain, /encrypt          how the next messages travel
/search WORDS             find messages
/quit                     leave; everything else is sent as a message`

// terminal is the chat for a person.
type terminal struct {
	client  *core.Client
	options options
	in      *bufio.Scanner
	out     io.Writer
	account *core.Account
	chat    *core.Conversation
}

func newTerminal(client *core.Client, o options, in io.Reader, out io.Writer) *terminal {
	t := &terminal{client: client, options: o, in: bufio.NewScanner(in), out: out}
	t.in.Buffer(nil, maxLine)
	return t
}

func (t *terminal) run(ctx context.Context) error {
	password, err := t.options.password()
	if err != nil {
		return err
	}
	if len(password) == 0 && len(t.client.Accounts()) == 0 {
		fmt.Fprint(t.out, "password (shown as you type): ")
		if !t.in.Scan() {
			return t.in.Err()
		}
		password = []byte(t.in.Text())
	}
	if t.account, err = signIn(ctx, t.client, t.options, t.options.account, password, t.options.register); err != nil {
		return err
	}
	events := t.client.Subscribe(core.Filter{Account: t.account.ID()})
	defer events.Close()
	go t.show(ctx, events)

	fmt.Fprintf(t.out, "%s, /help for help\n", t.account.JID())
	lines := make(chan string)
	go func() {
		defer close(lines)
		for t.in.Scan() {
			lines <- t.in.Text()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, ok := <-lines:
			if !ok {
				return t.in.Err()
			}
			if line == "/quit" {
				return nil
			}
			if err := t.command(ctx, line); err != nil {
				fmt.Fprintf(t.out, "! %v [%s]\n", err, core.ErrorCode(err))
			}
		}
	}
}

func (t *terminal) command(ctx context.Context, line string) (err error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	if !strings.HasPrefix(name, "/") || strings.HasPrefix(name, "/me") {
		if line == "" || t.chat == nil {
			fmt.Fprintln(t.out, help)
			return nil
		}
		_, err = t.chat.Send(ctx, core.Draft{Body: line})
		return err
	}
	switch {
	case name == "/list":
		return t.list(ctx)
	case name == "/search":
		found, err := t.client.Search(ctx, core.Search{Text: rest, Limit: 20})
		t.print(found)
		return err
	case name == "/chat":
		if t.chat, err = t.account.Conversation(ctx, rest); err != nil {
			return err
		}
		if err := t.chat.MarkRead(ctx, 0); err != nil {
			return err
		}
		return t.history(ctx, 10)
	case name == "/add":
		return t.account.AddContact(ctx, rest, "")
	case t.chat == nil:
		fmt.Fprintln(t.out, help)
		return nil
	case name == "/history":
		n := 20
		fmt.Sscan(rest, &n) //nolint:errcheck // the default stands
		return t.history(ctx, n)
	case name == "/fingerprints":
		return t.fingerprints(ctx)
	case name == "/trust":
		fingerprint, state, _ := cutLast(rest)
		trust, ok := trustStates[state]
		if !ok {
			fmt.Fprintln(t.out, help)
			return nil
		}
		return t.account.SetTrust(ctx, t.chat.Peer(), fingerprint, trust)
	case name == "/plain":
		return t.chat.SetEncryption(ctx, core.Plain)
	case name == "/encrypt":
		return t.chat.SetEncryption(ctx, core.OMEMO)
	}
	fmt.Fprintln(t.out, help)
	return nil
}

var trustStates = map[string]core.TrustState{
	"verified": core.Verified, "distrusted": core.Distrusted, "compromised": core.Compromised, "blind": core.Blind,
}

func cutLast(s string) (before, last string, found bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", s, false
	}
	return strings.TrimSpace(s[:i]), s[i+1:], true
}

func (t *terminal) list(ctx context.Context) error {
	list, err := t.client.Conversations(ctx, core.ConversationFilter{Account: t.account.ID()})
	for _, c := range list {
		fmt.Fprintf(t.out, "%-30s %3d unread  %s\n", c.Peer, c.Unread, c.Preview)
	}
	return err
}

func (t *terminal) history(ctx context.Context, n int) error {
	messages, err := t.chat.History(ctx, 0, n)
	slices.Reverse(messages)
	t.print(messages)
	return err
}

func (t *terminal) print(messages []core.Message) {
	for _, m := range messages {
		mark := m.Encryption.String() + ", " + m.Trust.String()
		if m.Outgoing {
			mark = m.Encryption.String() + ", " + m.State.String()
		}
		if m.Reason != "" {
			mark += ": " + m.Reason
		}
		fmt.Fprintf(t.out, "%s %s: %s  [%s]\n", m.At.Local().Format("15:04:05"), m.Sender, m.Body, mark)
	}
}

func (t *terminal) fingerprints(ctx context.Context) error {
	own, err := t.account.OwnDevice(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "you, this device:\n  %s\n%s:\n", core.FormatFingerprint(own.Fingerprint), t.chat.Peer())
	if err := t.account.RefreshDevices(ctx, t.chat.Peer()); err != nil {
		return err
	}
	devices, err := t.account.Devices(ctx, t.chat.Peer())
	for _, d := range devices {
		fmt.Fprintf(t.out, "  %s  %s, device %d\n", core.FormatFingerprint(d.Fingerprint), d.Trust, d.ID)
	}
	return err
}

// show prints what happens, until the subscription is closed.
func (t *terminal) show(ctx context.Context, events *core.Subscription) {
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return
		}
		switch e.Kind {
		case core.EventAccountState:
			fmt.Fprintf(t.out, "* %s %s\n", e.State, e.Code)
		case core.EventMessageAdded, core.EventMessageChanged:
			m, err := t.client.Message(ctx, e.Message)
			if err == nil && (!m.Outgoing || e.Kind == core.EventMessageChanged) {
				t.print([]core.Message{m})
			}
		}
	}
}
