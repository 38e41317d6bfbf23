// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

// alpn is the protocol name of XEP-0368 section 3.
const alpn = "xmpp-client"

// tlsConfig verifies against the domain of the account, never against the host
// that DNS or anybody else named (RFC 6120 section 13.7.2.1).
func (d *Dialer) tlsConfig(direct bool) *tls.Config {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: d.domain,
		RootCAs:    d.cfg.RootCAs,
		Time:       d.cfg.Now,
	}
	if len(d.cfg.Pins) > 0 {
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return checkPins(d.cfg.Pins, cs.VerifiedChains) }
	}
	if direct {
		cfg.NextProtos = []string{alpn}
	}
	return cfg
}

// handshake makes conn a TLS connection. It closes conn when it fails.
func handshake(ctx context.Context, conn net.Conn, cfg *tls.Config, timeout time.Duration) (*tls.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(limited); err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &stepError{step: "handshake", kind: ClassifyTLS(err), cause: err}
	}
	return secure, nil
}

// ClassifyTLS returns the error of this package for an error of a TLS
// handshake that was made with the configuration of a Conn: ErrExpired,
// ErrWrongName, ErrUnknownAuthority, ErrPinMismatch, ErrBadCertificate,
// ErrTimeout or ErrTLS.
func ClassifyTLS(err error) error {
	var (
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		other     *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, ErrPinMismatch):
		return ErrPinMismatch
	case errors.As(err, &name):
		return ErrWrongName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ErrExpired
	case errors.As(err, &authority):
		return ErrUnknownAuthority
	case errors.As(err, &invalid), errors.As(err, &other):
		return ErrBadCertificate
	case classify(err) == ErrTimeout:
		return ErrTimeout
	}
	return ErrTLS
}
