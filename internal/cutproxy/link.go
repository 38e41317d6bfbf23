// SPDX-License-Identifier: MPL-2.0

package cutproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	segmentSize  = 16 << 10 // bytes read at once
	segmentQueue = 256      // segments under way per direction
)

// link is one connection through the proxy.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	server *net.TCPConn

	cutOnce sync.Once
	gone    chan struct{} // closed by cut

	leaveOnce sync.Once
	left      chan struct{} // closed by abandon
}

// segment is data under way, or how the sender ended its stream.
type segment struct {
	data []byte
	end  How
	due  time.Time
}

func newLink(p *Proxy, client, server *net.TCPConn) *link {
	_ = client.SetNoDelay(true)
	_ = server.SetNoDelay(true)
	return &link{proxy: p, client: client, server: server, gone: make(chan struct{}), left: make(chan struct{})}
}

// run forwards until both directions have ended.
func (l *link) run() {
	var directions sync.WaitGroup
	directions.Go(func() { l.forward(ToServer, l.client, l.server) })
	directions.Go(func() { l.forward(ToClient, l.server, l.client) })
	directions.Wait()
	l.cut(Finish)
}

// cut closes both sides.
func (l *link) cut(how How) {
	l.cutOnce.Do(func() {
		close(l.gone)
		hangUp(l.client, how)
		hangUp(l.server, how)
	})
}

// abandon closes the client's side only; what the server still sends is
// swallowed.
func (l *link) abandon() {
	l.leaveOnce.Do(func() {
		close(l.left)
		hangUp(l.client, Reset)
	})
}

func (l *link) abandoned() bool {
	select {
	case <-l.left:
		return true
	default:
		return false
	}
}

// forward carries one direction: one goroutine reads, this one writes when a
// segment is due and traffic may pass.
func (l *link) forward(d Direction, from, to *net.TCPConn) {
	queue := make(chan segment, segmentQueue)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(queue)
		l.read(from, queue)
	})
	defer reader.Wait()
	for s := range queue {
		if !l.await(s.due) {
			break
		}
		if !l.pass(d, s, to) {
			break
		}
	}
	for range queue { // lets the reader end; it does once its side is closed
	}
}

// read queues what arrives until the end of the stream or an error.
func (l *link) read(from *net.TCPConn, queue chan<- segment) {
	for {
		buf := make([]byte, segmentSize)
		n, err := from.Read(buf)
		due := time.Now().Add(l.proxy.oneWay())
		if n > 0 {
			queue <- segment{data: buf[:n], due: due}
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, io.EOF):
			queue <- segment{end: Finish, due: due}
		default:
			queue <- segment{end: Reset, due: due}
		}
		return
	}
}

// await waits until due and until traffic may pass; false means that the link
// was cut.
func (l *link) await(due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.gone:
		return false
	}
	for {
		gate := l.proxy.gate()
		select {
		case <-gate:
		case <-l.gone:
			return false
		}
		if gate == l.proxy.gate() { // not paused again meanwhile
			return true
		}
	}
}

// pass writes one segment; false ends the direction.
func (l *link) pass(d Direction, s segment, to *net.TCPConn) bool {
	if l.abandoned() {
		return d == ToClient // swallow what the server sends, send it nothing more
	}
	switch s.end {
	case Finish:
		_ = to.CloseWrite()
		return false
	case Reset: // a reset by one end reaches the other one
		l.cut(Reset)
		return false
	}
	n, how := l.proxy.spend(d, len(s.data))
	if n > 0 {
		if _, err := to.Write(s.data[:n]); err != nil && !l.abandoned() {
			l.cut(Reset)
			return false
		}
	}
	if how != 0 {
		l.cut(how)
		return false
	}
	return true
}
