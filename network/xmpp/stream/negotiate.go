// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

const (
	nsTLS  = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind = "urn:ietf:params:xml:ns:xmpp-bind"
)

// A negotiation turns a new connection into a stream that is encrypted,
// authenticated, and either resumed or bound. It is a sequence of exchanges,
// each of them a feature of a mellium session which ends with the negotiation:
// STARTTLS, then SASL and binding as in RFC 6120.
type negotiation struct {
	cfg      *Config
	wire     *wire
	resource string      // to ask for, may be empty
	resume   *resumption // nil when there is nothing to resume

	signedIn bool
	done     *negotiated
	failed   error // of a feature
	open     bool  // a request for a session has no answer yet
}

// A resumption is what may be resumed. handled is called right before the
// request and returns up to where stanzas are handled, forget when the server
// answers nonsense.
type resumption struct {
	id      string
	jid     jid.JID
	handled func(context.Context) uint64
	forget  func()
}

// negotiated is the outcome.
type negotiated struct {
	session  session
	resumed  bool
	handled  uint64  // what the server was told, when resumed
	h        uint32  // the server's count, when resumed
	refusal  *uint32 // its count with the refusal to resume
	features *element.Element
	early    []framer.Frame // stanzas ahead of stream management
}

// run negotiates. It takes no longer than ctx.
func (n *negotiation) run(ctx context.Context) (*negotiated, error) {
	stop := context.AfterFunc(ctx, n.wire.abort)
	defer stop()
	// The session would put its own deadlines on the connection when ctx ends.
	state, err := n.session(context.WithoutCancel(ctx))
	if n.failed != nil {
		err = n.failed
	}
	if err != nil {
		return nil, n.explain(ctx, err)
	}
	// A server with nothing left to offer makes a session ready, whether or
	// not anybody has signed in.
	const all = xmpp.Secure | xmpp.Authn | xmpp.Ready
	if state&all != all || !n.signedIn {
		return nil, fmt.Errorf("negotiate stream: %w", ErrUnauthenticated)
	}
	if n.done == nil {
		return nil, fmt.Errorf("negotiate stream: %w: not offered", ErrBind)
	}
	if err := n.wire.release(); err != nil {
		return nil, n.explain(ctx, err)
	}
	n.done.features = n.wire.features
	return n.done, nil
}

// session runs the features.
func (n *negotiation) session(ctx context.Context) (xmpp.SessionState, error) {
	var state xmpp.SessionState
	var origin jid.JID // not said before TLS
	if n.wire.DirectTLS {
		state, origin = xmpp.Secure, n.cfg.JID
	}
	features := []xmpp.StreamFeature{n.watched(n.startTLS()), n.watched(n.sasl()), n.watched(n.bind())}
	negotiator := xmpp.NewNegotiator(func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
		return xmpp.StreamConfig{Lang: n.cfg.Lang, Features: features}
	})
	s, err := xmpp.NewSession(ctx, n.cfg.JID.Domain(), origin, n.wire, state, negotiator)
	if err != nil {
		return 0, err
	}
	return s.State(), nil
}

// watched keeps the error of a feature, and makes the feature a required one:
// the session passes over what happens to a feature that the server did not
// mark as required, and goes on as if it had succeeded.
func (n *negotiation) watched(f xmpp.StreamFeature) xmpp.StreamFeature {
	negotiate := f.Negotiate
	f.Parse = skip
	f.Negotiate = func(ctx context.Context, s *xmpp.Session, data any) (xmpp.SessionState, io.ReadWriter, error) {
		if n.failed != nil {
			return 0, nil, n.failed
		}
		mask, rw, err := negotiate(ctx, s, data)
		n.failed = err
		return mask, rw, err
	}
	return f
}

// explain finds the reason for a failure, which is not always what it shows as.
func (n *negotiation) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("negotiate stream: %w", cause)
		}
		return fmt.Errorf("negotiate stream: %w", ErrTimeout)
	}
	if n.wire.err != nil {
		return fmt.Errorf("negotiate stream: %w", n.wire.err)
	}
	var coded interface{ Code() string }
	if errors.As(err, &coded) {
		return fmt.Errorf("negotiate stream: %w", err)
	}
	// The session objects to something in the header. If the server has sent
	// that for want of anything better to say, its error comes next.
	if _, _, next := n.wire.element(); next != nil {
		var se *StreamError
		if errors.As(next, &se) {
			return fmt.Errorf("negotiate stream: %w", se)
		}
	}
	return fmt.Errorf("negotiate stream: %w: %w", ErrProtocol, err)
}

// startTLS is the feature of RFC 6120 section 5. It is tried even when it is
// not offered, because whoever can remove the offer is whom it is against.
func (n *negotiation) startTLS() xmpp.StreamFeature {
	f := xmpp.StartTLS(n.wire.TLS)
	ask := f.Negotiate
	f.Negotiate = func(ctx context.Context, s *xmpp.Session, data any) (xmpp.SessionState, io.ReadWriter, error) {
		if _, _, err := ask(ctx, s, data); err != nil {
			if n.wire.err != nil {
				// What ended the connection instead of an answer remains
				// visible, but either way there is no TLS.
				n.wire.err = fmt.Errorf("%w: %w", ErrNoTLS, n.wire.err)
				return 0, nil, n.wire.err
			}
			return 0, nil, fmt.Errorf("start TLS: %w", ErrNoTLS)
		}
		if err := n.wire.restart(); err != nil {
			return 0, nil, fmt.Errorf("start TLS: %w", err)
		}
		if err := n.wire.StartTLS(ctx); err != nil {
			return 0, nil, fmt.Errorf("start TLS: %w", err)
		}
		s.UpdateAddr(n.cfg.JID)
		return xmpp.Secure, n.wire, nil
	}
	return f
}

// skip reads past a feature whose content is taken from wire.features.
func skip(_ context.Context, d *xml.Decoder, _ *xml.StartElement) (required bool, data any, err error) {
	return true, nil, d.Skip()
}

// sasl is the feature of RFC 6120 section 6.
func (n *negotiation) sasl() xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name:       xml.Name{Space: nsSASL, Local: "mechanisms"},
		Necessary:  xmpp.Secure,
		Prohibited: xmpp.Authn,
		Negotiate: func(ctx context.Context, _ *xmpp.Session, _ any) (xmpp.SessionState, io.ReadWriter, error) {
			if err := n.signIn(ctx); err != nil {
				return 0, nil, err
			}
			n.signedIn = true
			if err := n.wire.restart(); err != nil {
				return 0, nil, fmt.Errorf("sign in: %w", err)
			}
			n.wire.features = nil
			return xmpp.Authn, n.wire, nil
		},
	}
}

// bind is the feature of RFC 6120 section 7, with the resumption of XEP-0198
// section 5 in its place where possible.
func (n *negotiation) bind() xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name:       xml.Name{Space: nsBind, Local: "bind"},
		Necessary:  xmpp.Authn | xmpp.Secure,
		Prohibited: xmpp.Ready,
		Negotiate: func(ctx context.Context, s *xmpp.Session, _ any) (xmpp.SessionState, io.ReadWriter, error) {
			var err error
			if n.done, err = n.enter(ctx); err != nil {
				return 0, nil, err
			}
			s.UpdateAddr(n.done.session.jid)
			return xmpp.Ready, nil, nil
		},
	}
}

// secure returns the connection if it is encrypted.
func (n *negotiation) secure() (*dial.Conn, error) {
	if cs, ok := n.wire.ConnectionState(); !ok || !cs.HandshakeComplete {
		return nil, ErrNoTLS
	}
	return n.wire.Conn, nil
}
