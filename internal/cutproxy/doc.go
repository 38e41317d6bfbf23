// SPDX-License-Identifier: MPL-2.0

// Package cutproxy is a TCP proxy that behaves like a bad network: it cuts
// connections between two bytes, falls silent, delays, refuses, and leaves the
// server believing in a connection that the client has lost.
//
//	proxy := cutproxy.Start(t, server.Addr)
//	// the client dials proxy.Addr()
//	proxy.CutAfter(cutproxy.ToClient, 700, cutproxy.Reset)
//
// The proxy forwards bytes and knows nothing of XMPP: under TLS a cut after n
// bytes falls into the middle of a record and so of a stanza.
//
// All methods may be called from any goroutine. Nothing is lost by Pause and
// Delay; data that is under way when a connection is cut is lost.
package cutproxy
