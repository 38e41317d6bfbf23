// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/confab-im/confab/core"
)

// slash is a command that a person types.
type slash struct {
	name, arguments, help string
	inChat                bool // needs an open chat
	do                    func(t *terminal, ctx context.Context, arguments string) error
}

// slashes are the commands beside /help and /quit, in the order of the help.
var slashes = slices.Concat(chatSlashes, messageSlashes, fileSlashes, deviceSlashes, roomSlashes, peopleSlashes)

var chatSlashes = []slash{
	{name: "/list", help: "conversations", do: func(t *terminal, ctx context.Context, _ string) error { return t.list(ctx) }},
	{name: "/chat", arguments: "JID", help: "talk to somebody", do: (*terminal).open},
	{name: "/add", arguments: "JID", help: "put somebody on the roster", do: (*terminal).add},
	{name: "/history", arguments: "[N]", help: "the last messages", inChat: true, do: (*terminal).history},
	{name: "/older", arguments: "[N]", help: "messages that only the server has", inChat: true, do: (*terminal).older},
	{name: "/plain", help: "send what follows as it is", inChat: true, do: (*terminal).plain},
	{name: "/encrypt", help: "send what follows encrypted", inChat: true, do: (*terminal).encrypt},
	{name: "/search", arguments: "WORDS", help: "find messages", do: (*terminal).search},
}

func helpText() string {
	var sb strings.Builder
	for _, c := range slashes {
		fmt.Fprintf(&sb, "%-25s %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.help)
	}
	sb.WriteString("/quit                     leave; everything else is sent as a message\n")
	return sb.String()
}

// typed does what a line says.
func (t *terminal) typed(ctx context.Context, text string) error {
	name, arguments, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch {
	case name == "":
		return nil
	case name == "/help":
		fmt.Fprint(t.out, helpText())
		return nil
	case name == "/quit":
		return errQuit
	case !strings.HasPrefix(name, "/") || name == "/me":
		if t.chat == nil {
			return errNoChat
		}
		_, err := t.chat.Send(ctx, core.Draft{Body: text})
		return err
	}
	i := slices.IndexFunc(slashes, func(c slash) bool { return c.name == name })
	switch {
	case i < 0:
		return fmt.Errorf("%s: %w, /help lists them", name, errUnknownCommand)
	case slashes[i].inChat && t.chat == nil:
		return errNoChat
	}
	return slashes[i].do(t, ctx, strings.TrimSpace(arguments))
}

func (t *terminal) list(ctx context.Context) error {
	list, err := t.client.Conversations(ctx, core.ConversationFilter{Account: t.account.ID()})
	for _, c := range list {
		fmt.Fprintf(t.out, "%-30s %3d unread  %s\n", visible(c.Peer), c.Unread, visible(c.Preview))
	}
	if err != nil {
		return err
	}
	strangers, err := t.strangers(ctx)
	if len(strangers) > 0 {
		fmt.Fprintf(t.out, "* %d wrote whom you do not know: /requests\n", len(strangers))
	}
	return err
}

// open opens a chat. One that cannot be opened leaves the open one open.
func (t *terminal) open(ctx context.Context, peer string) error {
	chat, err := t.account.Conversation(ctx, peer)
	if err != nil {
		return err
	}
	t.chat = chat
	if err := t.history(ctx, "10"); err != nil {
		return err
	}
	return t.chat.MarkRead(ctx, 0)
}

func (t *terminal) add(ctx context.Context, peer string) error {
	return t.account.AddContact(ctx, peer, "")
}

func (t *terminal) history(ctx context.Context, number string) error {
	n, err := countOf(number, 20)
	if err != nil {
		return err
	}
	messages, err := t.chat.History(ctx, 0, n)
	slices.Reverse(messages)
	t.print(messages...)
	return err
}

func (t *terminal) older(ctx context.Context, number string) error {
	n, err := countOf(number, core.DefaultOlder)
	if err != nil {
		return err
	}
	loaded, more, err := t.chat.LoadOlder(ctx, n)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "* %d loaded", loaded)
	if more {
		fmt.Fprint(t.out, ", there are more")
	}
	fmt.Fprintln(t.out)
	return nil
}

// countOf reads how many messages are meant; without a text it is n.
func countOf(text string, n int) (int, error) {
	if text == "" {
		return n, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, usageError("%s: not a number of messages", text)
	}
	return n, nil
}

func (t *terminal) plain(ctx context.Context, _ string) error {
	return t.chat.SetEncryption(ctx, core.Plain)
}

func (t *terminal) encrypt(ctx context.Context, _ string) error {
	return t.chat.SetEncryption(ctx, core.OMEMO)
}

func (t *terminal) search(ctx context.Context, words string) error {
	found, err := t.client.Search(ctx, core.Search{Text: words, Limit: 20})
	found = slices.DeleteFunc(found, func(m core.Message) bool { return m.Account != t.account.ID() })
	t.print(found...)
	return err
}
