// SPDX-License-Identifier: MPL-2.0

// XEP-0077: In-Band Registration

package xmpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/oob"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

// NSRegister is the namespace of in-band registration.
const NSRegister = "jabber:iq:register"

// What a registration can be refused with. The server's own words are in the
// [*stream.IQError] that comes along.
var (
	// ErrRegisterClosed: the server lets nobody register this way.
	ErrRegisterClosed error = &codedError{"xmpp.register.closed", "server does not accept registrations"}
	// ErrRegisterTaken: there is an account of that name.
	ErrRegisterTaken error = &codedError{"xmpp.register.taken", "account name taken"}
	// ErrRegisterRefused: the server does not accept what was entered.
	ErrRegisterRefused error = &codedError{"xmpp.register.refused", "registration refused"}
	// ErrRegisterLater: too many registrations for now.
	ErrRegisterLater error = &codedError{"xmpp.register.later", "registration refused for now"}
	// ErrRegisterToken: the invitation is not known, or no longer valid.
	ErrRegisterToken error = &codedError{"xmpp.register.token", "invitation not accepted"}
	// ErrRegisterForm: the server wants to know more than name and password;
	// see RegisterOptions.Ask.
	ErrRegisterForm error = &codedError{"xmpp.register.form", "registration needs more information"}
)

// RegisterWebError is returned when a server has accounts made on a web page.
type RegisterWebError struct {
	URL string // as the server says
}

// Error does not name the page, which the server chooses.
func (e *RegisterWebError) Error() string { return "registration on a web page only" }

// Code returns the stable name of the error.
func (e *RegisterWebError) Code() string { return "xmpp.register.web" }

// RegisterOptions say what account to make.
type RegisterOptions struct {
	JID      jid.JID // the account
	Password string
	// Ask is called when the server wants to know more, with its form: it
	// returns a value for each field it can fill, by name. User name and
	// password are filled already. Nil makes that ErrRegisterForm.
	Ask func(ctx context.Context, f Form) (map[string]string, error)
	// Token is that of an invitation to open an account, XEP-0445; empty if there
	// is none.
	Token string
	// Timeout bounds each answer of the server: 20 s.
	Timeout time.Duration
	// Logger gets what happens to the connection; nil discards.
	Logger *slog.Logger
}

// Register makes an account, on a connection of its own that is encrypted but
// not authenticated. It does not sign in.
//
// Errors: the ErrRegister… ones, [*RegisterWebError], [stream.ErrNoTLS],
// [*stream.StreamError], and those of the dialer.
func Register(ctx context.Context, d stream.Dialer, o RegisterOptions) error {
	if o.JID.Localpart() == "" || o.Password == "" {
		return fmt.Errorf("register account: %w: name and password needed", ErrConfig)
	}
	if o.Timeout <= 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := register(ctx, d, o); err != nil {
		return fmt.Errorf("register account: %w", err)
	}
	o.Logger.Debug("account registered")
	return nil
}

func register(ctx context.Context, d stream.Dialer, o RegisterOptions) error {
	s, err := openBare(ctx, d, o.JID.Domain(), o.Timeout)
	if err != nil {
		return err
	}
	defer s.close()
	if o.Token != "" {
		if _, err := s.request(stanza.SetIQ, preauthElement(o.Token)); err != nil {
			return tokenError(err)
		}
	}
	query, err := s.request(stanza.GetIQ, element.New(NSRegister, "query"))
	if err != nil {
		return closedError(err)
	}
	if !query.Is(NSRegister, "query") {
		return ErrAnswer
	}
	submission, err := fillRegistration(ctx, query, o)
	if err != nil {
		return err
	}
	if _, err := s.request(stanza.SetIQ, submission); err != nil {
		return refusedError(err)
	}
	return nil
}

