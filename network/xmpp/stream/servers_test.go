// SPDX-License-Identifier: MPL-2.0
//go:build servers

package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/proof"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
	"github.com/confab-im/confab/network/xmpp/stream"
)

var (
	prosody  = testserver.NewShared(testserver.Prosody)
	ejabberd = testserver.NewShared(testserver.Ejabberd)
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody, ejabberd)) }

const patience = 30 * time.Second

// each runs a test against both servers.
func each(t *testing.T, test func(*testing.T, *testserver.Server)) {
	t.Helper()
	for name, shared := range map[string]*testserver.Shared{"prosody": prosody, "ejabberd": ejabberd} {
		t.Run(name, func(t *testing.T) { test(t, shared.Server(t)) })
	}
}

// config is for an account on a server, reached at addr.
func config(t *testing.T, server *testserver.Server, a testserver.Account, addr string, direct bool) stream.Config {
	t.Helper()
	host, portText, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	port, err := strconv.ParseUint(portText, 10, 16)
	require.NoError(t, err)
	mode := dial.StartTLSOnly
	if direct {
		mode = dial.DirectOnly
	}
	dialer, err := dial.New(dial.Config{
		Domain: server.Domain, Host: host, Port: uint16(port), Mode: mode, RootCAs: server.CAPool,
	})
	require.NoError(t, err)
	return stream.Config{
		JID: jid.MustParse(a.JID()), Resource: "phone", Dialer: dialer,
		Auth: stream.NewCredentials(sasl.Config{Username: a.User, Password: sasl.Password(a.Password)}, nil),
		// Less would meet the race of ejabberd which the package comment tells of.
		Backoff: stream.Backoff{Min: 300 * time.Millisecond, Max: 300 * time.Millisecond},
		Logger:  slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// A client runs a stream and handles what comes at once.
type client struct {
	*stream.Stream
	t    *testing.T
	ran  chan error
	stop context.CancelFunc

	mu      sync.Mutex
	changed chan struct{}
	seen    state
}

type state struct {
	online  *stream.OnlineInfo
	bodies  []string
	lost    int // sessions
	resumed int // connections
	count   uint64
	acked   uint64
	offline error
}

func start(t *testing.T, cfg stream.Config) *client {
	t.Helper()
	s, err := stream.New(cfg)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	c := &client{Stream: s, t: t, ran: make(chan error, 1), stop: stop, changed: make(chan struct{})}
	var work sync.WaitGroup
	work.Go(func() { c.ran <- s.Run(ctx) })
	work.Go(c.consume)
	t.Cleanup(func() { stop(); work.Wait() })
	return c
}

func (c *client) consume() {
	buf := make([]stream.Item, 0, 16)
	for {
		items, err := c.Next(context.Background(), buf)
		if err != nil {
			return
		}
		for _, item := range items {
			c.take(item)
			if item.Count > 0 {
				c.Handled(item.Count)
			}
		}
	}
}

func (c *client) take(item stream.Item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s := &c.seen; item.Kind {
	case stream.Online:
		if item.Online.Resumed {
			s.resumed++
		} else if s.offline != nil {
			s.lost++
		}
		s.online, s.acked = item.Online, item.Online.Out
	case stream.Offline:
		s.online, s.offline = nil, item.Err
	case stream.Acked:
		s.acked = item.Acked
	case stream.Stanza:
		if body := item.Stanza.ChildText(element.NSClient, "body"); body != "" && item.Stanza.AttrValue("type") != "error" {
			s.bodies = append(s.bodies, body)
		}
	case stream.Malformed:
		c.t.Errorf("malformed stanza: %v", item.Err)
	}
	c.seen.count = max(c.seen.count, item.Count)
	close(c.changed)
	c.changed = make(chan struct{})
}

// state returns what has happened.
func (c *client) state() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seen
	s.bodies = slices.Clone(s.bodies)
	return s
}

// until waits until a condition holds.
func (c *client) until(what string, holds func(*state) bool) state {
	c.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		c.mu.Lock()
		s, changed := c.seen, c.changed
		ok := holds(&s)
		c.mu.Unlock()
		if ok {
			return s
		}
		select {
		case <-changed:
		case <-timer.C:
			require.Failf(c.t, "too late", "%s: %+v", what, s)
		}
	}
}

func (c *client) online() *stream.OnlineInfo {
	c.t.Helper()
	return c.until("online", func(s *state) bool { return s.online != nil }).online
}

// send sends a message as soon as there is a connection.
func (c *client) send(to jid.JID, body string) {
	c.t.Helper()
	for {
		c.online()
		e := element.New(element.NSClient, "message").With("to", to.String()).With("type", "chat").With("id", "m"+body).
			Add(element.New(element.NSClient, "body").WithText(body))
		err := c.SendDurable(context.Background(), func(stream.Position) ([][]byte, error) {
			return [][]byte{e.Bytes()}, nil
		})
		if err == nil {
			return
		}
		require.ErrorIs(c.t, err, stream.ErrNotConnected)
	}
}

