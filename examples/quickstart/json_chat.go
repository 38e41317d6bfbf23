// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"slices"

	"github.com/confab-im/confab/core"
)

// listConversations lists those of one account, or of all without "account".
func listConversations(ctx context.Context, d *driver, c command) (reply line, err error) {
	f := core.ConversationFilter{Requests: c.State == "requests"}
	if c.Account != "" {
		a, err := d.which(c)
		if err != nil {
			return reply, err
		}
		f.Account, reply.Account = a.ID(), a.JID()
	}
	list, err := d.client.Conversations(ctx, f)
	for _, i := range list {
		reply.Conversations = append(reply.Conversations, jsonConversation{d.names.account(i.Account), i.Peer, i.Unread, i.Preview, i.Request})
	}
	return reply, err
}

// search looks through all accounts; with "account" it keeps what that one has.
func search(ctx context.Context, d *driver, c command) (reply line, err error) {
	found, err := d.client.Search(ctx, core.Search{Text: c.Body, Limit: c.Limit})
	if err == nil && c.Account != "" {
		a, err := d.which(c)
		if err != nil {
			return reply, err
		}
		reply.Account = a.JID()
		found = slices.DeleteFunc(found, func(m core.Message) bool { return m.Account != a.ID() })
	}
	reply.Messages = d.names.messages(ctx, found)
	return reply, err
}

func send(ctx context.Context, d *driver, cv *core.Conversation, c command) (reply line, err error) {
	id, err := cv.Send(ctx, core.Draft{Body: c.Body, ReplyTo: c.Message})
	if err != nil {
		return reply, err
	}
	m, err := d.client.Message(ctx, id)
	if err != nil {
		return reply, err
	}
	j := d.names.message(ctx, m)
	reply.Message = &j
	return reply, nil
}

func history(ctx context.Context, d *driver, cv *core.Conversation, c command) (line, error) {
	list, err := cv.History(ctx, c.Before, c.Limit)
	return line{Messages: d.names.messages(ctx, list)}, err
}

func loadOlder(ctx context.Context, _ *driver, cv *core.Conversation, c command) (line, error) {
	n, more, err := cv.LoadOlder(ctx, c.Limit)
	return line{Count: n, More: more}, err
}

func markRead(ctx context.Context, _ *driver, cv *core.Conversation, _ command) (line, error) {
	return line{}, cv.MarkRead(ctx, 0)
}

func setEncryption(ctx context.Context, _ *driver, cv *core.Conversation, c command) (line, error) {
	for _, e := range []core.Encryption{core.OMEMO, core.Plain} {
		if c.State == e.String() {
			return line{}, cv.SetEncryption(ctx, e)
		}
	}
	return line{}, errUnknownState
}
