// SPDX-License-Identifier: MPL-2.0

package stream

import "fmt"

// Counts are 64 bits wide here and 32 on the wire, where they begin again from
// 0 after 2³²-1: XEP-0198 section 4.

// near returns the count closest to base that looks like h on the wire. It is
// below base when the peer has gone back.
func near(base uint64, h uint32) (count uint64, ok bool) {
	d := int64(int32(h - uint32(base)))
	if d < 0 && uint64(-d) > base {
		return 0, false
	}
	return base + uint64(d), true
}

// outbound is what we sent, or will send, in a session.
type outbound struct {
	acked uint64   // up to here the server has taken responsibility
	queue [][]byte // beyond, oldest first: queue[i] has the count acked+1+i
	sent  int      // queue[:sent] was written to the latest connection
	bytes int      // in queue
}

// next is the count of the next stanza.
func (o *outbound) next() uint64 { return o.acked + uint64(len(o.queue)) + 1 }

func (o *outbound) push(stanza []byte) {
	o.queue = append(o.queue, stanza)
	o.bytes += len(stanza)
}

// ack takes a count from the server: how many stanzas it has handled.
func (o *outbound) ack(h uint32) error {
	count, ok := near(o.acked, h)
	if !ok || count < o.acked {
		return fmt.Errorf("%w: %d below %d", ErrCount, h, uint32(o.acked))
	}
	if sent := o.acked + uint64(o.sent); count > sent {
		return fmt.Errorf("%w: %d above %d", ErrCount, h, uint32(sent))
	}
	o.drop(int(count - o.acked))
	return nil
}

// drop forgets the n oldest stanzas, which have been sent.
func (o *outbound) drop(n int) {
	for i := range n {
		o.bytes -= len(o.queue[i])
		o.queue[i] = nil
	}
	o.queue = o.queue[n:]
	o.acked += uint64(n)
	o.sent -= n
}

// take appends to dst the stanzas that are to be written, up to about limit
// bytes, and says how many.
func (o *outbound) take(dst []byte, limit int) ([]byte, int) {
	n := 0
	for o.sent < len(o.queue) && (len(dst) == 0 || len(dst) < limit) {
		dst = append(dst, o.queue[o.sent]...)
		o.sent++
		n++
	}
	return dst, n
}

// inbound is what we received in a session.
type inbound struct {
	received uint64 // stanzas, as far as this connection has got
	peak     uint64 // stanzas, on any connection
	handled  uint64 // of which the effects are durable
	told     uint64 // which the server knows of
	asked    uint64 // received when the server asked last
	owed     bool   // it has not been told about asked yet
	concede  bool   // it shall be told what there is
	loose    int    // counted since the last item that carries a count
}

// handle moves the mark of what is durable; it never passes what the server
// has sent.
func (i *inbound) handle(count uint64) {
	i.handled = max(i.handled, min(count, i.peak))
}

// due reports whether an acknowledgement should go out.
func (i *inbound) due() bool {
	return i.concede || i.owed && i.handled >= i.asked || i.handled >= i.told+ackUnasked
}

// tell returns what to acknowledge.
func (i *inbound) tell() uint32 {
	if i.handled >= i.asked {
		i.owed = false
	}
	i.concede = false
	i.told = i.handled
	return uint32(i.handled)
}

// count counts one stanza and returns its number.
func (i *inbound) count() uint64 {
	i.received++
	i.peak = max(i.peak, i.received)
	return i.received
}
