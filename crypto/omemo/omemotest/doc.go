// SPDX-License-Identifier: MPL-2.0

// Package omemotest has what tests around package omemo need: [Store], an
// omemo.Store in memory, and [RunStore], the conformance suite of the interface.
//
// It is for tests only.
package omemotest
