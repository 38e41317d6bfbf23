// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"context"
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/child"
)

func TestCA(t *testing.T) {
	ca, err := NewCA()
	require.NoError(t, err)
	other, err := NewCA()
	require.NoError(t, err)
	certPEM, keyPEM, err := ca.Issue("confab.test", "127.0.0.1")
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)

	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.(*tls.Conn).HandshakeContext(t.Context())
			}()
		}
	}()
	handshake := func(config *tls.Config) error {
		conn, err := tls.Dial("tcp", listener.Addr().String(), config)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	require.NoError(t, handshake(&tls.Config{RootCAs: ca.Pool(), ServerName: "confab.test"}))
	require.NoError(t, handshake(&tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"}))
	require.Error(t, handshake(&tls.Config{RootCAs: ca.Pool(), ServerName: "other.test"}))
	require.Error(t, handshake(&tls.Config{RootCAs: other.Pool(), ServerName: "confab.test"}))
}

func TestRefusesBadOptions(t *testing.T) {
	for name, run := range map[string]func() (*Server, error){
		"kind":  func() (*Server, error) { return Run(context.Background(), "fax", t.TempDir()) },
		"sasl2": func() (*Server, error) { return Run(context.Background(), Ejabberd, t.TempDir(), SASL2()) },
		"nagle": func() (*Server, error) { return Run(context.Background(), Ejabberd, t.TempDir(), Nagle()) },
	} {
		_, err := run()
		require.Error(t, err, name)
	}
}

func TestMissingProgramNamesThePackage(t *testing.T) {
	_, err := child.LookPath("no-such-program", "no-such-package")
	require.ErrorIs(t, err, child.ErrNotInstalled)
	require.ErrorContains(t, err, "Debian package no-such-package")
}

func TestTail(t *testing.T) {
	require.Equal(t, "b\nc", tail("a\nb\nc\n", 2))
	require.Equal(t, "a", tail("a", 5))
}
