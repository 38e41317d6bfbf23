// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// request is what a client asked a socksServer for.
type request struct {
	methods            []byte
	username, password string
	kind               byte
	host               string
	port               uint16
}

// socksServer is the other side of RFC 1928, which connects everything to one
// port on loopback.
type socksServer struct {
	method byte // to choose
	status byte // of the sub-negotiation
	reply  byte
	bound  []byte // address type and address of the reply
	target uint16
	seen   chan request
}

func newSocksServer() *socksServer {
	return &socksServer{bound: []byte{1, 0, 0, 0, 0}, seen: make(chan request, 8)}
}

func (s *socksServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	var r request
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	r.methods = read(int(read(2)[1]))
	_, _ = conn.Write([]byte{5, s.method})
	if s.method == 2 {
		r.username = string(read(int(read(2)[1])))
		r.password = string(read(int(read(1)[0])))
		_, _ = conn.Write([]byte{1, s.status})
	}
	r.kind = read(4)[3]
	switch r.kind {
	case 1:
		r.host = net.IP(read(4)).String()
	case 4:
		r.host = net.IP(read(16)).String()
	case 3:
		r.host = string(read(int(read(1)[0])))
	}
	p := read(2)
	r.port = uint16(p[0])<<8 | uint16(p[1])
	s.seen <- r
	_, _ = conn.Write(append(append([]byte{5, s.reply, 0}, s.bound...), 0, 0))
	if s.reply != 0 {
		return
	}
	out, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(s.target))))
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	go func() {
		_, _ = io.Copy(out, conn)
		_ = out.Close()
	}()
	_, _ = io.Copy(conn, out)
}

func (s *socksServer) start(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(listen(t, "127.0.0.1", s.serve))))
}

// TestProxyLeaksNoNames: with a proxy, no name is ever looked up here, whatever
// the configuration.
func TestProxyLeaksNoNames(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil, "example.org", "abcdef.onion", "xn--mnchen-3ya.example", "192.0.2.7", "2001:db8::7")
	s := newSocksServer()
	s.target = listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	address := s.start(t)
	for _, c := range []struct {
		name string
		cfg  Config
		want request
	}{
		{"domain", Config{Domain: "example.org"}, request{kind: 3, host: "example.org", port: 5222}},
		{"direct", Config{Domain: "example.org", Mode: DirectOnly}, request{kind: 3, host: "example.org", port: 5223}},
		{"host", Config{Domain: "example.org", Host: "xmpp.example", Port: 443}, request{kind: 3, host: "xmpp.example", port: 443}},
		{"onion", Config{Domain: "abcdef.onion"}, request{kind: 3, host: "abcdef.onion", port: 5222}},
		{"onion host", Config{Domain: "example.org", Host: "ABCDEF.onion."}, request{kind: 3, host: "abcdef.onion", port: 5222}},
		{"IDN", Config{Domain: "münchen.example"}, request{kind: 3, host: "xn--mnchen-3ya.example", port: 5222}},
		{"IPv4", Config{Domain: "192.0.2.7"}, request{kind: 1, host: "192.0.2.7", port: 5222}},
		{"IPv6", Config{Domain: "[2001:db8::7]"}, request{kind: 4, host: "2001:db8::7", port: 5222}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Proxy = &Proxy{Address: address}
			c.cfg.RootCAs, c.cfg.Resolver = ca.pool(), noDNS{t}
			conn, err := newDialer(t, c.cfg).Dial(t.Context())
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			got := <-s.seen
			require.Equal(t, []byte{0}, got.methods)
			got.methods = nil
			require.Equal(t, c.want, got)
			if !conn.DirectTLS {
				require.NoError(t, conn.StartTLS(t.Context()))
			}
			requireEcho(t, conn)
		})
	}
	t.Run("redirection", func(t *testing.T) {
		d := newDialer(t, Config{Domain: "example.org", Resolver: noDNS{t}, Proxy: &Proxy{Address: address}, RootCAs: ca.pool()})
		for location, port := range map[string]uint16{"other.example": 5222, "other.example:99": 99} {
			conn, err := d.DialTo(t.Context(), location)
			require.NoError(t, err)
			_ = conn.Close()
			got := <-s.seen
			require.Equal(t, "other.example", got.host)
			require.Equal(t, port, got.port)
		}
	})
}

