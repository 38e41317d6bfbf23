// SPDX-License-Identifier: MPL-2.0

// XEP-0157: Contact Addresses for XMPP Services, and what a server offers

package xmpp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/pubsub"

	"github.com/confab-im/confab/network/xmpp/element"
)

// nsServerInfo is the type of the form with contact addresses.
const nsServerInfo = "http://jabber.org/network/serverinfo"

// Contacts are the addresses of those who run a server, XEP-0157: URIs such as
// mailto: and xmpp:, as the server says.
type Contacts struct {
	Abuse, Admin, Feedback, Sales, Security, Status, Support []string
}

// Bounds on contact addresses.
const (
	maxContacts = 16
	maxContact  = 512
)

// ParseContacts reads the contact addresses from what a server says of itself.
func ParseContacts(i Info) (c Contacts) {
	f := i.Form(nsServerInfo)
	for name, list := range map[string]*[]string{
		"abuse": &c.Abuse, "admin": &c.Admin, "feedback": &c.Feedback, "sales": &c.Sales,
		"security": &c.Security, "status": &c.Status, "support": &c.Support,
	} {
		field := f.Field(name + "-addresses")
		if field == nil {
			continue
		}
		for _, v := range field.Values {
			if scheme, rest, ok := strings.Cut(v, ":"); ok && scheme != "" && rest != "" && len(v) <= maxContact && len(*list) < maxContacts {
				*list = append(*list, v)
			}
		}
	}
	return c
}

// A ServerFeature is one of the extensions that a server may offer.
type ServerFeature struct {
	XEP     string // "0313"
	Name    string
	Offered bool
}

// A ServerReport is what a server offers to our account.
type ServerReport struct {
	Features []ServerFeature // by XEP, offered or not
	Contacts Contacts
	// MaxUpload is the size of the largest file in bytes that an upload service
	// takes, 0 when it does not say.
	MaxUpload int64
	Services  []ExternalService // XEP-0215, without credentials
}

// serverFeatures say what makes an extension offered: a feature of the server or of
// the account, an element of the stream features, or more.
var serverFeatures = []struct {
	xep, name, feature string
	stream             [2]string // space, local
}{
	{"0060", "Publish-Subscribe: publish options", pubsub.NS + "#publish-options", [2]string{}},
	{"0077", "In-Band Registration", NSRegister, [2]string{}},
	{"0157", "Contact Addresses for XMPP Services", "", [2]string{}},
	{"0163", "Personal Eventing Protocol", "", [2]string{}},
	{"0191", "Blocking Command", NSBlocking, [2]string{}},
	{"0198", "Stream Management", "", [2]string{"urn:xmpp:sm:3", "sm"}},
	{"0215", "External Service Discovery", NSExternalServices, [2]string{}},
	{"0237", "Roster Versioning", "", [2]string{NSRosterVersioning, "ver"}},
	{"0280", "Message Carbons", NSCarbons, [2]string{}},
	{"0313", "Message Archive Management", NSMAM, [2]string{}},
	{"0352", "Client State Indication", "", [2]string{NSCSI, "csi"}},
	{"0357", "Push Notifications", NSPush, [2]string{}},
	{"0363", "HTTP File Upload", "", [2]string{}},
	{"0377", "Spam Reporting", NSReporting, [2]string{}},
	{"0398", "User Avatar to vCard-Based Avatars Conversion", NSAvatarConversion, [2]string{}},
	{"0402", "PEP Native Bookmarks: compatibility", NSBookmarks + "#compat", [2]string{}},
}

// FetchServerReport asks the server and the account what they offer. The stream
// features are those of [stream.OnlineInfo], nil when unknown.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ]; what a server refuses to
// say counts as not offered.
func (c *Client) FetchServerReport(ctx context.Context, features *element.Element) (ServerReport, error) {
	var r ServerReport
	server, err := c.FetchServerInfo(ctx)
	if err != nil {
		return r, fmt.Errorf("report server: %w", err)
	}
	account, err := c.FetchInfo(ctx, jid.JID{}, "")
	if err != nil && Condition(err) == "" {
		return r, fmt.Errorf("report server: %w", err)
	}
	r.Contacts = ParseContacts(server)
	uploads, err := c.FetchUploadServices(ctx)
	if err != nil && !errors.Is(err, ErrNoUpload) && Condition(err) == "" {
		return r, fmt.Errorf("report server: %w", err)
	}
	for _, u := range uploads {
		r.MaxUpload = max(r.MaxUpload, u.MaxSize)
	}
	if server.Has(NSExternalServices) {
		r.Services, err = c.FetchExternalServices(ctx)
		if err != nil && Condition(err) == "" {
			return r, fmt.Errorf("report server: %w", err)
		}
		for i := range r.Services {
			r.Services[i].Username, r.Services[i].Password = "", ""
		}
	}
	for _, f := range serverFeatures {
		offered := f.feature != "" && (server.Has(f.feature) || account.Has(f.feature)) ||
			f.stream[0] != "" && features.Child(f.stream[0], f.stream[1]) != nil
		switch f.xep {
		case "0157":
			offered = server.Form(nsServerInfo) != nil
		case "0163":
			offered = account.Is("pubsub", "pep") || server.Is("pubsub", "pep")
		case "0363":
			offered = len(uploads) > 0
		}
		r.Features = append(r.Features, ServerFeature{XEP: f.xep, Name: f.name, Offered: offered})
	}
	return r, nil
}

// Offers reports whether an extension is offered.
func (r ServerReport) Offers(xep string) bool {
	for _, f := range r.Features {
		if f.XEP == xep {
			return f.Offered
		}
	}
	return false
}
