// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"time"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// ItemKind says what an [Item] is.
type ItemKind uint8

// The kinds of items.
const (
	// Stanza: a message, presence or IQ request from the server.
	Stanza ItemKind = iota + 1
	// AckRequested: the server asks up to where its stanzas are handled. The
	// answer goes out once Handled has covered Count.
	AckRequested
	// Acked: the server has taken responsibility for our stanzas up to Acked.
	Acked
	// Online: a stream is there; see the field Online.
	Online
	// Offline: the stream is gone, or an attempt to get one failed; see Err.
	Offline
	// Malformed: something in place of a stanza that could not be read. It is
	// counted, so that the server does not send it again and again; see Err.
	Malformed
)

// String returns the name of the kind.
func (k ItemKind) String() string {
	switch k {
	case Stanza:
		return "stanza"
	case AckRequested:
		return "ack requested"
	case Acked:
		return "acked"
	case Online:
		return "online"
	case Offline:
		return "offline"
	case Malformed:
		return "malformed"
	}
	return "unknown"
}

// An Item is one thing that happened to the stream, in order.
type Item struct {
	Kind ItemKind
	// Count is how many inbound stanzas the stream-management session has seen
	// up to and including this item: what to persist with the effects of the
	// item, and to pass to Handled when they are durable. It is set for every
	// kind but Offline, and 0 as long as stream management is off.
	Count uint64
	// Stanza is set for the kind Stanza.
	Stanza *element.Element
	// Raw is the stanza's bytes as they arrived (Stanza, and Malformed unless
	// it exceeded a limit).
	Raw []byte
	// Err says why, for Offline and Malformed.
	Err error
	// Online is set for the kind Online.
	Online *OnlineInfo
	// Acked is set for the kind Acked: how many of the outbound stanzas of the
	// session the server has taken responsibility for.
	Acked uint64
}

// OnlineInfo describes a stream that came about.
type OnlineInfo struct {
	// Resumed: it is the session of before. Else it is a new one, and what
	// was not acknowledged in the former one may or may not have arrived.
	Resumed bool
	// JID is our address, with the resource.
	JID jid.JID
	// SM: stream management is on. Without it there are no acknowledgements.
	SM bool
	// ID names the session, as the key of what is persisted about it and, if
	// Resumable, for Resume.
	ID        string
	Resumable bool
	// Location is where the server prefers to be reached for a resumption.
	Location string
	// Max is how long the session can be resumed after a loss; 0 when the
	// server does not say.
	Max time.Duration
	// Out is how many of our stanzas in this session the server has taken
	// responsibility for.
	Out uint64
	// Features are the stream features after authentication, RFC 6120 section
	// 4.3.2; nil when the server did not list any.
	Features *element.Element
}

// Feature reports whether the server announced a stream feature.
func (o *OnlineInfo) Feature(space, local string) bool {
	return o.Features.Child(space, local) != nil
}

// Resume is what must be persisted to resume a session in another process.
type Resume struct {
	// ID, Location and JID are those of [OnlineInfo].
	ID, Location string
	JID          jid.JID
	// Handled is the Count of the last item whose effects are durable. It must
	// be persisted together with them, and before Handled is called.
	Handled uint64
	// Out is the highest outbound count known to the caller. It is only used
	// to tell which of the values that look alike after 2³² stanzas the
	// server means, and may stay 0 below that.
	Out uint64
}

// A Position is a place in the outbound order of a session.
type Position struct {
	// ID names the session, see [OnlineInfo].
	ID string
	// Next is the count that the next stanza will get: it is acknowledged
	// when the server's count has reached Next.
	Next uint64
}
