// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// plan is how a made-up network treats each address.
type plan struct {
	after   time.Duration
	err     error // nil connects
	forever bool  // a black hole
}

// network is a Config.Connect over plans. It notes when each attempt started
// and which connections were closed.
type network struct {
	start time.Time
	plans map[string]plan

	mu     sync.Mutex
	tried  []string
	at     []time.Duration
	opened []*closing
}

type closing struct {
	net.Conn
	address string
	closed  bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func (n *network) connect(ctx context.Context, _, address string) (net.Conn, error) {
	host := netip.MustParseAddrPort(address).Addr().String()
	n.mu.Lock()
	n.tried = append(n.tried, host)
	n.at = append(n.at, time.Since(n.start))
	n.mu.Unlock()
	p := n.plans[host]
	if p.forever {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := sleep(ctx, p.after); err != nil {
		return nil, err
	}
	if p.err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: p.err}
	}
	c := &closing{address: host}
	n.mu.Lock()
	n.opened = append(n.opened, c)
	n.mu.Unlock()
	return c, nil
}

const (
	six1, six2, six3    = "2001:db8::1", "2001:db8::2", "2001:db8::3"
	four1, four2, four3 = "192.0.2.1", "192.0.2.2", "192.0.2.3"
)

func ms(n ...int) []time.Duration {
	var out []time.Duration
	for _, i := range n {
		out = append(out, time.Duration(i)*time.Millisecond)
	}
	return out
}

// TestRace runs RFC 8305 in made-up time: it says which address is tried when.
func TestRace(t *testing.T) {
	hole := plan{forever: true}
	quick := plan{after: 20 * time.Millisecond}
	refused := plan{after: 10 * time.Millisecond, err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		name  string
		addrs []string
		delay map[string]time.Duration
		plans map[string]plan
		tried []string
		at    []time.Duration
		want  string // address, empty for none
		kind  error
		took  time.Duration
	}{
		{
			name: "IPv6 first", addrs: []string{four1, six1}, plans: map[string]plan{six1: quick, four1: quick},
			tried: []string{six1}, at: ms(0), want: six1, took: 20 * time.Millisecond,
		},
		{
			name: "IPv6 is a black hole", addrs: []string{six1, four1}, plans: map[string]plan{six1: hole, four1: quick},
			tried: []string{six1, four1}, at: ms(0, 250), want: four1, took: 270 * time.Millisecond,
		},
		{
			name: "IPv4 is a black hole", addrs: []string{six1, four1, six2}, plans: map[string]plan{six1: refused, four1: hole, six2: quick},
			tried: []string{six1, four1, six2}, at: ms(0, 10, 260), want: six2, took: 280 * time.Millisecond,
		},
		{
			name: "a failure starts the next at once", addrs: []string{six1, four1}, plans: map[string]plan{six1: refused, four1: quick},
			tried: []string{six1, four1}, at: ms(0, 10), want: four1, took: 30 * time.Millisecond,
		},
		{
			name: "families take turns", addrs: []string{six1, six2, six3, four1, four2, four3},
			plans: map[string]plan{six1: hole, six2: hole, six3: hole, four1: hole, four2: hole, four3: quick},
			tried: []string{six1, four1, six2, four2, six3, four3}, at: ms(0, 250, 500, 750, 1000, 1250),
			want: four3, took: 1270 * time.Millisecond,
		},
		{
			name: "the slow one wins in the end", addrs: []string{six1, four1}, plans: map[string]plan{six1: {after: time.Second}, four1: {after: 2 * time.Second}},
			tried: []string{six1, four1}, at: ms(0, 250), want: six1, took: time.Second,
		},
		{
			name: "IPv4 does not wait long for names", addrs: []string{six1, four1}, delay: map[string]time.Duration{"ip6": 5 * time.Second},
			plans: map[string]plan{four1: quick}, tried: []string{four1}, at: ms(50), want: four1, took: 70 * time.Millisecond,
		},
		{
			name: "but late IPv6 names are used", addrs: []string{six1, four1}, delay: map[string]time.Duration{"ip6": time.Second},
			plans: map[string]plan{four1: hole, six1: quick}, tried: []string{four1, six1}, at: ms(50, 1000), want: six1, took: 1020 * time.Millisecond,
		},
		{
			name: "IPv6 names in time", addrs: []string{six1, four1}, delay: map[string]time.Duration{"ip6": 30 * time.Millisecond},
			plans: map[string]plan{four1: quick, six1: quick}, tried: []string{six1}, at: ms(30), want: six1, took: 50 * time.Millisecond,
		},
		{
			name: "IPv4 only", addrs: []string{four1}, plans: map[string]plan{four1: quick},
			tried: []string{four1}, at: ms(0), want: four1, took: 20 * time.Millisecond,
		},
		{
			name: "all refused", addrs: []string{six1, four1}, plans: map[string]plan{six1: refused, four1: refused},
			tried: []string{six1, four1}, at: ms(0, 10), kind: ErrRefused, took: 20 * time.Millisecond,
		},
		{
			name: "no route", addrs: []string{six1}, plans: map[string]plan{six1: {err: syscall.ENETUNREACH}},
			tried: []string{six1}, at: ms(0), kind: ErrUnreachable,
		},
		{
			name: "all black holes", addrs: []string{six1, four1}, plans: map[string]plan{six1: hole, four1: hole},
			tried: []string{six1, four1}, at: ms(0, 250), kind: ErrTimeout, took: 15 * time.Second,
		},
		{name: "no addresses", kind: ErrNotFound},
		{
			name: "names take for ever", addrs: []string{six1, four1}, delay: map[string]time.Duration{"ip6": time.Hour, "ip4": time.Hour},
			kind: ErrTimeout, took: 8 * time.Second,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{start: time.Now(), plans: c.plans}
				d := newDialer(t, Config{
					Domain: "example.org", Connect: n.connect,
					Resolver: &zone{addrs: map[string][]string{"example.org": c.addrs}, delay: c.delay},
				})
				conn, err := d.connectTCP(t.Context(), "example.org", 5222)
				require.Equal(t, c.took, time.Since(n.start))
				require.Equal(t, c.tried, n.tried)
				require.Equal(t, c.at, n.at)
				if c.want == "" {
					require.Error(t, err)
					require.Equal(t, c.kind, classify(err), "%v", err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, c.want, conn.(*closing).address)
				for _, o := range n.opened {
					require.Equal(t, o != conn, o.closed, "the others are closed")
				}
			})
		})
	}
}

