// SPDX-License-Identifier: MPL-2.0

// Package engine is the seam between the SDK and an end-to-end session engine
// (X3DH and the Double Ratchet as OMEMO uses them, XEP-0384).
//
// An engine is pure: bytes in, bytes out. It holds no store, knows no trust,
// writes no log and keeps no state between calls, so every result of a call is
// in what it returns. A [State] that was passed in is never modified; when a
// call fails, the caller simply keeps the one it had. Devices, bundles, trust
// and envelopes live one floor up, in package omemo.
//
// The package defines the data that crosses the seam, the sentinels an engine
// answers with, the limits every engine enforces, and the key checks all of
// them share. Its one dependency outside the standard library is
// filippo.io/edwards25519, for the two forms of an identity key. Package
// enginetest holds the conformance suite that an implementation has to pass.
//
// # Identity keys
//
// A [PublicKey] is always in Curve25519 form, in every profile: one identity has
// one PublicKey, one fingerprint and one trust decision. Profile2 publishes it as
// an [EdwardsKey]: [ParseIdentity] and [IdentityBytes] convert at the border, and
// the other public keys are read by [ParsePublicKey].
//
// # Secrets
//
// [PrivateKey], [IdentityKey], [PreKey], [State] and [Session] redact themselves in fmt,
// log/slog and encoding/json. The reflection in fmt cannot call methods of
// values in unexported fields, so keep them in exported fields or out of
// structs that may be printed.
//
// # Concurrency
//
// All types are values. An [Engine] must be safe for concurrent use.
package engine
