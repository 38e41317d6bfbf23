// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// directZone sends every domain to a direct TLS server on loopback, under a
// name which is not the domain.
func directZone(port uint16) *zone {
	return &zone{
		srv:   map[string][]*net.SRV{"xmpps-client": {srv("server.example.", port, 0, 0)}},
		addrs: map[string][]string{"server.example": {"127.0.0.1"}},
	}
}

// startTLSZone is the same for STARTTLS.
func startTLSZone(port uint16) *zone {
	return &zone{
		srv:   map[string][]*net.SRV{"xmpp-client": {srv("server.example.", port, 0, 0)}},
		addrs: map[string][]string{"server.example": {"127.0.0.1"}},
	}
}

// secure dials in both ways, STARTTLS without the XML before it.
func secure(t *testing.T, cfg Config, port uint16, direct bool) (*Conn, error) {
	t.Helper()
	cfg.Resolver = startTLSZone(port)
	if direct {
		cfg.Resolver = directZone(port)
	}
	conn, err := newDialer(t, cfg).Dial(t.Context())
	if err != nil {
		require.True(t, direct, "%v", err)
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	require.Equal(t, direct, conn.DirectTLS)
	if !direct {
		if _, ok := conn.ConnectionState(); ok {
			t.Fatal("TLS before STARTTLS")
		}
		err = conn.StartTLS(t.Context())
	}
	return conn, err
}

func bothWays(t *testing.T, test func(t *testing.T, direct bool)) {
	t.Run("direct", func(t *testing.T) { test(t, true) })
	t.Run("STARTTLS", func(t *testing.T) { test(t, false) })
}

func TestCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name   string
		domain string
		cert   tls.Certificate
		now    time.Time
		want   error
		code   string
	}{
		{name: "good", cert: ca.issue(t, nil, "example.org")},
		{name: "wildcard", domain: "im.example.org", cert: ca.issue(t, nil, "*.example.org")},
		{name: "IDN", domain: "münchen.example", cert: ca.issue(t, nil, "xn--mnchen-3ya.example")},
		{name: "IP address", domain: "127.0.0.1", cert: ca.issue(t, nil, "127.0.0.1")},
		{name: "IPv6 address", domain: "[::1]", cert: ca.issue(t, nil, "::1")},
		{
			name: "expired", want: ErrExpired, code: "xmpp.tls.expired",
			cert: ca.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "example.org"),
		},
		{
			name: "clock", cert: ca.issue(t, nil, "example.org"), now: time.Now().Add(-50 * time.Hour),
			want: ErrExpired, code: "xmpp.tls.expired",
		},
		{
			name: "only for the SRV target", want: ErrWrongName, code: "xmpp.tls.wrong-name",
			cert: ca.issue(t, nil, "server.example"),
		},
		{
			name: "only in the common name", want: ErrWrongName, code: "xmpp.tls.wrong-name",
			cert: ca.issue(t, func(c *x509.Certificate) { c.Subject.CommonName = "example.org" }),
		},
		{name: "other IP address", domain: "127.0.0.1", cert: ca.issue(t, nil, "127.0.0.2"), want: ErrWrongName, code: "xmpp.tls.wrong-name"},
		{name: "unknown authority", cert: other.issue(t, nil, "example.org"), want: ErrUnknownAuthority, code: "xmpp.tls.unknown-authority"},
		{
			name: "not for servers", want: ErrBadCertificate, code: "xmpp.tls.bad-certificate",
			cert: ca.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, "example.org"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, direct bool) {
				port := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{c.cert}}))
				cfg := Config{Domain: "example.org", RootCAs: ca.pool()}
				if c.domain != "" {
					cfg.Domain = c.domain
				}
				if !c.now.IsZero() {
					cfg.Now = func() time.Time { return c.now }
				}
				if net.ParseIP(strings.Trim(cfg.Domain, "[]")) != nil {
					cfg.Host, cfg.Port = "127.0.0.1", port
					cfg.Mode = StartTLSOnly
					if direct {
						cfg.Mode = DirectOnly
					}
				}
				conn, err := secure(t, cfg, port, direct)
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
					requireCode(t, err, c.code)
					return
				}
				require.NoError(t, err)
				requireEcho(t, conn)
				state, ok := conn.ConnectionState()
				require.True(t, ok)
				require.NotEmpty(t, state.VerifiedChains)
			})
		})
	}
}

