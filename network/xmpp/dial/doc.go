// SPDX-License-Identifier: MPL-2.0

// Package dial opens connections to the XMPP server of an account. It finds
// the server in DNS (RFC 6120 section 3.2, XEP-0368), connects to the first
// address that answers (RFC 8305), goes through a SOCKS5 proxy such as Tor where
// configured, makes the handshake of direct TLS, and hands out the TLS
// configuration for STARTTLS.
//
// It does not speak XMPP: whoever uses a Conn without DirectTLS must negotiate
// STARTTLS and then call Conn.StartTLS, before anything else is sent. It keeps
// no connection, no cache and no TLS session tickets, which would make one
// sign-in recognisable as the continuation of another. It does not check
// DNSSEC: nothing that DNS says is trusted for more than where to connect.
//
// # Where to
//
// The records of _xmpps-client and _xmpp-client are asked for together and
// ordered as one set, by priority, then by chance in proportion to weight (RFC
// 2782), at most sixteen of them. Targets are tried one after the other, the
// addresses of one target in a race: IPv6 first, the next address when the one
// before has failed or 250 ms are over. Each step of each attempt has its own
// timeout; the context bounds the whole.
//
// Without any records it is port 5222 of the domain itself. A record with the
// target "." is a no to that service, and rules out this fallback.
//
// # Whom to trust
//
// A certificate must be valid for the domain of the account, in its DNS names
// or IP addresses, whatever host was connected to and whoever named it: DNS, a
// redirection or the configuration. TLS is 1.2 or newer. Pins, if any, must
// match in addition, within the chain that was verified.
//
// # Through a proxy
//
// With a proxy, no name is looked up on this machine, be it the proxy's. The
// proxy gets the names. SOCKS5 cannot ask for service records, so the domain
// itself is tried at port 5222, unless Config names a host. Names under .onion
// go to a proxy or nowhere (RFC 7686).
//
// # Concurrency
//
// A Dialer never changes and may be used by several goroutines at once. Every
// goroutine that Dial starts has ended when it returns, so a Resolver or
// Config.Connect must return when its context ends. A Conn is as safe for
// concurrent use as the net.Conn in it, except for StartTLS.
//
// # Errors
//
// Dial returns an *Error which wraps what happened at every target, the most
// telling first, each as one of the package's Err values with a stable code.
// Errors and logs hold names and addresses of hosts, never credentials.
package dial
