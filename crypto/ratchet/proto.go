// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"fmt"
	"math"

	"github.com/confab-im/confab/crypto/engine"
)

// The wire types of the protocol buffers encoding in use. Field numbers are
// below 16, so a tag is one byte.
const (
	wireVarint = 0
	wireBytes  = 2
)

func appendUint32(b []byte, field byte, v uint32) []byte {
	return appendVarint(append(b, field<<3|wireVarint), v)
}

func appendBytes(b []byte, field byte, v []byte) []byte {
	return append(appendLength(b, field, len(v)), v...)
}

func appendLength(b []byte, field byte, n int) []byte {
	return appendVarint(append(b, field<<3|wireBytes), uint32(n))
}

func appendVarint(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// fields reads a protocol buffers message whose fields are all expected, in
// ascending order, each once and in its shortest form, so that a message has one
// encoding. After anything else ok is false and stays so.
type fields struct {
	rest []byte
	bad  bool
}

// has tells whether the field is the next one.
func (f *fields) has(field byte, wireType byte) bool {
	return !f.bad && len(f.rest) > 0 && f.rest[0] == field<<3|wireType
}

func (f *fields) uint32(field byte) uint32 {
	if !f.has(field, wireVarint) {
		f.bad = true
		return 0
	}
	f.rest = f.rest[1:]
	return f.varint()
}

// bytes is part of the message, not a copy.
func (f *fields) bytes(field byte) []byte {
	if !f.has(field, wireBytes) {
		f.bad = true
		return nil
	}
	f.rest = f.rest[1:]
	n := f.varint()
	if f.bad || uint64(n) > uint64(len(f.rest)) {
		f.bad = true
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) varint() uint32 {
	var v uint64
	for i, b := range f.rest {
		v |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			if i == 4 {
				break
			}
			continue
		}
		if b == 0 && i > 0 || v > math.MaxUint32 {
			break
		}
		f.rest = f.rest[i+1:]
		return uint32(v)
	}
	f.bad = true
	return 0
}

// end is nil when exactly the expected fields were read.
func (f *fields) end() error {
	if f.bad || len(f.rest) > 0 {
		return fmt.Errorf("parse fields: %w", engine.ErrMalformed)
	}
	return nil
}
