// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"errors"

	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
)

// sentinel is an error with a stable code, see Code.
type sentinel struct{ code, msg string }

func (s *sentinel) Error() string { return s.msg }

// Code is a name of the error which never changes, for programs and
// translations.
func (s *sentinel) Code() string { return s.code }

// What a call, or a connection, can end in. Test with errors.Is; every one has
// a method Code() string. Errors of packages dial and sasl come wrapped as they
// are.
var (
	// ErrNotConnected: there is no stream now, nothing was sent.
	ErrNotConnected error = &sentinel{"xmpp.stream.not-connected", "not connected"}
	// ErrSessionLost: the server forgot the session a request was made in;
	// whether it was carried out is unknown.
	ErrSessionLost error = &sentinel{"xmpp.stream.session-lost", "session lost"}
	// ErrBusy: too much is unacknowledged already; nothing was sent.
	ErrBusy error = &sentinel{"xmpp.stream.busy", "too many unacknowledged stanzas"}
	// ErrClosed: the stream was closed, or Run has returned.
	ErrClosed error = &sentinel{"xmpp.stream.closed", "stream closed"}
	// ErrRunning: Run was called a second time.
	ErrRunning error = &sentinel{"xmpp.stream.running", "stream runs already"}
	// ErrConfig: the Config is not usable.
	ErrConfig error = &sentinel{"xmpp.stream.config", "unusable configuration"}

	// ErrNoTLS: the server does not do STARTTLS, or somebody on the way made
	// it look so. Nothing is sent in the clear.
	ErrNoTLS error = &sentinel{"xmpp.stream.no-tls", "no TLS offered"}
	// ErrUnauthenticated: the server declared the stream ready without having
	// authenticated anybody.
	ErrUnauthenticated error = &sentinel{"xmpp.stream.unauthenticated", "server skipped authentication"}
	// ErrBind: the server gave no usable address.
	ErrBind error = &sentinel{"xmpp.stream.bind", "resource binding failed"}
	// ErrProtocol: the server sent something which the protocol does not
	// allow at that place.
	ErrProtocol error = &sentinel{"xmpp.stream.protocol", "protocol violated by the server"}
	// ErrCount: the server's count of our stanzas cannot be true; XEP-0198.
	ErrCount error = &sentinel{"xmpp.stream.count", "impossible stanza count from the server"}
	// ErrTimeout: the server did not answer in time.
	ErrTimeout error = &sentinel{"xmpp.stream.timeout", "server does not answer"}
	// ErrEnded: the server, or the network, ended the connection.
	ErrEnded error = &sentinel{"xmpp.stream.ended", "connection ended"}
	// ErrNetworkChanged: the attempt was given up for a new one because of
	// [Stream.NetworkChanged].
	ErrNetworkChanged error = &sentinel{"xmpp.stream.network-changed", "network changed"}
	// ErrRedirects: more see-other-host in a row than are followed.
	ErrRedirects error = &sentinel{"xmpp.stream.redirects", "too many redirections"}

	// ErrIQTimeout: no answer to a request came in time.
	ErrIQTimeout error = &sentinel{"xmpp.iq.timeout", "no answer to a request"}
)

// StreamError is an error of the whole stream, sent by the server: RFC 6120
// section 4.9. Its code is "xmpp.stream." and the condition.
type StreamError struct {
	// Condition is a local name of RFC 6120 section 4.9.3, such as
	// "conflict"; "undefined-condition" for anything that is not in there.
	Condition string
	// Text is what the server says about it, for people. It is not part of
	// Error, because it may hold anything.
	Text string

	host string // of see-other-host
}

// Error names the condition, not the text.
func (e *StreamError) Error() string { return "stream error: " + e.Condition }

// Code returns the stable name of the error.
func (e *StreamError) Code() string { return "xmpp.stream." + e.Condition }

// IQError is an answer of type error. errors.As finds a stanza.Error in it.
type IQError struct {
	// Reason is the error as defined by RFC 6120 section 8.3.
	Reason stanza.Error
	// Element is the whole <error/>, for conditions of an extension. It is nil
	// when the answer had none.
	Element *element.Element
}

// Error names the condition, not the text.
func (e *IQError) Error() string { return "request refused: " + string(e.Reason.Condition) }

// Unwrap returns the stanza.Error.
func (e *IQError) Unwrap() error { return e.Reason }

// Code is "xmpp.iq." and the condition.
func (e *IQError) Code() string {
	return "xmpp.iq." + string(e.Reason.Condition)
}

const (
	nsStreams = "urn:ietf:params:xml:ns:xmpp-streams"
	nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
)

// streamConditions are those of RFC 6120 section 4.9.3.
var streamConditions = map[string]bool{
	"bad-format": true, "bad-namespace-prefix": true, "conflict": true,
	"connection-timeout": true, "host-gone": true, "host-unknown": true,
	"improper-addressing": true, "internal-server-error": true,
	"invalid-from": true, "invalid-namespace": true, "invalid-xml": true,
	"not-authorized": true, "not-well-formed": true, "policy-violation": true,
	"remote-connection-failed": true, "reset": true,
	"resource-constraint": true, "restricted-xml": true,
	"see-other-host": true, "system-shutdown": true,
	"undefined-condition": true, "unsupported-encoding": true,
	"unsupported-feature": true, "unsupported-stanza-type": true,
	"unsupported-version": true,
}

// parseStreamError reads a <stream:error/>.
func parseStreamError(e *element.Element) *StreamError {
	se := &StreamError{Condition: "undefined-condition", Text: e.ChildText(nsStreams, "text")}
	for c := range e.All(nsStreams, "") {
		if streamConditions[c.Name.Local] {
			se.Condition, se.host = c.Name.Local, c.Text
			break
		}
	}
	return se
}

// A verdict is what to do after a connection, or an attempt at one, ended.
type verdict uint8

const (
	retry verdict = iota
	soon          // retry without back-off
	never         // nothing will change by itself: Run returns
)

// judge decides whether to try again. wasOnline says that a stream had come
// about in the life of this Stream, live that this very connection had.
func judge(err error, wasOnline, live bool) verdict {
	var again *retriable
	if errors.As(err, &again) {
		return retry
	}
	var se *StreamError
	if errors.As(err, &se) {
		switch se.Condition {
		case "conflict":
			// Another client has taken our place. Taking it back would start
			// a fight that neither wins. Before the stream was ours, it is
			// only the server cleaning up.
			if live {
				return never
			}
		case "host-unknown", "host-gone":
			// A mistyped domain, unless it has worked before.
			if !wasOnline {
				return never
			}
		case "reset":
			return soon
		}
		return retry
	}
	for _, fatal := range []error{
		sasl.ErrNotAuthorized, sasl.ErrAccountDisabled, sasl.ErrCredentialsExpired,
		sasl.ErrPasswordNeeded, sasl.ErrCharacters, sasl.ErrPlainRefused,
		sasl.ErrNoMechanism, sasl.ErrMechanismTooWeak, sasl.ErrBindingRequired,
		dial.ErrPinMismatch, dial.ErrConfig, dial.ErrOnion,
	} {
		if errors.Is(err, fatal) {
			return never
		}
	}
	if errors.Is(err, ErrNetworkChanged) {
		return soon
	}
	return retry
}
