// SPDX-License-Identifier: MPL-2.0

//go:build servers

package dial

import (
	"crypto/tls"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/microsocks"
	"github.com/confab-im/confab/internal/proof"
	"github.com/confab-im/confab/internal/testserver"
)

// TestMicrosocks goes through a real proxy, which has to look up the name:
// nothing here does.
func TestMicrosocks(t *testing.T) {
	ca := newAuthority(t)
	port := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil, "example.org")}}))
	open, closed := microsocks.Start(t, "", ""), microsocks.Start(t, "user", "password")
	base := Config{
		Domain: "example.org", Host: "localhost", Port: port, Mode: DirectOnly,
		RootCAs: ca.pool(), Resolver: noDNS{t}, IsolationKey: "juliet@example.org",
	}
	dialBy := func(p Proxy, change func(*Config)) (*Conn, error) {
		cfg := base
		cfg.Proxy = &p
		if change != nil {
			change(&cfg)
		}
		return newDialer(t, cfg).Dial(t.Context())
	}
	for _, p := range []Proxy{{Address: open.Addr}, {Address: closed.Addr, Username: "user", Password: "password"}} {
		conn, err := dialBy(p, nil)
		require.NoError(t, err)
		requireEcho(t, conn)
		require.NoError(t, conn.Close())
	}
	for _, p := range []*microsocks.Proxy{open, closed} {
		require.Contains(t, p.Requests(), microsocks.Request{Host: "localhost", Port: int(port)})
	}

	_, err := dialBy(Proxy{Address: closed.Addr, Username: "user", Password: "wrong"}, nil)
	require.ErrorIs(t, err, ErrProxyAuth)
	_, err = dialBy(Proxy{Address: open.Addr}, func(c *Config) { c.Port = closedPort(t) })
	require.ErrorIs(t, err, ErrRefused)
	requireCode(t, err, "xmpp.dial.refused")
	_, err = dialBy(Proxy{Address: open.Addr}, func(c *Config) { c.Domain = "other.example" })
	require.ErrorIs(t, err, ErrWrongName)
}

// TestRealServers makes direct TLS to both servers, found by service records.
func TestRealServers(t *testing.T) {
	for _, kind := range []testserver.Kind{testserver.Prosody, testserver.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			server := testserver.Start(t, kind)
			_, service, err := net.SplitHostPort(server.DirectTLSAddr)
			require.NoError(t, err)
			port, err := strconv.ParseUint(service, 10, 16)
			require.NoError(t, err)
			z := directZone(uint16(port))

			conn, err := newDialer(t, Config{Domain: server.Domain, RootCAs: server.CAPool, Resolver: z}).Dial(t.Context())
			require.NoError(t, err)
			require.True(t, conn.DirectTLS)
			state, ok := conn.ConnectionState()
			require.True(t, ok)
			pin := PinOf(PinSPKI, state.PeerCertificates[0])
			require.NoError(t, conn.Close())

			conn, err = newDialer(t, Config{Domain: server.Domain, RootCAs: server.CAPool, Resolver: z, Pins: []Pin{pin}}).Dial(t.Context())
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			_, err = newDialer(t, Config{Domain: "other.example", RootCAs: server.CAPool, Resolver: z}).Dial(t.Context())
			require.Error(t, err)
			proof.Record(t, string(kind), "RFC7590", "0368")
		})
	}
}