// TestRaceClosesLateConnections: attempts may connect even after their context
// has ended.
func TestRaceClosesLateConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened []*closing
		var mu sync.Mutex
		connect := func(_ context.Context, _, address string) (net.Conn, error) {
			_ = sleep(context.Background(), time.Second)
			mu.Lock()
			defer mu.Unlock()
			opened = append(opened, &closing{address: address})
			return opened[len(opened)-1], nil
		}
		d := newDialer(t, Config{
			Domain: "example.org", Connect: connect,
			Resolver: &zone{addrs: map[string][]string{"example.org": {six1, six2, four1}}},
		})
		conn, err := d.connectTCP(t.Context(), "example.org", 5222)
		require.NoError(t, err)
		require.Len(t, opened, 3)
		for _, o := range opened {
			require.Equal(t, o != conn, o.closed)
		}
	})
}

func TestRaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{start: time.Now(), plans: map[string]plan{six1: {forever: true}, four1: {forever: true}}}
		d := newDialer(t, Config{
			Domain: "example.org", Connect: n.connect,
			Resolver: &zone{addrs: map[string][]string{"example.org": {six1, four1}}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err := d.Dial(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 100*time.Millisecond, time.Since(n.start))
		require.Equal(t, []string{six1}, n.tried)

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = d.Dial(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		requireCode(t, err, "xmpp.dial.timeout")
	})
}

func TestEveryTargetIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{start: time.Now(), plans: map[string]plan{
			four1: {err: syscall.ECONNREFUSED}, four2: {forever: true}, four3: {},
		}}
		z := &zone{
			srv: map[string][]*net.SRV{"xmpp-client": {
				srv("gone.example.", 1, 0, 0), srv("a.example.", 1, 1, 0), srv("b.example.", 1, 2, 0), srv("c.example.", 1, 3, 0),
			}},
			addrs: map[string][]string{"a.example": {four1}, "b.example": {four2}, "c.example": {four3}},
		}
		d := newDialer(t, Config{Domain: "example.org", Connect: n.connect, Resolver: z})
		conn, err := d.Dial(t.Context())
		require.NoError(t, err)
		require.Equal(t, "c.example", conn.Host)
		require.Equal(t, uint16(1), conn.Port)
		require.False(t, conn.DirectTLS)
		require.Equal(t, "example.org", conn.TLS.ServerName)
		require.Equal(t, []string{four1, four2, four3}, n.tried)

		n.plans[four3] = plan{err: syscall.ECONNRESET}
		_, err = d.Dial(t.Context())
		var all *Error
		require.ErrorAs(t, err, &all)
		require.Len(t, all.Attempts, 4)
		for _, kind := range []error{ErrNotFound, ErrRefused, ErrTimeout, ErrClosed} {
			require.ErrorIs(t, err, kind)
		}
		requireCode(t, err, "xmpp.dial.closed")
		require.Contains(t, err.Error(), "and 3 more")
	})
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind error
	}{
		{notFound("x"), ErrNotFound},
		{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, ErrDNS},
		{&net.OpError{Err: syscall.ETIMEDOUT}, ErrTimeout},
		{&net.OpError{Err: syscall.EHOSTUNREACH}, ErrUnreachable},
		{errors.Join(notFound("x"), &net.OpError{Err: syscall.ECONNREFUSED}), ErrRefused},
		{errors.New("else"), ErrFailed},
	} {
		require.Equal(t, c.kind, classify(c.err), "%v", c.err)
	}
	requireCode(t, &Error{Domain: "x"}, "xmpp.dial.failed")
}
