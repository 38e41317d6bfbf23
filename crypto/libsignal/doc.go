// SPDX-License-Identifier: MPL-2.0

// Package libsignal makes go.mau.fi/libsignal a session engine.
//
// That module is licensed under GPL-3.0: a program that imports this package
// falls under its terms. Nothing else in the SDK imports it.
package libsignal
