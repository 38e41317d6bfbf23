// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/confab-im/confab/core"
)

// linkCommands are about invitations by links.
var linkCommands = map[string]handler{
	"contact-link":       withAccount(contactLink),
	"read-link":          readLink,
	"follow-link":        withAccount(followLink),
	"register-with-link": registerWithLink,
}

func contactLink(ctx context.Context, a *core.Account, c command) (line, error) {
	made, err := a.CreateContactLink(ctx, c.Name)
	if err != nil {
		return line{}, err
	}
	j := &jsonLink{URI: made.URI, LandingPage: made.LandingPage, OpensAccount: made.OpensAccount}
	if !made.Expires.IsZero() {
		j.Expires = new(made.Expires.UTC())
	}
	return line{Link: j}, nil
}

func readLink(_ context.Context, _ *driver, c command) (line, error) {
	x, err := core.ParseLink(c.URI)
	if err != nil {
		return line{}, err
	}
	return line{Link: &jsonLink{Action: x.Action.String(), Peer: x.Peer, Name: x.Name, Body: x.Body, OpensAccount: x.OpensAccount}}, nil
}

func followLink(ctx context.Context, a *core.Account, c command) (line, error) {
	x, err := core.ParseLink(c.URI)
	if err != nil {
		return line{}, err
	}
	return line{Peer: x.Peer}, a.FollowLink(ctx, x)
}

func registerWithLink(ctx context.Context, d *driver, c command) (line, error) {
	x, err := core.ParseLink(c.URI)
	if err != nil {
		return line{}, err
	}
	cfg, err := d.options.accountConfig(c.Account, []byte(c.Password))
	if err != nil {
		return line{}, err
	}
	a, err := d.client.RegisterWithLink(ctx, cfg, x)
	if err != nil {
		return line{}, err
	}
	d.account = a.JID()
	return line{Account: a.JID()}, nil
}
