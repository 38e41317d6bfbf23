// SPDX-License-Identifier: MPL-2.0

// Package code reads the stable code that an error of any room carries, such
// as "xmpp.auth.failed" or "storage.full". It knows no codes itself: every
// package documents its own beside its errors.
//
// Its functions keep nothing and may be called from any goroutine.
package code
