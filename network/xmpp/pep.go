// SPDX-License-Identifier: MPL-2.0

// XEP-0163: Personal Eventing Protocol, XEP-0060: Publish-Subscribe

package xmpp

import (
	"context"
	"fmt"
	"strconv"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/pubsub"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// ErrNoNode: there is nothing published that we may see. For another account
// it also stands for being refused access and for a server without PEP:
// which of them a server uses for a node that does not exist depends on the
// server (Prosody says forbidden).
var ErrNoNode error = &codedError{"xmpp.pep.no-node", "nothing published"}

// CurrentItem is the item id of nodes that hold one item, XEP-0060 §12.20.
const CurrentItem = "current"

// An Item is a published item.
type Item struct {
	ID      string
	Payload *element.Element // nil when there is none
}

// An Event is a notification about a node, XEP-0060 §7.1.2 and §7.2.2.
type Event struct {
	From      jid.JID // whose node it is
	Node      string
	Items     []Item
	Retracted []string // ids of items that are gone
	Purged    bool     // all items are gone
	Deleted   bool     // the node is gone
}

// ParseEvent reads the notification in a message that account self received.
//
// Errors: [ErrMalformed], also when there is none.
func ParseEvent(message *element.Element, self jid.JID) (Event, error) {
	from, err := addressOr(message.AttrValue("from"), self.Bare())
	if err != nil {
		return Event{}, fmt.Errorf("parse event: %w", err)
	}
	ev, ok := parseEvent(message, from)
	if !ok {
		return Event{}, fmt.Errorf("parse event: %w", ErrMalformed)
	}
	return ev, nil
}

// parseEvent accepts events of accounts and services only, not of their
// clients: a person in a room could otherwise speak for the room.
func parseEvent(message *element.Element, from jid.JID) (Event, bool) {
	x := message.Child(pubsub.NSEvent, "event")
	if x == nil || from.Resourcepart() != "" {
		return Event{}, false
	}
	for _, about := range x.Children {
		ev := Event{From: from, Node: about.AttrValue("node")}
		if about.Name.Space != pubsub.NSEvent || ev.Node == "" {
			continue
		}
		switch about.Name.Local {
		case "items":
			ev.Items = parseItems(about)
			for r := range about.All(pubsub.NSEvent, "retract") {
				ev.Retracted = append(ev.Retracted, r.AttrValue("id"))
			}
		case "purge":
			ev.Purged = true
		case "delete":
			ev.Deleted = true
		default:
			continue
		}
		return ev, true
	}
	return Event{}, false
}

func parseItems(items *element.Element) []Item {
	if items == nil {
		return nil
	}
	var found []Item
	for x := range items.All(items.Name.Space, "item") {
		item := Item{ID: x.AttrValue("id")}
		if len(x.Children) > 0 {
			item.Payload = x.Children[0]
		}
		found = append(found, item)
	}
	return found
}

// FetchItems fetches items of a node: those with the ids, or when there are
// none the latest ones, up to maxItems if it is not zero. The zero JID is our
// own account.
//
// Errors: [ErrNoNode], [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchItems(ctx context.Context, of jid.JID, node string, maxItems int, ids ...string) ([]Item, error) {
	of = of.Bare()
	if of.Equal(c.self) {
		of = jid.JID{}
	}
	items := element.New(pubsub.NS, "items").With("node", node)
	if maxItems > 0 {
		items.With("max_items", strconv.Itoa(maxItems))
	}
	for _, id := range ids {
		items.Add(element.New(pubsub.NS, "item").With("id", id))
	}
	answer, err := c.fetch(ctx, of, element.New(pubsub.NS, "pubsub").Add(items))
	if err != nil {
		if noNode(err, of.Equal(jid.JID{})) {
			err = fmt.Errorf("%w: %w", ErrNoNode, err)
		}
		return nil, fmt.Errorf("fetch items: %w", err)
	}
	return parseItems(answer.Child(pubsub.NS, "items")), nil
}

func noNode(err error, own bool) bool {
	switch Condition(err) {
	case stanza.ItemNotFound:
		return true
	case stanza.Forbidden, stanza.NotAuthorized, stanza.NotAllowed, stanza.FeatureNotImplemented:
		return !own
	}
	return false
}

// Publish publishes an item on a node of our account and makes sure that the
// node is configured as cfg says: the server makes it so, or refuses, in which
// case the node is configured first and the item published again. It returns the
// item's id, which the server chooses when id is empty.
//
// Errors: [ErrNodeConfig] and those of [stream.Stream.IQ]. After an error
// nothing has been published to anybody that cfg would not have let see it.
func (c *Client) Publish(ctx context.Context, node, id string, payload *element.Element, cfg NodeConfig) (string, error) {
	got, err := c.publish(ctx, node, id, payload, cfg)
	if cfg.misconfigured(err) {
		if err := c.configureNode(ctx, node, cfg); err != nil {
			return "", fmt.Errorf("publish item: %w", err)
		}
		// Some servers know no max_items here, whatever its value (ejabberd):
		// it has just been set, so only who may read must hold.
		got, err = c.publish(ctx, node, id, payload, NodeConfig{Access: cfg.Access})
	}
	if err != nil {
		return "", fmt.Errorf("publish item: %w", err)
	}
	return got, nil
}

func (c *Client) publish(ctx context.Context, node, id string, payload *element.Element, cfg NodeConfig) (string, error) {
	item := element.New(pubsub.NS, "item").WithOptional("id", id).Add(payload)
	request := element.New(pubsub.NS, "pubsub").
		Add(element.New(pubsub.NS, "publish").With("node", node).Add(item))
	if cfg != (NodeConfig{}) {
		request.Add(element.New(pubsub.NS, "publish-options").Add(cfg.form(nsPublishOptions).Element()))
	}
	answer, err := c.set(ctx, jid.JID{}, request)
	if err != nil {
		return "", err
	}
	if got := answer.Child(pubsub.NS, "publish").Child(pubsub.NS, "item").AttrValue("id"); got != "" {
		return got, nil
	}
	return id, nil
}

// RetractItem deletes an item of a node of our account and tells subscribers.
//
// Errors: [ErrNoNode] and those of [stream.Stream.IQ].
func (c *Client) RetractItem(ctx context.Context, node, id string) error {
	request := element.New(pubsub.NS, "pubsub").
		Add(element.New(pubsub.NS, "retract").With("node", node).With("notify", "true").
			Add(element.New(pubsub.NS, "item").With("id", id)))
	return c.forget(ctx, request, "retract item")
}

// DeleteNode deletes a node of our account with all its items.
//
// Errors: [ErrNoNode] and those of [stream.Stream.IQ].
func (c *Client) DeleteNode(ctx context.Context, node string) error {
	request := element.New(pubsub.NSOwner, "pubsub").
		Add(element.New(pubsub.NSOwner, "delete").With("node", node))
	return c.forget(ctx, request, "delete node")
}

func (c *Client) forget(ctx context.Context, request *element.Element, what string) error {
	_, err := c.set(ctx, jid.JID{}, request)
	switch {
	case err == nil:
		return nil
	case noNode(err, true):
		return fmt.Errorf("%s: %w: %w", what, ErrNoNode, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
