// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
)

const (
	nsBindings = "urn:xmpp:sasl-cb:0"

	maxRounds = 16 // challenges in one exchange
	maxTries  = 8  // exchanges on one connection
)

// signIn runs exchanges of RFC 6120 section 6.4 until one of them succeeds or
// there is no point in another.
func (n *negotiation) signIn(ctx context.Context) error {
	if _, err := n.secure(); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	offer := n.offer(n.wire.features.Child(nsSASL, "mechanisms"))
	for range maxTries {
		m, err := n.cfg.Auth.Select(ctx, offer)
		if err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		err = n.exchange(m)
		again := n.cfg.Auth.Ended(m, err)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("sign in with %s: %w", m.Name(), err)
		var refusal *sasl.Failure
		switch {
		case again && errors.As(err, &refusal) && n.wire.err == nil:
			n.cfg.Logger.DebugContext(ctx, "trying another mechanism", "mechanism", m.Name())
		case again:
			return &retriable{err}
		default:
			return err
		}
	}
	return fmt.Errorf("sign in: %w: %w", ErrProtocol, sasl.ErrRejected)
}

// retriable marks an error after which another attempt makes sense, whatever
// else it is.
type retriable struct{ err error }

func (r *retriable) Error() string { return r.err.Error() }
func (r *retriable) Unwrap() error { return r.err }

// offer reads a list of mechanisms.
func (n *negotiation) offer(list *element.Element) Offer {
	var o Offer
	if list != nil {
		for c := range list.All(list.Name.Space, "mechanism") {
			o.Mechanisms = append(o.Mechanisms, c.Text)
		}
	}
	if b := n.wire.features.Child(nsBindings, "sasl-channel-binding"); b != nil {
		o.Bindings = []string{}
		for c := range b.All(nsBindings, "channel-binding") {
			o.Bindings = append(o.Bindings, c.AttrValue("type"))
		}
	}
	o.TLS, _ = n.wire.ConnectionState()
	return o
}

// exchange runs one mechanism.
func (n *negotiation) exchange(m sasl.Mechanism) error {
	initial, err := m.Start()
	if err != nil {
		return err
	}
	err = n.wire.send(element.New(nsSASL, "auth").With("mechanism", m.Name()).WithText(encode(initial)))
	for range maxRounds {
		if err != nil {
			return err
		}
		var e *element.Element
		if e, _, err = n.wire.element(); err != nil {
			return err
		}
		if e.Is(nsSASL, "failure") {
			return saslFailure(e, nsSASL)
		}
		var data []byte
		if data, err = decode(e.Text); err != nil {
			return err
		}
		switch {
		case e.Is(nsSASL, "success"):
			return m.Done(data)
		case e.Is(nsSASL, "challenge"):
			if data == nil {
				data = []byte{}
			}
			var response []byte
			if response, err = m.Next(data); err != nil {
				return err
			}
			err = n.wire.send(element.New(nsSASL, "response").WithText(encodeResponse(response)))
		default:
			return fmt.Errorf("%w: answer out of place", ErrProtocol)
		}
	}
	return fmt.Errorf("%w: endless challenges", ErrProtocol)
}

// saslFailure reads the refusal of an exchange.
func saslFailure(e *element.Element, space string) *sasl.Failure {
	f := &sasl.Failure{Text: e.ChildText(space, "text")}
	for c := range e.All(nsSASL, "") {
		if c.Name.Local != "text" {
			f.Condition = c.Name.Local
			break
		}
	}
	return f
}

// encode writes an initial response, where "=" stands for an empty one: RFC
// 6120 section 6.4.2.
func encode(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}

func encodeResponse(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// decode reads the data of a challenge or a success, nil for none at all.
func decode(s string) ([]byte, error) {
	switch s {
	case "":
		return nil, nil
	case "=":
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("decode base64: %w", sasl.ErrMalformed)
	}
	return b, nil
}