func (c *client) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.IQ(ctx, stanza.GetIQ, jid.JID{}, element.New("urn:xmpp:ping", "ping"))
	return err
}

func numbers(from, to int) (out []string) {
	for i := from; i <= to; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

func TestServersSignIn(t *testing.T) {
	each(t, func(t *testing.T, server *testserver.Server) {
		for _, direct := range []bool{false, true} {
			addr := server.Addr
			if direct {
				addr = server.DirectTLSAddr
			}
			a := server.NewAccount(t, "alice")
			c := start(t, config(t, server, a, addr, direct))
			o := c.online()
			require.True(t, o.SM)
			require.True(t, o.Resumable)
			require.False(t, o.Resumed)
			require.Equal(t, a.JID()+"/phone", o.JID.String())
			require.True(t, o.Feature("urn:xmpp:sm:3", "sm"))
			require.NoError(t, c.ping())
			require.NoError(t, c.Close(context.Background()))
			require.NoError(t, <-c.ran)
		}
	})
}

func TestServersRefuse(t *testing.T) {
	each(t, func(t *testing.T, server *testserver.Server) {
		a := server.NewAccount(t, "alice")
		wrong := a
		wrong.Password = "wrong"
		c := start(t, config(t, server, wrong, server.DirectTLSAddr, true))
		require.ErrorIs(t, <-c.ran, sasl.ErrNotAuthorized)

		other := *server
		other.Domain = "other.test"
		cfg := config(t, &other, testserver.Account{User: "alice", Domain: other.Domain, Password: "x"}, server.Addr, false)
		c = start(t, cfg)
		var code interface{ Code() string }
		require.ErrorAs(t, <-c.ran, &code)
		require.Equal(t, "xmpp.stream.host-unknown", code.Code())
	})
}

func TestServersWithoutStreamManagement(t *testing.T) {
	for _, kind := range []testserver.Kind{testserver.Prosody, testserver.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			server := testserver.Start(t, kind, testserver.NoSM())
			a := server.NewAccount(t, "alice")
			c := start(t, config(t, server, a, server.DirectTLSAddr, true))
			require.False(t, c.online().SM)
			require.NoError(t, c.ping())
		})
	}
}

// Whatever is sent while connections break comes exactly once.
func TestServersResume(t *testing.T) {
	each(t, func(t *testing.T, server *testserver.Server) {
		proxy := cutproxy.Start(t, server.DirectTLSAddr)
		alice := start(t, config(t, server, server.NewAccount(t, "alice"), proxy.Addr(), true))
		bob := start(t, config(t, server, server.NewAccount(t, "bob"), proxy.Addr(), true))
		a, b := alice.online().JID, bob.online().JID
		const rounds, each = 6, 10
		for round := range rounds {
			how := []func(){
				func() { proxy.Cut(cutproxy.Reset) },
				func() { proxy.Cut(cutproxy.Finish) },
				func() { proxy.Abandon() },
			}[round%3]
			if round >= rounds/2 { // in the midst of what is sent below
				direction := []cutproxy.Direction{cutproxy.ToServer, cutproxy.ToClient}[round%2]
				proxy.CutAfter(direction, int64(300+97*round), cutproxy.Reset)
				how = func() {}
			}
			for i := range each {
				n := strconv.Itoa(round*each + i + 1)
				alice.send(b, n)
				bob.send(a, n)
				if i == each/2 {
					how()
				}
			}
			want := (round + 1) * each
			for _, c := range []*client{alice, bob} {
				s := c.until("messages", func(s *state) bool { return len(s.bodies) >= want })
				require.Zero(t, s.lost)
				require.ElementsMatch(t, numbers(1, want), s.bodies[:want])
				c.until("acknowledgements", func(s *state) bool { return s.online != nil && s.acked >= uint64(want) })
			}
			require.NoError(t, alice.ping())
			require.NoError(t, bob.ping())
		}
		for _, c := range []*client{alice, bob} {
			s := c.state()
			require.ElementsMatch(t, numbers(1, rounds*each), s.bodies, "something came twice")
			if server.Kind == testserver.Prosody { // ejabberd lets messages overtake each other
				require.Equal(t, numbers(1, rounds*each), s.bodies)
			}
			require.Positive(t, s.resumed)
		}
		proof.Record(t, string(server.Kind), "0198")
	})
}

// A request that is on its way when the connection breaks is answered.
func TestServersRequestSurvives(t *testing.T) {
	each(t, func(t *testing.T, server *testserver.Server) {
		proxy := cutproxy.Start(t, server.DirectTLSAddr)
		c := start(t, config(t, server, server.NewAccount(t, "alice"), proxy.Addr(), true))
		c.online()
		proxy.Pause()
		done := make(chan error, 1)
		go func() { done <- c.ping() }()
		select {
		case err := <-done:
			require.Fail(t, "answered through a black hole", "%v", err)
		case <-time.After(100 * time.Millisecond): // it has been written, or will be after
		}
		proxy.Cut(cutproxy.Reset)
		proxy.Resume()
		require.NoError(t, <-done)
		require.Zero(t, c.state().lost)
	})
}

