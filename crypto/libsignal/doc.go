// SPDX-License-Identifier: MPL-2.0

// Package libsignal makes the module go.mau.fi/libsignal a session engine
// (engine.Engine) for OMEMO 0.3, the profile that speaks Signal's version 3
// wire format.
//
// # License
//
// That module is licensed under GPL-3.0: a program that imports this package
// falls under its terms, and cannot be sold through some app shops. Nothing
// else in the SDK imports it; whoever wants it imports it and hands [New] to
// package omemo.
//
// # What it adds
//
// The module does the X3DH key agreement, the double ratchet and XEdDSA. This
// package stands between it and the network:
//
//   - Messages are parsed here, strictly: canonical protobuf, checked keys,
//     bounded sizes, whole cipher blocks. The module's decoders never see bytes
//     that were not.
//   - A message is authenticated here, over the exact bytes that came in, and its
//     padding is checked, before the module is asked to step the ratchet.
//   - The module gets a copy of one session state and no store. Archived sessions
//     are states of their own, and a failure leaves the caller's untouched.
//   - A key exchange without a one-time prekey is refused.
//   - The count of the previous chain is put right before it is sent.
//   - Messages that may be skipped, and the keys kept for them, are bounded.
//   - Its logger, which is handed cipher keys, is silenced when this package is
//     initialised. A program that uses the module elsewhere loses its logs too.
//   - A panic inside becomes engine.ErrEngine.
//
// Sessions are serialised as an engine.Session, of about 400 bytes plus 84 for
// each skipped message. Those of package ratchet are understood too, so that an
// app can change from either engine to the other and keep its sessions.
//
// It does not do Profile2.
//
// # Concurrency
//
// An [Engine] has no state and is safe for concurrent use.
package libsignal