func TestIsolation(t *testing.T) {
	s := newSocksServer()
	s.method, s.target = 2, listen(t, "127.0.0.1", echo)
	address := s.start(t)
	credentials := func(p Proxy, key string) request {
		p.Address = address
		d := newDialer(t, Config{Domain: "example.org", Resolver: noDNS{t}, Proxy: &p, IsolationKey: key})
		conn, err := d.Dial(t.Context())
		require.NoError(t, err)
		_ = conn.Close()
		return <-s.seen
	}
	alice, again, bob := credentials(Proxy{}, "alice@example.org"), credentials(Proxy{}, "alice@example.org"), credentials(Proxy{}, "bob@example.org")
	require.Equal(t, alice, again)
	require.NotEqual(t, alice.username, bob.username)
	require.NotEqual(t, alice.password, bob.password)
	require.Equal(t, []byte{2, 0}, alice.methods)
	for _, text := range []string{alice.username, alice.password} {
		require.NotContains(t, text, "alice")
		require.Len(t, text, 32)
	}
	own := credentials(Proxy{Username: "u", Password: "p"}, "alice@example.org")
	require.Equal(t, "u p", own.username+" "+own.password)
	require.Equal(t, "u ", func() string { r := credentials(Proxy{Username: "u"}, ""); return r.username + " " + r.password }())
}

func TestUnixProxy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socks")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	s := newSocksServer()
	s.target = listen(t, "127.0.0.1", echo)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := listener.Accept(); err == nil {
			s.serve(conn)
		}
	}()
	conn, err := newDialer(t, Config{Domain: "example.org", Resolver: noDNS{t}, Proxy: &Proxy{Address: "unix:" + path}}).Dial(t.Context())
	require.NoError(t, err)
	requireEcho(t, conn)
	_ = conn.Close()
	_ = listener.Close()
	<-done
}

func TestProxyErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*socksServer)
		user   string
		want   error
		code   string
	}{
		{"general failure", func(s *socksServer) { s.reply = 1 }, "", ErrProxyFailed, "xmpp.socks.failed"},
		{"not allowed", func(s *socksServer) { s.reply = 2 }, "", ErrProxyRefused, "xmpp.socks.not-allowed"},
		{"network unreachable", func(s *socksServer) { s.reply = 3 }, "", ErrUnreachable, "xmpp.dial.unreachable"},
		{"host unreachable", func(s *socksServer) { s.reply = 4 }, "", ErrUnreachable, "xmpp.dial.unreachable"},
		{"refused", func(s *socksServer) { s.reply = 5 }, "", ErrRefused, "xmpp.dial.refused"},
		{"expired", func(s *socksServer) { s.reply = 6 }, "", ErrTimeout, "xmpp.dial.timeout"},
		{"no such command", func(s *socksServer) { s.reply = 7 }, "", ErrProxyFailed, "xmpp.socks.failed"},
		{"no such onion service", func(s *socksServer) { s.reply = 0xf0 }, "", ErrUnreachable, "xmpp.dial.unreachable"},
		{"unknown reply", func(s *socksServer) { s.reply = 0x99 }, "", ErrProxyFailed, "xmpp.socks.failed"},
		{"credentials wanted", func(s *socksServer) { s.method = 0xff }, "", ErrProxyAuth, "xmpp.socks.auth"},
		{"credentials refused", func(s *socksServer) { s.method, s.status = 2, 1 }, "user", ErrProxyAuth, "xmpp.socks.auth"},
		{"method not offered", func(s *socksServer) { s.method = 2 }, "", ErrProxyProtocol, "xmpp.socks.protocol"},
		{"method unknown", func(s *socksServer) { s.method = 1 }, "user", ErrProxyProtocol, "xmpp.socks.protocol"},
		{"bad address type", func(s *socksServer) { s.bound = []byte{9, 0, 0} }, "", ErrProxyProtocol, "xmpp.socks.protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSocksServer()
			s.target = listen(t, "127.0.0.1", echo)
			c.change(s)
			d := newDialer(t, Config{
				Domain: "example.org", Resolver: noDNS{t},
				Proxy: &Proxy{Address: s.start(t), Username: c.user, Password: strings.Repeat("canary", len(c.user))},
			})
			_, err := d.Dial(t.Context())
			require.ErrorIs(t, err, c.want)
			requireCode(t, err, c.code)
			require.NotContains(t, err.Error(), "canary")
		})
	}
	closed := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(closedPort(t))))
	_, err := newDialer(t, Config{Domain: "example.org", Resolver: noDNS{t}, Proxy: &Proxy{Address: closed}}).Dial(t.Context())
	require.ErrorIs(t, err, ErrProxyUnreachable)
	requireCode(t, err, "xmpp.socks.unreachable")
}

