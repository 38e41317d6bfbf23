// SPDX-License-Identifier: MPL-2.0

package cutproxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// How says what both ends see of a cut.
type How uint8

// The ways of cutting.
const (
	Reset  How = iota + 1 // RST: an error on the next read or write
	Finish                // FIN: the end of the stream
)

// Direction is a direction of traffic.
type Direction uint8

// The directions.
const (
	ToServer Direction = iota
	ToClient
)

const dialTimeout = 10 * time.Second

// Proxy forwards connections to one server.
type Proxy struct {
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	target   string
	links    map[*link]struct{}
	accepted int
	closed   bool
	refusing bool
	delay    time.Duration // one way
	thaw     chan struct{} // open while traffic is paused, else closed
	budget   [2]*budget    // by direction; nil: no cut planned
}

// budget is a planned cut: after left more bytes.
type budget struct {
	left int64
	how  How
}

// Start runs a proxy for target, a host:port, until the test ends.
func Start(t testing.TB, target string) *Proxy {
	t.Helper()
	p, err := New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// New runs a proxy for target, a host:port. The caller must call Close.
func New(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open proxy: %w", err)
	}
	p := &Proxy{listener: listener, target: target, links: make(map[*link]struct{}), thaw: make(chan struct{})}
	close(p.thaw)
	p.running.Go(p.accept)
	return p, nil
}

// Addr returns the host:port to dial.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// SetTarget makes new connections go to another host:port.
func (p *Proxy) SetTarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Close resets all connections and ends the proxy.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Resume()
	for _, l := range p.current(false) {
		l.cut(Reset)
	}
	p.running.Wait()
}

// Cut ends all connections and returns how many there were.
func (p *Proxy) Cut(how How) int {
	links := p.current(true)
	for _, l := range links {
		l.cut(how)
	}
	return len(links)
}

// CutAfter ends the connection that carries the n-th byte from now on in the
// given direction, right after that byte. It happens once.
func (p *Proxy) CutAfter(d Direction, n int64, how How) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget[d] = &budget{left: n, how: how}
}

// CutPending reports whether a cut planned by CutAfter is still to come.
func (p *Proxy) CutPending(d Direction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.budget[d] != nil
}

// Abandon resets the client's side of all connections and keeps the server's
// side open and silent, as when a phone changes networks: the server goes on
// believing in the connection. It returns how many connections there were.
func (p *Proxy) Abandon() int {
	links := p.current(true)
	for _, l := range links {
		l.abandon()
	}
	return len(links)
}

// Pause makes the proxy a black hole: connections stay open and can be opened,
// nothing passes, not even their end. Resume delivers what has been kept back.
func (p *Proxy) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.thaw:
		p.thaw = make(chan struct{})
	default:
	}
}

// Resume ends Pause.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.thaw:
	default:
		close(p.thaw)
	}
}

// Refuse makes new connections be reset at once while on is true.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = on
}

// Delay adds a round-trip time to everything that passes from now on.
func (p *Proxy) Delay(rtt time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = rtt / 2
}

// Count returns how many connections have been accepted so far, including
// refused ones.
func (p *Proxy) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Open returns how many connections the client side has open.
func (p *Proxy) Open() int { return len(p.current(true)) }

// Storm cuts n times at random moments within over, by turns with Reset and
// Finish, and returns when it is done or ctx ends. The same seed gives the same
// moments.
func (p *Proxy) Storm(ctx context.Context, n int, over time.Duration, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, seed))
	for i := range n {
		timer := time.NewTimer(time.Duration(random.Int64N(max(1, 2*int64(over)/int64(n)))))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		p.Cut(Reset + How(i%2))
	}
	return nil
}

// current returns the connections, all or only those the client still has.
func (p *Proxy) current(clientOnly bool) []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		if !clientOnly || !l.abandoned() {
			links = append(links, l)
		}
	}
	return links
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		client := conn.(*net.TCPConn)
		p.mu.Lock()
		p.accepted++
		target, refuse := p.target, p.refusing || p.closed
		p.mu.Unlock()
		if refuse {
			hangUp(client, Reset)
			continue
		}
		p.running.Go(func() { p.serve(client, target) })
	}
}

func (p *Proxy) serve(client *net.TCPConn, target string) {
	conn, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		hangUp(client, Reset)
		return
	}
	l := newLink(p, client, conn.(*net.TCPConn))
	p.mu.Lock()
	closed := p.closed
	p.links[l] = struct{}{}
	p.mu.Unlock()
	if closed {
		l.cut(Reset)
	}
	l.run()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// spend takes n bytes from a planned cut. It returns how many of them may
// pass, and how to cut after them when the plan is due.
func (p *Proxy) spend(d Direction, n int) (pass int, how How) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.budget[d]
	if b == nil {
		return n, 0
	}
	if int64(n) < b.left {
		b.left -= int64(n)
		return n, 0
	}
	p.budget[d] = nil
	return int(b.left), b.how
}

// gate returns a channel that is closed while traffic may pass.
func (p *Proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.thaw
}

func (p *Proxy) oneWay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// hangUp closes one side.
func hangUp(conn *net.TCPConn, how How) {
	if how == Reset {
		_ = conn.SetLinger(0)
	}
	_ = conn.Close()
}
