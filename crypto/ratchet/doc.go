// SPDX-License-Identifier: MPL-2.0

// Package ratchet is a session engine for both profiles of OMEMO.
package ratchet
