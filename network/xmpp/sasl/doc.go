// SPDX-License-Identifier: MPL-2.0

// Package sasl signs in to an XMPP account with SCRAM or, where allowed, PLAIN.
package sasl
