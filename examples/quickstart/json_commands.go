// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"maps"

	"github.com/confab-im/confab/core"
)

// handler does one command. What it returns becomes the reply.
type handler func(ctx context.Context, d *driver, c command) (line, error)

// commands are what a program may ask for. doc.go describes each.
var commands = together(commandParts)

var commandParts = []map[string]handler{basicCommands, deviceCommands, contentCommands, fileCommands, roomCommands, peopleCommands, linkCommands, profileCommands}

func together(parts []map[string]handler) map[string]handler {
	all := make(map[string]handler)
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

// basicCommands are about accounts, the roster and conversations.
var basicCommands = map[string]handler{
	"accounts":        listAccounts,
	"sign-in":         func(ctx context.Context, d *driver, c command) (line, error) { return signIn(ctx, d, c, false) },
	"register":        func(ctx context.Context, d *driver, c command) (line, error) { return signIn(ctx, d, c, true) },
	"state":           withAccount(state),
	"network-changed": networkChanged,
	"quit":            func(context.Context, *driver, command) (line, error) { return line{}, errQuit },

	"add":           withAccount(addContact),
	"accept":        withAccount(acceptRequest),
	"conversations": listConversations,
	"search":        search,
	"send":          withConversation(send),
	"history":       withConversation(history),
	"older":         withConversation(loadOlder),
	"read":          withConversation(markRead),
	"encryption":    withConversation(setEncryption),
}

// withAccount finds the account that a command is for.
func withAccount(do func(ctx context.Context, a *core.Account, c command) (line, error)) handler {
	return func(ctx context.Context, d *driver, c command) (line, error) {
		a, err := d.which(c)
		if err != nil {
			return line{}, err
		}
		reply, err := do(ctx, a, c)
		reply.Account = a.JID()
		return reply, err
	}
}

// withConversation finds the conversation of an account with a peer.
func withConversation(do func(ctx context.Context, d *driver, cv *core.Conversation, c command) (line, error)) handler {
	return func(ctx context.Context, d *driver, c command) (line, error) {
		return withAccount(func(ctx context.Context, a *core.Account, c command) (line, error) {
			cv, err := a.Conversation(ctx, c.Peer)
			if err != nil {
				return line{}, err
			}
			return do(ctx, d, cv, c)
		})(ctx, d, c)
	}
}

func listAccounts(_ context.Context, d *driver, _ command) (reply line, _ error) {
	for _, a := range d.client.Accounts() {
		s := a.State()
		reply.Accounts = append(reply.Accounts, jsonAccount{a.JID(), s.State.String(), s.Code})
	}
	return reply, nil
}

// signIn adds an account; one that is there is only chosen.
func signIn(ctx context.Context, d *driver, c command, register bool) (line, error) {
	address := d.account
	for _, given := range []string{c.Account, c.JID} {
		if given != "" {
			address = given
		}
	}
	a, err := findAccount(d.client, address)
	if err != nil {
		return line{}, err
	}
	if a == nil {
		password := []byte(c.Password)
		if len(password) == 0 {
			if password, err = d.options.password(); err != nil {
				return line{}, err
			}
		}
		if a, err = addAccount(ctx, d.client, d.options, address, password, register); err != nil {
			return line{}, err
		}
	}
	d.account = a.JID()
	return line{Account: a.JID()}, nil
}

func state(_ context.Context, a *core.Account, _ command) (line, error) {
	s := a.State()
	return line{State: s.State.String(), Code: s.Code}, nil
}

func networkChanged(_ context.Context, d *driver, _ command) (line, error) {
	d.client.NetworkChanged()
	return line{}, nil
}

func addContact(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.AddContact(ctx, c.Peer, "")
}

func acceptRequest(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.AcceptRequest(ctx, c.Peer)
}
