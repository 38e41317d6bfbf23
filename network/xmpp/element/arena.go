// SPDX-License-Identifier: MPL-2.0

package element

import "encoding/xml"

// An arena hands out the parts of a tree from few allocations. Chunks grow with
// the tree, so that a short stanza stays small.
type arena struct {
	elems []Element
	attrs []xml.Attr
	ptrs  []*Element
}

const (
	firstChunk = 8
	lastChunk  = 256
)

func (a *arena) element() *Element {
	if len(a.elems) == cap(a.elems) {
		a.elems = make([]Element, 0, grow(cap(a.elems)))
	}
	a.elems = a.elems[:len(a.elems)+1]
	return &a.elems[len(a.elems)-1]
}

// attributes returns a copy of s that has no room to grow into its neighbour.
func (a *arena) attributes(s []xml.Attr) []xml.Attr {
	a.attrs = room(a.attrs, len(s))
	return keep(&a.attrs, s)
}

// children is [arena.attributes] for children.
func (a *arena) children(s []*Element) []*Element {
	a.ptrs = room(a.ptrs, len(s))
	return keep(&a.ptrs, s)
}

func room[T any](chunk []T, n int) []T {
	if cap(chunk)-len(chunk) >= n {
		return chunk
	}
	return make([]T, 0, max(n, grow(cap(chunk))))
}

func keep[T any](chunk *[]T, s []T) []T {
	if len(s) == 0 {
		return nil
	}
	start := len(*chunk)
	*chunk = append(*chunk, s...)
	return (*chunk)[start:len(*chunk):len(*chunk)]
}

func grow(n int) int {
	return min(max(firstChunk, 2*n), lastChunk)
}
