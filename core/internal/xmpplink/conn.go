// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/sasl"
	"github.com/confab-im/confab/network/xmpp/stream"
	"mellium.im/xmpp/jid"
)

// ConnConfig is how an account is reached and signed in.
type ConnConfig struct {
	JID, Resource string
	Password      []byte
	Credentials   []byte // what Link keeps of earlier sign-ins, see credentials
	Host          string // empty: ask DNS
	Port          int
	DirectTLS     bool
	Proxy         string // SOCKS5 host:port
	Pins          []string
	RootCAs       *x509.CertPool
	AllowPlain    bool
	Timeouts      stream.Timeouts // zero: the usual ones
	Healing       *Healing        // nil: nothing is done about broken sessions
	Media         Media
	Logger        *slog.Logger
	// Reread is after how long the archive is read again, see planReread; zero
	// means rereadAfter.
	Reread time.Duration
}

func (c ConnConfig) dialer() (*dial.Dialer, error) {
	address, err := jid.Parse(c.JID)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	cfg := dial.Config{
		Domain: address.Domainpart(), Host: c.Host, Port: uint16(c.Port), RootCAs: c.RootCAs,
		IsolationKey: c.JID, Logger: c.Logger,
	}
	if c.Host != "" {
		cfg.Mode = dial.StartTLSOnly
		if c.DirectTLS {
			cfg.Mode = dial.DirectOnly
		}
	}
	if c.Proxy != "" {
		cfg.Proxy = &dial.Proxy{Address: c.Proxy}
	}
	for _, text := range c.Pins {
		pin, err := dial.ParsePin(text)
		if err != nil {
			return nil, err
		}
		cfg.Pins = append(cfg.Pins, pin)
	}
	return dial.New(cfg)
}

// client makes the configuration of a client, and what it learns at sign-in.
func (c ConnConfig) client() (xmpp.Config, *credentials, error) {
	address, err := jid.Parse(c.JID)
	if err != nil {
		return xmpp.Config{}, nil, fmt.Errorf("read address: %w", err)
	}
	dialer, err := c.dialer()
	if err != nil {
		return xmpp.Config{}, nil, err
	}
	kept := newCredentials(c.Credentials)
	auth := stream.NewCredentials(sasl.Config{
		Username: address.Localpart(), Password: c.Password, AllowPlain: c.AllowPlain,
		Keys: kept, History: kept.history(), Logger: c.Logger,
	}, kept.setHistory)
	return xmpp.Config{
		Stream: stream.Config{
			JID: address, Resource: c.Resource, Dialer: dialer, Auth: auth,
			Guard: guard, Logger: c.Logger, Timeouts: c.Timeouts,
		},
		Software: xmpp.Software{Name: "Confab"},
	}, kept, nil
}

// Probe signs in once and leaves again.
func Probe(ctx context.Context, c ConnConfig) error {
	cfg, _, err := c.client()
	if err != nil {
		return err
	}
	cfg.Stream.Resource += "-probe"
	s, err := stream.New(cfg.Stream)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	for buf := make([]stream.Item, 0, 1); ; {
		items, err := s.Next(ctx, buf)
		if err != nil {
			// The stream has ended: its own error says why.
			cancel()
			run := <-ended
			ended <- run
			if run != nil {
				return run
			}
			return err
		}
		for _, item := range items {
			switch item.Kind {
			case stream.Online:
				return s.Close(ctx)
			case stream.Offline:
				return item.Err
			}
		}
	}
}

// Register makes the account on its server (XEP-0077).
func Register(ctx context.Context, c ConnConfig) error { return RegisterInvited(ctx, c, "") }

// RegisterInvited is Register with the token of an invitation (XEP-0445).
func RegisterInvited(ctx context.Context, c ConnConfig, given string) error {
	dialer, err := c.dialer()
	if err != nil {
		return err
	}
	address, err := jid.Parse(c.JID)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	return xmpp.Register(ctx, dialer, xmpp.RegisterOptions{JID: address, Password: string(c.Password), Token: given, Logger: c.Logger})
}