// fillRegistration answers what the server asks for: a form if there is one,
// else the fields of XEP-0077 §14.1.
func fillRegistration(ctx context.Context, query *element.Element, o RegisterOptions) (*element.Element, error) {
	f := ParseForm(query)
	legacy := f == nil
	if legacy {
		f = legacyForm(query)
	}
	if len(f.Fields) == 0 {
		if url := query.Child(oob.NS, "x").ChildText(oob.NS, "url"); url != "" {
			return nil, &RegisterWebError{URL: url}
		}
		return nil, ErrRegisterClosed
	}
	known := map[string]string{"username": o.JID.Localpart(), "password": o.Password}
	if o.Ask != nil && slices.ContainsFunc(f.Fields, func(x Field) bool { return known[x.Var] == "" && x.asks() }) {
		values, err := o.Ask(ctx, *f)
		if err != nil {
			return nil, fmt.Errorf("ask for registration form: %w", err)
		}
		for name, value := range values {
			if known[name] == "" {
				known[name] = value
			}
		}
	}
	next := Form{Type: string(form.TypeSubmit)}
	for _, x := range f.Fields {
		value, ok := known[x.Var]
		switch {
		case x.Var == "" || x.Type == string(form.TypeFixed):
			continue
		case ok:
			x.Values = []string{value}
		case x.Required && len(x.Values) == 0:
			return nil, fmt.Errorf("%w: %d fields", ErrRegisterForm, len(f.Fields))
		}
		next.Fields = append(next.Fields, Field{Var: x.Var, Type: x.Type, Values: x.Values})
	}
	answer := element.New(NSRegister, "query")
	if !legacy {
		return answer.Add(next.Element()), nil
	}
	for _, x := range next.Fields {
		answer.Add(element.New(NSRegister, x.Var).WithText(strings.Join(x.Values, "")))
	}
	return answer, nil
}

// asks reports whether a person could fill in the field.
func (x Field) asks() bool {
	return x.Var != "" && x.Type != string(form.TypeHidden) && x.Type != string(form.TypeFixed)
}

// legacyForm presents the fields of a query without a form as one; each of them
// is required, XEP-0077 §3.1. A key is to be given back as it is.
func legacyForm(query *element.Element) *Form {
	f := &Form{Type: string(form.TypeForm), Instructions: query.ChildText(NSRegister, "instructions")}
	for x := range query.All(NSRegister, "") {
		field := Field{Var: x.Name.Local, Type: string(form.TypeText), Label: x.Name.Local, Required: true, Element: x}
		switch field.Var {
		case "instructions", "registered", "remove":
			continue
		case "password":
			field.Type = string(form.TypeTextPrivate)
		case "key":
			field.Type, field.Values = string(form.TypeHidden), []string{x.Text}
		}
		f.Fields = append(f.Fields, field)
	}
	return f
}

func closedError(err error) error {
	switch Condition(err) {
	case stanza.ServiceUnavailable, stanza.FeatureNotImplemented, stanza.NotAllowed, stanza.Forbidden:
		return fmt.Errorf("%w: %w", ErrRegisterClosed, err)
	}
	// ejabberd ends the stream of who asks for anything before signing in.
	var ended *stream.StreamError
	if errors.As(err, &ended) && ended.Condition == "not-authorized" {
		return fmt.Errorf("%w: %w", ErrRegisterClosed, err)
	}
	return refusedError(err)
}

// tokenError names the refusal of a token, XEP-0445 §4.
func tokenError(err error) error {
	if Condition(err) == "" {
		return closedError(err)
	}
	return fmt.Errorf("%w: %w", ErrRegisterToken, err)
}

func refusedError(err error) error {
	switch Condition(err) {
	case "":
		return err
	case stanza.Conflict:
		return fmt.Errorf("%w: %w", ErrRegisterTaken, err)
	case stanza.ResourceConstraint, stanza.PolicyViolation, stanza.UnexpectedRequest:
		return fmt.Errorf("%w: %w", ErrRegisterLater, err)
	}
	return fmt.Errorf("%w: %w", ErrRegisterRefused, err)
}

// ChangePassword changes the password of our account, XEP-0077 §3.3. The
// stream keeps signing in with the old one until it is told otherwise.
//
// Errors: [ErrRegisterRefused] and those of [stream.Stream.IQ].
func (c *Client) ChangePassword(ctx context.Context, password string) error {
	if password == "" {
		return fmt.Errorf("change password: %w: empty", ErrConfig)
	}
	query := element.New(NSRegister, "query").Add(
		element.New(NSRegister, "username").WithText(c.self.Localpart()),
		element.New(NSRegister, "password").WithText(password),
	)
	if _, err := c.set(ctx, c.self.Domain(), query); err != nil {
		return fmt.Errorf("change password: %w", refusedError(err))
	}
	return nil
}

// DeleteAccount deletes our account with everything the server keeps of it,
// XEP-0077 §3.2. Some servers end the stream instead of answering: then the
// error is that of a lost session, and signing in again tells.
//
// Errors: [ErrRegisterRefused] and those of [stream.Stream.IQ].
func (c *Client) DeleteAccount(ctx context.Context) error {
	query := element.New(NSRegister, "query").Add(element.New(NSRegister, "remove"))
	if _, err := c.set(ctx, jid.JID{}, query); err != nil {
		return fmt.Errorf("delete account: %w", refusedError(err))
	}
	return nil
}
