// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

// maxEarly bounds the stanzas between a binding and <enabled/>.
const maxEarly = 100

// localID begins the names of sessions which the server gave none for.
const localID = "local:"

// enter resumes the session, or binds a new one.
func (n *negotiation) enter(ctx context.Context) (*negotiated, error) {
	sm := n.wire.features.Child(nsSM, "sm") != nil
	var refusal *uint32
	if sm && n.resume != nil {
		done, h, err := n.tryResume(ctx)
		if done != nil || err != nil {
			return done, err
		}
		refusal = h
	}
	done, err := n.tryBind(sm)
	if done != nil {
		done.refusal = refusal
	}
	return done, err
}

// resumeRequest is <resume/> of XEP-0198 section 5.
func (r *resumption) request(handled uint64) *element.Element {
	return element.New(nsSM, "resume").With("previd", r.id).
		With("h", strconv.FormatUint(uint64(uint32(handled)), 10))
}

// tryResume asks for the former session. Without an error, nil means that the
// server refused; refusal is the count it gave with that, if any.
func (n *negotiation) tryResume(ctx context.Context) (done *negotiated, refusal *uint32, err error) {
	handled := n.resume.handled(ctx)
	n.open = true
	if err := n.wire.send(n.resume.request(handled)); err != nil {
		return nil, nil, err
	}
	e, _, err := n.wire.element()
	if err != nil {
		return nil, nil, err
	}
	n.open = false
	return n.resumeAnswer(e, handled)
}

// resumeAnswer reads what came in return for <resume/>.
func (n *negotiation) resumeAnswer(e *element.Element, handled uint64) (*negotiated, *uint32, error) {
	h, ok := parseCount(e.AttrValue("h"))
	switch {
	case e.Is(nsSM, "failed"):
		if ok {
			return nil, &h, nil
		}
		return nil, nil, nil
	case e.Is(nsSM, "resumed") && ok && e.AttrValue("previd") == n.resume.id:
		return &negotiated{
			session: session{jid: n.resume.jid, sm: true, id: n.resume.id},
			resumed: true, handled: handled, h: h,
		}, nil, nil
	}
	n.resume.forget()
	return nil, nil, fmt.Errorf("resume session: %w: answer out of place", ErrProtocol)
}

// tryBind binds a resource and, with sm, enables stream management with the
// same flight.
func (n *negotiation) tryBind(sm bool) (*negotiated, error) {
	id := "bind-" + rand.Text()[:8]
	payload := element.New(nsBind, "bind")
	if n.resource != "" {
		payload.Add(element.New(nsBind, "resource").WithText(n.resource))
	}
	request := []*element.Element{
		element.New(element.NSClient, "iq").With("type", string(stanza.SetIQ)).With("id", id).Add(payload),
	}
	if sm {
		request = append(request, enableRequest())
	}
	n.open = true
	if err := n.wire.send(request...); err != nil {
		return nil, err
	}
	e, _, err := n.wire.element()
	if err != nil {
		return nil, err
	}
	n.open = false
	address, err := n.bound(e, id)
	if err != nil {
		return nil, err
	}
	done := &negotiated{session: session{jid: address, id: localID + rand.Text()}}
	if sm {
		err = n.enable(done)
	}
	return done, err
}

func enableRequest() *element.Element {
	return element.New(nsSM, "enable").With("resume", "true")
}

// bound reads the answer to a binding.
func (n *negotiation) bound(e *element.Element, id string) (jid.JID, error) {
	if !e.Is(element.NSClient, "iq") || e.AttrValue("id") != id {
		return jid.JID{}, fmt.Errorf("bind resource: %w: answer out of place", ErrProtocol)
	}
	if e.AttrValue("type") != string(stanza.ResultIQ) {
		return jid.JID{}, fmt.Errorf("bind resource: %w: %w", ErrBind, iqError(e))
	}
	return n.address(e.Child(nsBind, "bind").ChildText(nsBind, "jid"))
}

// address reads the address the server gave us.
func (n *negotiation) address(s string) (jid.JID, error) {
	j, err := jid.Parse(s)
	if err != nil || j.Resourcepart() == "" || !j.Bare().Equal(n.cfg.JID) {
		return jid.JID{}, fmt.Errorf("bind resource: %w: not an address of the account", ErrBind)
	}
	return j, nil
}

// enable waits for the answer to <enable/>. What comes ahead of it is not
// counted by the server: XEP-0198 section 4.
func (n *negotiation) enable(done *negotiated) error {
	for {
		e, f, err := n.wire.element()
		if err != nil {
			return err
		}
		switch {
		case e.Is(nsSM, "enabled"):
			done.session.enabled(e)
			return nil
		case e.Is(nsSM, "failed"):
			return nil
		case e.Name.Space != element.NSClient:
		case len(done.early) == maxEarly:
			return fmt.Errorf("enable stream management: %w: no answer", ErrProtocol)
		default:
			done.early = append(done.early, framer.Frame{Kind: framer.Element, Data: f.Data})
		}
	}
}

// enabled reads <enabled/>.
func (s *session) enabled(e *element.Element) {
	s.sm = true
	if r := e.AttrValue("resume"); r == "true" || r == "1" {
		if id := e.AttrValue("id"); id != "" {
			s.id, s.resumable, s.location = id, true, e.AttrValue("location")
		}
	}
	if max, err := strconv.ParseUint(e.AttrValue("max"), 10, 32); err == nil {
		s.max = time.Duration(min(max, math.MaxInt32)) * time.Second
	}
}

// parseCount reads a count of XEP-0198, an xs:unsignedInt.
func parseCount(s string) (uint32, bool) {
	h, err := strconv.ParseUint(s, 10, 32)
	return uint32(h), err == nil
}
