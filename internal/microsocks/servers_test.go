// SPDX-License-Identifier: MPL-2.0

//go:build servers

package microsocks_test

import (
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/microsocks"
)

// echo runs a server that sends back what it gets and returns its port.
func echo(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// connect asks the proxy for a connection by name (RFC 1928 section 4) and
// returns it with the proxy's reply code.
func connect(t *testing.T, p *microsocks.Proxy, user, password, host string, port int) (net.Conn, byte) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	exchange := func(request []byte, n int) []byte {
		_, err := conn.Write(request)
		require.NoError(t, err)
		answer := make([]byte, n)
		_, err = io.ReadFull(conn, answer)
		require.NoError(t, err)
		return answer
	}
	if user == "" {
		require.Equal(t, []byte{5, 0}, exchange([]byte{5, 1, 0}, 2))
	} else {
		require.Equal(t, []byte{5, 2}, exchange([]byte{5, 1, 2}, 2))
		request := append([]byte{1, byte(len(user))}, user...)
		request = append(append(request, byte(len(password))), password...)
		if status := exchange(request, 2)[1]; status != 0 {
			return nil, 0xff
		}
	}
	request := append([]byte{5, 1, 0, 3, byte(len(host))}, host...)
	return conn, exchange(append(request, byte(port>>8), byte(port)), 10)[1]
}

func TestProxy(t *testing.T) {
	port := echo(t)
	for _, user := range []string{"", "alice"} {
		p := microsocks.Start(t, user, "wonderland")
		conn, reply := connect(t, p, user, "wonderland", "localhost", port)
		require.Zero(t, reply)
		_, err := io.WriteString(conn, "hello")
		require.NoError(t, err)
		got := make([]byte, 5)
		_, err = io.ReadFull(conn, got)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
		require.Equal(t, []microsocks.Request{{Host: "localhost", Port: port}}, p.Requests())

		p.Close()
		_, err = net.Dial("tcp", p.Addr)
		require.Error(t, err, "closed: "+strconv.Itoa(port))
	}
}

func TestWrongPassword(t *testing.T) {
	p := microsocks.Start(t, "alice", "wonderland")
	_, reply := connect(t, p, "alice", "wrong", "localhost", 9)
	require.NotZero(t, reply)
	require.Empty(t, p.Requests())
}
