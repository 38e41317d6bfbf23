// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// Availability is how reachable somebody is, from least to most.
type Availability uint8

// The availabilities (RFC 6121 section 4.7.2.1).
const (
	Unavailable Availability = iota
	ExtendedAway
	Away
	DoNotDisturb
	Available
	Chatty
)

var shows = map[string]Availability{"xa": ExtendedAway, "away": Away, "dnd": DoNotDisturb, "": Available, "chat": Chatty}

// Presence is what somebody says of being there.
type Presence struct {
	Availability Availability
	Status       string // a few words of theirs
}

// Bounds on the presences kept, which strangers' servers could flood.
const (
	maxPresent   = 10_000 // people
	maxResources = 16     // devices of one person
	maxStatus    = 512    // bytes of text
)

func (l *Link) setPresence(peer string, p *xmpp.Presence) (changed bool) {
	l.status.mu.Lock()
	defer l.status.mu.Unlock()
	devices := l.status.presence[peer]
	resource := p.From.Resourcepart()
	if p.Type == xmpp.PresenceUnavailable {
		if _, ok := devices[resource]; !ok {
			return false
		}
		delete(devices, resource)
		if len(devices) == 0 {
			delete(l.status.presence, peer)
		}
		return true
	}
	if devices == nil {
		if len(l.status.presence) >= maxPresent {
			return false
		}
		devices = make(map[string]Presence)
		l.status.presence[peer] = devices
	}
	if _, known := devices[resource]; !known && len(devices) >= maxResources {
		return false
	}
	now := Presence{Availability: shows[p.Show], Status: cut(p.Status, maxStatus)}
	if devices[resource] == now {
		return false
	}
	devices[resource] = now
	return true
}

// cut shortens text to at most n bytes, between characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n]
}

// Presence returns the best presence of peer's devices. It is known only while
// connected.
func (l *Link) Presence(peer string) (best Presence) {
	l.status.mu.Lock()
	defer l.status.mu.Unlock()
	if l.status.state != event.Online {
		return best
	}
	for _, p := range l.status.presence[peer] {
		if p.Availability > best.Availability {
			best = p
		}
	}
	return best
}

// fetchRoster brings the roster up to date; with versioning an unchanged one
// costs a few bytes.
func (l *Link) fetchRoster(ctx context.Context, versioned bool) {
	err := l.retry(ctx, func() error {
		var version string
		err := l.account.DB.View(ctx, func(r *storage.Reader) error {
			row, err := r.Account(l.account.ID)
			version = row.RosterVersion
			return err
		})
		if err != nil {
			return err
		}
		pushes := l.people.roster.pushes.Load()
		roster, err := l.client.FetchRoster(ctx, versioned, version)
		if err != nil {
			return err
		}
		if roster.Unchanged {
			l.people.roster.known.Store(true)
			return nil
		}
		items := make([]storage.RosterItem, len(roster.Items))
		for i, item := range roster.Items {
			items[i] = l.rosterItem(item)
		}
		err = l.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
			if l.people.roster.pushes.Load() != pushes {
				return errMoved // it would undo what was pushed meanwhile
			}
			if err := tx.ReplaceRoster(l.account.ID, items, roster.Version); err != nil {
				return err
			}
			emit(event.Event{Kind: event.ContactChanged})
			return l.account.AcquaintAll(tx, emit)
		})
		if err == nil {
			l.people.roster.known.Store(true)
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		l.log.Info("roster not fetched", "code", code.Of(err))
	}
}

func (l *Link) rosterItem(item xmpp.RosterItem) storage.RosterItem {
	return storage.RosterItem{
		AccountID: l.account.ID, JID: item.JID.Bare().String(), Name: item.Name,
		Subscription: item.Subscription, Ask: item.Ask, Groups: item.Groups,
	}
}

// rosterPush takes in a change of the roster, stored in the same batch as the
// count that acknowledges it.
func (l *Link) rosterPush(ctx context.Context, b *batch, iq *element.Element) {
	push, err := xmpp.ParseRosterPush(iq, l.client.Self())
	if err != nil {
		l.log.Warn("request passed over", "code", code.Of(err))
		return
	}
	row := l.rosterItem(push.Item)
	b.apply(func(tx *storage.Tx, emit func(event.Event)) error {
		l.people.roster.pushes.Add(1)
		var err error
		if row.Subscription == xmpp.SubscriptionRemove {
			if err = tx.DeleteRosterItem(l.account.ID, row.JID); errors.Is(err, storage.ErrNotFound) {
				err = nil
			}
		} else {
			err = tx.PutRosterItem(row)
		}
		if err != nil {
			return err
		}
		// Of a roster that is not known yet the version would promise too much.
		if push.Version != "" && l.people.roster.known.Load() {
			if err := tx.SetRosterVersion(l.account.ID, push.Version); err != nil {
				return err
			}
		}
		emit(event.Event{Kind: event.ContactChanged, Peer: row.JID})
		return l.account.Acquaint(tx, emit, row.JID)
	})
	b.then(func() { l.answerPush(ctx, iq) })
}

