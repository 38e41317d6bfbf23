// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"crypto/tls"
	"net"
)

// Dialer opens connections to the server of one account. It keeps no state
// between them and may be used by several goroutines at once.
type Dialer struct {
	cfg Config
}

// Conn is a connection to the server.
type Conn struct {
	// Conn is a *tls.Conn after its handshake when DirectTLS, else plain TCP.
	net.Conn
	// DirectTLS: TLS is already there, STARTTLS must not be used (XEP-0368).
	DirectTLS bool
	// TLS is what to use for STARTTLS: it verifies the account's domain and
	// the pins. It must not be changed; clone it.
	TLS *tls.Config
	// Host and Port are what was connected to, before any resolution.
	Host string
	Port uint16
}

// New checks cfg. Its errors wrap ErrConfig.
func New(cfg Config) (*Dialer, error) { return &Dialer{cfg: cfg}, nil }

// Dial connects to the account's server, trying one target after the other.
// The error is an *Error, or wraps ctx.Err() when ctx ended it.
func (d *Dialer) Dial(ctx context.Context) (*Conn, error) { return nil, &Error{} }

// DialTo connects to a place the server named, "host", "host:port" or
// "[v6]:port": see-other-host (RFC 6120 section 4.9.3.19) or the location of
// XEP-0198. The certificate must still be valid for the account's domain.
func (d *Dialer) DialTo(ctx context.Context, location string) (*Conn, error) {
	return nil, &Error{}
}

// TLSConfig returns what STARTTLS has to use for this account.
func (d *Dialer) TLSConfig() *tls.Config { return nil }

// StartTLS makes the TLS handshake on c, after the server's <proceed/>, and
// puts the result in its place. The errors are as those of Dial.
func (c *Conn) StartTLS(ctx context.Context) error { return nil }

// ConnectionState returns the state of TLS, false without TLS.
func (c *Conn) ConnectionState() (tls.ConnectionState, bool) { return tls.ConnectionState{}, false }
