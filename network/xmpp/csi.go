// SPDX-License-Identifier: MPL-2.0

// XEP-0352: Client State Indication

package xmpp

import (
	"context"
	"fmt"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSCSI is the namespace of client state indication, and of the stream feature
// by which a server announces it.
const NSCSI = "urn:xmpp:csi:0"

// ErrNoNonza: the stream can only send stanzas.
var ErrNoNonza error = &codedError{"xmpp.csi.unsupported", "stream cannot send anything but stanzas"}

// A nonzaSender sends an element that is no stanza, which stream management
// does not count: sent like a stanza, it would put the counts of both sides
// apart for good, XEP-0198 §4.
type nonzaSender interface {
	SendNonza(ctx context.Context, e *element.Element) error
}

// SetActive tells the server whether somebody looks, so that it may hold back
// what can wait. Call it only when the server announced [NSCSI], and again on
// every connection, a resumed session included: the state is active there at
// first, XEP-0352 §5.
//
// Errors: [ErrNoNonza] and those of [stream.Stream.Send].
func (c *Client) SetActive(ctx context.Context, active bool) error {
	name := "inactive"
	if active {
		name = "active"
	}
	s, ok := c.conn.(nonzaSender)
	if !ok {
		return fmt.Errorf("indicate client state: %w", ErrNoNonza)
	}
	if err := s.SendNonza(ctx, element.New(NSCSI, name)); err != nil {
		return fmt.Errorf("indicate client state: %w", err)
	}
	return nil
}