func TestSelfSignedAsRoot(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil, "example.org")
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	port := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	_, err := secure(t, Config{Domain: "example.org", RootCAs: pool}, port, true)
	require.NoError(t, err)
}

// TestWhatTheServerSees: direct TLS names the domain and the protocol, in TLS
// 1.2 or newer.
func TestWhatTheServerSees(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil, "xn--mnchen-3ya.example")
	bothWays(t, func(t *testing.T, direct bool) {
		hellos := make(chan *tls.ClientHelloInfo, 1)
		port := listen(t, "127.0.0.1", serveTLS(&tls.Config{
			Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1", "xmpp-client"},
			GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { hellos <- h; return nil, nil },
		}))
		conn, err := secure(t, Config{Domain: "München.example", RootCAs: ca.pool()}, port, direct)
		require.NoError(t, err)
		hello := <-hellos
		require.Equal(t, "xn--mnchen-3ya.example", hello.ServerName)
		for _, v := range hello.SupportedVersions {
			require.GreaterOrEqual(t, v, uint16(tls.VersionTLS12))
		}
		state, _ := conn.ConnectionState()
		if direct {
			require.Equal(t, []string{"xmpp-client"}, hello.SupportedProtos)
			require.Equal(t, "xmpp-client", state.NegotiatedProtocol)
		} else {
			require.Empty(t, hello.SupportedProtos)
		}
	})
}

func TestPins(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	cert := ca.issue(t, nil, "example.org")
	// The server also sends a certificate that is not in the verified chain.
	sent := cert
	sent.Certificate = append([][]byte{cert.Certificate[0]}, other.cert.Raw)
	for _, c := range []struct {
		name string
		pins []Pin
		ok   bool
	}{
		{"none", nil, true},
		{"key of the server", []Pin{PinOf(PinSPKI, cert.Leaf)}, true},
		{"certificate of the server", []Pin{PinOf(PinCertificate, cert.Leaf)}, true},
		{"key of the authority", []Pin{PinOf(PinSPKI, ca.cert)}, true},
		{"certificate of the authority", []Pin{PinOf(PinCertificate, ca.cert)}, true},
		{"one of two", []Pin{PinOf(PinSPKI, other.cert), PinOf(PinSPKI, cert.Leaf)}, true},
		{"other", []Pin{PinOf(PinSPKI, newAuthority(t).cert)}, false},
		{"sent along but not verified", []Pin{PinOf(PinSPKI, other.cert), PinOf(PinCertificate, other.cert)}, false},
		{"kinds exchanged", []Pin{
			{Kind: PinSPKI, SHA256: PinOf(PinCertificate, cert.Leaf).SHA256},
			{Kind: PinCertificate, SHA256: PinOf(PinSPKI, cert.Leaf).SHA256},
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, direct bool) {
				port := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{sent}}))
				conn, err := secure(t, Config{Domain: "example.org", RootCAs: ca.pool(), Pins: c.pins}, port, direct)
				if !c.ok {
					require.ErrorIs(t, err, ErrPinMismatch)
					requireCode(t, err, "xmpp.tls.pin-mismatch")
					return
				}
				require.NoError(t, err)
				requireEcho(t, conn)
			})
		})
	}
	t.Run("do not replace the authority", func(t *testing.T) {
		port := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
		_, err := secure(t, Config{Domain: "example.org", RootCAs: other.pool(), Pins: []Pin{PinOf(PinSPKI, cert.Leaf)}}, port, true)
		require.ErrorIs(t, err, ErrUnknownAuthority)
	})
}

