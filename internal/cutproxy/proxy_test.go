// SPDX-License-Identifier: MPL-2.0

package cutproxy_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/cutproxy"
)

const (
	deadline = 10 * time.Second
	tick     = time.Millisecond
	quiet    = 100 * time.Millisecond // in which nothing may happen
)

// server accepts connections and hands them to the test.
type server struct {
	net.Listener
	conns chan net.Conn
}

func listen(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{Listener: l, conns: make(chan net.Conn, 1000)}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conns <- conn
		}
	})
	t.Cleanup(func() {
		l.Close()
		accepting.Wait()
		close(s.conns)
		for conn := range s.conns {
			conn.Close()
		}
	})
	return s
}

// pair connects through the proxy and returns both ends.
func pair(t *testing.T, p *cutproxy.Proxy, s *server) (client, remote net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	select {
	case remote = <-s.conns:
	case <-time.After(deadline):
		t.Fatal("the connection did not get through")
	}
	for _, conn := range []net.Conn{client, remote} {
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(deadline)))
	}
	return client, remote
}

// carry sends text and requires that it arrives.
func carry(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(from, text)
	require.NoError(t, err)
	got := make([]byte, len(text))
	_, err = io.ReadFull(to, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

// silent requires that nothing arrives and the connection stays open.
func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(quiet)))
	n, err := conn.Read(make([]byte, 1))
	require.Zero(t, n)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "%v", err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(deadline)))
}

func TestForwards(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	client, remote := pair(t, p, s)
	carry(t, client, remote, "hello")
	carry(t, remote, client, "world")
	require.Equal(t, 1, p.Count())
	require.Equal(t, 1, p.Open())

	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB, more than the queue holds
	var sender sync.WaitGroup
	sender.Go(func() {
		_, _ = client.Write(big)
		_ = client.(*net.TCPConn).CloseWrite()
	})
	got, err := io.ReadAll(remote)
	sender.Wait()
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, got))
	carry(t, remote, client, "half open is enough to answer")
	require.NoError(t, remote.Close())
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.Eventually(t, func() bool { return p.Open() == 0 }, deadline, tick)
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		how  cutproxy.How
		want error
	}{
		{cutproxy.Reset, syscall.ECONNRESET},
		{cutproxy.Finish, io.EOF},
	} {
		s := listen(t)
		p := cutproxy.Start(t, s.Addr().String())
		client, remote := pair(t, p, s)
		carry(t, client, remote, "hello")
		require.Equal(t, 1, p.Cut(test.how))
		for _, conn := range []net.Conn{client, remote} {
			_, err := conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, test.want)
		}
		client, remote = pair(t, p, s)
		carry(t, client, remote, "the next connection works")
	}
}

func TestCutAfter(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	client, remote := pair(t, p, s)
	p.CutAfter(cutproxy.ToClient, 7, cutproxy.Finish)
	carry(t, remote, client, "1234")
	require.True(t, p.CutPending(cutproxy.ToClient))
	carry(t, client, remote, "the other direction does not count")
	_, err := io.WriteString(remote, "56789")
	require.NoError(t, err)
	got, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Equal(t, "567", string(got))
	require.False(t, p.CutPending(cutproxy.ToClient))

	client, remote = pair(t, p, s)
	carry(t, remote, client, "planned once, cut once")
}

func TestPauseKeepsEverything(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	client, remote := pair(t, p, s)
	p.Pause()
	p.Pause() // twice is once
	_, err := io.WriteString(client, "late")
	require.NoError(t, err)
	silent(t, remote)
	p.Resume()
	got := make([]byte, 4)
	_, err = io.ReadFull(remote, got)
	require.NoError(t, err)
	require.Equal(t, "late", string(got))

	p.Pause()
	require.NoError(t, client.(*net.TCPConn).SetLinger(0))
	require.NoError(t, client.Close())
	silent(t, remote) // not even the end passes
	p.Resume()
	_, err = remote.Read(got)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestAbandonLeavesTheServerBelieving(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	client, remote := pair(t, p, s)
	carry(t, client, remote, "hello")
	require.Equal(t, 1, p.Abandon())
	_, err := client.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Zero(t, p.Open())
	for range 3 {
		_, err = io.WriteString(remote, "into the void")
		require.NoError(t, err)
		silent(t, remote)
	}
	client, second := pair(t, p, s)
	carry(t, client, second, "next to the old connection")
	require.Equal(t, 1, p.Cut(cutproxy.Reset))
	silent(t, remote)
	p.Close()
	_, err = remote.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestRefuse(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	p.Refuse(true)
	require.ErrorIs(t, firstError(p), syscall.ECONNRESET)
	require.Empty(t, s.conns)
	require.Eventually(t, func() bool { return p.Count() == 1 }, deadline, tick)
	p.Refuse(false)
	client, remote := pair(t, p, s)
	carry(t, client, remote, "welcome")
}

func TestUnreachableTargetResets(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	other := listen(t)
	closed := other.Addr().String()
	require.NoError(t, other.Close())
	p.SetTarget(closed)
	require.ErrorIs(t, firstError(p), syscall.ECONNRESET)
}

// firstError dials and returns the error of whichever step notices first.
func firstError(p *cutproxy.Proxy) error {
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	return err
}

func TestDelay(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	client, remote := pair(t, p, s)
	const rtt = 80 * time.Millisecond
	p.Delay(rtt)
	start := time.Now()
	carry(t, client, remote, "ping")
	carry(t, remote, client, "pong")
	require.GreaterOrEqual(t, time.Since(start), rtt)
}

func TestStorm(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var client sync.WaitGroup
	client.Go(func() {
		for ctx.Err() == nil {
			conn, err := net.Dial("tcp", p.Addr())
			if err != nil {
				continue
			}
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	})
	require.NoError(t, p.Storm(ctx, 20, 200*time.Millisecond, 1))
	require.Greater(t, p.Count(), 1)
	cancel()
	p.Close()
	client.Wait()
	require.ErrorIs(t, p.Storm(ctx, 1, time.Hour, 1), context.Canceled)
}

func TestCloseEndsEverything(t *testing.T) {
	s := listen(t)
	p := cutproxy.Start(t, s.Addr().String())
	client, _ := pair(t, p, s)
	p.Pause()
	_, err := io.WriteString(client, "kept back")
	require.NoError(t, err)
	p.Close()
	_, err = client.Read(make([]byte, 1))
	require.Error(t, err)
	_, err = net.Dial("tcp", p.Addr())
	require.Error(t, err)
}
