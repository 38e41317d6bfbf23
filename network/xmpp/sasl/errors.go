// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"errors"
	"strings"
)

// sentinel is an error with a stable code, see Code.
type sentinel struct{ code, msg string }

func (s *sentinel) Error() string { return s.msg }

// Code is a name of the error which never changes, for programs and
// translations.
func (s *sentinel) Code() string { return s.code }

// What Select, a Mechanism or a server's refusal can end in. Test with
// errors.Is; every one has a method Code() string.
var (
	// ErrNotAuthorized: the server does not know this name with this password.
	ErrNotAuthorized error = &sentinel{"xmpp.auth.wrong-password", "wrong user name or password"}
	// ErrAccountDisabled: the server keeps the account but lets nobody in.
	ErrAccountDisabled error = &sentinel{"xmpp.auth.account-disabled", "account disabled"}
	// ErrCredentialsExpired: a new password has to be set elsewhere.
	ErrCredentialsExpired error = &sentinel{"xmpp.auth.credentials-expired", "credentials expired"}
	// ErrTemporary: the server cannot check anybody now; try again later.
	ErrTemporary error = &sentinel{"xmpp.auth.temporary-failure", "temporary authentication failure"}
	// ErrMechanismTooWeak: the server refuses the mechanism for this account.
	ErrMechanismTooWeak error = &sentinel{"xmpp.auth.mechanism-too-weak", "mechanism too weak for this account"}
	// ErrEncryptionRequired: the server wants TLS first.
	ErrEncryptionRequired error = &sentinel{"xmpp.auth.encryption-required", "server requires encryption"}
	// ErrRejected: the server refused for a reason which is not the password.
	ErrRejected error = &sentinel{"xmpp.auth.rejected", "authentication rejected"}

	// ErrNoTLS: nothing is sent over a connection without TLS.
	ErrNoTLS error = &sentinel{"xmpp.auth.no-tls", "no authentication without TLS"}
	// ErrNoMechanism: the server offers nothing that this client speaks and
	// the configuration accepts.
	ErrNoMechanism error = &sentinel{"xmpp.auth.no-mechanism", "no acceptable mechanism offered"}
	// ErrPlainRefused: only PLAIN would do, and it is not allowed.
	ErrPlainRefused error = &sentinel{"xmpp.auth.plain-refused", "server offers only mechanisms which disclose the password"}
	// ErrBindingRequired: channel binding is required, and the server offers
	// none that this connection can do.
	ErrBindingRequired error = &sentinel{"xmpp.auth.binding-required", "channel binding required but not possible"}
	// ErrBinding: both sides saw a different TLS connection, or the server's
	// channel binding is broken.
	ErrBinding error = &sentinel{"xmpp.auth.binding-failed", "channel binding failed"}
	// ErrDowngrade: what the server offered was changed on the way, or it is
	// weaker than what this account has used before.
	ErrDowngrade error = &sentinel{"xmpp.auth.downgrade", "offered mechanisms were weakened"}

	// ErrServerSignature: the server did not prove that it knows the password.
	ErrServerSignature error = &sentinel{"xmpp.auth.server-signature", "server did not prove its identity"}
	// ErrMalformed: the server sent something which no exchange allows.
	ErrMalformed error = &sentinel{"xmpp.auth.malformed-challenge", "malformed challenge"}
	// ErrIterations: the iteration count is below the floor or above the cap.
	ErrIterations error = &sentinel{"xmpp.auth.iterations", "iteration count out of bounds"}
	// ErrState: a method was called out of order, or after a failure.
	ErrState error = &sentinel{"xmpp.auth.out-of-order", "exchange is not in that state"}

	// ErrPasswordNeeded: no cached keys fit, and no password was given.
	ErrPasswordNeeded error = &sentinel{"xmpp.auth.password-needed", "password needed"}
	// ErrCharacters: the name or password holds what RFC 4013 forbids.
	ErrCharacters error = &sentinel{"xmpp.auth.bad-characters", "name or password holds forbidden characters"}
)

// Failure is a server's refusal: the condition of RFC 6120 section 6.5 (also
// used by XEP-0388), or a SCRAM error value of RFC 5802 section 7. It wraps
// one of the errors above.
type Failure struct {
	// Condition is the local name of the element, such as "not-authorized".
	Condition string
	// Text is what the server says about it, for people. It is not part of
	// Error, because it may hold anything.
	Text string
}

// Error names the condition, not the text.
func (f *Failure) Error() string {
	if _, ok := conditions[f.Condition]; !ok {
		return "server refused authentication"
	}
	return "server refused authentication: " + f.Condition
}

// Unwrap returns the errors the condition stands for.
func (f *Failure) Unwrap() []error {
	kind, ok := conditions[f.Condition]
	if !ok {
		kind = ErrRejected
	}
	if kind != ErrBinding && f.mentionsBinding() {
		return []error{ErrBinding, kind}
	}
	return []error{kind}
}

// Code is the code of the first error of Unwrap.
func (f *Failure) Code() string {
	var c interface{ Code() string }
	if errors.As(f.Unwrap()[0], &c) {
		return c.Code()
	}
	return ""
}

// mentionsBinding tells whether the text blames channel binding. RFC 6120 has
// no condition for it, so the text is all that servers can say it with.
func (f *Failure) mentionsBinding() bool {
	text := strings.ReplaceAll(strings.ToLower(f.Text), "-", " ")
	return strings.Contains(text, "channel binding")
}

var conditions = map[string]error{
	// RFC 6120, section 6.5
	"aborted":                ErrRejected,
	"account-disabled":       ErrAccountDisabled,
	"credentials-expired":    ErrCredentialsExpired,
	"encryption-required":    ErrEncryptionRequired,
	"incorrect-encoding":     ErrRejected,
	"invalid-authzid":        ErrRejected,
	"invalid-mechanism":      ErrRejected,
	"malformed-request":      ErrRejected,
	"mechanism-too-weak":     ErrMechanismTooWeak,
	"not-authorized":         ErrNotAuthorized,
	"temporary-auth-failure": ErrTemporary,
	// RFC 5802, section 7
	"invalid-encoding":                    ErrRejected,
	"extensions-not-supported":            ErrRejected,
	"invalid-proof":                       ErrNotAuthorized,
	"channel-bindings-dont-match":         ErrBinding,
	"server-does-support-channel-binding": ErrDowngrade,
	"channel-binding-not-supported":       ErrBinding,
	"unsupported-channel-binding-type":    ErrBinding,
	"unknown-user":                        ErrNotAuthorized,
	"invalid-username-encoding":           ErrRejected,
	"no-resources":                        ErrTemporary,
	"other-error":                         ErrRejected,
}
