// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// Config describes how to reach servers. The zero value is usable.
type Config struct {
	// Proxy carries everything when set, names included: socks5h://host:port,
	// with a user and a password if there are any.
	Proxy *url.URL
	// RootCAs are trusted to vouch for certificates; nil is the system's.
	RootCAs *x509.CertPool
	// Dial opens TCP connections; nil is a net.Dialer. With a Proxy, only those
	// to it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Control, when set and Dial is not, sees each address before a connection
	// to it and refuses it with an error: an app can keep downloads out of the
	// own network with it. See [net.Dialer].
	Control func(network, address string, c syscall.RawConn) error
	// Transport takes the place of all of the above.
	Transport http.RoundTripper
	// UserAgent is told to servers; empty tells nothing.
	UserAgent string
	// Connect bounds the way to the server, handshakes included: 30 s when 0.
	Connect time.Duration
	// Stall bounds each pause of a transfer that is under way: 60 s when 0.
	Stall time.Duration
	// Answer bounds the wait for the answer to a request that has been sent:
	// 2 min when 0. The end of a file may still be in buffers on the way, and
	// servers check and move a large one before they answer.
	Answer time.Duration
}

func (c Config) withDefaults() Config {
	for value, standard := range map[*time.Duration]time.Duration{
		&c.Connect: 30 * time.Second, &c.Stall: time.Minute, &c.Answer: 2 * time.Minute,
	} {
		if *value <= 0 {
			*value = standard
		}
	}
	return c
}

// expectAbove is from which size on the server is asked before the file is
// sent, RFC 9110 §10.1.1: so that what it refuses need not be sent first. Those
// that do not know it cost a second.
const (
	expectAbove   = 1 << 20
	expectTimeout = time.Second
)

// maxHeader bounds the headers of an answer.
const maxHeader = 64 << 10

func (c Config) transport() (http.RoundTripper, error) {
	if c.Transport != nil {
		return c.Transport, nil
	}
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: c.Connect, Control: c.Control}).DialContext
	}
	t := &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    c.Connect,
		ExpectContinueTimeout:  expectTimeout,
		IdleConnTimeout:        time.Minute,
		MaxIdleConns:           8,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	if c.Proxy != nil {
		if c.Proxy.Scheme != "socks5h" || c.Proxy.Host == "" {
			return nil, fmt.Errorf("read proxy: %w", ErrConfig)
		}
		t.Proxy = http.ProxyURL(c.Proxy)
	}
	return t, nil
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}
