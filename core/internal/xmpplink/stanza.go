// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"strconv"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/stream"
)

// stanza turns one stanza into what the batch is to store. What is malformed
// or forged is passed over, and acknowledged, so that it cannot come again
// and again.
func (l *Link) stanza(ctx context.Context, b *batch, item *stream.Item) {
	switch item.Stanza.Name.Local {
	case "message":
		m, err := l.client.Message(item.Stanza)
		if err != nil {
			l.log.Warn("message passed over", "code", code.Of(err))
			return
		}
		l.message(ctx, b, item, &m)
	case "presence":
		p, err := xmpp.ParsePresence(item.Stanza, l.client.Self())
		if err != nil {
			l.log.Debug("presence passed over", "code", code.Of(err))
			return
		}
		if !l.roomPresence(b, &p) {
			l.presence(b, &p)
		}
	case "iq":
		if _, err := xmpp.ParseBlockPush(item.Stanza, l.client.Self()); err == nil {
			l.blockPush(ctx, b, item.Stanza)
			return
		}
		l.rosterPush(ctx, b, item.Stanza)
	}
}

func (l *Link) message(ctx context.Context, b *batch, item *stream.Item, m *xmpp.Message) {
	if l.roomMessage(ctx, b, item, m) {
		return
	}
	from := m.From.Bare().String()
	if l.pushGone(b, item.Stanza) {
		return
	}
	switch {
	case m.Type == "error":
		reason := "xmpp.error"
		if m.Error != nil {
			reason += "." + string(m.Error.Condition)
		}
		b.add(pipeline.Update{Bounce: &pipeline.Bounce{From: from, RemoteID: m.ID, Code: reason}})
		return
	case m.Event != nil:
		for _, p := range l.profiles() {
			if devices, ok := m.Event.Devices(uint8(p)); ok {
				l.deviceList(b, p, from, devices)
			}
		}
		l.profileEvent(b, from, m.Event)
		if marks, ok := m.Event.ReadMarks(l.client.Self()); ok {
			l.readByOther(b, marks)
		}
		return
	case m.Receipt != nil && m.Receipt.Received != "":
		b.add(pipeline.Update{Receipt: &pipeline.Receipt{From: from, RemoteID: m.Receipt.Received}})
	}
	if m.Type == "chat" && m.Carbon != xmpp.CarbonSent && m.Delay.IsZero() && from != l.account.JID {
		l.typed(ctx, typist{peer: from}, m.State)
	}
	in := l.incoming(m, m.Delay)
	if in == nil {
		return
	}
	for _, id := range m.StanzaIDs {
		in.ArchiveID = id.ID // only those of the own archive are left in a direct message
	}
	if item.Count > 0 {
		in.Place = l.session.id + " " + strconv.FormatUint(item.Count, 10)
	}
	if m.Receipt != nil && m.Receipt.Request && m.Carbon == xmpp.NotCarbon {
		in.ReceiptTo = m.From.String()
	}
	l.hold(ctx, b, item, in)
}

// incoming is what is to be stored of a message, nil if it is nothing to show
// in a conversation with one person.
func (l *Link) incoming(m *xmpp.Message, at time.Time) *pipeline.Incoming {
	if m.Type == "groupchat" || m.Type == "headline" || m.Type == "error" {
		return nil
	}
	if l.ofRoom(m) {
		return l.privately(m, at)
	}
	in := &pipeline.Incoming{RemoteID: m.ID, At: at}
	if in.RemoteID == "" {
		in.RemoteID = m.OriginID
	}
	if now := l.account.Now(); in.At.IsZero() || in.At.After(now) {
		in.At = now // nothing comes from the future
	}
	in.Sender = m.From.Bare().String()
	in.Peer = in.Sender
	if in.Sender == l.account.JID {
		in.Outgoing, in.Peer = true, m.To.Bare().String()
	}
	l.readContent(in, m)
	if in.Unreadable == "" && in.Envelopes == nil && !in.Content.Says() {
		return nil
	}
	return in
}

// readContent takes over what a message says, encrypted or not.
func (l *Link) readContent(in *pipeline.Incoming, m *xmpp.Message) {
	switch {
	case m.OMEMOErr != nil:
		in.Unreadable = code.Of(m.OMEMOErr)
	case m.OMEMO != nil:
		for i := range m.OMEMO {
			in.Envelopes = append(in.Envelopes, envelopeFromWire(&m.OMEMO[i]))
		}
	}
	in.Content = contentOf(m, in.Envelopes != nil)
}

// presence keeps who is there, and the requests to see ours.
func (l *Link) presence(b *batch, p *xmpp.Presence) {
	peer := p.From.Bare().String()
	switch p.Type {
	case xmpp.PresenceSubscribe:
		l.request(b, peer, p)
	case "", xmpp.PresenceUnavailable:
		l.photo(b, peer, p)
		if peer != l.account.JID && l.setPresence(peer, p) {
			b.then(func() {
				l.account.Bus.Publish(event.Event{Kind: event.PresenceChanged, Account: l.account.ID, Peer: peer})
			})
		}
	}
}
