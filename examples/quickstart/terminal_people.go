// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"

	"github.com/confab-im/confab/core"
)

var peopleSlashes = []slash{
	{name: "/requests", help: "strangers who wrote or ask to see your presence", do: (*terminal).requests},
	{name: "/accept", arguments: "JID", help: "talk to a stranger, let them see your presence", do: (*terminal).accept},
	{name: "/block", arguments: "JID", help: "let nothing through from somebody", do: (*terminal).block},
	{name: "/unblock", arguments: "JID", help: "let them through again", do: (*terminal).unblock},
}

// strangers returns the conversations that they have begun.
func (t *terminal) strangers(ctx context.Context) ([]core.ConversationInfo, error) {
	return t.client.Conversations(ctx, core.ConversationFilter{Account: t.account.ID(), Requests: true})
}

func (t *terminal) requests(ctx context.Context, _ string) error {
	list, err := t.strangers(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		fmt.Fprintf(t.out, "%-30s %3d unread  %s\n", visible(c.Peer), c.Unread, visible(c.Preview))
	}
	asking, err := t.account.Requests(ctx)
	for _, peer := range asking {
		fmt.Fprintf(t.out, "%-30s asks to see your presence\n", visible(peer))
	}
	return err
}

// accept lets somebody see our presence. What they wrote as a stranger becomes
// a conversation like others.
func (t *terminal) accept(ctx context.Context, who string) error {
	list, err := t.strangers(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Peer != who {
			continue
		}
		chat, err := t.client.Conversation(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := chat.Accept(ctx); err != nil {
			return err
		}
	}
	return t.account.AcceptRequest(ctx, who)
}

func (t *terminal) block(ctx context.Context, who string) error {
	return t.account.Block(ctx, who, nil)
}

func (t *terminal) unblock(ctx context.Context, who string) error {
	return t.account.Unblock(ctx, who)
}