func TestParsePin(t *testing.T) {
	cert := newAuthority(t).cert
	for _, kind := range []PinKind{PinSPKI, PinCertificate} {
		pin := PinOf(kind, cert)
		got, err := ParsePin(pin.String())
		require.NoError(t, err)
		require.Equal(t, pin, got)
	}
	colons := "cert-sha256:" + strings.Repeat("AB:", 31) + "cd"
	got, err := ParsePin(colons)
	require.NoError(t, err)
	require.Equal(t, byte(0xcd), got.SHA256[31])
	for _, s := range []string{"", "sha256:" + strings.Repeat("00", 32), "spki-sha256:", "spki-sha256:AAAA", "cert-sha256:" + strings.Repeat("0g", 32)} {
		_, err := ParsePin(s)
		require.ErrorIs(t, err, ErrConfig, s)
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add("spki-sha256:" + strings.Repeat("00", 32))
	f.Add("cert-sha256:" + strings.Repeat("A", 43) + "=")
	f.Fuzz(func(t *testing.T, s string) {
		pin, err := ParsePin(s)
		if err != nil {
			return
		}
		again, err := ParsePin(pin.String())
		require.NoError(t, err)
		require.Equal(t, pin, again)
	})
}

// TestHandshakeFailures: whatever answers, it ends with a typed error and a
// closed connection.
func TestHandshakeFailures(t *testing.T) {
	ca := newAuthority(t)
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		want  error
	}{
		{"silence", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, ErrTimeout},
		{"not TLS", func(conn net.Conn) { _, _ = conn.Write([]byte("<?xml version='1.0'?><stream:stream")) }, ErrTLS},
		{"closes", func(conn net.Conn) { _ = conn.Close() }, ErrTLS},
		{"only TLS 1.1", serveTLS(&tls.Config{MaxVersion: tls.VersionTLS11, Certificates: []tls.Certificate{ca.issue(t, nil, "example.org")}}), ErrTLS},
		{"other protocols", serveTLS(&tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{ca.issue(t, nil, "example.org")}}), ErrTLS},
		{"wrong key", serveTLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: ca.issue(t, nil, "example.org").Certificate, PrivateKey: key}}}), ErrTLS},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := listen(t, "127.0.0.1", func(conn net.Conn) {
				c.serve(conn)
				_ = conn.Close()
			})
			cfg := Config{Domain: "example.org", RootCAs: ca.pool()}
			if c.want == ErrTimeout {
				cfg.Timeouts.TLS = 20 * time.Millisecond
			}
			_, err := secure(t, cfg, port, true)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	began := make(chan struct{}, 2)
	port := listen(t, "127.0.0.1", func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		began <- struct{}{}
	})
	bothWays(t, func(t *testing.T, direct bool) {
		cfg := Config{Domain: "example.org", Resolver: startTLSZone(port)}
		if direct {
			cfg.Resolver = directZone(port)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-began
			cancel()
		}()
		conn, err := newDialer(t, cfg).Dial(ctx)
		if !direct {
			require.NoError(t, err)
			err = conn.StartTLS(ctx)
		}
		require.ErrorIs(t, err, context.Canceled)
	})
}

// TestNextTargetAfterBadCertificate: one bad host does not keep a good one from
// being used, and two bad ones report the certificate, not the lesser trouble.
func TestNextTargetAfterBadCertificate(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	bad := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{other.issue(t, nil, "example.org")}}))
	good := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil, "example.org")}}))
	z := directZone(good)
	z.srv["xmpps-client"] = []*net.SRV{srv("server.example.", bad, 0, 0), srv("server.example.", good, 1, 0)}
	d := newDialer(t, Config{Domain: "example.org", RootCAs: ca.pool(), Resolver: z})
	conn, err := d.Dial(t.Context())
	require.NoError(t, err)
	require.Equal(t, good, conn.Port)
	require.NoError(t, conn.Close())

	z.srv["xmpps-client"][1].Port = closedPort(t)
	_, err = d.Dial(t.Context())
	require.ErrorIs(t, err, ErrRefused)
	requireCode(t, err, "xmpp.tls.unknown-authority")
}

