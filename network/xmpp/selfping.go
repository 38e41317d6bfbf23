// SPDX-License-Identifier: MPL-2.0

// XEP-0410: MUC Self-Ping (Schrödinger's Chat)

package xmpp

import (
	"context"
	"errors"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/ping"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

// NSSelfPing is the feature of a room that answers self-pings by itself, so that
// no other client of ours can make them fail.
const NSSelfPing = NSMUC + "#self-ping-optimization"

// A SelfPing is the outcome of [Client.SelfPing].
type SelfPing uint8

// The outcomes.
const (
	// SelfPingUnknown: nothing can be said, as we are not online ourselves.
	SelfPingUnknown SelfPing = iota
	// SelfPingJoined: we are in the room.
	SelfPingJoined
	// SelfPingNotJoined: we are not in the room, any more: join again.
	SelfPingNotJoined
	// SelfPingRenamed: we are in the room, but not under that nick any more.
	SelfPingRenamed
	// SelfPingUnreachable: the room, or its server, does not answer; whether
	// we are in the room nobody knows. Ask again later.
	SelfPingUnreachable
)

// SelfPing asks a room whether we are in it, as the occupant that me is: our own
// address in it. A room that is not there any more has nobody in it. With an
// outcome of SelfPingUnknown comes an error.
//
// Errors: those of [stream.Stream.IQ] but a refusal and [stream.ErrIQTimeout],
// which are outcomes.
func (c *Client) SelfPing(ctx context.Context, me jid.JID) (SelfPing, error) {
	if !isRoomJID(me) || me.Resourcepart() == "" {
		return SelfPingUnknown, fmt.Errorf("ping ourselves: %w: no occupant", ErrConfig)
	}
	_, err := c.get(ctx, me, element.New(ping.NS, "ping"))
	outcome, err := selfPing(err)
	if outcome != SelfPingRenamed {
		return outcome, err
	}
	// Prosody and ejabberd say so, too, when there is no such room.
	_, err = c.FetchInfo(ctx, me.Bare(), "")
	switch Condition(err) {
	case stanza.ItemNotFound, stanza.Gone:
		return SelfPingNotJoined, nil
	case "":
		if err != nil && !errors.Is(err, ErrAnswer) && !errors.Is(err, stream.ErrIQTimeout) {
			return SelfPingUnknown, fmt.Errorf("ping ourselves: %w", err)
		}
	}
	return SelfPingRenamed, nil
}

// selfPing judges an answer, §3.2.
func selfPing(err error) (SelfPing, error) {
	switch c := Condition(err); {
	case err == nil, c == stanza.ServiceUnavailable, c == stanza.FeatureNotImplemented:
		return SelfPingJoined, nil
	case c == stanza.ItemNotFound:
		return SelfPingRenamed, nil
	case c == stanza.RemoteServerNotFound, c == stanza.RemoteServerTimeout, errors.Is(err, stream.ErrIQTimeout):
		return SelfPingUnreachable, nil
	case c != "":
		return SelfPingNotJoined, nil
	}
	return SelfPingUnknown, fmt.Errorf("ping ourselves: %w", err)
}
