// SPDX-License-Identifier: MPL-2.0

package core

import (
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
	a.link = xmpplink.Start(a.pipe, conn)
}

// stop ends the connection so that its stream can be resumed.
func (a *Account) stop() {
	if l := a.takeLink(); l != nil {
		l.Close()
	}
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
	defer a.mu.Unlock()
	if a.link == nil {
		return nil, ErrSignedOut
	}
	return a.link, nil
}
