// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"crypto/tls"
	"sync"

	"github.com/confab-im/confab/network/xmpp/sasl"
)

// An Offer is what a server's features say about authentication.
type Offer struct {
	// Mechanisms are the names of the SASL mechanisms.
	Mechanisms []string
	// Bindings are the types of channel binding (XEP-0440), nil when the
	// server names none.
	Bindings []string
	// SASL2: the offer is one of XEP-0388.
	SASL2 bool
	// TLS is the state of the connection, which is always encrypted.
	TLS tls.ConnectionState
}

// An Authenticator signs in. Its methods are called by one goroutine at a time.
type Authenticator interface {
	// Select chooses a mechanism; ctx is that of the attempt.
	Select(ctx context.Context, o Offer) (sasl.Mechanism, error)
	// Ended is told how the exchange with m ended, nil meaning signed in.
	// When retry is true, another Select may succeed.
	Ended(m sasl.Mechanism, err error) (retry bool)
}

// Credentials is the Authenticator made of package sasl. What the sign-ins
// teach about the server is kept in Config.History.
type Credentials struct {
	mu     sync.Mutex
	cfg    sasl.Config
	change func(sasl.History)
}

// NewCredentials returns an Authenticator which signs in as cfg says. change,
// unless nil, is called with every new sasl.History, to be persisted; it must
// not block.
func NewCredentials(cfg sasl.Config, change func(sasl.History)) *Credentials {
	return &Credentials{cfg: cfg, change: change}
}

// Select implements Authenticator.
func (c *Credentials) Select(ctx context.Context, o Offer) (sasl.Mechanism, error) {
	c.mu.Lock()
	cfg := c.cfg
	c.mu.Unlock()
	cfg.Context, cfg.SASL2 = ctx, o.SASL2
	return sasl.Select(cfg, o.Mechanisms, o.Bindings, o.TLS)
}

// Ended implements Authenticator.
func (c *Credentials) Ended(m sasl.Mechanism, err error) (retry bool) {
	c.mu.Lock()
	next, retry := c.cfg.History.After(m, err)
	c.cfg.History = next
	c.mu.Unlock()
	if c.change != nil {
		c.change(next)
	}
	return retry
}

// SetPassword replaces the password for the next sign-in.
func (c *Credentials) SetPassword(p sasl.Password) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg.Password = p
}
