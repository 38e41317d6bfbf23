// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert: cert, key: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue makes a certificate for names and IP addresses; change may spoil it.
func (a *authority) issue(t *testing.T, change func(*x509.Certificate), hosts ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// listen accepts connections on loopback and gives each to serve, until the
// test ends.
func listen(t *testing.T, address string, serve func(net.Conn)) (port uint16) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	require.NoError(t, err)
	var running sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			running.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return netip.MustParseAddrPort(listener.Addr().String()).Port()
}

// closedPort is a port where nothing listens.
func closedPort(t *testing.T) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return netip.MustParseAddrPort(listener.Addr().String()).Port()
}

// serveTLS makes the server's handshake and echoes what comes.
func serveTLS(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		secure := tls.Server(conn, config)
		defer func() { _ = secure.Close() }()
		if secure.Handshake() == nil {
			echo(secure)
		}
	}
}

func echo(conn net.Conn) {
	buf := make([]byte, 64)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

// requireEcho checks that a connection carries bytes both ways.
func requireEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := conn.Write([]byte("hello"))
	require.NoError(t, err)
	got := make([]byte, 5)
	_, err = conn.Read(got)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
}

// zone is a Resolver with fixed answers. It remembers what it was asked.
type zone struct {
	srv   map[string][]*net.SRV // by service
	addrs map[string][]string   // by host
	err   error                 // instead of any answer
	delay map[string]time.Duration

	mu    sync.Mutex
	asked []string
}

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (z *zone) note(what string) {
	z.mu.Lock()
	z.asked = append(z.asked, what)
	z.mu.Unlock()
}

func (z *zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	z.note("_" + service + "._" + proto + "." + name)
	if z.err != nil {
		return "", nil, z.err
	}
	if records, ok := z.srv[service]; ok {
		return "", records, nil
	}
	return "", nil, notFound(name)
}

func (z *zone) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	z.note(host)
	if err := sleep(ctx, z.delay[network]); err != nil {
		return nil, err
	}
	if z.err != nil {
		return nil, z.err
	}
	var out []netip.Addr
	for _, a := range z.addrs[host] {
		if addr := netip.MustParseAddr(a); addr.Is6() == (network == "ip6") {
			out = append(out, addr)
		}
	}
	if len(out) == 0 {
		return nil, notFound(host)
	}
	return out, nil
}

// sleep is latency of the network; in a synctest bubble it takes no time.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noDNS is a Resolver that fails the test when it is asked.
type noDNS struct{ t *testing.T }

func (n noDNS) LookupSRV(_ context.Context, service, _, name string) (string, []*net.SRV, error) {
	n.t.Errorf("asked DNS for _%s of %s", service, name)
	return "", nil, errors.New("leak")
}

func (n noDNS) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.t.Errorf("asked DNS for %s", host)
	return nil, errors.New("leak")
}

func newDialer(t *testing.T, cfg Config) *Dialer {
	t.Helper()
	d, err := New(cfg)
	require.NoError(t, err)
	return d
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var coded interface{ Code() string }
	require.ErrorAs(t, err, &coded)
	require.Equal(t, code, coded.Code(), "%v", err)
}
