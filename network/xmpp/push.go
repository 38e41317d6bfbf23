// SPDX-License-Identifier: MPL-2.0

// XEP-0357: Push Notifications

package xmpp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/pubsub"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSPush is the namespace of push notifications, and the feature by which a
// server announces them of an account.
const NSPush = "urn:xmpp:push:0"

// A PushService is where our server has to say that something came: the app
// server of the maker of the program, which wakes the device.
type PushService struct {
	JID  jid.JID
	Node string // names the device there; as hard to guess as a password
	// Options go along with each notification, such as a secret that the service
	// expects: fields of a form, XEP-0060 publish options.
	Options map[string]string
}

// EnablePush has our server notify a service of what comes while this client is
// not there, XEP-0357 §5. Ask again with each new session. A server may be set
// up to tell the service who wrote what; nothing asks it to, and what is
// encrypted stays so.
//
// Errors: [ErrConfig] without service or node, and those of [stream.Stream.IQ].
func (c *Client) EnablePush(ctx context.Context, p PushService) error {
	if p.JID.Equal(jid.JID{}) || p.Node == "" {
		return fmt.Errorf("enable push: %w: no service or node", ErrConfig)
	}
	x := element.New(NSPush, "enable").With("jid", p.JID.String()).With("node", p.Node)
	if len(p.Options) > 0 {
		f := Form{Type: "submit", Fields: []Field{hiddenType(nsPublishOptions)}}
		for name, value := range p.Options {
			f.Fields = append(f.Fields, Field{Var: name, Values: []string{value}})
		}
		slices.SortFunc(f.Fields[1:], func(a, b Field) int { return strings.Compare(a.Var, b.Var) })
		x.Add(f.Element())
	}
	if _, err := c.set(ctx, jid.JID{}, x); err != nil {
		return fmt.Errorf("enable push: %w", err)
	}
	return nil
}

// DisablePush ends the notifications to a service, or with an empty node to all
// nodes there, XEP-0357 §6.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) DisablePush(ctx context.Context, service jid.JID, node string) error {
	x := element.New(NSPush, "disable").With("jid", service.String()).WithOptional("node", node)
	if _, err := c.set(ctx, jid.JID{}, x); err != nil {
		return fmt.Errorf("disable push: %w", err)
	}
	return nil
}

// IsPushService reports whether an entity says that it is a push service,
// XEP-0357 §4.2. Some say nothing, so this is for telling a person, not for
// refusing.
func IsPushService(i Info) bool { return i.Is("pubsub", "push") }

// PushAffiliation reads the message with which a service tells that it will not
// take notifications for a node any more, XEP-0357 §8: the affiliation becomes
// none. Most servers keep it to themselves and give up after the first refusal.
//
// Errors: [ErrForged] when it is not from the service; [ErrMalformed] when it is
// something else.
func PushAffiliation(message *element.Element, service jid.JID) (node string, gone bool, err error) {
	x := message.Child(pubsub.NS, "pubsub")
	if x == nil || x.AttrValue("node") == "" {
		return "", false, fmt.Errorf("parse push affiliation: %w", ErrMalformed)
	}
	from, err := parseJID(message.AttrValue("from"))
	if err != nil || !from.Equal(service) {
		return "", false, fmt.Errorf("parse push affiliation: %w", ErrForged)
	}
	return x.AttrValue("node"), x.Child(pubsub.NS, "affiliation").AttrValue("affiliation") == "none", nil
}
