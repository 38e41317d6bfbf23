// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"errors"

	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

type codedError struct{ code, msg string }

func (e *codedError) Error() string { return e.msg }

// Code returns the stable name of the error.
func (e *codedError) Code() string { return e.code }

// Errors of this package. A request that the other side refused is a
// [*stream.IQError], wrapped; see [Condition]. None of them carries content of
// a stanza.
var (
	// ErrMalformed: an element lacks what its extension requires.
	ErrMalformed error = &codedError{"xmpp.stanza.malformed", "malformed stanza"}
	// ErrForged: an element came from somebody who may not send it.
	ErrForged error = &codedError{"xmpp.stanza.forged", "forged stanza"}
	// ErrAnswer: the answer to a request is not what its extension says.
	ErrAnswer error = &codedError{"xmpp.iq.unexpected-answer", "unexpected answer"}
	// ErrConfig: the Config is not usable.
	ErrConfig error = &codedError{"xmpp.client.config", "unusable configuration"}
)

// Condition returns the stanza error condition in err, RFC 6120 §8.3.3, or ""
// when err is not a refusal by the other side.
func Condition(err error) stanza.Condition {
	var se stanza.Error
	if errors.As(err, &se) {
		return se.Condition
	}
	return ""
}

// refusedWith reports whether err is a refusal that carries the given element
// of an extension.
func refusedWith(err error, space, local string) bool {
	var ie *stream.IQError
	return errors.As(err, &ie) && ie.Element.Child(space, local) != nil
}

const nsStanzas = stanza.NSError

// parseError reads the <error/> of a stanza, nil when there is none. It does
// not use the decoder of stanza.Error, which fails as a whole on an attribute
// it cannot read.
func parseError(e *element.Element) *stanza.Error {
	x := e.Child(element.NSClient, "error")
	if x == nil {
		return nil
	}
	se := &stanza.Error{Type: stanza.ErrorType(x.AttrValue("type")), Condition: stanza.UndefinedCondition}
	for c := range x.All(nsStanzas, "") {
		if c.Name.Local == "text" {
			if se.Text == nil {
				se.Text = make(map[string]string)
			}
			se.Text[c.AttrNS(element.NSXML, "lang")] = c.Text
			continue
		}
		if condition := stanza.Condition(c.Name.Local); conditions[condition] {
			se.Condition = condition
		}
	}
	return se
}

// conditions are those of RFC 6120 §8.3.3; any other word is the sender's own.
var conditions = map[stanza.Condition]bool{
	stanza.BadRequest: true, stanza.Conflict: true, stanza.FeatureNotImplemented: true, stanza.Forbidden: true,
	stanza.Gone: true, stanza.InternalServerError: true, stanza.ItemNotFound: true, stanza.JIDMalformed: true,
	stanza.NotAcceptable: true, stanza.NotAllowed: true, stanza.NotAuthorized: true, stanza.PolicyViolation: true,
	stanza.RecipientUnavailable: true, stanza.Redirect: true, stanza.RegistrationRequired: true,
	stanza.RemoteServerNotFound: true, stanza.RemoteServerTimeout: true, stanza.ResourceConstraint: true,
	stanza.ServiceUnavailable: true, stanza.SubscriptionRequired: true, stanza.UndefinedCondition: true,
	stanza.UnexpectedRequest: true,
}

func errorElement(typ stanza.ErrorType, condition stanza.Condition) *element.Element {
	return element.New(element.NSClient, "error").With("type", string(typ)).
		Add(element.New(nsStanzas, string(condition)))
}
