// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"
)

// Dialer opens connections to the server of one account. It keeps no state
// between them and may be used by several goroutines at once.
type Dialer struct {
	cfg    Config // defaults filled in
	domain string // as DNS and TLS write it
	host   string // Config.Host likewise
	proxy  *proxy // nil when there is none
	intN   func(int) int
}

// New checks cfg. Its errors wrap ErrConfig.
func New(cfg Config) (*Dialer, error) {
	d := &Dialer{cfg: cfg, intN: rand.IntN}
	var err error
	if d.domain, err = asciiHost(cfg.Domain); err != nil || d.domain == "" {
		return nil, fmt.Errorf("read domain: %w", ErrConfig)
	}
	if d.host, err = asciiHost(cfg.Host); err != nil || d.host == "" && cfg.Host != "" {
		return nil, fmt.Errorf("read host: %w", ErrConfig)
	}
	if cfg.Mode > StartTLSOnly {
		return nil, fmt.Errorf("read mode: %w", ErrConfig)
	}
	for _, p := range cfg.Pins {
		if p.Kind != PinSPKI && p.Kind != PinCertificate {
			return nil, fmt.Errorf("read pins: %w", ErrConfig)
		}
	}
	if cfg.Proxy != nil {
		if d.proxy, err = newProxy(*cfg.Proxy, cfg.IsolationKey); err != nil {
			return nil, err
		}
	}
	if cfg.Resolver == nil {
		d.cfg.Resolver = net.DefaultResolver
	}
	if cfg.Connect == nil {
		d.cfg.Connect = new(net.Dialer).DialContext
	}
	if cfg.Now == nil {
		d.cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		d.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d.cfg.Timeouts = cfg.Timeouts.withDefaults()
	return d, nil
}

// Dial connects to the account's server, trying one target after the other.
// The error is an *Error, or wraps ctx.Err() when ctx ended it.
func (d *Dialer) Dial(ctx context.Context) (*Conn, error) {
	host, port := d.start()
	return d.dial(ctx, host, port)
}

// start is what to dial; port 0 leaves the port to DNS.
func (d *Dialer) start() (host string, port uint16) {
	switch {
	case d.host == "":
		return d.domain, d.cfg.Port
	case d.cfg.Port == 0:
		return d.host, d.fallback(d.host).port
	}
	return d.host, d.cfg.Port
}

// DialTo connects to a place the server named, "host", "host:port" or
// "[v6]:port": see-other-host (RFC 6120 section 4.9.3.19) or the location of
// XEP-0198 section 5. Without a port it is looked up like a domain; with one,
// the port decides about direct TLS as with Config.Host. The certificate must
// still be valid for the account's domain.
func (d *Dialer) DialTo(ctx context.Context, location string) (*Conn, error) {
	host, port, err := parseLocation(location)
	if err != nil {
		return nil, &Error{Domain: d.domain, Attempts: []error{&stepError{step: "read location", kind: ErrConfig}}}
	}
	return d.dial(ctx, host, port)
}

func (d *Dialer) dial(ctx context.Context, host string, port uint16) (*Conn, error) {
	targets, err := d.targets(ctx, host, port)
	if ctx.Err() != nil {
		return nil, d.ended(ctx)
	}
	if err != nil {
		return nil, &Error{Domain: d.domain, Attempts: []error{err}}
	}
	var attempts []error
	for _, t := range targets {
		conn, err := d.attempt(ctx, t)
		if err == nil {
			d.cfg.Logger.DebugContext(ctx, "connected", "target", t, "direct", t.direct)
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, d.ended(ctx)
		}
		d.cfg.Logger.DebugContext(ctx, "attempt failed", "target", t, "direct", t.direct, "error", err)
		attempts = append(attempts, err)
	}
	sortTelling(attempts)
	return nil, &Error{Domain: d.domain, Attempts: attempts}
}

// ended is the error for a context that is over.
func (d *Dialer) ended(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("dial %s: %w: %w", d.domain, ErrTimeout, err)
	}
	return fmt.Errorf("dial %s: %w", d.domain, ctx.Err())
}

// attempt connects to one target, with TLS when that is direct.
func (d *Dialer) attempt(ctx context.Context, t target) (*Conn, error) {
	var conn net.Conn
	var err error
	if d.proxy != nil {
		conn, err = d.connectProxy(ctx, t)
	} else {
		conn, err = d.connectTCP(ctx, t.host, t.port)
	}
	if err != nil {
		return nil, failed("connect to "+t.String(), err)
	}
	c := &Conn{
		Conn: conn, DirectTLS: t.direct, TLS: d.tlsConfig(false),
		Host: t.host, Port: t.port, timeout: d.cfg.Timeouts.TLS,
	}
	if t.direct {
		secure, err := handshake(ctx, conn, d.tlsConfig(true), d.cfg.Timeouts.TLS)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", t, err)
		}
		c.Conn = secure
	}
	return c, nil
}

// TLSConfig returns what STARTTLS has to use for this account.
func (d *Dialer) TLSConfig() *tls.Config { return d.tlsConfig(false) }

// Conn is a connection to the server.
type Conn struct {
	// Conn is a *tls.Conn after its handshake when DirectTLS, else plain TCP.
	net.Conn
	// DirectTLS: TLS is already there, STARTTLS must not be used (XEP-0368).
	DirectTLS bool
	// TLS is what to use for STARTTLS: it verifies the account's domain and
	// the pins.
	TLS *tls.Config
	// Host and Port are what was connected to, before any resolution.
	Host string
	Port uint16

	timeout time.Duration
}

// StartTLS makes the TLS handshake on c, after the server's <proceed/>, and
// puts the result in the place of c.Conn. No read or write may be under way.
// When it fails the connection is closed, and the error is as those of Dial.
func (c *Conn) StartTLS(ctx context.Context) error {
	if _, ok := c.Conn.(*tls.Conn); ok {
		return &stepError{step: "start TLS twice", kind: ErrTLS}
	}
	timeout := c.timeout
	if timeout <= 0 { // a Conn that no Dialer made
		timeout = Timeouts{}.withDefaults().TLS
	}
	secure, err := handshake(ctx, c.Conn, c.TLS, timeout)
	if err != nil {
		return fmt.Errorf("start TLS: %w", err)
	}
	c.Conn = secure
	return nil
}

// ConnectionState returns the state of TLS, and false where there is none yet.
func (c *Conn) ConnectionState() (tls.ConnectionState, bool) {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return secure.ConnectionState(), true
}
