// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/confab-im/confab/core"
)

// forward prints events until the subscription is closed.
func (d *driver) forward(ctx context.Context, events *core.Subscription) {
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return
		}
		if l, ok := d.lineOf(ctx, e); ok {
			d.write(l)
		}
	}
}

// lineOf makes the line of an event; false if it speaks of a message that has
// been removed since, which the next event says.
func (d *driver) lineOf(ctx context.Context, e core.Event) (line, bool) {
	out := line{Event: e.Kind.String(), Account: d.names.account(e.Account), Peer: e.Peer, Nick: e.Nick, Code: e.Code, Resumed: e.Resumed, Count: e.Count}
	if e.State != 0 {
		out.State = e.State.String()
	}
	if e.Typing != 0 {
		out.State = e.Typing.String()
	}
	if e.Conversation != 0 {
		out.Peer = d.names.peer(ctx, e.Conversation)
	}
	switch e.Kind {
	case core.EventMessageAdded, core.EventMessageChanged:
		m, err := d.client.Message(ctx, e.Message)
		if err != nil {
			return line{}, false
		}
		j := d.names.message(ctx, m)
		out.Message = &j
	case core.EventMessageRemoved:
		out.Removed = e.Message
	case core.EventTransfer:
		out.Attachment, out.Done, out.Size = e.Attachment, e.Done, e.Size
		if a, err := d.client.Attachment(ctx, e.Attachment); err == nil {
			out.State = a.State.String()
		}
	}
	return out, true
}
