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

// SetActive tells the server whether somebody looks, so that it may hold back
// what can wait. Call it only when the server announced [NSCSI], and again on
// every connection, a resumed session included: the state is active there at
// first, XEP-0352 §5.
//
// Errors: those of [stream.Stream.SendNonza].
func (c *Client) SetActive(ctx context.Context, active bool) error {
	name := "inactive"
	if active {
		name = "active"
	}
	if err := c.conn.SendNonza(ctx, element.New(NSCSI, name)); err != nil {
		return fmt.Errorf("indicate client state: %w", err)
	}
	return nil
}
