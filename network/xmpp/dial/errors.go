// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"errors"
	"fmt"
	"strings"
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
	var b strings.Builder
	fmt.Fprintf(&b, "dial %s: ", e.Domain)
	if len(e.Attempts) == 0 {
		b.WriteString(ErrFailed.Error())
		return b.String()
	}
	b.WriteString(e.Attempts[0].Error())
	if n := len(e.Attempts) - 1; n > 0 {
		fmt.Fprintf(&b, " (and %d more)", n)
	}
	return b.String()
}

// Unwrap returns the attempts.
func (e *Error) Unwrap() []error { return e.Attempts }

// Code is the code of the most telling attempt.
func (e *Error) Code() string {
	var c interface{ Code() string }
	if len(e.Attempts) > 0 && errors.As(e.Attempts[0], &c) {
		return c.Code()
	}
	return "xmpp.dial.failed"
}
