// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// covering lists the blocked addresses that would cover one, the most special
// first: itself, all clients of the account, that resource of the whole domain,
// the domain (XEP-0191 section 2).
func covering(address string) []string {
	bare, resource, full := strings.Cut(address, "/")
	domain := bare
	if _, after, ok := strings.Cut(bare, "@"); ok {
		domain = after
	}
	list := []string{address, bare}
	if full {
		list = append(list, domain+"/"+resource)
	}
	return slices.Compact(append(list, domain))
}

// Blocked says whether an account blocks an address, be it with all of its
// domain.
func Blocked(r *storage.Reader, account int64, address string) (bool, error) {
	for _, entry := range covering(address) {
		if ok, err := r.IsBlocked(account, entry); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// ignored says whether a message is from somebody who is blocked. The server
// lets none through; this is for those that were on their way already, and for
// servers without blocking. What is read of history is from before.
func (a *Account) ignored(tx *storage.Tx, in *Incoming, order order) (bool, error) {
	if in.Outgoing || order != nil && (order.old() || order.ancient()) {
		return false, nil
	}
	from := in.Sender
	if in.Room {
		from = in.Peer // of those in a room only the room can be blocked
	}
	return Blocked(tx.Reader, a.ID, from)
}

// stranger says whether peer is neither a contact, nor asked to be one, nor our
// own server.
func (a *Account) stranger(tx *storage.Tx, peer string) (bool, error) {
	if _, domain, _ := strings.Cut(a.JID, "@"); peer == a.JID || peer == domain {
		return false, nil
	}
	item, err := tx.RosterItem(a.ID, peer)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	return err == nil && item.Subscription == "none" && !item.Ask, err
}

// introduce makes a new conversation with a stranger a request.
func (a *Account) introduce(tx *storage.Tx, c *storage.Conversation, in *Incoming) error {
	if c.Kind != ConversationDirect || in.Outgoing {
		return nil
	}
	strange, err := a.stranger(tx, in.Peer)
	if err != nil || !strange {
		return err
	}
	c.Request = true
	return tx.UpdateConversation(*c)
}

// accept makes a request a conversation like others, because we wrote.
func accept(tx *storage.Tx, c storage.Conversation) error {
	if !c.Request {
		return nil
	}
	c.Request = false
	return tx.UpdateConversation(c)
}

// Acquaint makes a request by somebody who is a contact now a conversation like
// others.
func (a *Account) Acquaint(tx *storage.Tx, emit func(event.Event), peer string) error {
	c, err := tx.ConversationByPeer(a.ID, peer)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !c.Request {
		return nil
	}
	if err != nil {
		return err
	}
	if strange, err := a.stranger(tx, peer); err != nil || strange {
		return err
	}
	emit(event.Event{Kind: event.ConversationChanged, Account: a.ID, Conversation: c.ID})
	return accept(tx, c)
}

// AcquaintAll is Acquaint for everybody.
func (a *Account) AcquaintAll(tx *storage.Tx, emit func(event.Event)) error {
	request := true
	list, err := tx.Conversations(storage.ConversationQuery{AccountID: a.ID, Request: &request})
	for _, c := range list {
		if err := a.Acquaint(tx, emit, c.Peer); err != nil {
			return err
		}
	}
	return err
}
