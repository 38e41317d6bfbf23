// SPDX-License-Identifier: MPL-2.0

// Package sasl signs in to an XMPP account: SCRAM with SHA-1, SHA-256 and
// SHA-512, with and without channel binding (RFC 5802, RFC 7677), and PLAIN
// (RFC 4616) for those who allow it. Select picks a Mechanism from what the
// server offers; it serves SASL as in RFC 6120 section 6 and as in XEP-0388.
//
// It does not read or write XML, does not touch a socket, and does not store
// anything: derived keys go to a KeyCache, what was learnt about the server to
// a History, both of which belong to the caller.
//
// # Concurrency
//
// There are no goroutines and no globals that change. A Mechanism is used by
// one goroutine at a time. Next may compute for seconds, as many as the server's
// iteration count asks for within Config.MaxIterations; the end of
// Config.Context stops it within a millisecond or so.
//
// # Which mechanism
//
// Channel binding goes before the hash function: SCRAM-SHA-1-PLUS is chosen
// over SCRAM-SHA-512, because an attacker inside TLS is a nearer danger than
// one who breaks HMAC-SHA-1. Of the binding types tls-exporter (RFC 9266) goes
// before tls-unique and tls-server-end-point (RFC 5929); only announced types
// are used (XEP-0440), and where a server announces none, the default of the
// TLS version is tried first, as RFC 9266 and RFC 5802 section 6.1 have it.
//
// Nothing is sent without TLS, SCRAM included: who overhears it can guess
// passwords at leisure.
//
// PLAIN shows the password to whoever ends TLS. It needs Config.AllowPlain, an
// offer without any SCRAM, and an account that never used SCRAM.
//
// # Weakened offers
//
// The offer arrives before anybody is authenticated, so an attacker who ends
// TLS (with a stolen key, or a certificate from a careless authority) can
// rewrite it. Against that:
//
//   - When no -PLUS is offered, the client says "y": it could have bound. An
//     honest server that did offer -PLUS refuses (RFC 5802 section 6). Prosody
//     does; ejabberd 23.01 does not, so this alone is not enough.
//   - When the server adds a hash of its offer to its first message (XEP-0474),
//     it has to match what arrived, or the client proves nothing. The message
//     is covered by both proofs, so the hash cannot be changed or left out.
//   - Missing or unknown binding types are judged by the rules of XEP-0440.
//     One is milder: with SASL as in RFC 6120, types announced without any
//     -PLUS lead to "y" rather than an abort, since operators do switch off
//     -PLUS alone, and "y" has the server decide.
//   - History.Bound and History.SCRAM keep an account from ever using less
//     than it has used, unless the server signs its offer by XEP-0474.
//
// # Falling back
//
// Some servers offer channel binding that cannot succeed. ejabberd 23.01
// offers SCRAM-SHA-1-PLUS on TLS 1.3 and answers every attempt with
// "Invalid channel binding"; a server behind a proxy that ends TLS and starts
// it anew fails likewise. A client that only knows how to bind could never
// sign in there. History.After therefore notes the type that failed, and the
// next Select uses another type or, with none left, no binding and the flag "n".
//
// To the client, an attacker inside TLS looks just like such a server. So the
// way back is open only where it gives away nothing that was there:
//
//   - An account which has bound before never falls back: binding is known to
//     work, so its failure is an alarm (ErrBinding), now and at every further
//     attempt. What remains is the time before the first bound sign-in, where
//     the assurance is that of TLS, as for any client without binding.
//   - A server that signs its offer (XEP-0474) is never fallen back on: such a
//     server is recent enough to bind correctly, and the attacker cannot remove
//     the hash, so its presence tells the attack from the old server.
//   - Only an answer that blames the binding, or the form of the message,
//     counts. A wrong password (not-authorized without a word on binding) does
//     not.
//   - The note holds only for exactly this offer, and for twenty sign-ins. Then
//     binding is tried again, and the first success closes the way for good.
//   - BindingRequire closes it from the start, and PLAIN is never part of it.
//
// The password is not disclosed in any of these cases, and the server still
// has to prove that it knows it.
//
// # Errors
//
// Every error wraps one of the package's Err values, which have a stable code.
// No error and no log record holds a name, a password, a key or a message.
package sasl
