// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

const (
	nsTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	nsStreams = "urn:ietf:params:xml:ns:xmpp-streams"
)

// maxSteps bounds what a server may send where one answer is expected.
const maxSteps = 32

// A bareStream is an encrypted stream on which nobody has signed in, for one
// goroutine. It lasts as long as the context it was opened with.
type bareStream struct {
	ctx     context.Context
	conn    *dial.Conn
	framer  *framer.Framer
	domain  jid.JID
	timeout time.Duration
	stop    func() bool
}

// openBare connects to a server and encrypts the stream: RFC 6120 §4.2 and §5,
// or XEP-0368. Without TLS nothing but the wish for it is sent.
func openBare(ctx context.Context, d stream.Dialer, domain jid.JID, timeout time.Duration) (*bareStream, error) {
	conn, err := d.Dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &bareStream{ctx: ctx, conn: conn, framer: framer.New(conn, framer.Limits{}), domain: domain, timeout: timeout}
	raw := conn.Conn // StartTLS replaces it
	s.stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
	if err := s.secure(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *bareStream) secure() error {
	features, err := s.open()
	if err != nil || s.conn.DirectTLS {
		return err
	}
	if features.Child(nsTLS, "starttls") == nil {
		return stream.ErrNoTLS
	}
	if err := s.send(element.New(nsTLS, "starttls").Bytes()); err != nil {
		return err
	}
	answer, err := s.next()
	if err != nil {
		return err
	}
	if !answer.Is(nsTLS, "proceed") {
		return stream.ErrNoTLS
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	if err := s.conn.StartTLS(ctx); err != nil {
		return err
	}
	if err := s.framer.Restart(s.conn); err != nil {
		return fmt.Errorf("%w: %w", stream.ErrProtocol, err)
	}
	_, err = s.open()
	return err
}

// open opens the stream, or opens it again, and returns its features.
func (s *bareStream) open() (*element.Element, error) {
	var b bytes.Buffer
	b.WriteString("<?xml version='1.0'?><stream:stream xmlns='" + element.NSClient + "' xmlns:stream='" + element.NSStream + "' version='1.0' to='")
	if err := xml.EscapeText(&b, []byte(s.domain.String())); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	b.WriteString("'>")
	if err := s.send(b.Bytes()); err != nil {
		return nil, err
	}
	features, err := s.next()
	if err != nil {
		return nil, err
	}
	if !features.Is(element.NSStream, "features") {
		return nil, fmt.Errorf("%w: no stream features", stream.ErrProtocol)
	}
	return features, nil
}

// request sends an IQ and waits for its answer.
func (s *bareStream) request(typ stanza.IQType, payload *element.Element) (*element.Element, error) {
	id := NewID()
	iq := element.New(element.NSClient, "iq").With("type", string(typ)).With("id", id).With("to", s.domain.String()).Add(payload)
	if err := s.send(iq.Bytes()); err != nil {
		return nil, err
	}
	for range maxSteps {
		answer, err := s.next()
		if err != nil {
			return nil, err
		}
		if !answer.Is(element.NSClient, "iq") || answer.AttrValue("id") != id {
			continue
		}
		switch stanza.IQType(answer.AttrValue("type")) {
		case stanza.ResultIQ:
			if len(answer.Children) == 0 {
				return nil, nil
			}
			return answer.Children[0], nil
		case stanza.ErrorIQ:
			refusal := &stream.IQError{Element: answer.Child(element.NSClient, "error")}
			if reason := parseError(answer); reason != nil {
				refusal.Reason = *reason
			} else {
				refusal.Reason.Condition = stanza.UndefinedCondition
			}
			return nil, refusal
		}
	}
	return nil, fmt.Errorf("%w: no answer", stream.ErrProtocol)
}

// next returns the next element, skipping stream headers and white space.
func (s *bareStream) next() (*element.Element, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.timeout))
	for range maxSteps {
		f, err := s.framer.Next()
		switch {
		case err != nil:
			return nil, s.broken(err)
		case f.Err != nil:
			return nil, fmt.Errorf("%w: %w", stream.ErrProtocol, f.Err)
		case f.Kind == framer.Close:
			return nil, stream.ErrEnded
		case f.Kind != framer.Element:
			continue
		}
		e, err := element.Parse(f.Data, element.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", stream.ErrProtocol, err)
		}
		if e.Is(element.NSStream, "error") {
			return nil, streamError(e)
		}
		return e, nil
	}
	return nil, fmt.Errorf("%w: nothing but white space", stream.ErrProtocol)
}

func (s *bareStream) send(b []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
	if _, err := s.conn.Write(b); err != nil {
		return s.broken(err)
	}
	return nil
}

// broken names what ended the connection.
func (s *bareStream) broken(err error) error {
	switch {
	case s.ctx.Err() != nil:
		return context.Cause(s.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return stream.ErrTimeout
	case errors.Is(err, framer.ErrSyntax), errors.Is(err, framer.ErrRestricted), errors.Is(err, framer.ErrLimit):
		return fmt.Errorf("%w: %w", stream.ErrProtocol, err)
	case errors.Is(err, io.EOF):
		return stream.ErrEnded
	}
	return fmt.Errorf("%w: %w", stream.ErrEnded, err)
}

func (s *bareStream) close() {
	s.stop()
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(s.conn, "</stream:stream>")
	_ = s.conn.Close()
}

// streamError reads a <stream:error/>.
func streamError(e *element.Element) *stream.StreamError {
	se := &stream.StreamError{Condition: "undefined-condition", Text: e.ChildText(nsStreams, "text")}
	for c := range e.All(nsStreams, "") {
		if c.Name.Local != "text" {
			se.Condition = c.Name.Local
			break
		}
	}
	return se
}
