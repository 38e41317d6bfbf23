// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/confab-im/confab/core"
)

var peopleSlashes = []slash{
	{name: "/requests", help: "strangers who wrote or ask to see your presence", do: (*terminal).requests},
	{name: "/accept", arguments: "JID", help: "talk to a stranger, let them see your presence", do: (*terminal).accept},
	{name: "/block", arguments: "JID", help: "let nothing through from somebody", do: (*terminal).block},
	{name: "/unblock", arguments: "JID", help: "let them through again", do: (*terminal).unblock},
	{name: "/link", help: "make a link for somebody to become your contact", do: (*terminal).link},
	{name: "/follow", arguments: "URI", help: "do what a link is for", do: (*terminal).followLink},
	{name: "/nick", arguments: "NAME", help: "what others are to call you", do: (*terminal).nick},
	{name: "/avatar", arguments: "PATH", help: "the picture that others see", do: (*terminal).avatar},
	{name: "/profile", arguments: "JID", help: "what somebody says of themselves", do: (*terminal).profile},
	{name: "/server", help: "what your server offers", do: (*terminal).server},
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

func (t *terminal) nick(ctx context.Context, name string) error {
	return t.account.SetNick(ctx, name)
}

func (t *terminal) avatar(ctx context.Context, path string) error {
	_, err := publishAvatar(ctx, t.account, path)
	return err
}

func (t *terminal) profile(ctx context.Context, who string) error {
	if err := t.account.RefreshProfile(ctx, who); err != nil {
		return err
	}
	p, err := t.account.Profile(ctx, who)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s: %s, picture %s\n", visible(p.JID), visible(p.Nick), cmp.Or(p.Avatar, "none"))
	return nil
}

func (t *terminal) server(ctx context.Context, _ string) error {
	r, err := t.account.ServerReport(ctx)
	for _, f := range r.Features {
		offered := "no"
		if f.Offered {
			offered = "yes"
		}
		fmt.Fprintf(t.out, "  %-4s XEP-%s %s\n", offered, f.XEP, f.Name)
	}
	return err
}

func (t *terminal) link(ctx context.Context, _ string) error {
	made, err := t.account.CreateContactLink(ctx, "")
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, visible(cmp.Or(made.LandingPage, made.URI)))
	return nil
}

// followLink does what a link is for, whoever has written it: the person has seen
// it.
func (t *terminal) followLink(ctx context.Context, uri string) error {
	x, err := core.ParseLink(uri)
	if err != nil {
		return err
	}
	switch x.Action {
	case core.LinkChat:
		return t.open(ctx, x.Peer)
	case core.LinkRoom:
		return t.join(ctx, x.Peer)
	default:
		return t.account.FollowLink(ctx, x)
	}
}