// TestDialTo: the server may name another host, but not another identity.
func TestDialTo(t *testing.T) {
	ca := newAuthority(t)
	mine := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil, "example.org")}}))
	theirs := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil, "other.example")}}))
	z := &zone{
		addrs: map[string][]string{"other.example": {"127.0.0.1"}},
		srv:   map[string][]*net.SRV{"xmpp-client": {srv("other.example.", theirs, 0, 0)}},
	}
	d := newDialer(t, Config{Domain: "example.org", RootCAs: ca.pool(), Resolver: z})
	for location, want := range map[string]error{
		target{host: "other.example", port: mine}.String():   nil,
		target{host: "127.0.0.1", port: mine}.String():       nil,
		target{host: "other.example", port: theirs}.String(): ErrWrongName,
		"other.example": ErrWrongName, // by its service records
	} {
		conn, err := d.DialTo(t.Context(), location)
		require.NoError(t, err, location)
		require.ErrorIs(t, conn.StartTLS(t.Context()), want, location)
		_ = conn.Close()
	}
	_, err := d.DialTo(t.Context(), "not a host")
	require.ErrorIs(t, err, ErrConfig)
	require.Contains(t, z.asked, "_xmpp-client._tcp.other.example")
}

func TestStartTLSOnlyOnce(t *testing.T) {
	ca := newAuthority(t)
	port := listen(t, "127.0.0.1", serveTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil, "example.org")}}))
	conn, err := secure(t, Config{Domain: "example.org", RootCAs: ca.pool()}, port, true)
	require.NoError(t, err)
	require.ErrorIs(t, conn.StartTLS(t.Context()), ErrTLS)
	requireEcho(t, conn)
}

// TestIPv6Loopback: a connection over ::1, beside addresses that never answer.
// Where this machine has no IPv6, the connection is made over IPv4 instead.
func TestIPv6Loopback(t *testing.T) {
	ca := newAuthority(t)
	loopback := "::1"
	if probe, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Logf("no IPv6 here: %v", err)
		loopback = "127.0.0.1"
	} else {
		require.NoError(t, probe.Close())
	}
	port := listen(t, loopback, serveTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil, "example.org")}}))
	for _, addrs := range [][]string{{"::1"}, {"2001:db8::1", "::1"}, {"192.0.2.1", "::1"}} {
		z := directZone(port)
		z.addrs["server.example"] = addrs
		d := newDialer(t, Config{
			Domain: "example.org", RootCAs: ca.pool(), Resolver: z,
			Timeouts: Timeouts{Stagger: time.Millisecond},
			Connect: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, service, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				if host != "::1" {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(loopback, service))
			},
		})
		conn, err := d.Dial(t.Context())
		require.NoError(t, err)
		requireEcho(t, conn)
		require.NoError(t, conn.Close())
	}
}

func TestTLSConfigIsForStartTLS(t *testing.T) {
	d := newDialer(t, Config{Domain: "example.org", Pins: []Pin{{Kind: PinSPKI}}})
	cfg := d.TLSConfig()
	require.Equal(t, "example.org", cfg.ServerName)
	require.False(t, cfg.InsecureSkipVerify)
	require.Equal(t, uint16(tls.VersionTLS12), cfg.MinVersion)
	require.NotNil(t, cfg.VerifyConnection)
	require.Nil(t, cfg.ClientSessionCache)
	cfg.ServerName = "changed"
	require.Equal(t, "example.org", d.TLSConfig().ServerName, "each caller has its own")
}
