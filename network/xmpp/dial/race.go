// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// resolutionDelay is how long IPv4 addresses wait for the IPv6 ones, RFC 8305
// section 3.
const resolutionDelay = 50 * time.Millisecond

// maxAddresses bounds how many addresses of one family are tried.
const maxAddresses = 8

// connectTCP connects to a host and port, by whichever address answers first
// (RFC 8305). All goroutines it starts have ended when it returns.
func (d *Dialer) connectTCP(ctx context.Context, host string, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeouts.Connect)
	defer cancel()
	if addr, err := netip.ParseAddr(host); err == nil {
		return d.connectAddr(ctx, addr, port)
	}
	r := &race{
		d: d, ctx: ctx, cancel: cancel, port: port,
		answers: make(chan answer), results: make(chan result),
	}
	r.lookup(host, "ip6")
	r.lookup(host, "ip4")
	return r.run()
}

func (d *Dialer) connectAddr(ctx context.Context, addr netip.Addr, port uint16) (net.Conn, error) {
	return d.cfg.Connect(ctx, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(int(port))))
}

type answer struct {
	addrs []netip.Addr
	err   error
	six   bool
}

type result struct {
	conn net.Conn
	err  error
}

// race is the state of one connectTCP; only its goroutine changes it.
type race struct {
	d      *Dialer
	ctx    context.Context
	cancel context.CancelFunc
	port   uint16

	answers chan answer
	results chan result
	lookups int // running
	dials   int // running

	four, six []netip.Addr // not yet tried
	lastSix   bool         // family of the latest attempt
	errs      []error
	conn      net.Conn
}

func (r *race) lookup(host, network string) {
	r.lookups++
	go func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.d.cfg.Timeouts.Resolve)
		defer cancel()
		addrs, err := r.d.cfg.Resolver.LookupNetIP(ctx, network, host)
		r.answers <- answer{addrs: addrs, err: err, six: network == "ip6"}
	}()
}

// run takes answers and results as they come. The first attempt waits for IPv6
// addresses, but not for long; a later one starts when the one before has
// failed or has had its lead.
func (r *race) run() (net.Conn, error) {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	due, started := false, false
	for r.conn == nil && r.lookups+r.dials+len(r.four)+len(r.six) > 0 {
		if due && len(r.four)+len(r.six) > 0 {
			r.attempt()
			due, started = false, true
			timer.Reset(r.d.cfg.Timeouts.Stagger)
		}
		select {
		case a := <-r.answers:
			r.take(a)
			if !started {
				if due = len(r.six) > 0 || r.lookups == 0; !due && len(r.four) > 0 {
					timer.Reset(resolutionDelay)
				}
			}
		case res := <-r.results:
			r.finish(res)
			due = true
		case <-timer.C:
			due = true
		case <-r.ctx.Done():
			r.four, r.six = nil, nil
			r.errs = append(r.errs, r.ctx.Err())
			r.drain()
		}
	}
	r.drain()
	if r.conn == nil {
		return nil, errors.Join(r.errs...)
	}
	return r.conn, nil
}

// take stores an answer. Duplicates and addresses beyond the bound are dropped.
func (r *race) take(a answer) {
	r.lookups--
	if a.err != nil {
		r.errs = append(r.errs, a.err)
		return
	}
	for _, addr := range a.addrs {
		addr = addr.Unmap()
		list := &r.four
		if addr.Is6() {
			list = &r.six
		}
		if addr.IsValid() && addr.Is6() == a.six && len(*list) < maxAddresses {
			*list = append(*list, addr)
		}
	}
}

// attempt starts on the next address: families take turns, IPv6 first.
func (r *race) attempt() {
	from := &r.six
	if len(r.six) == 0 || r.lastSix && len(r.four) > 0 {
		from = &r.four
	}
	addr := (*from)[0]
	*from = (*from)[1:]
	r.lastSix = addr.Is6()
	r.dials++
	go func() {
		conn, err := r.d.connectAddr(r.ctx, addr, r.port)
		r.results <- result{conn, err}
	}()
}

// finish keeps the first connection and closes every other.
func (r *race) finish(res result) {
	r.dials--
	switch {
	case res.err != nil:
		r.errs = append(r.errs, res.err)
	case r.conn == nil:
		r.conn = res.conn
	default:
		_ = res.conn.Close()
	}
}

// drain ends what still runs and waits for it.
func (r *race) drain() {
	r.cancel()
	for r.lookups+r.dials > 0 {
		select {
		case <-r.answers:
			r.lookups--
		case res := <-r.results:
			r.finish(res)
		}
	}
}
