// SPDX-License-Identifier: MPL-2.0

//go:build servers

package sasl_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"net"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/sasl"
)

// login is one connection that only signs in.
type login struct {
	t       *testing.T
	conn    *dial.Conn
	pending []byte
}

// until returns what comes up to the end of the first match of any of the
// patterns, and the match with its groups.
func (l *login) until(pattern string) []string {
	l.t.Helper()
	re := regexp.MustCompile("(?s)" + pattern)
	require.NoError(l.t, l.conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	buf := make([]byte, 4096)
	for {
		if at := re.FindSubmatchIndex(l.pending); at != nil {
			var groups []string
			for _, g := range re.FindSubmatch(l.pending) {
				groups = append(groups, string(g))
			}
			l.pending = bytes.Clone(l.pending[at[1]:])
			return groups
		}
		n, err := l.conn.Read(buf)
		require.NoError(l.t, err, "while waiting for %s", pattern)
		l.pending = append(l.pending, buf[:n]...)
	}
}

func (l *login) send(s string) {
	l.t.Helper()
	_, err := l.conn.Write([]byte(s))
	require.NoError(l.t, err)
}

const saslNS = "urn:ietf:params:xml:ns:xmpp-sasl"

// open connects with TLS of at most a version and returns what is offered.
func open(t *testing.T, server *testserver.Server, version uint16) (l *login, mechanisms, bindings []string) {
	t.Helper()
	host, service, err := net.SplitHostPort(server.Addr)
	require.NoError(t, err)
	port, err := strconv.ParseUint(service, 10, 16)
	require.NoError(t, err)
	d, err := dial.New(dial.Config{
		Domain: server.Domain, Host: host, Port: uint16(port), Mode: dial.StartTLSOnly, RootCAs: server.CAPool,
	})
	require.NoError(t, err)
	conn, err := d.Dial(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	l = &login{t: t, conn: conn}
	header := "<?xml version='1.0'?><stream:stream to='" + server.Domain +
		"' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	l.send(header)
	l.until("</stream:features>")
	l.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	l.until("<proceed[^>]*/>")
	conn.TLS.MaxVersion = version
	require.NoError(t, conn.StartTLS(t.Context()))
	l.send(header)
	features := l.until("<stream:features.*</stream:features>")[0]
	for _, m := range regexp.MustCompile("<mechanism>([^<]*)<").FindAllStringSubmatch(features, -1) {
		mechanisms = append(mechanisms, m[1])
	}
	for _, m := range regexp.MustCompile("<channel-binding [^>]*type=['\"]([^'\"]*)").FindAllStringSubmatch(features, -1) {
		bindings = append(bindings, m[1])
	}
	require.NotEmpty(t, mechanisms)
	return l, mechanisms, bindings
}

// exchange runs a mechanism over the wire.
func (l *login) exchange(m sasl.Mechanism) error {
	encode := base64.StdEncoding.EncodeToString
	initial, err := m.Start()
	if err != nil {
		return err
	}
	l.send("<auth xmlns='" + saslNS + "' mechanism='" + m.Name() + "'>" + encode(initial) + "</auth>")
	for {
		answer := l.until(`<(challenge|success|failure)[^>]*?(/>|>(.*?)</(challenge|success|failure)>)`)
		if answer[1] == "failure" {
			f := &sasl.Failure{}
			if g := regexp.MustCompile(`^<([a-z-]+)`).FindStringSubmatch(answer[3]); g != nil {
				f.Condition = g[1]
			}
			if g := regexp.MustCompile(`<text[^>]*>([^<]*)<`).FindStringSubmatch(answer[3]); g != nil {
				f.Text = g[1]
			}
			return f
		}
		data, err := base64.StdEncoding.DecodeString(answer[3])
		require.NoError(l.t, err)
		if answer[1] == "success" {
			return m.Done(data)
		}
		response, err := m.Next(data)
		if err != nil {
			return err
		}
		l.send("<response xmlns='" + saslNS + "'>" + encode(response) + "</response>")
	}
}

// attempt is one connection and one sign-in. It returns the mechanism's name.
func attempt(t *testing.T, server *testserver.Server, cfg sasl.Config, version uint16) (sasl.Mechanism, error) {
	t.Helper()
	l, mechanisms, bindings := open(t, server, version)
	state, ok := l.conn.ConnectionState()
	require.True(t, ok)
	m, err := sasl.Select(cfg, mechanisms, bindings, state)
	require.NoError(t, err)
	return m, l.exchange(m)
}

// signInAgain connects anew for as long as History says so.
func signInAgain(t *testing.T, server *testserver.Server, cfg *sasl.Config, version uint16) (names []string, err error) {
	t.Helper()
	for range 5 {
		m, err := attempt(t, server, *cfg, version)
		names = append(names, m.Name())
		var retry bool
		if cfg.History, retry = cfg.History.After(m, err); !retry {
			return names, err
		}
	}
	t.Fatal("does not end")
	return nil, nil
}

func TestRealServers(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    testserver.Kind
		options []testserver.Option
		hash    string
	}{
		{"Prosody", testserver.Prosody, nil, "SCRAM-SHA-1"},
		{"Prosody with SHA-256", testserver.Prosody, []testserver.Option{testserver.PasswordHash("SHA-256")}, "SCRAM-SHA-256"},
		{"ejabberd", testserver.Ejabberd, nil, "SCRAM-SHA-1"},
		{"ejabberd with SHA-256", testserver.Ejabberd, []testserver.Option{testserver.PasswordHash("SHA-256")}, "SCRAM-SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := testserver.Start(t, c.kind, c.options...)
			account := server.NewAccount(t, "juliet")
			fresh := func() *sasl.Config {
				return &sasl.Config{Username: account.User, Password: sasl.Password(account.Password)}
			}
			t.Run("TLS 1.3", func(t *testing.T) {
				cfg := fresh()
				_, err := signInAgain(t, server, cfg, tls.VersionTLS13)
				require.NoError(t, err)
				require.True(t, cfg.History.SCRAM)
				names, err := signInAgain(t, server, cfg, tls.VersionTLS13)
				require.NoError(t, err)
				require.Len(t, names, 1, "what failed is not tried again")
			})
			t.Run("TLS 1.2 is bound", func(t *testing.T) {
				cfg := fresh()
				cfg.Binding = sasl.BindingRequire
				names, err := signInAgain(t, server, cfg, tls.VersionTLS12)
				require.NoError(t, err)
				require.Equal(t, []string{c.hash + "-PLUS"}, names)
				require.Equal(t, "tls-unique", cfg.History.Bound)
			})
			t.Run("a stripped offer is refused", func(t *testing.T) {
				l, _, _ := open(t, server, tls.VersionTLS12)
				state, _ := l.conn.ConnectionState()
				m, err := sasl.Select(*fresh(), []string{c.hash}, nil, state)
				require.NoError(t, err)
				err = l.exchange(m)
				if c.kind == testserver.Ejabberd {
					require.NoError(t, err, `ejabberd takes "y" for an answer`)
					// So the memory of the client has to do.
					cfg := fresh()
					cfg.History.Bound = "tls-unique"
					l, _, _ := open(t, server, tls.VersionTLS12)
					state, _ := l.conn.ConnectionState()
					m, err := sasl.Select(*cfg, []string{c.hash}, nil, state)
					require.NoError(t, err)
					require.ErrorIs(t, l.exchange(m), sasl.ErrDowngrade)
					return
				}
				require.ErrorIs(t, err, sasl.ErrRejected)
			})
			t.Run("wrong password", func(t *testing.T) {
				for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
					cfg := fresh()
					cfg.Password = sasl.Password("wrong")
					_, err := signInAgain(t, server, cfg, version)
					require.ErrorIs(t, err, sasl.ErrNotAuthorized)
					require.NotErrorIs(t, err, sasl.ErrBinding)
				}
			})
			t.Run("special characters", func(t *testing.T) {
				const password = "Ⅸ p=ä,\u00ads\u00a0sªﬁ"
				require.NoError(t, server.Register("romeo", password))
				cfg := &sasl.Config{Username: "romeo", Password: sasl.Password(password)}
				_, err := signInAgain(t, server, cfg, tls.VersionTLS12)
				require.NoError(t, err)
			})
		})
	}
}

// TestRealPlain: a server that offers nothing else, first refused, then
// allowed.
func TestRealPlain(t *testing.T) {
	server := testserver.Start(t, testserver.Prosody, testserver.PlainOnly())
	account := server.NewAccount(t, "juliet")
	l, mechanisms, bindings := open(t, server, tls.VersionTLS13)
	state, _ := l.conn.ConnectionState()
	cfg := sasl.Config{Username: account.User, Password: sasl.Password(account.Password)}
	_, err := sasl.Select(cfg, mechanisms, bindings, state)
	require.ErrorIs(t, err, sasl.ErrPlainRefused)
	cfg.AllowPlain = true
	m, err := sasl.Select(cfg, mechanisms, bindings, state)
	require.NoError(t, err)
	require.NoError(t, l.exchange(m))
}
