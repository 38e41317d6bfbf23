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
var slashes = []slash{
	{name: "/list", help: "conversations", do: func(t *terminal, ctx context.Context, _ string) error { return t.list(ctx) }},
	{name: "/chat", arguments: "JID", help: "talk to somebody", do: (*terminal).open},
	{name: "/add", arguments: "JID", help: "put somebody on the roster", do: (*terminal).add},
	{name: "/accept", arguments: "JID", help: "let somebody see your presence", do: (*terminal).accept},
	{name: "/history", arguments: "[N]", help: "the last messages", inChat: true, do: (*terminal).history},
	{name: "/fingerprints", help: "devices of both sides", inChat: true, do: (*terminal).fingerprints},
	{name: "/trust", arguments: "FINGERPRINT STATE", help: "verified, distrusted, compromised or blind", inChat: true, do: (*terminal).trust},
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

func (t *terminal) accept(ctx context.Context, peer string) error {
	return t.account.AcceptRequest(ctx, peer)
}

func (t *terminal) history(ctx context.Context, number string) error {
	n := 20
	if number != "" {
		var err error
		if n, err = strconv.Atoi(number); err != nil || n < 1 {
			return usageError("/history %s: not a number of messages", number)
		}
	}
	messages, err := t.chat.History(ctx, 0, n)
	slices.Reverse(messages)
	t.print(messages...)
	return err
}

func (t *terminal) fingerprints(ctx context.Context, _ string) error {
	own, err := t.account.OwnDevice(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "you, this device:\n  %s\n%s:\n", core.FormatFingerprint(own.Fingerprint), visible(t.chat.Peer()))
	if err := t.account.RefreshDevices(ctx, t.chat.Peer()); err != nil {
		return err
	}
	devices, err := t.account.Devices(ctx, t.chat.Peer())
	for _, d := range devices {
		fmt.Fprintf(t.out, "  %s  %s, device %d\n", core.FormatFingerprint(d.Fingerprint), d.Trust, d.ID)
	}
	return err
}

// trust takes a fingerprint, in groups or not, and the decision about it.
func (t *terminal) trust(ctx context.Context, arguments string) error {
	i := strings.LastIndexByte(arguments, ' ')
	decision, ok := trustStates[arguments[i+1:]]
	if !ok || i < 0 {
		return fmt.Errorf("/trust FINGERPRINT STATE: %w", errUnknownState)
	}
	return t.account.SetTrust(ctx, t.chat.Peer(), strings.TrimSpace(arguments[:i]), decision)
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
