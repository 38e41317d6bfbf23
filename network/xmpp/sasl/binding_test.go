// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"hash"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// certificate makes a self-signed certificate.
func certificate(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example.org"}, DNSNames: []string{"example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func ecdsaKey(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return key
}

// connect makes a TLS connection and returns the state of both ends.
func connect(t *testing.T, cert tls.Certificate, version uint16) (client, server tls.ConnectionState) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	states, errs := make(chan tls.ConnectionState, 1), make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			defer func() { _ = conn.Close() }()
			s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version})
			err = s.Handshake()
			states <- s.ConnectionState()
		}
		errs <- err
	}()
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "example.org"})
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	server = <-states
	require.NoError(t, <-errs)
	return conn.ConnectionState(), server
}

// bound returns a client's state, and a server that can check its bindings.
func bound(t *testing.T, mechanism string, version uint16) (tls.ConnectionState, *server) {
	t.Helper()
	cert := certificate(t, ecdsaKey(t, elliptic.P256()))
	client, other := connect(t, cert, version)
	s := newServer(mechanism)
	sum := sha256.Sum256(cert.Certificate[0])
	s.bindings = map[string][]byte{bindEndPoint: sum[:]}
	if version == tls.VersionTLS12 {
		s.bindings[bindUnique] = other.TLSUnique
	}
	exported, err := other.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	require.NoError(t, err)
	s.bindings[bindExporter] = exported
	return client, s
}

func TestBoundSignIn(t *testing.T) {
	for _, c := range []struct {
		name      string
		version   uint16
		announced []string
		want      string
	}{
		{"1.3, nothing announced", tls.VersionTLS13, nil, bindExporter},
		{"1.3, all announced", tls.VersionTLS13, []string{bindEndPoint, bindUnique, bindExporter}, bindExporter},
		{"1.3, end point", tls.VersionTLS13, []string{bindEndPoint}, bindEndPoint},
		{"1.3, unique is not for it", tls.VersionTLS13, []string{bindUnique, bindEndPoint}, bindEndPoint},
		{"1.2, nothing announced", tls.VersionTLS12, nil, bindUnique},
		{"1.2, exporter", tls.VersionTLS12, []string{bindExporter, bindUnique}, bindExporter},
		{"1.2, unique", tls.VersionTLS12, []string{bindUnique, bindEndPoint}, bindUnique},
		{"1.2, end point", tls.VersionTLS12, []string{"tls-future", bindEndPoint}, bindEndPoint},
	} {
		for _, f := range families {
			t.Run(c.name+" "+f.name, func(t *testing.T) {
				name := f.name + "-PLUS"
				cs, s := bound(t, name, c.version)
				m := mustSelect(t, testConfig(), []string{f.name, name}, c.announced, cs)
				require.Equal(t, name, m.Name())
				require.Equal(t, c.want, m.(*scram).Binding())
				require.NoError(t, signIn(m, s))

				_, other := bound(t, name, c.version)
				m = mustSelect(t, testConfig(), []string{f.name, name}, c.announced, cs)
				require.ErrorIs(t, signIn(m, other), ErrBinding, "another connection")
			})
		}
	}
}

func TestEndPointHash(t *testing.T) {
	for name, c := range map[string]struct {
		key  crypto.Signer
		hash func() hash.Hash
	}{
		"P-256": {ecdsaKey(t, elliptic.P256()), sha256.New},
		"P-384": {ecdsaKey(t, elliptic.P384()), sha512.New384},
		"P-521": {ecdsaKey(t, elliptic.P521()), sha512.New},
	} {
		t.Run(name, func(t *testing.T) {
			cert := certificate(t, c.key)
			h := c.hash()
			h.Write(cert.Certificate[0])
			require.Equal(t, h.Sum(nil), endPoint(cert.Leaf))
		})
	}
	require.Nil(t, endPoint(&x509.Certificate{SignatureAlgorithm: x509.PureEd25519}))
	require.Len(t, endPoint(&x509.Certificate{SignatureAlgorithm: x509.SHA1WithRSA}), 32)
	require.Len(t, endPoint(&x509.Certificate{SignatureAlgorithm: x509.SHA384WithRSAPSS}), 48)
}

// TestNothingToBind: announced, but this connection has no data for it.
func TestNothingToBind(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	cs, _ := connect(t, certificate(t, key), tls.VersionTLS13)
	offered := []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}
	m := mustSelect(t, testConfig(), offered, []string{bindEndPoint}, cs)
	require.Equal(t, "SCRAM-SHA-256", m.Name())
	require.Equal(t, "n", m.(*scram).p.gs2.flag, `"y" would be a lie the server has to refuse`)

	cfg := testConfig()
	cfg.Binding = BindingRequire
	_, err = Select(cfg, offered, []string{bindEndPoint}, cs)
	require.ErrorIs(t, err, ErrBindingRequired)
}

// TestOfferHash has the example of XEP-0474.
func TestOfferHash(t *testing.T) {
	got := offerHash(families[2].hash,
		[]string{"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}, []string{"tls-server-end-point", "tls-exporter"})
	require.Equal(t, "G6k/rBLDqgOhRRaCuuatSDFkJ08=", base64.StdEncoding.EncodeToString(got))
	require.NotEqual(t, got, offerHash(families[2].hash, []string{"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}, nil))
}
