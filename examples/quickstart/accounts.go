// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/confab-im/confab/core"
	"mellium.im/xmpp/jid"
)

// bareAddress returns the form of an account's address that core uses.
func bareAddress(text string) (string, error) {
	address, err := jid.Parse(text)
	if err != nil || address.Localpart() == "" || address.Resourcepart() != "" {
		return "", core.ErrBadAddress
	}
	return address.String(), nil
}

// findAccount returns the account with that address, nil if there is none.
// Without an address it is the only account.
func findAccount(client *core.Client, address string) (*core.Account, error) {
	accounts := client.Accounts()
	if address == "" {
		switch len(accounts) {
		case 0:
			return nil, nil
		case 1:
			return accounts[0], nil
		}
		var names []string
		for _, a := range accounts {
			names = append(names, a.JID())
		}
		return nil, fmt.Errorf("%w (%s)", errWhichAccount, strings.Join(names, ", "))
	}
	bare, err := bareAddress(address)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if a.JID() == bare {
			return a, nil
		}
	}
	return nil, nil
}

// addAccount signs in with an account that is not in the database yet, or
// registers it.
func addAccount(ctx context.Context, client *core.Client, o options, address string, password []byte, register bool) (*core.Account, error) {
	if address == "" {
		return nil, errNoAccount
	}
	cfg, err := o.accountConfig(address, password)
	if err != nil {
		return nil, err
	}
	if register {
		return client.Register(ctx, cfg)
	}
	return client.AddAccount(ctx, cfg)
}
