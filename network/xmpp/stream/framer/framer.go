// SPDX-License-Identifier: MPL-2.0

package framer

import "io"

// Limits bound one frame.
type Limits struct {
	// Bytes, Depth and Attrs are the size, the nesting and the attributes per
	// element above which an element is read past instead of returned.
	Bytes, Depth, Attrs int
	// Skip is the size above which the stream is given up.
	Skip int
}

// Kind says what a frame is.
type Kind uint8

// The kinds of frames.
const (
	Header Kind = iota + 1
	Element
	Space
	Close
)

// A Frame is one piece of a stream.
type Frame struct {
	Kind Kind
	Data []byte
	Err  error
}

// A Framer cuts a stream in frames.
type Framer struct{}

// New returns a Framer which reads from r.
func New(r io.Reader, l Limits) *Framer { return &Framer{} }

// Next returns the next frame.
func (f *Framer) Next() (Frame, error) { return Frame{}, io.EOF }
