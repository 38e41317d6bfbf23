// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// valueTokens holds the tokens of invitations that wait to be used, as JSON.
const valueTokens = "invite-tokens"

// Bounds on invitations.
const (
	maxTokens = 100                 // that wait; beyond it the oldest go
	tokenLife = 30 * 24 * time.Hour // of one that the server sets no end
)

// A token lets one person become a contact without being asked about
// (XEP-0379).
type token struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// An Invite is an invitation to become our contact.
type Invite struct {
	URI     string
	Landing string // a web page, if the server has one
	Expires time.Time
	Account bool // it also opens an account on our server
}

// CreateInvite makes an invitation: by the server, which may let it open an
// account (XEP-0401), else here (XEP-0379). Name is what we call ourselves.
func (l *Link) CreateInvite(ctx context.Context, name string) (Invite, error) {
	if err := l.await(ctx); err != nil {
		return Invite{}, err
	}
	made, err := l.client.CreateInvite(ctx)
	ours := errors.Is(err, xmpp.ErrNoInvites)
	if ours {
		made.URI = xmpp.URI{JID: l.client.Self(), Action: xmpp.ActionRoster, Params: []xmpp.URIParam{{Key: "preauth", Value: xmpp.NewID()}}}
	} else if err != nil {
		return Invite{}, err
	}
	if made.Expires.IsZero() {
		made.Expires = l.account.Now().Add(tokenLife)
	}
	if name != "" && made.URI.Param("name") == "" {
		made.URI.Params = append(made.URI.Params, xmpp.URIParam{Key: "name", Value: name})
	}
	invite := Invite{
		URI: made.URI.String(), Landing: made.Landing, Expires: made.Expires, Account: made.URI.Param("ibr") == "y",
	}
	if !ours {
		return invite, nil // the server lets in who shows its token, once
	}
	err = l.change(ctx, func(tx *storage.Tx, _ func(event.Event)) error {
		return changeTokens(tx, l.account.ID, l.account.Now(), func(list []token) []token {
			list = append(list, token{made.URI.Param("preauth"), made.Expires})
			return list[max(0, len(list)-maxTokens):]
		})
	})
	return invite, err
}

// changeTokens changes the tokens that are still good.
func changeTokens(tx *storage.Tx, account int64, now time.Time, change func([]token) []token) error {
	text, ok, err := tx.Value(account, valueTokens)
	if err != nil {
		return err
	}
	var list []token
	if ok {
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
	}
	list = change(slices.DeleteFunc(list, func(t token) bool { return !now.Before(t.Expires) }))
	if text, err = json.Marshal(list); err != nil {
		return err
	}
	return tx.PutValue(account, valueTokens, text)
}

// redeem uses a token up, if we have issued it.
func (l *Link) redeem(tx *storage.Tx, given string) (good bool, err error) {
	if given == "" {
		return false, nil
	}
	err = changeTokens(tx, l.account.ID, l.account.Now(), func(list []token) []token {
		n := len(list)
		list = slices.DeleteFunc(list, func(t token) bool { return t.Token == given })
		good = len(list) < n
		return list
	})
	return good, err
}

// welcome makes somebody a contact whom we have invited. The request waits for a
// person until that is done.
func (l *Link) welcome(peer, nick string) {
	l.child(func(ctx context.Context) {
		if err := l.retry(ctx, func() error { return l.AddContact(ctx, peer, nick) }); err != nil && ctx.Err() == nil {
			l.log.Info("invited contact not added", "code", code.Of(err))
		}
	})
}

// AcceptInvite makes the inviter a contact, showing the token.
func (l *Link) AcceptInvite(ctx context.Context, peer, name, given string) error {
	address, err := jid.Parse(peer)
	if err != nil {
		return err
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := l.client.SetContact(ctx, address, name); err != nil {
		return err
	}
	if err := l.client.SubscribeInvited(ctx, address, "", given); err != nil {
		return err
	}
	return l.answerRequest(ctx, peer, true)
}
