// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNear(t *testing.T) {
	const wrap = 1 << 32
	for _, tc := range []struct {
		base uint64
		h    uint32
		want uint64
		ok   bool
	}{
		{0, 0, 0, true},
		{0, 5, 5, true},
		{5, 3, 3, true},
		{0, math.MaxUint32, 0, false},
		{3, math.MaxUint32 - 10, 0, false},
		{wrap - 1, 0, wrap, true},
		{wrap - 1, 7, wrap + 7, true},
		{wrap, math.MaxUint32, wrap - 1, true},
		{5*wrap + 3, 9, 5*wrap + 9, true},
		{5*wrap - 2, 9, 5*wrap + 9, true},
		{5*wrap + 9, math.MaxUint32, 5*wrap - 1, true},
	} {
		got, ok := near(tc.base, tc.h)
		require.Equal(t, tc.ok, ok, tc)
		require.Equal(t, tc.want, got, tc)
	}
}

// FuzzNear checks near against its definition.
func FuzzNear(f *testing.F) {
	f.Add(uint64(0), uint32(0))
	f.Add(uint64(1<<32-1), uint32(5))
	f.Add(uint64(1<<40), uint32(math.MaxUint32))
	f.Fuzz(func(t *testing.T, base uint64, h uint32) {
		base >>= 1
		got, ok := near(base, h)
		if !ok {
			require.Less(t, base, uint64(1<<31))
			return
		}
		require.Equal(t, h, uint32(got))
		require.LessOrEqual(t, max(got, base)-min(got, base), uint64(1<<31))
	})
}

// FuzzOutbound does anything in any order and checks what must always hold.
func FuzzOutbound(f *testing.F) {
	f.Add(uint64(0), []byte{0, 0, 1, 2, 1, 200})
	f.Add(uint64(1<<32-2), []byte{0, 0, 0, 1, 2, 1, 3, 0, 1})
	f.Fuzz(func(t *testing.T, start uint64, steps []byte) {
		o := outbound{acked: start >> 8}
		for i, s := range steps {
			before := o
			switch s % 4 {
			case 0:
				o.push([]byte{byte(i)})
				require.Equal(t, before.next()+1, o.next())
			case 1:
				_, n := o.take(nil, 3)
				require.Equal(t, before.sent+n, o.sent)
			case 2:
				h := uint32(o.acked) + uint32(s>>4)
				err := o.ack(h)
				if int(s>>4) <= before.sent {
					require.NoError(t, err)
					require.Equal(t, before.acked+uint64(s>>4), o.acked)
				} else {
					require.ErrorIs(t, err, ErrCount)
					require.Equal(t, before.acked, o.acked)
				}
				require.Equal(t, before.next(), o.next())
			case 3:
				o.sent = 0
			}
			size := 0
			for _, b := range o.queue {
				size += len(b)
			}
			require.Equal(t, size, o.bytes)
			require.LessOrEqual(t, o.sent, len(o.queue))
			require.GreaterOrEqual(t, o.sent, 0)
		}
	})
}
