// SPDX-License-Identifier: MPL-2.0

// Package framer cuts the bytes of an XML stream (RFC 6120 section 4) in frames:
// the stream header, whole elements below it, white space between them, and the
// end of the stream. It reads ahead only into a buffer of its own, copies every
// frame once and decodes nothing.
//
// It knows exactly as much of XML as it takes to find where an element ends:
// tags and their names, quotes, and CDATA sections. What XMPP forbids (RFC 6120
// section 11.1: comments, processing instructions, document types) ends the
// stream, as does anything that leaves the boundaries in doubt. Everything else
// (prefixes, entities, characters, repeated attributes) is left to the parser
// of the frame, so that one bad stanza does not cost the connection.
//
// # Limits
//
// An element which exceeds [Limits] is not an error of the stream either: it is
// read past without being held in memory, and comes as a frame with Err set, so
// that a stanza that is too large can be accounted for rather than being sent
// again on every new connection. Only beyond Limits.Skip is the stream given
// up. In front of the header, and in the header, limits are final.
//
// # Concurrency
//
// A Framer belongs to one goroutine.
package framer
