// SPDX-License-Identifier: MPL-2.0

// Package ratchet is a session engine ([engine.Engine]) for both profiles of
// OMEMO (XEP-0384): X3DH, the Double Ratchet and XEdDSA, written from the
// specifications and under the licence of the rest of the SDK.
//
//	e := ratchet.New()
//	state, err := e.Initiate(engine.Profile2, self, bundle)
//
// # What it follows
//
//   - The X3DH Key Agreement Protocol, revision 1 (§2.2 the KDF, §3.3 and §3.4
//     the two parts), always with a one-time prekey.
//   - The Double Ratchet Algorithm, revision 1 (§2.3 and §5.2 the KDF chains,
//     §2.6 and §3 messages out of order, §5.2 the recommended AEAD).
//   - The XEdDSA Signature Scheme, revision 1 (§3), with Ed25519 (RFC 8032)
//     and X25519 (RFC 7748) below it.
//   - XEP-0384 0.3 for Profile03, which is the third version of the Signal
//     protocol, and 0.9 for Profile2 (§4.2 and §4.3, §12 the messages).
//
// What the profiles differ in:
//
//	                  Profile03                     Profile2
//	X3DH              HKDF info WhisperText         OMEMO X3DH
//	root key          WhisperRatchet                OMEMO Root Chain
//	message key       WhisperMessageKeys            OMEMO Message Key Material
//	MAC               8 bytes                       16 bytes
//	identities        Curve25519, type byte,        Ed25519 form,
//	in the MAC        sender first                  initiator first
//	key ids           any but a prekey 0            1 to 2^31-1
//	previous count    sent, never believed          sent, believed within MaxSkip
//
// HKDF and HMAC are those of SHA-256, the cipher is AES-256-CBC with PKCS#7
// padding.
//
// # What it promises
//
//   - A call changes nothing it was given. A message is authenticated over the
//     exact bytes that came in, compared in constant time, before anything of the
//     session is derived from it; the padding is checked in full.
//   - Messages have one encoding: fields in order, each once, in its shortest
//     form, none unknown. The registration id of a key exchange in Profile03 may
//     be missing.
//   - Keys of low order, keys that are not canonical, key exchanges without a
//     one-time prekey, own keys that do not match and secrets of zero are refused.
//   - A late message is read as long as its chain is among the newest five, and
//     longer if a later one of its chain was seen: then its key is stored.
//   - The keys of a message are forgotten when it was read, a ratchet key when the
//     other side has answered it. A new one is made when something is sent, not
//     earlier.
//   - Sign makes a signature by the Ed25519 form of the identity that has sign 0,
//     for both profiles; signatures and identities of the other sign are
//     understood in both.
//
// It does not hide the numbers of messages (there is no header encryption), and
// as everywhere in OMEMO ids of keys and devices are not authenticated. Secrets
// are overwritten after use where this package holds them, but the Go runtime and
// the standard library may have copied them. Whoever puts an old state back sends other
// messages under keys that were used.
//
// # Cost
//
// A session is about 300 bytes, and 70 more for each of up to five chains; a
// skipped message adds 84. An ordinary message costs some microseconds and about
// ten allocations in either direction, state included.
//
// What somebody without the keys can make it do: a forged message in a known
// chain costs one HMAC for each message it is ahead, at most [engine.MaxSkip],
// and one more derivation; under a new key two scalar multiplications more. That
// is 0.3 and 0.4 ms on a 2023 server with SHA instructions, nothing is stored,
// and nothing is allocated in the loop. When the session has sent nothing since
// the last turn, a new key cannot be genuine and is refused without arithmetic.
// The keys of skipped messages are derived only after the message was
// authenticated. A forged key exchange costs eight scalar multiplications, and
// [engine.MaxSkip] HMACs if it says so.
//
// The standard library's X25519 computes the public key of every private key it
// reads, so a turn and a key agreement cost about twice what they would have to.
//
// # States
//
// A state begins with R and the number of its format, 1; decoding accepts
// exactly what encoding makes. [Import] and [Export] move sessions of Profile03
// between engines, and every method takes a state in the form of
// [engine.Session], which begins with L, as it is.
//
// # Concurrency
//
// An [Engine] has no state and is safe for concurrent use.
package ratchet
