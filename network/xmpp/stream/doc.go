// SPDX-License-Identifier: MPL-2.0

// Package stream is one account's XMPP stream, surviving reconnects.
package stream
