// SPDX-License-Identifier: MPL-2.0

// Package element holds one XMPP stanza as a small tree of elements.
//
// [Parse] reads exactly one element from bytes in a single pass and resolves
// its namespaces; [Element.AppendXML] writes it back. It is the only XML reader
// that sees what a server sends once a stream is established, so it accepts the
// XML of RFC 6120 §11 and nothing else: no comments, processing instructions,
// document types or entities beyond the five predefined ones, no undeclared
// prefixes, no repeated attributes, no character outside of XML 1.0, and never
// more bytes, depth, attributes or children than [Limits] allow.
//
// What it does not do: it does not frame a stream (bytes of several stanzas), it
// knows nothing of any protocol extension, and it does not keep the order of
// character data between child elements, which no extension read here uses.
//
// # Memory
//
// The strings of a parsed tree share one copy of the input. Keeping one of them
// keeps that copy: use [strings.Clone] or [Element.Clone] for what outlives the
// stanza.
//
// # Concurrency
//
// An Element has no lock. A tree that nobody changes any more may be read from
// many goroutines; the reading methods accept a nil receiver, so that a missing
// child reads as empty.
//
// # Logging
//
// A stanza holds what people write to each other. Formatting an Element with
// fmt or slog yields its name only.
package element
