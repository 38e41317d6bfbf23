// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"sync/atomic"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
)

// people is how much of what others say of themselves, and of what we say of
// them to our server, is known in this session.
type people struct {
	roster rosterState
	blocks atomic.Int64 // changes of the blocked addresses
	sought chan sought  // pictures to be fetched
	// features are those of the stream, as far as a server has listed any.
	features atomic.Pointer[element.Element]
}

// rosterState is how far the roster of the session is known.
type rosterState struct {
	known  atomic.Bool  // it was fetched
	pushes atomic.Int64 // changes that were pushed
}

// change is a transaction of a child goroutine, with its events in the order of
// the commits.
func (l *Link) change(ctx context.Context, fn func(tx *storage.Tx, emit func(event.Event)) error) error {
	turn := event.Turn{Bus: l.account.Bus}
	defer turn.End()
	var events []event.Event
	err := l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		turn.Take()
		events = nil // Update may run fn again
		return fn(tx, func(e event.Event) {
			e.Account = l.account.ID
			events = append(events, e)
		})
	})
	if err == nil {
		turn.End(events...)
	}
	return err
}
