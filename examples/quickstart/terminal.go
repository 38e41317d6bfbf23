// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/confab-im/confab/core"
)

// terminal is the chat for a person. One goroutine reads what is typed,
// another what happens; all else is done by the one of run.
type terminal struct {
	client  *core.Client
	options options
	in      io.Reader
	out     io.Writer
	account *core.Account
	chat    *core.Conversation           // nil: none is open
	saves   map[core.AttachmentID]string // where to, once they are here
}

func newTerminal(client *core.Client, o options, in io.Reader, out io.Writer) *terminal {
	return &terminal{client: client, options: o, in: in, out: out, saves: make(map[core.AttachmentID]string)}
}

func (t *terminal) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := readLines(ctx, t.in)
	events := t.client.Subscribe(core.Filter{})
	defer events.Close()
	if err := t.signIn(ctx, lines); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s, /help for help\n", t.account.JID())
	if err := t.list(ctx); err != nil {
		return err
	}
	happened := t.follow(ctx, events)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-happened:
			t.show(ctx, e)
		case l, ok := <-lines:
			if !ok {
				return nil
			}
			err := l.err
			if err == nil {
				err = t.typed(ctx, string(l.text))
			}
			if errors.Is(err, errQuit) {
				return nil
			}
			t.fail(err)
		}
	}
}

// signIn finds the account, or adds it once the person has said the password.
func (t *terminal) signIn(ctx context.Context, lines <-chan inputLine) (err error) {
	if t.account, err = findAccount(t.client, t.options.account); err != nil || t.account != nil {
		return err
	}
	if t.options.account == "" {
		return usageError("-account is needed: there is none in the database yet")
	}
	password, err := t.options.password()
	if err != nil {
		return err
	}
	if len(password) == 0 {
		fmt.Fprint(t.out, "password (shown as you type): ")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l := <-lines: // the zero line at the end of the input
			if password, err = l.text, l.err; err != nil {
				return err
			}
		}
	}
	t.account, err = addAccount(ctx, t.client, t.options, t.options.account, password, t.options.register)
	return err
}

// follow hands over the events of the account.
func (t *terminal) follow(ctx context.Context, events *core.Subscription) <-chan core.Event {
	happened := make(chan core.Event)
	go func() {
		for {
			e, err := events.Next(ctx)
			if err != nil {
				return
			}
			if e.Account != t.account.ID() && e.Kind != core.EventGap {
				continue
			}
			select {
			case happened <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return happened
}

// show prints what happened. What is shown of the open chat has been read.
func (t *terminal) show(ctx context.Context, e core.Event) {
	switch e.Kind {
	case core.EventGap:
		fmt.Fprintln(t.out, "* more happened than could be shown: see /history and /list")
	case core.EventAccountState:
		fmt.Fprintln(t.out, "*", e.State.String()+inBrackets(e.Code))
	case core.EventStorage:
		fmt.Fprintln(t.out, "* database"+inBrackets(e.Code))
	case core.EventContactRequest:
		fmt.Fprintf(t.out, "* %s asks to see your presence: /accept %[1]s\n", visible(e.Peer))
	case core.EventRoomInvitation:
		fmt.Fprintf(t.out, "* you are invited: /join %s\n", visible(e.Peer))
	case core.EventTyping:
		if e.Typing == core.TypingComposing && t.chat != nil && e.Conversation == t.chat.ID() {
			fmt.Fprintf(t.out, "* %s is writing\n", visible(cmp.Or(e.Nick, e.Peer)))
		}
	case core.EventTransfer:
		t.fail(t.transferred(ctx, e))
	case core.EventMessageAdded, core.EventMessageChanged:
		m, err := t.client.Message(ctx, e.Message)
		if err != nil || m.Outgoing && e.Kind == core.EventMessageAdded {
			return // removed since, or just typed
		}
		t.print(m)
		if m.Files > 0 && !m.Outgoing && e.Kind == core.EventMessageAdded {
			t.fail(t.listFiles(t.client.Attachments(ctx, m.ID)))
		}
		if t.chat != nil && m.Conversation == t.chat.ID() && !m.Outgoing {
			t.fail(t.chat.MarkRead(ctx, m.Cursor))
		}
	}
}

func inBrackets(code string) string {
	if code == "" {
		return ""
	}
	return " [" + code + "]"
}

// fail says what did not work, if anything.
func (t *terminal) fail(err error) {
	if err != nil {
		fmt.Fprintln(t.out, "!", describe(err))
	}
}
