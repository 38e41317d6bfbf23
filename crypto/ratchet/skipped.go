// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"encoding/binary"
	"sort"
)

// skippedKeys are the keys of skipped messages of one chain as they stand in a
// state: each the number of the message and its keys, in ascending order.
type skippedKeys []byte

func (k skippedKeys) len() int { return len(k) / skippedSize }

func (k skippedKeys) number(i int) uint32 { return binary.BigEndian.Uint32(k[i*skippedSize:]) }

func (k skippedKeys) keys(i int) messageKeys {
	return messageKeys(k[i*skippedSize+4 : (i+1)*skippedSize])
}

// find is the place of a message's keys, or -1.
func (k skippedKeys) find(number uint32) int {
	i := sort.Search(k.len(), func(i int) bool { return k.number(i) >= number })
	if i == k.len() || k.number(i) != number {
		return -1
	}
	return i
}

// without is a copy that lacks the keys at one place.
func (k skippedKeys) without(i int) skippedKeys {
	out := make(skippedKeys, 0, len(k)-skippedSize)
	out = append(out, k[:i*skippedSize]...)
	return append(out, k[(i+1)*skippedSize:]...)
}

func (k skippedKeys) add(number uint32, keys *messageKeys) skippedKeys {
	k = binary.BigEndian.AppendUint32(k, number)
	return append(k, keys[:]...)
}

// ascendBelow tells whether the numbers ascend and are all below the limit.
func (k skippedKeys) ascendBelow(limit uint32) bool {
	for i := range k.len() {
		if k.number(i) >= limit || i > 0 && k.number(i) <= k.number(i-1) {
			return false
		}
	}
	return true
}
