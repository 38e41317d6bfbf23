// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"encoding/xml"
	"sync"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A tracker matches answers with requests.
type tracker struct {
	mu      sync.Mutex
	pending map[string]*request
	max     int
}

// A request waits for its answer.
type request struct {
	to     jid.JID
	answer chan answer // takes exactly one
}

type answer struct {
	payload *element.Element
	err     error
}

func newTracker(max int) *tracker {
	return &tracker{pending: map[string]*request{}, max: max}
}

// add registers a request.
func (t *tracker) add(id string, to jid.JID) (*request, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) >= t.max {
		return nil, ErrBusy
	}
	r := &request{to: to, answer: make(chan answer, 1)}
	t.pending[id] = r
	return r, nil
}

// remove forgets a request.
func (t *tracker) remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, id)
}

// deliver gives an IQ of type result or error to the request it answers. It
// reports whether there was one. account is our address, with the resource.
// A failure takes the place of what the IQ says.
func (t *tracker) deliver(iq *element.Element, account jid.JID, failure error) bool {
	id := iq.AttrValue("id")
	t.mu.Lock()
	r, ok := t.pending[id]
	if ok && !answers(iq.AttrValue("from"), r.to, account) {
		ok = false
	}
	if ok {
		delete(t.pending, id)
	}
	t.mu.Unlock()
	if ok {
		r.answer <- read(iq, failure)
	}
	return ok
}

// own reports whether an answer is expected under that id, from there, and from
// nobody but our own account.
func (t *tracker) own(id, from string, account jid.JID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.pending[id]
	return ok && (r.to.Equal(jid.JID{}) || r.to.Equal(account.Bare())) && answers(from, r.to, account)
}

// failAll answers every request with err.
func (t *tracker) failAll(err error) {
	t.mu.Lock()
	pending := t.pending
	t.pending = map[string]*request{}
	t.mu.Unlock()
	for _, r := range pending {
		r.answer <- answer{err: err}
	}
}

// answers tells whether a stanza from there can answer a request to there. The
// id alone proves nothing: whoever guesses it could answer. An answer comes
// from where the request went; what goes to our own account, or nowhere, is
// answered by our server in its name, with any of the addresses that mean it
// (RFC 6120 sections 8.1.2.1 and 10.3), which our server lets nobody else use.
func answers(from string, to, account jid.JID) bool {
	own := to.Equal(jid.JID{}) || to.Equal(account.Bare())
	server := to.Equal(account.Domain())
	if from == "" {
		return own || server
	}
	j, err := jid.Parse(from)
	if err != nil {
		return false
	}
	if own {
		return j.Equal(account.Bare()) || j.Equal(account) || j.Equal(account.Domain())
	}
	return j.Equal(to)
}

// read takes the payload out of an answer.
func read(iq *element.Element, failure error) answer {
	if failure != nil {
		return answer{err: failure}
	}
	if iq.AttrValue("type") == string(stanza.ErrorIQ) {
		return answer{err: iqError(iq)}
	}
	for _, c := range iq.Children {
		return answer{payload: c}
	}
	return answer{}
}

func iqError(iq *element.Element) *IQError {
	e := &IQError{Element: iq.Child(element.NSClient, "error")}
	if e.Element != nil {
		// What cannot be decoded is an error without a condition.
		_ = xml.NewTokenDecoder(e.Element.TokenReader()).Decode(&e.Reason)
	}
	if !stanzaConditions[e.Reason.Condition] {
		e.Reason.Condition = stanza.UndefinedCondition
	}
	return e
}

// stanzaConditions are those of RFC 6120 section 8.3.3. A condition gets into
// messages and codes, where nobody else's words have a place.
var stanzaConditions = map[stanza.Condition]bool{
	stanza.BadRequest: true, stanza.Conflict: true, stanza.FeatureNotImplemented: true,
	stanza.Forbidden: true, stanza.Gone: true, stanza.InternalServerError: true,
	stanza.ItemNotFound: true, stanza.JIDMalformed: true, stanza.NotAcceptable: true,
	stanza.NotAllowed: true, stanza.NotAuthorized: true, stanza.PolicyViolation: true,
	stanza.RecipientUnavailable: true, stanza.Redirect: true, stanza.RegistrationRequired: true,
	stanza.RemoteServerNotFound: true, stanza.RemoteServerTimeout: true,
	stanza.ResourceConstraint: true, stanza.ServiceUnavailable: true,
	stanza.SubscriptionRequired: true, stanza.UndefinedCondition: true,
	stanza.UnexpectedRequest: true,
}
