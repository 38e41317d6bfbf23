// SPDX-License-Identifier: MPL-2.0

// Package testserver runs real XMPP servers for the test suite: Debian's
// Prosody and ejabberd, on loopback, on free ports, in a temporary folder, with
// certificates from a certificate authority of their own.
//
//	func TestLogin(t *testing.T) {
//		server := testserver.Start(t, testserver.Prosody)
//		require.NoError(t, server.Register("alice", "wonderland"))
//		// dial server.Addr (STARTTLS) or server.DirectTLSAddr,
//		// trusting server.CAPool for server.Domain
//	}
//
// A package with many tests shares one server, see [Shared]. Programs other
// than tests use [Run].
//
// A server that has been started is ready: it has answered on every port with
// a certificate that only this server can have. A missing program is an error
// that names the Debian package. Servers run as root or as an ordinary user and
// die with the process that started them (see package child).
//
// Both servers offer roster, stream management, carbons, archive, PEP, client
// state, blocking, in-band registration, group chats at conference.DOMAIN and
// uploads at upload.DOMAIN, with the limits of their defaults except where the
// default would falsify a measurement: no traffic shaping, no Nagle delays, no
// cap on the size of the archive.
//
// What it does not do: server-to-server traffic, IPv6, Windows.
//
// All methods may be called from any goroutine, except that Restart, Stop and
// Kill must not run at the same time as each other.
package testserver
