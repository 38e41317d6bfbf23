// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/network/xmpp"
)

// ContactLink is an invitation to become a contact, to be handed over as a link
// or as the text of a QR code. Whoever has it is let in without being asked
// about, once.
type ContactLink struct {
	URI         string // xmpp:…
	LandingPage string // of the server, for those who have no program yet; may be empty
	Expires     time.Time
	// OpensAccount: who has no account can open one on our server with it.
	OpensAccount bool
}

// String does not show the link, which is a secret.
func (c ContactLink) String() string { return "contact link" }

// Format writes String, whatever the verb.
func (c ContactLink) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// CreateContactLink makes an invitation to become our contact. The server makes
// it where it can (XEP-0401); else this device does (XEP-0379), which then has
// to be online for it to be accepted. Name is what we call ourselves; it may be
// empty.
//
// Errors: ErrBadNick, ErrSignedOut; the network's.
func (a *Account) CreateContactLink(ctx context.Context, name string) (ContactLink, error) {
	if len(name) > xmpp.MaxNick {
		return ContactLink{}, ErrBadNick
	}
	l, err := a.online()
	if err != nil {
		return ContactLink{}, err
	}
	made, err := l.CreateInvite(ctx, name)
	if err != nil {
		return ContactLink{}, failed("create contact link", err)
	}
	return ContactLink{URI: made.URI, LandingPage: made.Landing, Expires: made.Expires, OpensAccount: made.Account}, nil
}

// LinkAction says what a link is for.
type LinkAction uint8

// The purposes of links.
const (
	LinkChat     LinkAction = iota + 1 // open the conversation with Peer, perhaps with a Body to send
	LinkContact                        // make Peer a contact: Account.FollowLink
	LinkRoom                           // enter the room Peer
	LinkRegister                       // open an account: Client.RegisterWithLink
	LinkOther                          // something that the SDK does not know
)

var linkActions = map[LinkAction]string{
	LinkChat: "chat", LinkContact: "contact", LinkRoom: "room", LinkRegister: "register", LinkOther: "other",
}

// String returns the action's stable name.
func (x LinkAction) String() string { return name(linkActions, x) }

// Link is what an xmpp: URI says, from a link, a QR code or a landing page. It
// was written by anybody: show a person what it would do, and ask.
type Link struct {
	Action LinkAction
	Peer   string // JID; for LinkRegister it may be a server's
	Name   string // what Peer is called, by their own account
	Body   string // a message proposed, for LinkChat
	// OpensAccount: it opens an account on Peer's server.
	OpensAccount bool

	token string
}

// Format writes what the link is for and nothing else, whatever the verb.
func (x Link) Format(f fmt.State, _ rune) { fmt.Fprint(f, "link: ", x.Action) }

// ParseLink reads an xmpp: URI (RFC 5122, XEP-0147) or a link to a landing page
// that holds one behind the "#". It asks nobody anything. Links with fingerprints are read by
// Account.Verify.
//
// Errors: ErrBadLink.
func ParseLink(text string) (Link, error) {
	u, err := xmpp.ParseLink(text)
	if err != nil {
		return Link{}, ErrBadLink
	}
	x := Link{
		Action: LinkOther, Peer: u.JID.String(), Name: u.Param("name"), token: u.Param("preauth"),
		OpensAccount: u.Param("ibr") == "y" && u.Param("preauth") != "",
	}
	switch u.Action {
	case "", xmpp.ActionMessage:
		x.Action, x.Body = LinkChat, u.Param("body")
	case xmpp.ActionRoster, xmpp.ActionSubscribe:
		x.Action = LinkContact
	case xmpp.ActionJoin:
		x.Action = LinkRoom
	case xmpp.ActionRegister:
		x.Action, x.OpensAccount = LinkRegister, x.token != ""
	}
	if x.Action != LinkRoom && x.Action != LinkOther {
		x.Peer = u.JID.Bare().String()
	}
	return x, nil
}

// FollowLink makes the one who has made a link our contact: adds them, shows
// them our presence, and asks for theirs with the link's token, so that they
// need not be asked.
//
// Errors: ErrBadLink if it is for something else, ErrSignedOut; the network's.
func (a *Account) FollowLink(ctx context.Context, x Link) error {
	if x.Action != LinkContact || x.Peer == a.jid {
		return ErrBadLink
	}
	return a.contact(ctx, x.Peer, "follow link", func(l link, bare string) error {
		return l.AcceptInvite(ctx, bare, x.Name, x.token)
	})
}

// RegisterWithLink is Register with a link that opens an account (XEP-0445). The
// address in cfg is to be on the server of the link. To become a contact of who
// has made it, FollowLink afterwards.
//
// Errors: ErrBadLink if the link opens no account; "xmpp.register.token" if it is
// no longer good; those of Register.
func (c *Client) RegisterWithLink(ctx context.Context, cfg AccountConfig, x Link) (*Account, error) {
	if !x.OpensAccount {
		return nil, ErrBadLink
	}
	return c.add(ctx, cfg, func(ctx context.Context, conn xmpplink.ConnConfig) error {
		return xmpplink.RegisterInvited(ctx, conn, x.token)
	})
}
