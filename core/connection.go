// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/storage"
)

// settings is what an account row keeps of its AccountConfig.
type settings struct {
	Host      string   `json:"host,omitempty"`
	Port      int      `json:"port,omitempty"`
	DirectTLS bool     `json:"directTLS,omitempty"`
	Proxy     string   `json:"proxy,omitempty"`
	Pins      []string `json:"pins,omitempty"`
}

func (cfg *AccountConfig) marshal() ([]byte, error) {
	return json.Marshal(settings{cfg.Host, cfg.Port, cfg.DirectTLS, cfg.Proxy, cfg.Pins})
}

// newResource makes a resource name that an account keeps for good, so that a
// new stream takes the place of its own lost one on the server.
func newResource() string { return "confab-" + rand.Text()[:10] }

func (c *Client) connConfig(row storage.Account) (xmpplink.ConnConfig, error) {
	var s settings
	if err := json.Unmarshal(row.Settings, &s); err != nil {
		return xmpplink.ConnConfig{}, fmt.Errorf("read account settings: %w", err)
	}
	return xmpplink.ConnConfig{
		JID: row.Address, Resource: row.Resource, Password: row.Secret, Credentials: row.Credentials,
		Host: s.Host, Port: s.Port, DirectTLS: s.DirectTLS, Proxy: s.Proxy, Pins: s.Pins,
		RootCAs: c.cfg.RootCAs, AllowPlain: c.cfg.AllowPlain, Logger: c.log,
		Media: c.media.link(c.cfg.Downloads),
	}, nil
}

// start connects. The caller sees to it that the client is not closed.
func (a *Account) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.link != nil {
		return
	}
	conn, err := a.client.connConfig(a.row)
	if err != nil {
		a.client.log.Error("account has unreadable settings", "account", a.id)
		return
	}
	conn.Healing = a.heal
	a.link = xmpplink.Start(a.pipe, conn)
}

// take waits for the turn to start or end the connection.
func (a *Account) take(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if a.removed {
		a.release()
		return ErrNoAccount
	}
	return nil
}

func (a *Account) release() { <-a.turn }

// connect starts unless the client is closed. The caller has the turn.
func (a *Account) connect() error {
	a.client.mu.Lock()
	defer a.client.mu.Unlock()
	if a.client.closed {
		return ErrClosed
	}
	a.start()
	return nil
}

// disconnect ends the connection so that its stream can be resumed, and says
// whether there was one. The caller has the turn.
func (a *Account) disconnect() bool {
	l := a.takeLink()
	if l != nil {
		l.Close()
	}
	return l != nil
}

// stop is disconnect in turn.
func (a *Account) stop() {
	a.turn <- struct{}{}
	defer a.release()
	a.disconnect()
}

func (a *Account) takeLink() *xmpplink.Link {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.link
	a.link = nil
	return l
}

func (a *Account) withLink(fn func(link)) {
	a.mu.Lock()
	l := a.link
	a.mu.Unlock()
	if l != nil {
		fn(l)
	}
}

// online returns the link of an account that is signed in.
func (a *Account) online() (link, error) {
	a.mu.Lock()
	l := a.link
	a.mu.Unlock()
	switch {
	case l != nil:
		return l, nil
	case a.client.isClosed():
		return nil, ErrClosed
	}
	return nil, ErrSignedOut
}
