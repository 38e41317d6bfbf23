// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"slices"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// fetchBlocked makes the server's list of blocked addresses ours (XEP-0191). A
// server without one leaves ours as it is.
func (l *Link) fetchBlocked(ctx context.Context) {
	err := l.retry(ctx, func() error {
		before := l.people.blocks.Load()
		addresses, err := l.client.FetchBlocked(ctx)
		if err != nil {
			return err
		}
		list := make([]string, len(addresses))
		for i, j := range addresses {
			list[i] = j.String()
		}
		slices.Sort(list)
		list = slices.Compact(list)
		return l.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
			if l.people.blocks.Load() != before {
				return errMoved
			}
			old, err := tx.Blocked(l.account.ID)
			if err != nil || slices.Equal(old, list) {
				return err
			}
			emit(event.Event{Kind: event.BlockListChanged})
			return tx.ReplaceBlocked(l.account.ID, list)
		})
	})
	if err != nil && ctx.Err() == nil {
		l.log.Info("blocked addresses not fetched", "code", code.Of(err))
	}
}

// blockPush takes in a change of the blocked addresses, stored in the same batch
// as the count that acknowledges it.
func (l *Link) blockPush(ctx context.Context, b *batch, iq *element.Element) {
	push, err := xmpp.ParseBlockPush(iq, l.client.Self())
	if err != nil {
		l.log.Warn("request passed over", "code", code.Of(err))
		return
	}
	b.apply(func(tx *storage.Tx, emit func(event.Event)) error {
		l.people.blocks.Add(1)
		if push.UnblockedAll {
			emit(event.Event{Kind: event.BlockListChanged})
			return tx.ReplaceBlocked(l.account.ID, nil)
		}
		return l.setBlocked(tx, emit, push.Blocked, push.Unblocked)
	})
	b.then(func() { l.answerPush(ctx, iq) })
}

func (l *Link) setBlocked(tx *storage.Tx, emit func(event.Event), blocked, unblocked []jid.JID) error {
	set := func(list []jid.JID, to bool) error {
		for _, j := range list {
			is, err := tx.IsBlocked(l.account.ID, j.String())
			if err != nil {
				return err
			}
			if is == to {
				continue
			}
			if err := tx.SetBlocked(l.account.ID, j.String(), to); err != nil {
				return err
			}
			emit(event.Event{Kind: event.BlockListChanged, Peer: j.String()})
		}
		return nil
	}
	if err := set(blocked, true); err != nil {
		return err
	}
	return set(unblocked, false)
}

// Report says why somebody is blocked (XEP-0377).
type Report struct {
	Spam     bool // else abuse
	Text     string
	Messages []string // their ids in our archive
}

// Block lets nothing through from an address any more. Where the server has no
// blocking only this device does so; where it takes no reports, none is sent.
func (l *Link) Block(ctx context.Context, address string, report *Report) error {
	return l.blocking(ctx, []string{address}, true, func(list []jid.JID) error {
		if report == nil {
			return l.client.Block(ctx, list[0], nil)
		}
		info, err := l.client.FetchServerInfo(ctx)
		if err != nil {
			return err
		}
		if !info.Has(xmpp.NSReporting) {
			return l.client.Block(ctx, list[0], nil)
		}
		r := xmpp.Report{Reason: xmpp.ReportAbuse, Text: report.Text}
		if report.Spam {
			r.Reason = xmpp.ReportSpam
		}
		for _, id := range report.Messages {
			r.Messages = append(r.Messages, xmpp.StanzaID{ID: id, By: l.client.Self()})
		}
		return l.client.Block(ctx, list[0], &r)
	})
}

// Unblock takes addresses off the list.
func (l *Link) Unblock(ctx context.Context, addresses ...string) error {
	return l.blocking(ctx, addresses, false, func(list []jid.JID) error { return l.client.Unblock(ctx, list...) })
}

// blocking changes the list on the server and then here, where the push would
// come a little later.
func (l *Link) blocking(ctx context.Context, addresses []string, block bool, ask func([]jid.JID) error) error {
	list := make([]jid.JID, len(addresses))
	for i, address := range addresses {
		j, err := jid.Parse(address)
		if err != nil {
			return err
		}
		list[i] = j
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := ask(list); err != nil && !unsupported(err) {
		return err
	}
	return l.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		l.people.blocks.Add(1)
		if block {
			return l.setBlocked(tx, emit, list, nil)
		}
		return l.setBlocked(tx, emit, nil, list)
	})
}
