// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/ratchet"
	"github.com/confab-im/confab/storage"
)

const kindXMPP = "xmpp"

// Account is one XMPP account. It stays valid until RemoveAccount. What needs
// the server gives ErrSignedOut while signed out.
type Account struct {
	client *Client
	id     AccountID
	jid    string
	pipe   *pipeline.Account
	heal   *xmpplink.Healing

	turn    chan struct{} // holds a token while the connection is started or ended
	removed bool          // owned by who has the turn

	mu   sync.Mutex
	row  storage.Account
	link *xmpplink.Link // nil while signed out or the client is closed
	// typing is what was said, in which conversation.
	typing map[ConversationID]typingSaid
}

type link = *xmpplink.Link

// AddAccount signs in with an account that exists on its server and keeps it
// for good. It returns once the server has accepted the password, so that a
// person who mistyped is told at once; nothing is kept then.
//
// Errors: those of a bad AccountConfig, each with a code of its own;
// ErrAccountExists; and the network's: see ErrorCode.
func (c *Client) AddAccount(ctx context.Context, cfg AccountConfig) (*Account, error) {
	return c.add(ctx, cfg, nil)
}

// Register makes the account on its server first (XEP-0077), then signs in as
// AddAccount does.
func (c *Client) Register(ctx context.Context, cfg AccountConfig) (*Account, error) {
	return c.add(ctx, cfg, func(ctx context.Context, conn xmpplink.ConnConfig) error {
		return xmpplink.Register(ctx, conn)
	})
}

func (c *Client) add(ctx context.Context, cfg AccountConfig, before func(context.Context, xmpplink.ConnConfig) error) (*Account, error) {
	address, err := cfg.check()
	if err != nil {
		return nil, err
	}
	row := storage.Account{
		Kind: kindXMPP, Address: address.String(), Enabled: true, Secret: cfg.Password,
		Resource: newResource(), Created: c.cfg.Now(),
	}
	if row.Settings, err = cfg.marshal(); err != nil {
		return nil, err
	}
	conn, err := c.connConfig(row)
	if err != nil {
		return nil, err
	}
	err = c.db.View(ctx, func(r *storage.Reader) error {
		_, err := r.AccountByAddress(row.Kind, row.Address)
		return err
	})
	if err == nil {
		return nil, ErrAccountExists
	} else if !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	if before != nil {
		if err := before(ctx, conn); err != nil {
			return nil, fmt.Errorf("register account: %w", err)
		}
	}
	if err := xmpplink.Probe(ctx, conn); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	err = c.db.Update(ctx, func(tx *storage.Tx) error { return tx.CreateAccount(&row) })
	if err != nil {
		if errors.Is(err, storage.ErrExists) {
			err = ErrAccountExists
		}
		return nil, fmt.Errorf("keep account: %w", err)
	}
	a, err := c.newAccount(row)
	if err != nil {
		return nil, err
	}
	if !c.adopt(a) {
		// Nothing is kept of an account that nobody was told of.
		err := c.db.Update(context.WithoutCancel(ctx), func(tx *storage.Tx) error { return tx.DeleteAccount(a.id) })
		if err != nil && !errors.Is(err, ErrClosed) {
			return nil, errors.Join(ErrClosed, err)
		}
		return nil, ErrClosed
	}
	return a, nil
}

// adopt takes a new account in and connects it, unless the client is closed.
func (c *Client) adopt(a *Account) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.accounts[a.id] = a
	a.start()
	return true
}

