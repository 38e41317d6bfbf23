// SPDX-License-Identifier: MPL-2.0

package media

import "encoding/binary"

// An element of GF(2^128) as GCM has it, NIST SP 800-38D §6.3: the first bit of
// the block is the coefficient of x^0 and the highest bit of hi.
type fieldElement struct{ hi, lo uint64 }

func loadElement(block []byte) fieldElement {
	return fieldElement{binary.BigEndian.Uint64(block), binary.BigEndian.Uint64(block[8:])}
}

func (x fieldElement) store(block []byte) {
	binary.BigEndian.PutUint64(block, x.hi)
	binary.BigEndian.PutUint64(block[8:], x.lo)
}

func (x fieldElement) add(y fieldElement) fieldElement {
	return fieldElement{x.hi ^ y.hi, x.lo ^ y.lo}
}

// mul multiplies bit by bit, without a branch or a table that depends on
// either factor.
func (x fieldElement) mul(y fieldElement) fieldElement {
	var z fieldElement
	bits, term := x, y // term is y times the power of the first bit
	for range 128 {
		take := -(bits.hi >> 63) // all ones or zero
		z.hi ^= term.hi & take
		z.lo ^= term.lo & take
		bits = fieldElement{bits.hi<<1 | bits.lo>>63, bits.lo << 1}
		overflow := -(term.lo & 1)
		term = fieldElement{term.hi>>1 ^ overflow&(0xe1<<56), term.hi<<63 | term.lo>>1}
	}
	return z
}

// inverse returns 1/x, that is x^(2^128-2); 0 for 0.
func (x fieldElement) inverse() fieldElement {
	power := x.mul(x) // x^2
	result := power
	for range 126 { // x^(2+4+...+2^127)
		power = power.mul(power)
		result = result.mul(power)
	}
	return result
}
