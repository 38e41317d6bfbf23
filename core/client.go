// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// AccountID names an account in this database, for good.
type AccountID = int64

// Client is one open database with its accounts. Its methods may be called
// from any goroutine; after Close, those that return an error return ErrClosed,
// and so do those of its accounts and conversations.
type Client struct {
	cfg   Config
	db    database
	log   *slog.Logger
	bus   event.Bus
	media *mediaFiles

	mu       sync.Mutex
	accounts map[AccountID]*Account
	closed   bool

	closing sync.Once
	failure error // of the first Close
}

// Open opens the database, creating it if there is none, and starts every
// account that is signed in. It does not wait for the network.
//
// Errors: ErrNoPath, ErrNoKey; storage's for a key of the wrong length, a wrong
// key or a file that is no database (the two cannot be told apart), a corrupt
// file, one of a newer version, one in use by another process, a folder that
// does not exist. A file that cannot be opened is left as it is.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.Path == "" {
		return nil, ErrNoPath
	}
	key, err := cfg.key()
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	db, err := storage.Open(ctx, storage.Options{
		Path: cfg.Path, Key: key, PlaintextHeader: cfg.PlaintextHeader, Logger: cfg.Logger, Now: cfg.Now,
	})
	cfg.Key, cfg.Passphrase = nil, nil
	if err != nil {
		return nil, fmt.Errorf("open client: %w", err)
	}
	c := &Client{cfg: cfg, db: database{db}, log: cfg.Logger, accounts: make(map[AccountID]*Account)}
	c.media = newMediaFiles(c)
	c.media.start()
	if err := c.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open client: %w", err), c.Close())
	}
	return c, nil
}

func (cfg *Config) key() (storage.Key, error) {
	switch {
	case len(cfg.Key) > 0:
		return storage.RawKey(cfg.Key), nil
	case len(cfg.Passphrase) > 0:
		return storage.Passphrase(cfg.Passphrase), nil
	}
	return storage.Key{}, ErrNoKey
}

func (c *Client) load(ctx context.Context) error {
	var rows []storage.Account
	err := c.db.View(ctx, func(r *storage.Reader) (err error) {
		rows, err = r.Accounts()
		return err
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Kind != kindXMPP {
			continue
		}
		a, err := c.newAccount(row)
		if err != nil {
			return err
		}
		c.accounts[a.id] = a
	}
	for _, a := range c.accounts {
		if a.enabled() {
			a.start()
		}
	}
	return nil
}

// Close signs nobody out: it ends the connections so that their streams can
// be resumed by the next Open, waits for every goroutine, and closes the
// database. It may be called again and returns the same. Events already queued
// can still be read.
func (c *Client) Close() error {
	c.closing.Do(func() { c.failure = c.close() })
	return c.failure
}

func (c *Client) close() error {
	c.mu.Lock()
	c.closed = true
	accounts := c.accountsLocked()
	c.mu.Unlock()

	var wg sync.WaitGroup
	for _, a := range accounts {
		wg.Go(a.stop)
	}
	wg.Wait()
	c.bus.Close()
	c.media.wait()
	if err := c.db.Close(); err != nil {
		return fmt.Errorf("close client: %w", err)
	}
	return nil
}

// Accounts returns the accounts in the order of their creation.
func (c *Client) Accounts() []*Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accountsLocked()
}

func (c *Client) accountsLocked() []*Account {
	list := make([]*Account, 0, len(c.accounts))
	for _, a := range c.accounts {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *Account) int { return int(a.id - b.id) })
	return list
}

// isClosed says whether Close was called.
func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Account returns the account with that id, or ErrNoAccount.
func (c *Client) Account(id AccountID) (*Account, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.accounts[id]; a != nil {
		return a, nil
	}
	return nil, ErrNoAccount
}

// NetworkChanged tells every account that the device has another network, or
// one again: connections are tried at once and live ones checked.
func (c *Client) NetworkChanged() {
	for _, a := range c.Accounts() {
		a.withLink(func(l link) { l.NetworkChanged() })
	}
}

// SetForeground tells every account whether a person is looking: in the
// foreground connections are checked and retried at once, in the background
// the server is asked to hold back what can wait (XEP-0352).
func (c *Client) SetForeground(foreground bool) {
	for _, a := range c.Accounts() {
		a.withLink(func(l link) { l.Foreground(foreground) })
	}
}

// ChangePassphrase makes passphrase the one that opens the database. From one
// passphrase to another only the wrapped key changes; a database that was
// opened with a raw key is re-encrypted as by ChangeKey.
func (c *Client) ChangePassphrase(ctx context.Context, passphrase []byte) error {
	if len(passphrase) == 0 {
		return ErrNoKey
	}
	return c.db.ChangeKey(ctx, storage.Passphrase(passphrase))
}

// ChangeKey re-encrypts the database under another raw key, 32 bytes. It needs
// twice the file's size on disk; both keys must be kept until it has returned
// nil.
func (c *Client) ChangeKey(ctx context.Context, key []byte) error {
	if len(key) == 0 {
		return ErrNoKey
	}
	return c.db.ChangeKey(ctx, storage.RawKey(key))
}

// Backup writes a consistent encrypted copy of the database to path, which
// must not exist, while everything goes on. Key is the copy's raw key.
//
// A restored copy holds old session states: encrypted messages since the
// backup cannot be read again from it.
func (c *Client) Backup(ctx context.Context, path string, key []byte) error {
	if len(key) == 0 {
		return ErrNoKey
	}
	return c.db.Backup(ctx, path, storage.RawKey(key))
}

// Check verifies the whole database: every page's authenticity and the
// structure. It returns storage's error for a corrupt file.
func (c *Client) Check(ctx context.Context) error { return c.db.Check(ctx) }
