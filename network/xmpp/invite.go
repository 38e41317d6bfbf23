// SPDX-License-Identifier: MPL-2.0

// XEP-0379: Pre-Authenticated Roster Subscription, XEP-0401: Ad-hoc Account
// Invitation Generation

package xmpp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

const (
	nsPreauth  = "urn:xmpp:pars:0"
	nsCommands = "http://jabber.org/protocol/commands"
	nodeInvite = "urn:xmpp:invite#invite"
)

// maxToken bounds a token in bytes.
const maxToken = 256

// preauthOf reads the token of a subscription request.
func preauthOf(presence *element.Element) string {
	token := presence.Child(nsPreauth, "preauth").AttrValue("token")
	if len(token) > maxToken {
		return ""
	}
	return token
}

func preauthElement(token string) *element.Element {
	return element.New(nsPreauth, "preauth").With("token", token)
}

// SubscribeInvited is [Client.Subscribe] with the token of an invitation, which
// the contact's client accepts without asking.
//
// Errors: those of [stream.Stream.Send].
func (c *Client) SubscribeInvited(ctx context.Context, contact jid.JID, nick, token string) error {
	return c.SendPresence(ctx, Presence{To: contact.Bare(), Type: PresenceSubscribe, ID: NewID(), Nick: nick, Preauth: token})
}

// A ServerInvite is an invitation that our server has made for us.
type ServerInvite struct {
	URI     URI       // with the token, and perhaps ibr=y: it opens an account
	Landing string    // a web page for those who have no program yet; may be empty
	Expires time.Time // zero: not said
}

// ErrNoInvites: the server makes no invitations, or not for us.
var ErrNoInvites error = &codedError{"xmpp.invite.unavailable", "server makes no invitations"}

// CreateInvite has the server make an invitation to become our contact and, if
// it likes, to open an account there, XEP-0401 §4.1.
//
// Errors: [ErrNoInvites], [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) CreateInvite(ctx context.Context) (ServerInvite, error) {
	command := element.New(nsCommands, "command").With("node", nodeInvite).With("action", "execute")
	answer, err := c.set(ctx, c.self.Domain(), command)
	if Condition(err) != "" {
		return ServerInvite{}, fmt.Errorf("create invitation: %w: %w", ErrNoInvites, err)
	}
	if err != nil {
		return ServerInvite{}, fmt.Errorf("create invitation: %w", err)
	}
	i, err := parseServerInvite(answer)
	if err == nil && !i.URI.JID.Bare().Equal(c.self) {
		err = ErrAnswer // it must lead to us
	}
	if err != nil {
		return ServerInvite{}, fmt.Errorf("create invitation: %w", err)
	}
	return i, nil
}

func parseServerInvite(command *element.Element) (i ServerInvite, err error) {
	if !command.Is(nsCommands, "command") || command.AttrValue("status") != "completed" {
		return i, ErrAnswer
	}
	f := ParseForm(command)
	if i.URI, err = ParseURI(f.Value("uri")); err != nil || i.URI.Action != ActionRoster || i.URI.Param("preauth") == "" {
		return ServerInvite{}, ErrAnswer
	}
	if page := f.Value("landing-url"); strings.HasPrefix(page, "https://") && len(page) <= maxLink {
		i.Landing = page
	}
	if at, err := time.Parse(time.RFC3339, f.Value("expire")); err == nil {
		i.Expires = at
	}
	return i, nil
}
