// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Mode says which kinds of TLS to use.
type Mode uint8

const (
	// Auto takes direct TLS and STARTTLS as the domain orders them in DNS.
	Auto Mode = iota
	// PreferDirect tries all direct TLS targets before any STARTTLS one, which
	// saves round trips. XEP-0368 section 3 leaves that to the client.
	PreferDirect
	// DirectOnly never uses STARTTLS.
	DirectOnly
	// StartTLSOnly never uses direct TLS.
	StartTLSOnly
)

// Resolver is the part of *net.Resolver that is needed. Its methods must
// return when their context ends.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Proxy is a SOCKS5 proxy (RFC 1928) such as Tor's.
type Proxy struct {
	// Address is host:port, the host an IP address or "localhost", or a unix
	// socket as "unix:" and its path. Other names are refused, because looking
	// one up is what a proxy shall prevent.
	Address string
	// Username and Password (RFC 1929), each up to 255 bytes. When both are
	// empty, Config.IsolationKey provides them.
	Username, Password string
}

// Timeouts bound each step of one attempt; 0 means the default.
type Timeouts struct {
	// Resolve bounds each name lookup: 8 s.
	Resolve time.Duration
	// Connect bounds the TCP connections to all addresses of one target: 15 s.
	// Through a proxy it bounds the way to the proxy.
	Connect time.Duration
	// Proxy bounds the proxy's work, 60 s: it may have to build a circuit.
	Proxy time.Duration
	// TLS bounds the handshake: 15 s.
	TLS time.Duration
	// Stagger is the lead of one address over the next, 250 ms: RFC 8305
	// section 5 (Connection Attempt Delay).
	Stagger time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	for value, standard := range map[*time.Duration]time.Duration{
		&t.Resolve: 8 * time.Second,
		&t.Connect: 15 * time.Second,
		&t.Proxy:   time.Minute,
		&t.TLS:     15 * time.Second,
		&t.Stagger: 250 * time.Millisecond,
	} {
		if *value <= 0 {
			*value = standard
		}
	}
	return t
}

// Config describes how to reach one account's server. Only Domain is needed.
type Config struct {
	// Domain is the domain of the account's address: a name in Unicode or
	// ASCII form, or an IP address, in brackets when it is IPv6. The server's
	// certificate must be valid for it, whatever host the connection goes to.
	Domain string
	// Host and Port name the server instead of DNS; either may be left out
	// (host: Domain; port: 5222, or 5223 for DirectOnly). With Mode Auto or
	// PreferDirect, ports 443 and 5223 mean direct TLS.
	Host string
	Port uint16
	Mode Mode

	// RootCAs are trusted to vouch for the certificate; nil is the system's.
	// A self-signed certificate can be put there itself.
	RootCAs *x509.CertPool
	// Pins, when there are any, must match in addition: see Pin.
	Pins []Pin

	// Proxy carries everything when set, and nothing is looked up locally.
	Proxy *Proxy
	// IsolationKey keeps streams with different keys on different circuits of
	// a Tor proxy: pass something of the account. The proxy gets a hash of it,
	// as user name and password. Unused when Proxy has its own.
	IsolationKey string

	// Resolver is used when there is no proxy; nil is net.DefaultResolver.
	Resolver Resolver
	// Connect opens TCP connections (network "tcp", or "unix" for a proxy;
	// address an IP address and port, or a path); nil is a net.Dialer. An app
	// can bind sockets to a network with it.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeouts bound the steps.
	Timeouts Timeouts
	// Now is the clock certificates are checked against; nil is time.Now.
	Now func() time.Time
	// Logger gets one record per attempt; nil discards.
	Logger *slog.Logger
}
