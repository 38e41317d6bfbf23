// SPDX-License-Identifier: MPL-2.0

// Package text finds out how a message is to be shown: styles (XEP-0393), links
// and what is odd about them, mentions, /me (XEP-0245), and messages of nothing
// but emoji.
//
//	t := text.Parse(body, text.Options{})
//	for _, s := range t.UTF16().Spans { // Android and iOS count in UTF-16
//		setStyle(s.Kind, s.Start, s.End)
//	}
//
// Nothing is removed from a message: [Parse] says which parts are what, and
// which are only markup, and the view decides. Offsets count bytes unless they
// come from [Text.UTF16]; [Index] converts between bytes, UTF-16 units and the
// code points in which XMPP counts (XEP-0426).
//
// What it does not do: no HTML, no Markdown beyond XEP-0393, no colours, no
// opening of anything, and no decision whether two people's names look alike.
//
// # Hostile input
//
// A body may be anything. All functions take time in proportion to its length,
// and the number of spans ([MaxSpans]) and the depth of quotations
// ([MaxQuoteDepth]) are bounded.
//
// # Concurrency
//
// All functions are pure and may be called from any goroutine.
package text