// Another process resumes, after an orderly end of the first or none.
func TestServersResumeInAnotherProcess(t *testing.T) {
	each(t, func(t *testing.T, server *testserver.Server) {
		for _, orderly := range []bool{true, false} {
			account := server.NewAccount(t, "alice")
			cfg := config(t, server, account, server.DirectTLSAddr, true)
			bob := start(t, config(t, server, server.NewAccount(t, "bob"), server.DirectTLSAddr, true))
			b := bob.online().JID
			first := start(t, cfg)
			o := first.online()
			first.send(b, "1")
			bob.send(o.JID, "a")
			first.until("message", func(s *state) bool { return len(s.bodies) == 1 })
			first.until("acknowledgement", func(s *state) bool { return s.acked == 1 })
			if orderly {
				require.NoError(t, first.Detach(context.Background()))
			} else {
				first.stop()
			}
			<-first.ran
			bob.send(o.JID, "b")

			cfg.Resume = &stream.Resume{ID: o.ID, Location: o.Location, JID: o.JID, Handled: first.state().count, Out: 1}
			second := start(t, cfg)
			again := second.online()
			require.True(t, again.Resumed)
			require.Equal(t, o.JID, again.JID)
			require.EqualValues(t, 1, again.Out)
			second.until("message", func(s *state) bool { return slices.Equal(s.bodies, []string{"b"}) })
			second.send(b, "2")
			bob.until("messages", func(s *state) bool { return slices.Equal(s.bodies, []string{"1", "2"}) })
			require.NoError(t, second.Close(context.Background()))

			cfg.Resume = &stream.Resume{ID: again.ID, JID: again.JID, Handled: 2, Out: 2}
			third := start(t, cfg)
			require.False(t, third.online().Resumed, "the session was closed")
		}
	})
}

// A storm of cuts ends with a stream that works, whatever has become of the
// session. While it is resumed every time, nothing is lost or comes twice.
func TestServersStorm(t *testing.T) {
	each(t, func(t *testing.T, server *testserver.Server) {
		proxy := cutproxy.Start(t, server.DirectTLSAddr)
		paced := func(name, addr string) *client {
			cfg := config(t, server, server.NewAccount(t, name), addr, true)
			cfg.Limits.Unacked = 20
			return start(t, cfg)
		}
		alice, bob := paced("alice", proxy.Addr()), paced("bob", server.DirectTLSAddr)
		a, b := alice.online().JID, bob.online().JID
		stormed := make(chan error, 1)
		go func() { stormed <- proxy.Storm(context.Background(), 12, 6*time.Second, 1) }()
		sent := 0
		for over := false; !over; {
			select {
			case err := <-stormed:
				require.NoError(t, err)
				over = true
			default:
			}
			sent++
			alice.send(b, strconv.Itoa(sent))
			bob.send(a, strconv.Itoa(sent))
		}
		deadline := time.Now().Add(patience)
		for err := alice.ping(); err != nil; err = alice.ping() {
			require.Less(t, time.Now(), deadline, "%v", err)
			alice.online()
		}
		alice.send(b, "end")
		bob.send(a, "end")
		bob.until("end", func(s *state) bool { return slices.Contains(s.bodies, "end") })
		alice.until("end", func(s *state) bool { return slices.Contains(s.bodies, "end") })
		s := alice.state()
		t.Logf("%d messages, %d resumptions, %d sessions lost; at alice %s, at bob %s", sent, s.resumed, s.lost,
			compare(numbers(1, sent), s.bodies), compare(numbers(1, sent), bob.state().bodies))
		require.Positive(t, s.resumed+s.lost)
		if s.lost == 0 {
			want := append(numbers(1, sent), "end")
			got := bob.state().bodies
			if server.Kind == testserver.Ejabberd { // and has us send some twice, see the package's documentation
				got = firsts(got)
			}
			require.Equal(t, want, got)
			require.ElementsMatch(t, want, s.bodies)
			if server.Kind == testserver.Prosody { // ejabberd lets messages overtake each other
				require.Equal(t, want, s.bodies)
			}
		}
	})
}

// firsts returns what is in list, without what was there before.
func firsts(list []string) (out []string) {
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// compare counts what is missing and what is there too often.
func compare(want, got []string) string {
	times := map[string]int{}
	for _, g := range got {
		times[g]++
	}
	missing, more := 0, 0
	for _, w := range want {
		switch n := times[w]; {
		case n == 0:
			missing++
		case n > 1:
			more += n - 1
		}
	}
	return fmt.Sprintf("%d missing, %d too many", missing, more)
}
