// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
)

// sentinel is an error with a stable code, see Code.
type sentinel struct{ code, msg string }

func (s *sentinel) Error() string { return s.msg }

// Code is a name of the error which never changes, for programs and
// translations.
func (s *sentinel) Code() string { return s.code }

// What an attempt can end in. Test with errors.Is; every one has a method
// Code() string.
var (
	// ErrConfig: the Config is not usable.
	ErrConfig error = &sentinel{"xmpp.dial.config", "unusable configuration"}
	// ErrNotFound: DNS knows no such host.
	ErrNotFound error = &sentinel{"xmpp.dns.not-found", "host not found"}
	// ErrDNS: DNS gave no answer, or not a usable one.
	ErrDNS error = &sentinel{"xmpp.dns.failed", "name lookup failed"}
	// ErrNoService: the domain says in DNS that it has no XMPP for clients.
	ErrNoService error = &sentinel{"xmpp.dns.no-service", "domain offers no such service"}
	// ErrRefused: nothing listens there.
	ErrRefused error = &sentinel{"xmpp.dial.refused", "connection refused"}
	// ErrUnreachable: there is no way to that address.
	ErrUnreachable error = &sentinel{"xmpp.dial.unreachable", "host or network unreachable"}
	// ErrTimeout: a step took too long.
	ErrTimeout error = &sentinel{"xmpp.dial.timeout", "timed out"}
	// ErrClosed: the other side ended the connection during the set-up.
	ErrClosed error = &sentinel{"xmpp.dial.closed", "connection closed by the other side"}
	// ErrFailed: anything else.
	ErrFailed error = &sentinel{"xmpp.dial.failed", "connection failed"}

	// ErrExpired: the certificate is not valid now, or the clock is wrong.
	ErrExpired error = &sentinel{"xmpp.tls.expired", "certificate expired or not yet valid"}
	// ErrWrongName: the certificate is not for the account's domain.
	ErrWrongName error = &sentinel{"xmpp.tls.wrong-name", "certificate is for another name"}
	// ErrUnknownAuthority: nobody trusted vouches for the certificate.
	ErrUnknownAuthority error = &sentinel{"xmpp.tls.unknown-authority", "certificate from an unknown authority"}
	// ErrPinMismatch: the certificate is fine but not one of the pinned.
	ErrPinMismatch error = &sentinel{"xmpp.tls.pin-mismatch", "certificate does not match a pin"}
	// ErrBadCertificate: the certificate is wrong in another way.
	ErrBadCertificate error = &sentinel{"xmpp.tls.bad-certificate", "certificate not acceptable"}
	// ErrTLS: the handshake failed for another reason than the certificate.
	ErrTLS error = &sentinel{"xmpp.tls.failed", "TLS handshake failed"}

	// ErrProxyUnreachable: the proxy itself cannot be connected to.
	ErrProxyUnreachable error = &sentinel{"xmpp.socks.unreachable", "proxy unreachable"}
	// ErrProxyAuth: the proxy refuses the credentials.
	ErrProxyAuth error = &sentinel{"xmpp.socks.auth", "proxy refused the credentials"}
	// ErrProxyProtocol: what answers is not a SOCKS5 proxy.
	ErrProxyProtocol error = &sentinel{"xmpp.socks.protocol", "proxy does not speak SOCKS5"}
	// ErrProxyRefused: the proxy's rules forbid the connection.
	ErrProxyRefused error = &sentinel{"xmpp.socks.not-allowed", "proxy does not allow the connection"}
	// ErrProxyFailed: the proxy could not connect for another reason.
	ErrProxyFailed error = &sentinel{"xmpp.socks.failed", "proxy could not connect"}
	// ErrOnion: a .onion name is only ever given to a proxy.
	ErrOnion error = &sentinel{"xmpp.dial.onion", "onion address needs a proxy"}
)

// Error is why no connection came about: every attempt that was made, the most
// telling first. It wraps them all, so errors.Is finds any of them.
type Error struct {
	Domain   string
	Attempts []error
}

// Error describes the most telling attempt and counts the others.
func (e *Error) Error() string {
	if len(e.Attempts) == 0 {
		return "dial " + e.Domain + ": " + ErrFailed.Error()
	}
	text := "dial " + e.Domain + ": " + e.Attempts[0].Error()
	if n := len(e.Attempts) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// Unwrap returns the attempts.
func (e *Error) Unwrap() []error { return e.Attempts }

// Code is the code of the most telling attempt.
func (e *Error) Code() string {
	if len(e.Attempts) > 0 {
		return kindOf(e.Attempts[0]).code
	}
	return kindOf(ErrFailed).code
}

// stepError is one failed step: what was tried, what that means, and the
// cause in the words of who reported it.
type stepError struct {
	step  string
	kind  error
	cause error
}

func (e *stepError) Error() string {
	if e.cause == nil || e.cause == e.kind {
		return e.step + ": " + e.kind.Error()
	}
	return e.step + ": " + e.kind.Error() + ": " + e.cause.Error()
}

func (e *stepError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// failed makes an error about a step out of a cause, with a kind of this
// package first.
func failed(step string, cause error) error {
	return &stepError{step: step, kind: classify(cause), cause: cause}
}

// telling orders kinds: what a person should hear about first.
var telling = []error{
	ErrConfig, ErrPinMismatch, ErrWrongName, ErrUnknownAuthority, ErrExpired, ErrBadCertificate, ErrTLS,
	ErrNoService, ErrOnion, ErrProxyAuth, ErrProxyProtocol, ErrProxyRefused, ErrProxyUnreachable, ErrProxyFailed,
	ErrClosed, ErrRefused, ErrTimeout, ErrUnreachable, ErrFailed, ErrDNS, ErrNotFound,
}

// kindOf returns the most telling of the package's errors within err.
func kindOf(err error) *sentinel {
	for _, kind := range telling {
		if errors.Is(err, kind) {
			return kind.(*sentinel)
		}
	}
	return ErrFailed.(*sentinel)
}

// sortTelling puts the most telling first.
func sortTelling(errs []error) {
	slices.SortStableFunc(errs, func(a, b error) int {
		return slices.Index(telling, error(kindOf(a))) - slices.Index(telling, error(kindOf(b)))
	})
}

// classify finds the kind of an error from the net package, the most telling
// one when it is several.
func classify(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var kinds []error
		for _, e := range joined.Unwrap() {
			kinds = append(kinds, classify(e))
		}
		if len(kinds) > 0 {
			sortTelling(kinds)
			return kinds[0]
		}
	}
	var own *sentinel
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &dns) && dns.IsNotFound:
		return ErrNotFound
	case errors.As(err, &dns):
		return ErrDNS
	case errors.Is(err, syscall.ECONNREFUSED):
		return ErrRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EADDRNOTAVAIL):
		return ErrUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ErrTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ErrClosed
	}
	return ErrFailed
}