// TestProxyAnswersGarbage: neither HTTP nor silence nor a hang-up holds a
// caller up.
func TestProxyAnswersGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  error
	}{
		"HTTP":    {func(conn net.Conn) { _, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, ErrProxyProtocol},
		"hang-up": {func(conn net.Conn) { _, _ = conn.Read(make([]byte, 3)); _ = conn.Close() }, ErrProxyProtocol},
		"silence": {func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			port := listen(t, "127.0.0.1", c.serve)
			cfg := Config{
				Domain: "example.org", Resolver: noDNS{t},
				Proxy: &Proxy{Address: net.JoinHostPort("localhost", strconv.Itoa(int(port)))},
			}
			if c.want == ErrTimeout {
				cfg.Timeouts.Proxy = 20 * time.Millisecond
			}
			_, err := newDialer(t, cfg).Dial(t.Context())
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestProxyEndsWithItsContext(t *testing.T) {
	began := make(chan struct{})
	port := listen(t, "127.0.0.1", func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 3))
		close(began)
		_, _ = io.Copy(io.Discard, conn)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	_, err := newDialer(t, Config{Domain: "example.org", Resolver: noDNS{t}, Proxy: &Proxy{Address: address}}).Dial(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestOnionNeedsProxy(t *testing.T) {
	for _, cfg := range []Config{{Domain: "abc.onion"}, {Domain: "example.org", Host: "abc.onion"}} {
		cfg.Resolver = noDNS{t}
		_, err := newDialer(t, cfg).Dial(t.Context())
		require.ErrorIs(t, err, ErrOnion)
		requireCode(t, err, "xmpp.dial.onion")
	}
	_, err := newDialer(t, Config{Domain: "example.org", Resolver: noDNS{t}}).DialTo(t.Context(), "abc.onion:5222")
	require.ErrorIs(t, err, ErrOnion)
}

// TestLogHoldsNoCredentials dials at debug level.
func TestLogHoldsNoCredentials(t *testing.T) {
	var log bytes.Buffer
	s := newSocksServer()
	s.method, s.reply = 2, 5
	d := newDialer(t, Config{
		Domain: "example.org", Resolver: noDNS{t}, IsolationKey: "canary-key",
		Proxy:  &Proxy{Address: s.start(t), Username: "canary-user", Password: "canary-password"},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	_, err := d.Dial(t.Context())
	require.ErrorIs(t, err, ErrRefused)
	require.Contains(t, log.String(), "attempt failed")
	require.NotContains(t, log.String()+err.Error(), "canary")
}

// scripted is a proxy whose answers are given.
type scripted struct{ in *bytes.Reader }

func (s scripted) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s scripted) Write(b []byte) (int, error) { return len(b), nil }

// FuzzProxyAnswers: whatever a proxy says, success means that the reply was
// one, and that nothing behind it was taken.
func FuzzProxyAnswers(f *testing.F) {
	f.Add([]byte{5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 'x'}, "")
	f.Add([]byte{5, 2, 1, 0, 5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "user")
	f.Add([]byte{5, 0, 5, 0, 0, 3, 2, 'a', 'b', 0, 0}, "")
	f.Add([]byte{5, 0xff}, "")
	f.Add([]byte("HTTP/1.1 400"), "")
	f.Fuzz(func(t *testing.T, answers []byte, username string) {
		p := &proxy{username: username[:min(len(username), 255)]}
		in := bytes.NewReader(answers)
		err := p.request(scripted{in}, target{host: "example.org", port: 5222})
		if err != nil {
			var own *sentinel
			require.True(t, errors.As(err, &own) || errors.Is(err, io.EOF), "%v", err)
			return
		}
		used := answers[:len(answers)-in.Len()]
		require.GreaterOrEqual(t, len(used), 9)
		require.Equal(t, byte(5), used[0])
		tail := used[2:]
		if used[1] == 2 {
			tail = used[4:]
		}
		require.Equal(t, []byte{5, 0}, tail[:2])
		size := map[byte]int{1: 10, 4: 22}[tail[3]]
		if tail[3] == 3 {
			size = 7 + int(tail[4])
		}
		require.Len(t, tail, size)
	})
}
