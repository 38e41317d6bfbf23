// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"

	"github.com/confab-im/confab/network/xmpp/sasl"
	"github.com/confab-im/confab/storage"
)

// credentials is what sign-ins teach, kept in the account's row: the derived
// SCRAM keys, which spare a phone thousands of hashes on every sign-in, and
// what the server is known to be capable of. It is as secret as the password.
type credentials struct {
	mu    sync.Mutex
	kept  keptCredentials
	dirty bool
}

type keptCredentials struct {
	History    sasl.History `json:"history"`
	Mechanism  string       `json:"mechanism,omitempty"`
	Salt       []byte       `json:"salt,omitempty"`
	Iterations int          `json:"iterations,omitempty"`
	ClientKey  []byte       `json:"clientKey,omitempty"`
	ServerKey  []byte       `json:"serverKey,omitempty"`
}

func newCredentials(stored []byte) *credentials {
	c := &credentials{}
	if err := json.Unmarshal(stored, &c.kept); err != nil {
		c.kept = keptCredentials{} // nothing learnt yet; it is learnt again
	}
	return c
}

func (c *credentials) history() sasl.History {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.History
}

func (c *credentials) setHistory(h sasl.History) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.History, c.dirty = h, true
}

// Load and Save implement sasl.KeyCache.
func (c *credentials) Load(mechanism string, salt []byte, iterations int) (clientKey, serverKey []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kept
	if k.Mechanism != mechanism || k.Iterations != iterations || !bytes.Equal(k.Salt, salt) || len(k.ClientKey) == 0 {
		return nil, nil, false
	}
	return bytes.Clone(k.ClientKey), bytes.Clone(k.ServerKey), true
}

// Save keeps the newest keys.
func (c *credentials) Save(mechanism string, salt []byte, iterations int, clientKey, serverKey []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Mechanism, c.kept.Salt, c.kept.Iterations = mechanism, bytes.Clone(salt), iterations
	c.kept.ClientKey, c.kept.ServerKey, c.dirty = bytes.Clone(clientKey), bytes.Clone(serverKey), true
}

// persist stores what is new, after a sign-in.
func (c *credentials) persist(ctx context.Context, db *storage.DB, account int64) error {
	c.mu.Lock()
	dirty := c.dirty
	c.dirty = false
	text, err := json.Marshal(c.kept)
	c.mu.Unlock()
	if err != nil || !dirty {
		return err
	}
	return db.Update(ctx, func(tx *storage.Tx) error {
		row, err := tx.Account(account)
		if err != nil {
			return err
		}
		row.Credentials = text
		return tx.UpdateAccount(row)
	})
}
