// SPDX-License-Identifier: MPL-2.0

// Package omemo does OMEMO Encryption (XEP-0384): the own identity and prekeys,
// device lists, bundles, sessions, and the envelopes messages travel in.
//
// # What it does
//
//   - [Manager.Setup], [Manager.OwnBundle] and [Manager.Maintain] look after the
//     own keys: 100 one-time prekeys, a signed prekey that is rotated weekly and
//     whose predecessor is kept.
//   - [Manager.UpdateDevices], [Manager.MissingSessions] and [Manager.AddBundle]
//     look after other devices. A device that vanishes from a list becomes
//     inactive and keeps its session. A known device with another identity key is
//     refused until the user lets it in with [Manager.ForgetDevice].
//   - [Manager.Encrypt] encrypts the payload once and its key to every trusted
//     active device of the recipients and of oneself; [Manager.Decrypt] finds the
//     key element and the session that fit.
//   - Trust is blind before verification, see package trust. The session engine
//     never decides about it.
//
// # Two profiles
//
// A [Manager] speaks one profile, Profile03 or Profile2; a [Suite] has one for
// each that its engine speaks and is what an account uses. With an engine that
// does not speak a profile, [New] answers engine.ErrUnsupported, and a Suite goes
// without it: it is to announce the profiles of [Suite.Profiles] and no others.
//
// Devices and sessions are kept by (profile, JID, device): what one profile's
// list says is nothing to the other. The same in both are the own identity, the
// device id, the trust in keys, and the prekeys: one pool of one-time prekeys and
// one signed prekey are in all bundles, and what was used up in one bundle goes
// from all. Only what is signed of the signed prekey differs, 33 bytes in
// Profile03 and 32 in Profile2, so a bundle's signature is made with it and
// not kept.
//
// Two devices are the same if their ids are and their identity keys are not
// known to differ. [Suite.Encrypt] takes Profile2 alone if everybody who can be
// reached can be in it; otherwise Profile03 for all who speak that, and Profile2
// beside it, in the same stanza, for those who do not. [Suite.Decrypt] decrypts
// one envelope of such a stanza, never two.
//
// # What it does not
//
// It opens no socket and writes no SQL. Device lists, bundles and elements are
// fetched, parsed and published by the network packages; rows are kept by a
// [Store]. It does not make or check the envelope of XEP-0420 that is the
// plaintext in Profile2. It never sends on its own: a [Result] says when an
// answer or a heartbeat is due, and whether one may go to a stranger is the
// caller's policy.
// No session is renewed automatically because of a decryption error.
//
// # Nothing lost, nothing twice
//
// A [Store] is meant to be bound to the database transaction that the message is
// stored in. A call that fails has changed nothing, apart from failures of the
// store itself in the middle of a call, which the transaction rolls back. A
// [DecryptError] is the message's fault; any other error of [Manager.Decrypt] is
// not, and the message must not be acknowledged.
//
// A message is verified as a whole, payload included, before any row changes: a
// forged copy does not use up the keys of the real one.
//
// # Concurrency
//
// A [Manager] is safe for concurrent use; it calls a [Store] from the calling
// goroutine only, never from two at once. It starts no goroutines. Two calls
// that work on the same device must be in one order, as transactions are.
package omemo
