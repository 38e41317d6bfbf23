// SPDX-License-Identifier: MPL-2.0

// Package microsocks runs Debian's microsocks, a SOCKS5 proxy of one small
// program, on a free loopback port for tests.
//
// microsocks prints a line for every request it connects, with the name or
// address it was asked for; Requests returns them, so that a test can tell
// whether a name was resolved by the proxy or before it.
//
// All methods may be called from any goroutine.
package microsocks
