// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"encoding/xml"
	"fmt"

	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/ping"
	"mellium.im/xmpp/stanza"
	"mellium.im/xmpp/version"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A request is an IQ of type get or set that somebody else sent.
type request struct {
	from    jid.JID
	typ     stanza.IQType
	payload *element.Element
}

// answerers say who answers which request. What is not here, and no push
// of the own account, is answered with service-unavailable, RFC 6120 §8.4.
var answerers = map[xml.Name]func(*Client, context.Context, request) (*element.Element, *element.Element){
	{Space: disco.NSInfo, Local: "query"}: (*Client).answerInfo,
	{Space: nsDiscoItems, Local: "query"}: (*Client).answerItems,
	{Space: ping.NS, Local: "ping"}:       (*Client).answerPing,
	{Space: version.NS, Local: "query"}:   (*Client).answerVersion,
	{Space: nsTime, Local: "time"}:        (*Client).answerTime,
}

func unavailable() *element.Element {
	return errorElement(stanza.Cancel, stanza.ServiceUnavailable)
}

// takeRequest consumes every request but pushes of our own account, of the
// roster and of blocked addresses, which have to become durable before they are
// answered with [Client.AnswerPush]. So each request has one place that answers
// it.
func (c *Client) takeRequest(iq *element.Element) bool {
	switch stanza.IQType(iq.AttrValue("type")) {
	case stanza.GetIQ, stanza.SetIQ:
	default:
		return false
	}
	if _, err := ParseRosterPush(iq, c.self); err == nil {
		return false
	}
	if _, err := ParseBlockPush(iq, c.self); err == nil {
		return false
	}
	if iq.AttrValue("id") == "" {
		return true // there is no way to answer it
	}
	select {
	case c.requests <- iq:
	default:
		c.log.Debug("request of another entity not answered: too many")
	}
	return true
}

// answer answers requests until ctx ends.
func (c *Client) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case iq := <-c.requests:
			if err := c.conn.Send(ctx, c.reply(ctx, iq)); err != nil {
				c.log.Debug("request of another entity not answered", "err", err)
			}
		}
	}
}

// reply builds the answer to a request.
func (c *Client) reply(ctx context.Context, iq *element.Element) *element.Element {
	from, err := parseJID(iq.AttrValue("from"))
	r := request{from: from, typ: stanza.IQType(iq.AttrValue("type"))}
	if err != nil || len(iq.Children) != 1 {
		return answerTo(iq, nil, errorElement(stanza.Modify, stanza.BadRequest))
	}
	r.payload = iq.Children[0]
	answerer := answerers[r.payload.Name]
	if answerer == nil {
		return answerTo(iq, nil, unavailable())
	}
	if r.typ != stanza.GetIQ {
		return answerTo(iq, nil, errorElement(stanza.Cancel, stanza.FeatureNotImplemented))
	}
	payload, refusal := answerer(c, ctx, r)
	return answerTo(iq, payload, refusal)
}

// answerTo builds a result, or an error when refusal is not nil.
func answerTo(iq, payload, refusal *element.Element) *element.Element {
	typ := stanza.ResultIQ
	if refusal != nil {
		typ, payload = stanza.ErrorIQ, refusal
	}
	return element.New(element.NSClient, "iq").
		With("type", string(typ)).
		With("id", iq.AttrValue("id")).
		WithOptional("to", iq.AttrValue("from")).
		Add(payload)
}

// answerInfo tells what we can do, to anybody: a client that knows our full
// address has it from us or from a room we are in.
func (c *Client) answerInfo(_ context.Context, r request) (payload, refusal *element.Element) {
	node := r.payload.AttrValue("node")
	if node != "" && node != c.caps.Node+"#"+c.caps.Ver {
		return nil, errorElement(stanza.Cancel, stanza.ItemNotFound)
	}
	return c.info.Element().WithOptional("node", node), nil
}

func (c *Client) answerItems(_ context.Context, r request) (payload, refusal *element.Element) {
	node := r.payload.AttrValue("node")
	if node != "" {
		return nil, errorElement(stanza.Cancel, stanza.ItemNotFound)
	}
	return element.New(nsDiscoItems, "query"), nil
}

// AnswerPush confirms a push that has become durable: of the roster, RFC 6121
// §2.1.6, or of blocked addresses, XEP-0191. Call it once per push.
//
// Errors: those of [stream.Stream.Send].
func (c *Client) AnswerPush(ctx context.Context, iq *element.Element) error {
	if err := c.conn.Send(ctx, answerTo(iq, nil, nil)); err != nil {
		return fmt.Errorf("answer push: %w", err)
	}
	return nil
}
