// SPDX-License-Identifier: MPL-2.0

package framer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Default limits, used where a field of [Limits] is zero.
const (
	DefaultBytes = 256 << 10
	DefaultDepth = 64
	DefaultAttrs = 64
	DefaultSkip  = 4 << 20
)

// Limits bound one frame. Zero fields mean the defaults.
type Limits struct {
	// Bytes, Depth and Attrs are the size, the nesting (1 being the outermost
	// element) and the attributes per tag above which an element is read past
	// instead of returned.
	Bytes, Depth, Attrs int
	// More is asked once an element has got larger than Bytes how large this
	// one may be, up to Skip; head is its outermost start tag, as it arrived.
	// Nil, and an answer below Bytes, mean no larger.
	More func(head []byte) int
	// Skip is the size in bytes above which the stream is given up instead.
	Skip int
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	if l.Attrs <= 0 {
		l.Attrs = DefaultAttrs
	}
	if l.Skip <= 0 {
		l.Skip = DefaultSkip
	}
	l.Skip = max(l.Skip, l.Bytes)
	return l
}

// Kind says what a [Frame] is.
type Kind uint8

// The kinds of frames.
const (
	// Header is the start tag of the stream, with the XML declaration and the
	// white space in front of it.
	Header Kind = iota + 1
	// Element is a whole element below the stream's.
	Element
	// Space is white space between elements: somebody keeps the line alive.
	Space
	// Close is the end tag of the stream.
	Close
)

// A Frame is one piece of a stream.
type Frame struct {
	Kind Kind
	// Data is the bytes as they arrived; they belong to the caller. When Err
	// is set it is an empty element in their place, with the name and, if it
	// fitted, the attributes of the outermost tag.
	Data []byte
	// Err is [ErrLimit] when an element exceeded a limit.
	Err error
}

// sentinel is an error with a stable code, see Code.
type sentinel struct{ code, msg string }

func (s *sentinel) Error() string { return s.msg }

// Code is a name of the error which never changes.
func (s *sentinel) Code() string { return s.code }

// Errors of [Framer.Next] other than those of the reader. They never carry a
// piece of the input.
var (
	// ErrSyntax: it cannot be told where the element ends.
	ErrSyntax error = &sentinel{"xmpp.framing.syntax", "not well-formed XML"}
	// ErrRestricted: a kind of XML that RFC 6120 section 11.1 forbids.
	ErrRestricted error = &sentinel{"xmpp.framing.restricted", "XML not allowed in XMPP"}
	// ErrLimit: a limit was exceeded.
	ErrLimit error = &sentinel{"xmpp.framing.limit", "XML exceeds a limit"}
	// ErrEarly: data arrived before the stream was started again.
	ErrEarly error = &sentinel{"xmpp.framing.early", "data ahead of a new stream"}
)

const chunk = 4 << 10 // the least room for a read

// A Framer cuts a stream in frames.
type Framer struct {
	r   io.Reader
	lim Limits

	buf   []byte // buf[start:] is read and not returned yet
	start int    // where the current frame begins
	pos   int    // up to where it has been scanned

	scan scanner
	root string // qualified name of the stream's element, "" before the header
	err  error  // final
}

// New returns a Framer which reads from r and expects a stream header.
func New(r io.Reader, l Limits) *Framer {
	f := &Framer{r: r, lim: l.withDefaults()}
	f.scan.reset(true)
	return f
}

// Restart makes the Framer expect a new stream, from r: after STARTTLS and
// SASL the first one is void. It returns [ErrEarly] when something other than
// white space has arrived since: it cannot belong to the new stream, and after
// STARTTLS it was not encrypted.
func (f *Framer) Restart(r io.Reader) error {
	if len(bytes.Trim(f.buf[f.start:], " \t\r\n")) > 0 || f.pos > f.start {
		return fmt.Errorf("restart stream: %w", ErrEarly)
	}
	*f = Framer{r: r, lim: f.lim, buf: f.buf[:0]}
	f.scan.reset(true)
	return nil
}

// Partial reports whether a part of the next frame has been read.
func (f *Framer) Partial() bool { return f.pos > f.start || f.scan.skip > 0 }

