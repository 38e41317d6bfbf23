// SPDX-License-Identifier: MPL-2.0

package transfer_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/transfer"
)

func proxyURL(scheme, host string) *url.URL {
	return &url.URL{Scheme: scheme, Host: host, User: url.UserPassword("user", "password")}
}

// A proxy gets the name of the host and looks it up itself.
func TestProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	asked := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		asked <- refuse(conn)
	}()
	client := newClient(t, transfer.Config{Proxy: proxyURL("socks5h", l.Addr().String())})
	_, err = client.Get(t.Context(), transfer.Download{URL: "https://upload.example/x", Limit: 1}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrConnection)
	require.Contains(t, string(<-asked), "upload.example")
}

// refuse speaks SOCKS5 (RFC 1928, RFC 1929) up to the request, which it refuses
// and returns.
func refuse(conn net.Conn) []byte {
	buf := make([]byte, 512)
	var request bytes.Buffer
	for _, answer := range [][]byte{{5, 2}, {1, 0}, {5, 5, 0, 1, 0, 0, 0, 0, 0, 0}} {
		n, err := conn.Read(buf)
		if err != nil {
			break
		}
		request.Reset()
		request.Write(buf[:n])
		if _, err := conn.Write(answer); err != nil {
			break
		}
	}
	return request.Bytes()
}
