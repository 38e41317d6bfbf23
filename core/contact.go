// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/storage"
)

// Contact is an entry of the roster, as it was when it was read.
type Contact struct {
	Account      AccountID
	JID          string // bare
	Name         string
	Subscription string // "none", "to", "from", "both" (RFC 6121 section 2.1.2.5)
	Pending      bool   // we have asked to see their presence
	Groups       []string
	Presence     Presence // the best of their devices
}

// Availability is how reachable a contact is, from least to most.
type Availability uint8

// The availabilities (RFC 6121 section 4.7.2.1).
const (
	Unavailable  Availability = Availability(xmpplink.Unavailable)
	ExtendedAway Availability = Availability(xmpplink.ExtendedAway) // away for a longer time
	Away         Availability = Availability(xmpplink.Away)
	DoNotDisturb Availability = Availability(xmpplink.DoNotDisturb)
	Available    Availability = Availability(xmpplink.Available)
	Chatty       Availability = Availability(xmpplink.Chatty) // would like to talk
)

var availabilities = map[Availability]string{
	Unavailable: "unavailable", ExtendedAway: "extended-away", Away: "away", DoNotDisturb: "do-not-disturb",
	Available: "available", Chatty: "chatty",
}

// String returns the availability's stable name.
func (a Availability) String() string { return name(availabilities, a) }

// Presence is what a contact says of being there. The zero value says that
// they are not, or that it is not known.
type Presence struct {
	Availability Availability
	Status       string // a few words of theirs, at most 512 bytes
}

// Contacts returns the roster by JID.
func (a *Account) Contacts(ctx context.Context) ([]Contact, error) {
	var rows []storage.RosterItem
	err := a.client.db.View(ctx, func(r *storage.Reader) (err error) {
		rows, err = r.Roster(a.id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list contacts: %w", err)
	}
	list := make([]Contact, len(rows))
	for i, row := range rows {
		list[i] = Contact{
			Account: a.id, JID: row.JID, Name: row.Name, Subscription: row.Subscription,
			Pending: row.Ask, Groups: row.Groups, Presence: a.Presence(row.JID),
		}
	}
	slices.SortFunc(list, func(x, y Contact) int { return strings.Compare(x.JID, y.JID) })
	return list, nil
}

// Presence returns what a contact's most available device says. It is known
// only while online.
func (a *Account) Presence(peer string) (p Presence) {
	if bare, err := bareJID(peer); err == nil {
		a.withLink(func(l link) {
			best := l.Presence(bare)
			p = Presence{Availability(best.Availability), best.Status}
		})
	}
	return p
}

// Requests returns the JIDs that ask to see our presence and wait for an answer.
func (a *Account) Requests(ctx context.Context) ([]string, error) {
	list, err := xmpplink.Requests(ctx, a.pipe)
	if err != nil {
		return nil, failed("list contact requests", err)
	}
	return list, nil
}

// AddContact puts a person on the roster, asks to see their presence and lets
// them see ours.
func (a *Account) AddContact(ctx context.Context, peer, name string) error {
	return a.contact(ctx, peer, "add contact", func(l link, bare string) error {
		return l.AddContact(ctx, bare, name)
	})
}

// RemoveContact takes a person off the roster; neither sees the other's
// presence any more. Conversations stay.
func (a *Account) RemoveContact(ctx context.Context, peer string) error {
	return a.contact(ctx, peer, "remove contact", func(l link, bare string) error {
		return l.RemoveContact(ctx, bare)
	})
}

// AcceptRequest lets a person see our presence.
func (a *Account) AcceptRequest(ctx context.Context, peer string) error {
	return a.contact(ctx, peer, "accept contact request", func(l link, bare string) error {
		return l.AnswerRequest(ctx, bare, true)
	})
}

// DenyRequest answers that they may not.
func (a *Account) DenyRequest(ctx context.Context, peer string) error {
	return a.contact(ctx, peer, "deny contact request", func(l link, bare string) error {
		return l.AnswerRequest(ctx, bare, false)
	})
}

func (a *Account) contact(ctx context.Context, peer, doing string, fn func(link, string) error) error {
	bare, err := bareJID(peer)
	if err != nil {
		return err
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := fn(l, bare); err != nil {
		return failed(doing, err)
	}
	return nil
}