func (c *Client) newAccount(row storage.Account) (*Account, error) {
	log := c.log.With("account", row.ID)
	a := &Account{client: c, id: row.ID, jid: row.Address, row: row, turn: make(chan struct{}, 1)}
	a.heal = &xmpplink.Healing{Auto: c.cfg.Healing == HealTrusted}
	a.pipe = &pipeline.Account{
		ID: row.ID, JID: row.Address, Channel: kindXMPP, DB: c.db.DB, Bus: &c.bus,
		Builder: xmpplink.Builder{}, Now: c.cfg.Now, Log: log, ClearReactions: c.cfg.ClearReactions,
	}
	sessions := c.cfg.Engine
	if sessions == nil {
		sessions = ratchet.New()
	}
	a.pipe.Downloads = pipeline.Downloads{Pictures: c.cfg.Downloads.Pictures}
	a.pipe.Transfers = make(chan struct{}, 1)
	var err error
	a.pipe.OMEMO, err = omemo.NewSuite(omemo.Config{Engine: sessions, JID: row.Address, Now: c.cfg.Now, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("set up encryption: %w", err)
	}
	return a, nil
}

// RemoveAccount ends the account's connection and deletes it here with all
// its conversations and keys. On the server it goes on to exist; see
// Account.DeleteFromServer.
func (c *Client) RemoveAccount(ctx context.Context, id AccountID) error {
	a, err := c.Account(id)
	if err != nil {
		return err
	}
	if err := a.take(ctx); err != nil {
		return err
	}
	defer a.release()
	connected := a.disconnect()
	err = c.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		emit(event.Event{Kind: event.AccountRemoved, Account: id})
		return tx.DeleteAccount(id)
	})
	if err != nil {
		if connected { // it goes on to exist
			err = errors.Join(err, a.connect())
		}
		return fmt.Errorf("remove account: %w", err)
	}
	a.removed = true
	c.mu.Lock()
	delete(c.accounts, id)
	c.mu.Unlock()
	return nil
}

// ID returns the account's id.
func (a *Account) ID() AccountID { return a.id }

// JID returns the account's bare address.
func (a *Account) JID() string { return a.jid }

// AccountState is the state of an account's connection.
type AccountState struct {
	State ConnectionState // Offline, Connecting, Online or Failed
	Code  string          // why it is Failed, or why the last attempt did not work
}

// State returns the state of the connection.
func (a *Account) State() AccountState {
	state := AccountState{State: Offline}
	a.withLink(func(l link) {
		s, code := l.State()
		state = AccountState{ConnectionState(s), code}
	})
	return state
}

// SignOut ends the connection and keeps it ended over restarts, until SignIn.
// Messages written meanwhile stay queued.
func (a *Account) SignOut(ctx context.Context) error {
	if err := a.take(ctx); err != nil {
		return err
	}
	defer a.release()
	if err := a.setEnabled(ctx, false); err != nil {
		return err
	}
	if l := a.takeLink(); l != nil {
		a.silence(ctx, l)
		l.SignOut(ctx)
	}
	return nil
}

// SignIn connects again after SignOut, or tries again at once after a failure.
func (a *Account) SignIn(ctx context.Context) error {
	if err := a.take(ctx); err != nil {
		return err
	}
	defer a.release()
	if err := a.setEnabled(ctx, true); err != nil {
		return err
	}
	a.disconnect()
	return a.connect()
}

// ChangePassword changes the password on the server (XEP-0077 section 3.3) and
// here, and signs in with it. If the process dies in between, SetPassword with
// the new one mends it.
//
// Errors: ErrNoPassword, ErrBadPassword, ErrSignedOut; the network's.
func (a *Account) ChangePassword(ctx context.Context, password []byte) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.ChangePassword(ctx, password); err != nil {
		return failed("change password", err)
	}
	return a.SetPassword(context.WithoutCancel(ctx), password)
}

// SetPassword keeps a password that was changed elsewhere and signs in with it.
func (a *Account) SetPassword(ctx context.Context, password []byte) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	if err := a.storePassword(ctx, password); err != nil {
		return err
	}
	return a.SignIn(ctx)
}

// DeleteFromServer deletes the account on its server (XEP-0077 section 3.2),
// then here. It cannot be undone.
func (a *Account) DeleteFromServer(ctx context.Context) error {
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.DeleteAccount(ctx); err != nil {
		return failed("delete account", err)
	}
	return a.client.RemoveAccount(ctx, a.id)
}

func (a *Account) storePassword(ctx context.Context, password []byte) error {
	return a.changeRow(ctx, func(row *storage.Account) { row.Secret, row.Credentials = password, nil })
}

func (a *Account) setEnabled(ctx context.Context, enabled bool) error {
	return a.changeRow(ctx, func(row *storage.Account) { row.Enabled = enabled })
}

func (a *Account) changeRow(ctx context.Context, change func(*storage.Account)) error {
	var row storage.Account
	err := a.client.db.Update(ctx, func(tx *storage.Tx) (err error) {
		if row, err = tx.Account(a.id); err != nil {
			return err
		}
		change(&row)
		return tx.UpdateAccount(row)
	})
	if err != nil {
		return notFound(err, ErrNoAccount, "change account")
	}
	a.mu.Lock()
	a.row = row
	a.mu.Unlock()
	return nil
}

func (a *Account) enabled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.row.Enabled
}
