// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/core/text"
)

// messageSlashes are about messages by the numbers they are shown with.
var messageSlashes = []slash{
	{name: "/reply", arguments: "N TEXT", help: "answer a message", inChat: true, do: (*terminal).reply},
	{name: "/edit", arguments: "N TEXT", help: "give a message of yours another text", inChat: true, do: (*terminal).edit},
	{name: "/retract", arguments: "N", help: "take a message of yours back", inChat: true, do: (*terminal).retract},
	{name: "/react", arguments: "N [EMOJI…]", help: "show emojis under a message, or none", inChat: true, do: (*terminal).react},
	{name: "/typing", help: "say that you are writing", inChat: true, do: (*terminal).typing},
}

// numbered splits what is typed into the number of a message and the rest.
func numbered(arguments string) (core.MessageID, string, error) {
	number, rest, _ := strings.Cut(arguments, " ")
	id, err := strconv.ParseInt(strings.TrimPrefix(number, "#"), 10, 64)
	if err != nil {
		return 0, "", usageError("%q is not the number of a message", number)
	}
	return id, strings.TrimSpace(rest), nil
}

func (t *terminal) reply(ctx context.Context, arguments string) error {
	id, body, err := numbered(arguments)
	if err != nil {
		return err
	}
	_, err = t.chat.Send(ctx, core.Draft{Body: body, ReplyTo: id})
	return err
}

func (t *terminal) edit(ctx context.Context, arguments string) error {
	id, body, err := numbered(arguments)
	if err != nil {
		return err
	}
	return t.chat.Correct(ctx, id, body)
}

func (t *terminal) retract(ctx context.Context, arguments string) error {
	id, _, err := numbered(arguments)
	if err != nil {
		return err
	}
	return t.chat.Retract(ctx, id)
}

func (t *terminal) react(ctx context.Context, arguments string) error {
	id, emojis, err := numbered(arguments)
	if err != nil {
		return err
	}
	return t.chat.React(ctx, id, strings.Fields(emojis)...)
}

func (t *terminal) typing(ctx context.Context, _ string) error {
	return t.chat.SetTyping(ctx, core.TypingComposing)
}

func (t *terminal) print(messages ...core.Message) {
	for _, m := range messages {
		fmt.Fprintf(t.out, "%s #%d %s  [%s]\n", m.At.Local().Format("15:04:05"), m.ID, saying(m), marks(m))
	}
}

// saying is who says what; a line of theirs begins with a time and a number,
// whatever they write.
func saying(m core.Message) string {
	who, body := visible(m.Sender), m.Body
	if m.Nick != "" {
		who = visible(m.Nick)
	}
	if m.Reply != nil && m.Reply.Message != 0 {
		who += fmt.Sprintf(" to #%d", m.Reply.Message)
	}
	if m.Notice != nil {
		return strings.TrimRight(fmt.Sprintf("* %s %s %s", m.Notice.Code, visible(m.Notice.Who), visible(m.Notice.Text)), " ")
	}
	if m.Retracted != nil && m.Body == "" {
		return who + ": (taken back)"
	}
	if does, ok := text.Me(body); ok {
		return "* " + who + " " + visible(does)
	}
	return who + ": " + visible(body)
}

// marks are how a message travelled and what has become of it.
func marks(m core.Message) string {
	list := []string{m.Encryption.String(), m.Trust.String()}
	if m.Outgoing {
		list[1] = m.State.String()
	}
	if !m.Edited.IsZero() {
		list = append(list, "edited")
	}
	if m.Retracted != nil {
		list = append(list, "taken back")
	}
	for _, r := range m.Reactions {
		list = append(list, fmt.Sprintf("%s %d", visible(r.Emoji), len(r.By)))
	}
	mark := strings.Join(list, ", ")
	if m.Reason != "" {
		mark += ": " + m.Reason
	}
	return mark
}
