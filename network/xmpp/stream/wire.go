// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"bytes"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

// A wire is a connection while the stream is negotiated. What is read from it
// comes frame by frame, however it arrives: a reader that takes single bytes
// never takes a byte too many, so that the connection can change hands between
// any two elements. Every frame, and every write, has its own time limit.
type wire struct {
	*dial.Conn
	base   net.Conn // below TLS
	limits Limits
	step   time.Duration

	framer   *framer.Framer
	rest     []byte           // of the frame that is being read
	scope    element.Scope    // declarations of the stream header
	usual    bool             // they are the usual ones
	features *element.Element // latest stream features
	err      error            // what ended reading
	pulse    pulse
	more     func(head []byte) int // see framer.Limits
}

func newWire(conn *dial.Conn, l Limits, step time.Duration) *wire {
	w := &wire{Conn: conn, base: conn.Conn, limits: l, step: step, pulse: pulse{base: time.Now()}}
	if secure, ok := conn.Conn.(*tls.Conn); ok {
		w.base = secure.NetConn()
	}
	w.framer = framer.New(w.raw(), l.framer(func(head []byte) int {
		if w.more == nil {
			return 0
		}
		return w.more(head)
	}))
	return w
}

// abort ends the connection at once, from any goroutine.
func (w *wire) abort() { _ = w.base.Close() }

// raw reads from the connection as it is at the time.
func (w *wire) raw() io.Reader { return rawReader{w} }

type rawReader struct{ w *wire }

func (r rawReader) Read(b []byte) (int, error) {
	r.w.pulse.waiting(r.w.framer.Partial())
	n, err := r.w.Conn.Read(b)
	if n > 0 {
		r.w.pulse.beat()
	}
	return n, err
}

// Restart makes the wire expect a new stream header.
func (w *wire) restart() error {
	w.rest = nil
	if err := w.framer.Restart(w.raw()); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}

// frame reads the next frame that is not white space.
func (w *wire) frame() (framer.Frame, error) {
	if w.err != nil {
		return framer.Frame{}, w.err
	}
	f, err := w.next()
	w.err = err
	return f, err
}

func (w *wire) next() (framer.Frame, error) {
	if err := w.SetReadDeadline(time.Now().Add(w.step)); err != nil {
		return framer.Frame{}, fmt.Errorf("read stream: %w: %w", ErrEnded, err)
	}
	for {
		f, err := w.framer.Next()
		switch {
		case err != nil:
			return f, readError(err)
		case f.Err != nil:
			return f, fmt.Errorf("read stream: %w: %w", ErrProtocol, f.Err)
		case f.Kind == framer.Header:
			w.scope, err = parseHeader(f.Data)
			w.usual = w.scope.Default == element.NSClient && len(w.scope.Prefixes) == 1 &&
				w.scope.Prefixes["stream"] == element.NSStream
			return f, err
		case f.Kind == framer.Close:
			return f, fmt.Errorf("read stream: %w", ErrEnded)
		case f.Kind == framer.Element:
			return f, nil
		}
	}
}

// element reads the next element. A stream error is returned as an error.
func (w *wire) element() (*element.Element, framer.Frame, error) {
	f, err := w.frame()
	if err != nil {
		return nil, f, err
	}
	if f.Kind != framer.Element {
		w.err = fmt.Errorf("read stream: %w: header out of place", ErrProtocol)
		return nil, f, w.err
	}
	e, err := w.parse(f.Data)
	if err != nil {
		w.err = fmt.Errorf("read stream: %w: %w", ErrProtocol, err)
		return nil, f, w.err
	}
	switch {
	case e.Is(element.NSStream, "error"):
		w.err = parseStreamError(e)
		return nil, f, w.err
	case e.Is(element.NSStream, "features"):
		w.features = e
	}
	return e, f, nil
}

// parse reads the bytes of an element below the stream header.
func (w *wire) parse(b []byte) (*element.Element, error) {
	limits := w.limits.element()
	if len(b) > w.limits.Stanza {
		limits = w.limits.large()
	}
	if w.usual {
		return element.Parse(b, limits)
	}
	return w.scope.Parse(b, limits)
}

// ReadByte is what encoding/xml reads with when there is one.
func (w *wire) ReadByte() (byte, error) {
	if err := w.fill(); err != nil {
		return 0, err
	}
	b := w.rest[0]
	w.rest = w.rest[1:]
	return b, nil
}

// Read is never used when there is a ReadByte.
func (w *wire) Read(b []byte) (int, error) {
	if err := w.fill(); err != nil {
		return 0, err
	}
	n := copy(b, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *wire) fill() error {
	if len(w.rest) > 0 {
		return nil
	}
	f, err := w.frame()
	if err != nil {
		return err
	}
	if f.Kind == framer.Element {
		e, err := w.parse(f.Data)
		switch {
		case err != nil:
			w.err = fmt.Errorf("read stream: %w: %w", ErrProtocol, err)
			return w.err
		case e.Is(element.NSStream, "error"):
			w.err = parseStreamError(e)
			return w.err
		case e.Is(element.NSStream, "features"):
			w.features = e
		}
	}
	w.rest = f.Data
	return nil
}

// Write writes to the connection within the time for a step.
func (w *wire) Write(b []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(w.step)); err != nil {
		return 0, fmt.Errorf("write stream: %w: %w", ErrEnded, err)
	}
	n, err := w.Conn.Write(b)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%w: %w", ErrTimeout, err)
		}
		return n, fmt.Errorf("write stream: %w: %w", ErrEnded, err)
	}
	return n, nil
}

// send writes elements at once.
func (w *wire) send(elements ...*element.Element) error {
	var b []byte
	for _, e := range elements {
		b = e.AppendXML(b)
	}
	_, err := w.Write(b)
	return err
}

// release ends the time limits of the negotiation.
func (w *wire) release() error {
	if err := w.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("%w: %w", ErrEnded, err)
	}
	return nil
}

// readError names what ended reading.
func readError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("read stream: %w", ErrTimeout)
	case errors.Is(err, framer.ErrSyntax), errors.Is(err, framer.ErrRestricted), errors.Is(err, framer.ErrLimit):
		return fmt.Errorf("read stream: %w: %w", ErrProtocol, err)
	}
	return fmt.Errorf("read stream: %w: %w", ErrEnded, err)
}

// parseHeader returns the namespace declarations of a stream header.
func parseHeader(b []byte) (element.Scope, error) {
	s := element.Scope{Prefixes: map[string]string{}}
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		tok, err := d.RawToken()
		if err != nil {
			return s, fmt.Errorf("read stream header: %w", ErrProtocol)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			switch {
			case a.Name.Space == "xmlns":
				s.Prefixes[a.Name.Local] = a.Value
			case a.Name.Space == "" && a.Name.Local == "xmlns":
				s.Default = a.Value
			}
		}
		return s, nil
	}
}