// answerPush confirms what has become durable.
func (l *Link) answerPush(ctx context.Context, iq *element.Element) {
	sending, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	if err := l.client.AnswerPush(sending, iq); err != nil {
		l.log.Debug("push not answered", "code", code.Of(err))
	}
}

// valueRequests holds the JIDs that ask to see our presence, as JSON.
const (
	valueRequests = "contact-requests"
	maxRequests   = 200 // kept; beyond it the newest are not
)

// Requests returns the JIDs that ask to see our presence.
func Requests(ctx context.Context, a *pipeline.Account) (list []string, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) (err error) {
		list, err = requests(r, a.ID)
		return err
	})
	return list, err
}

func requests(r *storage.Reader, account int64) (list []string, err error) {
	text, ok, err := r.Value(account, valueRequests)
	if err != nil || !ok {
		return nil, err
	}
	return list, json.Unmarshal(text, &list)
}

func changeRequests(tx *storage.Tx, account int64, change func([]string) []string) error {
	list, err := requests(tx.Reader, account)
	if err != nil {
		return err
	}
	text, err := json.Marshal(change(list))
	if err != nil {
		return err
	}
	return tx.PutValue(account, valueRequests, text)
}

// request keeps a subscription request until it is answered. Somebody whose
// presence we asked for ourselves is let in at once: that is what adding a
// contact means. Who has an invitation of ours becomes a contact.
func (l *Link) request(b *batch, peer string, p *xmpp.Presence) {
	accept, invited := false, false
	b.apply(func(tx *storage.Tx, emit func(event.Event)) error {
		if blocked, err := pipeline.Blocked(tx.Reader, l.account.ID, peer); err != nil || blocked {
			return err
		}
		item, err := tx.RosterItem(l.account.ID, peer)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if accept = item.Ask || item.Subscription == "to" || item.Subscription == "both"; accept {
			return nil
		}
		if invited, err = l.redeem(tx, p.Preauth); err != nil {
			return err
		}
		if !invited {
			emit(event.Event{Kind: event.ContactRequest, Peer: peer})
		}
		return changeRequests(tx, l.account.ID, func(list []string) []string {
			if slices.Contains(list, peer) || len(list) >= maxRequests {
				return list
			}
			return append(list, peer)
		})
	})
	b.then(func() {
		if invited {
			l.welcome(peer, p.Nick)
		}
		if accept {
			l.child(func(ctx context.Context) {
				if err := l.answerRequest(ctx, peer, true); err != nil {
					l.log.Info("contact request not answered", "code", code.Of(err))
				}
			})
		}
	})
}

func (l *Link) answerRequest(ctx context.Context, peer string, accept bool) error {
	address, err := jid.Parse(peer)
	if err != nil {
		return err
	}
	if accept {
		err = l.client.Subscribed(ctx, address)
	} else {
		err = l.client.Unsubscribed(ctx, address)
	}
	if err != nil {
		return err
	}
	return l.account.DB.Update(ctx, func(tx *storage.Tx) error {
		return changeRequests(tx, l.account.ID, func(list []string) []string {
			return slices.DeleteFunc(list, func(s string) bool { return s == peer })
		})
	})
}

// AnswerRequest lets somebody see our presence, or not.
func (l *Link) AnswerRequest(ctx context.Context, peer string, accept bool) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	return l.answerRequest(ctx, peer, accept)
}

// AddContact puts somebody on the roster, asks for their presence and shows
// them ours.
func (l *Link) AddContact(ctx context.Context, peer, name string) error {
	address, err := jid.Parse(peer)
	if err != nil {
		return err
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := l.client.SetContact(ctx, address, name); err != nil {
		return err
	}
	if err := l.client.Subscribe(ctx, address, ""); err != nil {
		return err
	}
	return l.answerRequest(ctx, peer, true)
}

// RemoveContact takes somebody off the roster.
func (l *Link) RemoveContact(ctx context.Context, peer string) error {
	address, err := jid.Parse(peer)
	if err != nil {
		return err
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	return l.client.RemoveContact(ctx, address)
}

// RefreshDevices looks up the devices of peer and their keys.
func (l *Link) RefreshDevices(ctx context.Context, peer string) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := l.updateLists(ctx, peer); err != nil {
		return err
	}
	return l.fetchBundles(ctx, peer)
}

// ChangePassword changes the password on the server.
func (l *Link) ChangePassword(ctx context.Context, password []byte) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	return l.client.ChangePassword(ctx, string(password))
}

// DeleteAccount deletes the account on the server.
func (l *Link) DeleteAccount(ctx context.Context) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	return l.client.DeleteAccount(ctx)
}

// await waits until the client is there to be asked.
func (l *Link) await(ctx context.Context) error {
	select {
	case <-l.life.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.client == nil {
		return errNotStarted
	}
	return nil
}
