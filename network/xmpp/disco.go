// SPDX-License-Identifier: MPL-2.0

// XEP-0030: Service Discovery

package xmpp

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"mellium.im/xmpp/carbons"
	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/disco/info"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/ping"
	"mellium.im/xmpp/receipts"
	"mellium.im/xmpp/version"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSCarbons is announced by servers that have message carbons, XEP-0280.
const NSCarbons = carbons.NS

const nsDiscoItems = disco.NSItems

// Info is what an entity says it is and can do.
type Info struct {
	Identities []info.Identity
	Features   []string
	Forms      []Form // XEP-0128
}

// Has reports whether a feature is announced.
func (i Info) Has(feature string) bool { return slices.Contains(i.Features, feature) }

// Is reports whether there is an identity of a category and type, such as
// "conference" and "text".
func (i Info) Is(category, typ string) bool {
	return slices.ContainsFunc(i.Identities, func(id info.Identity) bool {
		return id.Category == category && id.Type == typ
	})
}

// Form returns the form of a FORM_TYPE, nil when there is none.
func (i Info) Form(typ string) *Form {
	for n := range i.Forms {
		if i.Forms[n].Value(formType) == typ {
			return &i.Forms[n]
		}
	}
	return nil
}

// ParseInfo reads the answer to a disco#info request.
//
// Errors: [ErrMalformed].
func ParseInfo(query *element.Element) (Info, error) {
	if !query.Is(disco.NSInfo, "query") {
		return Info{}, fmt.Errorf("parse disco info: %w", ErrMalformed)
	}
	var i Info
	for x := range query.All(disco.NSInfo, "identity") {
		i.Identities = append(i.Identities, info.Identity{
			Category: x.AttrValue("category"), Type: x.AttrValue("type"),
			Name: x.AttrValue("name"), Lang: x.AttrNS(element.NSXML, "lang"),
		})
	}
	for x := range query.All(disco.NSInfo, "feature") {
		i.Features = append(i.Features, x.AttrValue("var"))
	}
	for f := range forms(query) {
		i.Forms = append(i.Forms, f)
	}
	return i, nil
}

// Element builds the answer to a disco#info request.
func (i Info) Element() *element.Element {
	query := element.New(disco.NSInfo, "query")
	for _, id := range i.Identities {
		x := element.New(disco.NSInfo, "identity").With("category", id.Category).With("type", id.Type).WithOptional("name", id.Name)
		if id.Lang != "" {
			x.WithNS(element.NSXML, "lang", id.Lang)
		}
		query.Add(x)
	}
	for _, f := range i.Features {
		query.Add(element.New(disco.NSInfo, "feature").With("var", f))
	}
	for _, f := range i.Forms {
		query.Add(f.Element())
	}
	return query
}

// FetchInfo asks an entity, or a node of it, what it is and can do. The zero
// JID is our own account, [Client.FetchServerInfo] asks its server.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchInfo(ctx context.Context, to jid.JID, node string) (Info, error) {
	answer, err := c.fetch(ctx, to, element.New(disco.NSInfo, "query").WithOptional("node", node))
	if err != nil {
		return Info{}, fmt.Errorf("fetch disco info: %w", err)
	}
	return ParseInfo(answer)
}

// FetchServerInfo asks our server. What it can do for our account (the archive,
// PEP) some servers only tell of the account: see [Client.FetchInfo].
func (c *Client) FetchServerInfo(ctx context.Context) (Info, error) {
	return c.FetchInfo(ctx, c.self.Domain(), "")
}

// A DiscoItem is something that belongs to an entity.
type DiscoItem struct {
	JID        jid.JID
	Node, Name string
}

// FetchDiscoItems asks an entity what belongs to it: a server for its services,
// a chat service for its rooms. Items without a usable address are left out.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchDiscoItems(ctx context.Context, to jid.JID, node string) ([]DiscoItem, error) {
	answer, err := c.fetch(ctx, to, element.New(nsDiscoItems, "query").WithOptional("node", node))
	if err != nil {
		return nil, fmt.Errorf("fetch disco items: %w", err)
	}
	var items []DiscoItem
	for x := range answer.All(nsDiscoItems, "item") {
		j, err := parseJID(x.AttrValue("jid"))
		if err != nil || j.Equal(jid.JID{}) {
			continue
		}
		items = append(items, DiscoItem{JID: j, Node: x.AttrValue("node"), Name: x.AttrValue("name")})
	}
	return items, nil
}

// ownInfo is what we say about ourselves.
func ownInfo(cfg Config) Info {
	features := append([]string{
		disco.NSInfo, disco.NSCaps, ping.NS, nsTime, receipts.NS, NSChatStates, NSMarkers, NSEME, NSHints, NSStanzaID,
		NotifyDevices(OMEMO03),
	}, cfg.Features...)
	if cfg.Software.Name != "" {
		features = append(features, version.NS)
	}
	slices.Sort(features)
	return Info{
		Identities: []info.Identity{{Category: "client", Type: cmp.Or(cfg.Device, "pc"), Name: cfg.Software.Name}},
		Features:   slices.Compact(features),
	}
}
