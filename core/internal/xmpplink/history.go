// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"mellium.im/xmpp/jid"
)

// Bounds on one call of LoadOlder.
const (
	smallPage    = 100  // asked for at least
	historyPages = 1000 // read at most
)

// LoadOlder reads the archive backwards into the newest gap of a conversation
// until n messages were stored, or no gap is left. It waits for no connection.
func (l *Link) LoadOlder(ctx context.Context, conversation int64, n int) (loaded int, more bool, err error) {
	if err := l.await(ctx); err != nil {
		return 0, false, err
	}
	select {
	case l.loading <- struct{}{}: // one at a time
		defer func() { <-l.loading }()
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	for range historyPages {
		h, err := l.account.BeginHistory(ctx, conversation)
		if err != nil || h == nil {
			return loaded, false, err
		}
		if loaded >= n {
			break
		}
		stored, err := l.loadPage(ctx, h, max(n-loaded, smallPage), loaded)
		if err != nil {
			return loaded, true, err
		}
		loaded += stored
	}
	return loaded, true, nil
}

func (l *Link) loadPage(ctx context.Context, h *pipeline.History, size, sofar int) (stored int, err error) {
	peer, err := jid.Parse(h.Peer)
	if err != nil {
		return 0, err
	}
	query := xmpp.ArchiveQuery{With: peer, End: h.Until, Before: h.Before, Last: true, Max: min(size, archivePage)}
	from := source{page: l.pageOf}
	if h.Room {
		s, err := l.snapshot(ctx, peer)
		if err != nil {
			return 0, err
		}
		query.Archive, query.With = peer, jid.JID{}
		from = l.roomSource(peer, view{address: h.Peer, nick: s.nick, occupant: s.row.OccupantID}, trustOf(s.row.Features))
	}
	page, err := l.client.QueryArchive(ctx, query)
	if errors.Is(err, xmpp.ErrNoCursor) && h.FromEnd() {
		query.Before = ""
		page, err = l.client.QueryArchive(ctx, query)
	}
	if err != nil {
		return 0, err
	}
	stored, _, err = l.account.StoreHistory(ctx, h, from.page(page, true), sofar)
	l.Wake() // sessions begun in it may want an answer
	return stored, err
}
