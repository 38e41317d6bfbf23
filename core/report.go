// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// ServerReport is what a server offers to an account, for telling a person what
// to expect of it.
type ServerReport struct {
	Features  []ServerFeature // by XEP
	MaxUpload int64           // largest file in bytes that can be shared; 0: not said, or none
	Contacts  ServerContacts
	Relays    []string // "turn:host:port" and the like, for calls (XEP-0215)
}

// ServerFeature is an extension of XMPP that a server may offer.
type ServerFeature struct {
	XEP     string // its number, "0313"
	Name    string
	Offered bool
}

// ServerContacts are addresses of those who run a server (XEP-0157): URIs such
// as "mailto:…" and "xmpp:…", as the server says. Open them only if a person
// asks for it.
type ServerContacts struct {
	Abuse, Admin, Feedback, Sales, Security, Status, Support []string
}

// Offers says whether an extension is offered, by its number.
func (r ServerReport) Offers(xep string) bool {
	for _, f := range r.Features {
		if f.XEP == xep {
			return f.Offered
		}
	}
	return false
}

// ServerReport asks the server what it offers (XEP-0030).
//
// Errors: ErrSignedOut; the network's.
func (a *Account) ServerReport(ctx context.Context) (ServerReport, error) {
	l, err := a.online()
	if err != nil {
		return ServerReport{}, err
	}
	got, err := l.ServerReport(ctx)
	if err != nil {
		return ServerReport{}, failed("report server", err)
	}
	r := ServerReport{MaxUpload: got.MaxUpload, Contacts: ServerContacts(got.Contacts)}
	for _, f := range got.Features {
		r.Features = append(r.Features, ServerFeature(f))
	}
	for _, s := range got.Services {
		r.Relays = append(r.Relays, fmt.Sprintf("%s:%s", s.Type, net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port)))))
	}
	return r, nil
}
