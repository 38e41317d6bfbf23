// SPDX-License-Identifier: MPL-2.0

// Package trust is blind trust before verification as a pure decision table.
//
// A key seen for the first time is trusted blindly as long as no key of that
// contact was ever verified and the user has not switched blind trust off for
// them. From the first verification on, new keys wait for a decision; keys that
// were trusted blindly before stay trusted until the user says otherwise.
//
// The package stores nothing and knows no key: it maps a [State] to what may be
// done with a message to or from that key. A state it does not know (a row from
// a newer version, say) is treated like an undecided one, so it is never
// encrypted to silently and never shown as trusted.
//
// All functions are pure and safe for concurrent use.
package trust
