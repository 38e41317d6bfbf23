// SPDX-License-Identifier: MPL-2.0

// XEP-0060: Publish-Subscribe, configuration of nodes

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/pubsub"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// ErrNodeConfig: the server does not let a node be configured as it must be.
var ErrNodeConfig error = &codedError{"xmpp.pep.config", "node cannot be configured"}

// Who may read a node, XEP-0060 §4.5.
const (
	AccessOpen      = "open"
	AccessPresence  = "presence"
	AccessWhitelist = "whitelist"
)

// MaxItemsMax stands for as many items as the server allows.
const MaxItemsMax = "max"

// A NodeConfig is how a node has to be. Empty fields are left as they are.
type NodeConfig struct {
	Access   string // one of the constants
	MaxItems string // a number or MaxItemsMax
	Persist  bool   // keep items; false leaves the default, which is to keep them in PEP
	SendLast string // never, on_sub or on_sub_and_presence
}

const (
	nsPublishOptions = pubsub.NS + "#publish-options"
	nsNodeConfig     = pubsub.NS + "#node_config"
)

func (cfg NodeConfig) fields() []Field {
	var fields []Field
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, Field{Var: "pubsub#" + name, Values: []string{value}})
		}
	}
	add("access_model", cfg.Access)
	add("max_items", cfg.MaxItems)
	if cfg.Persist {
		add("persist_items", "true")
	}
	add("send_last_published_item", cfg.SendLast)
	return fields
}

func (cfg NodeConfig) form(typ string) Form {
	return Form{Type: "submit", Fields: append([]Field{hiddenType(typ)}, cfg.fields()...)}
}

// misconfigured reports whether a publication was refused for its options: as
// XEP-0060 §7.1.5 says, or because the server does not know one of them.
// ejabberd answers any max_items with resource-constraint.
func (cfg NodeConfig) misconfigured(err error) bool {
	if refusedWith(err, pubsub.NSErrors, "precondition-not-met") {
		return true
	}
	switch Condition(err) {
	case stanza.Conflict, stanza.BadRequest, stanza.NotAcceptable, stanza.NotAllowed, stanza.FeatureNotImplemented:
		return true
	case stanza.ResourceConstraint:
		return cfg.MaxItems != ""
	}
	return false
}

// configureNode gives a node of our account its configuration, making the node
// if there is none.
func (c *Client) configureNode(ctx context.Context, node string, cfg NodeConfig) error {
	owner := func(children ...*element.Element) *element.Element {
		return element.New(pubsub.NSOwner, "pubsub").
			Add(element.New(pubsub.NSOwner, "configure").With("node", node).Add(children...))
	}
	answer, err := c.get(ctx, jid.JID{}, owner())
	if Condition(err) == stanza.ItemNotFound {
		return c.createNode(ctx, node, cfg)
	}
	if err != nil {
		return fmt.Errorf("configure node: %w", err)
	}
	old := ParseForm(answer.Child(pubsub.NSOwner, "configure"))
	if old == nil {
		return fmt.Errorf("configure node: %w: no form", ErrNodeConfig)
	}
	next, err := old.with(cfg.fields())
	if err != nil {
		return fmt.Errorf("configure node: %w", err)
	}
	if _, err := c.set(ctx, jid.JID{}, owner(next.Element())); err != nil {
		return fmt.Errorf("configure node: %w: %w", ErrNodeConfig, err)
	}
	return nil
}

func (c *Client) createNode(ctx context.Context, node string, cfg NodeConfig) error {
	request := element.New(pubsub.NS, "pubsub").Add(
		element.New(pubsub.NS, "create").With("node", node),
		element.New(pubsub.NS, "configure").Add(cfg.form(nsNodeConfig).Element()),
	)
	if _, err := c.set(ctx, jid.JID{}, request); err != nil {
		return fmt.Errorf("create node: %w: %w", ErrNodeConfig, err)
	}
	return nil
}

// with returns the submission that changes the given fields of f. A field that
// the server does not offer cannot be changed, which is an error.
func (f *Form) with(changes []Field) (Form, error) {
	next := Form{Type: string(form.TypeSubmit)}
	for _, field := range f.Fields {
		if field.Var == "" || field.Type == string(form.TypeFixed) {
			continue
		}
		next.Fields = append(next.Fields, Field{Var: field.Var, Type: field.Type, Values: field.Values})
	}
	for _, change := range changes {
		field := next.Field(change.Var)
		if field == nil {
			return Form{}, fmt.Errorf("%w: no %s", ErrNodeConfig, change.Var)
		}
		field.Values = change.Values
	}
	return next, nil
}