// Next returns the next frame. After the end of the stream, or at that of the
// input between two frames, the error is io.EOF, within a frame it is
// io.ErrUnexpectedEOF. Every error is final.
func (f *Framer) Next() (Frame, error) {
	if f.err != nil {
		return Frame{}, f.err
	}
	frame, err := f.next()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("frame stream: %w", err)
		}
		f.err = err
	}
	return frame, err
}

func (f *Framer) next() (Frame, error) {
	for {
		n, done, err := f.scan.feed(f.buf[f.pos:], f)
		f.pos += n
		if err != nil {
			return Frame{}, err
		}
		if done != 0 && !f.scan.prolog {
			return f.take(done), nil
		}
		if err := f.bound(); err != nil {
			return Frame{}, err
		}
		if done != 0 {
			return f.take(done), nil
		}
		if err := f.fill(); err != nil {
			if errors.Is(err, io.EOF) && f.Partial() {
				err = io.ErrUnexpectedEOF
			}
			return Frame{}, err
		}
	}
}

// take returns the frame that was scanned and makes way for the next one.
func (f *Framer) take(kind Kind) Frame {
	s := &f.scan
	frame := Frame{Kind: kind}
	switch {
	case s.skip > 0:
		frame.Data, frame.Err = s.head, ErrLimit
	case kind == Element && f.tooLarge():
		f.giveUp()
		frame.Data, frame.Err = s.head, ErrLimit
	default:
		frame.Data = bytes.Clone(f.buf[f.start:f.pos])
	}
	switch kind {
	case Header:
		f.root = string(s.names)
	case Close:
		f.err = io.EOF // whatever follows belongs to no stream
	}
	f.start = f.pos
	s.reset(false)
	return frame
}

// bound sees to it that an element over a limit is not held any longer.
func (f *Framer) bound() error {
	s := &f.scan
	if s.prolog && f.pos-f.start > f.lim.Bytes {
		return ErrLimit
	}
	if s.skip == 0 && f.tooLarge() {
		f.giveUp()
	}
	if s.skip > 0 {
		if s.skip += f.pos - f.start; s.skip > f.lim.Skip {
			return ErrLimit
		}
		f.start = f.pos
	}
	return nil
}

// tooLarge reports whether the current element is larger than it may be.
func (f *Framer) tooLarge() bool {
	s, size := &f.scan, f.pos-f.start
	if size <= f.lim.Bytes {
		return false
	}
	if s.allowed == 0 {
		s.allowed = f.lim.Bytes
		if f.lim.More != nil && s.headLen > 0 && s.headLen <= f.lim.Bytes {
			s.allowed = max(s.allowed, min(f.lim.More(f.buf[f.start:f.start+s.headLen]), f.lim.Skip))
		}
	}
	return size > s.allowed
}

// giveUp stops holding the current element and makes up the one that stands in
// for it.
func (f *Framer) giveUp() {
	s := &f.scan
	if s.skip > 0 {
		return
	}
	s.skip = 1
	if s.headLen > 0 && s.headLen <= f.lim.Bytes {
		tag := bytes.TrimRight(f.buf[f.start:f.start+s.headLen], "/>")
		s.head = append(append(make([]byte, 0, len(tag)+2), tag...), "/>"...)
		return
	}
	s.head = append(append([]byte("<"), s.top...), "/>"...)
}

// fill reads more behind what is there.
func (f *Framer) fill() error {
	switch {
	case f.start == len(f.buf) && cap(f.buf) > 2*f.lim.Bytes+chunk:
		f.buf, f.pos, f.start = nil, 0, 0 // something large is gone
	case f.start == len(f.buf):
		f.buf, f.pos, f.start = f.buf[:0], 0, 0
	case cap(f.buf)-len(f.buf) < chunk && f.start > 0:
		n := copy(f.buf, f.buf[f.start:])
		f.buf, f.pos, f.start = f.buf[:n], f.pos-f.start, 0
	}
	if cap(f.buf)-len(f.buf) < chunk {
		grown := make([]byte, len(f.buf), max(2*cap(f.buf), 2*chunk))
		copy(grown, f.buf)
		f.buf = grown
	}
	for range 100 {
		n, err := f.r.Read(f.buf[len(f.buf):cap(f.buf)])
		f.buf = f.buf[:len(f.buf)+n]
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}
