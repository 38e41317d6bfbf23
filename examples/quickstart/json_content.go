// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/confab-im/confab/core"
)

// contentCommands are about messages that are there, and about what is being
// done in a conversation.
var contentCommands = map[string]handler{
	"edit":       withConversation(edit),
	"edits":      edits,
	"retract":    withConversation(retract),
	"react":      withConversation(react),
	"readers":    withConversation(readers),
	"typing":     withConversation(setTyping),
	"disclosure": withAccount(setDisclosure),
}

func edit(ctx context.Context, _ *driver, cv *core.Conversation, c command) (line, error) {
	return line{}, cv.Correct(ctx, c.Message, c.Body)
}

// edits is of a message, which has one account and conversation.
func edits(ctx context.Context, d *driver, c command) (reply line, err error) {
	list, err := d.client.Edits(ctx, c.Message)
	for _, e := range list {
		reply.Edits = append(reply.Edits, jsonEdit{e.At.UTC(), e.Body})
	}
	return reply, err
}

func retract(ctx context.Context, _ *driver, cv *core.Conversation, c command) (line, error) {
	return line{}, cv.Retract(ctx, c.Message)
}

func react(ctx context.Context, _ *driver, cv *core.Conversation, c command) (line, error) {
	return line{}, cv.React(ctx, c.Message, c.Emojis...)
}

func readers(ctx context.Context, _ *driver, cv *core.Conversation, c command) (reply line, err error) {
	var list []core.ReadMark
	if c.Message != 0 {
		list, err = cv.ReadBy(ctx, c.Message)
	} else {
		list, err = cv.ReadMarks(ctx)
	}
	for _, m := range list {
		reply.Readers = append(reply.Readers, jsonReader{m.Person, m.Nick, m.Cursor, m.At.UTC()})
	}
	return reply, err
}

func setTyping(ctx context.Context, _ *driver, cv *core.Conversation, c command) (line, error) {
	for _, s := range []core.TypingState{core.TypingComposing, core.TypingPaused, core.TypingActive} {
		if c.State == s.String() {
			return line{}, cv.SetTyping(ctx, s)
		}
	}
	return line{}, errUnknownState
}

// disclosures are what others are told of what is done here.
var disclosures = map[string]core.Disclosure{
	"all": {ReadMarks: true, Typing: true}, "read-marks": {ReadMarks: true}, "typing": {Typing: true}, "none": {},
}

func setDisclosure(ctx context.Context, a *core.Account, c command) (line, error) {
	chosen, ok := disclosures[c.State]
	if !ok {
		return line{}, errUnknownState
	}
	if c.Peer == "" {
		return line{}, a.SetDisclosure(ctx, chosen)
	}
	cv, err := a.Conversation(ctx, c.Peer)
	if err != nil {
		return line{}, err
	}
	return line{}, cv.SetDisclosure(ctx, &chosen)
}
