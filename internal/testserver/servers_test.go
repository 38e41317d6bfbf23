// SPDX-License-Identifier: MPL-2.0

//go:build servers

package testserver

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var kinds = []Kind{Prosody, Ejabberd}

var shared = map[Kind]*Shared{
	Prosody:  NewShared(Prosody),
	Ejabberd: NewShared(Ejabberd),
}

func TestMain(m *testing.M) { os.Exit(Main(m, shared[Prosody], shared[Ejabberd])) }

// forEach runs a test on both servers, shared between all tests.
func forEach(t *testing.T, test func(t *testing.T, s *Server)) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) { test(t, shared[kind].Server(t)) })
	}
}

// dial opens a stream over direct TLS and returns the features offered.
func dial(t *testing.T, s *Server) (net.Conn, string) {
	t.Helper()
	conn, err := tls.Dial("tcp", s.DirectTLSAddr, &tls.Config{RootCAs: s.CAPool, ServerName: s.Domain})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn, ask(t, conn, header(s), "</stream:features>")
}

func header(s *Server) string {
	return fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='jabber:client' "+
		"xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s' from='unknown@%s'>", s.Domain, s.Domain)
}

// ask sends a request and returns the answer up to one of the wanted strings.
func ask(t *testing.T, conn net.Conn, request string, want ...string) string {
	t.Helper()
	_, err := conn.Write([]byte(request))
	require.NoError(t, err)
	var answer strings.Builder
	buf := make([]byte, 8192)
	for {
		n, err := conn.Read(buf)
		answer.Write(buf[:n])
		for _, w := range want {
			if strings.Contains(answer.String(), w) {
				return answer.String()
			}
		}
		require.NoError(t, err, "waiting for %q in %q", want, answer.String())
	}
}

// login reports whether the password is accepted.
func login(t *testing.T, s *Server, user, password string) bool {
	t.Helper()
	conn, _ := dial(t, s)
	return authenticate(t, conn, user, password)
}

func authenticate(t *testing.T, conn net.Conn, user, password string) bool {
	t.Helper()
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	answer := ask(t, conn, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"+plain+"</auth>",
		"<success", "<failure")
	return strings.Contains(answer, "<success")
}

// bind signs in and returns a bound stream.
func bind(t *testing.T, s *Server, a Account) net.Conn {
	t.Helper()
	conn, _ := dial(t, s)
	require.True(t, authenticate(t, conn, a.User, a.Password))
	ask(t, conn, header(s), "</stream:features>")
	ask(t, conn, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>")
	return conn
}

func TestRegister(t *testing.T) {
	forEach(t, func(t *testing.T, s *Server) {
		a := s.NewAccount(t, "alice")
		require.True(t, login(t, s, a.User, a.Password))
		require.False(t, login(t, s, a.User, "wrong"))
		require.Error(t, s.Register(a.User, "again"), "an account cannot be registered twice")

		require.NoError(t, s.ChangePassword(a.User, "another"))
		require.False(t, login(t, s, a.User, a.Password))
		require.True(t, login(t, s, a.User, "another"))

		require.NoError(t, s.Unregister(a.User))
		require.False(t, login(t, s, a.User, "another"))
	})
}

func TestBefriend(t *testing.T) {
	forEach(t, func(t *testing.T, s *Server) {
		a, b := s.NewAccount(t, "alice"), s.NewAccount(t, "bob")
		require.NoError(t, s.Befriend(a.User, b.User))
		for _, pair := range [][2]Account{{a, b}, {b, a}} {
			conn := bind(t, s, pair[0])
			roster := ask(t, conn, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "</iq>")
			require.Contains(t, roster, pair[1].JID())
			require.Regexp(t, `subscription=['"]both['"]`, roster)
		}
	})
}

func TestKick(t *testing.T) {
	forEach(t, func(t *testing.T, s *Server) {
		a := s.NewAccount(t, "alice")
		conn := bind(t, s, a)
		require.NoError(t, s.Kick(a.User))
		ask(t, conn, " ", "</stream:stream>")
	})
}

func TestKillAndRestartKeepAccounts(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			s := Start(t, kind, Domain("other.test"))
			addr := s.Addr
			require.NoError(t, s.Register("alice", "wonderland"))
			if kind == Ejabberd {
				require.NoError(t, s.Restart(), "see Kill: an orderly stop makes the account durable")
			}
			s.Kill()
			require.False(t, s.Running())
			_, err := net.Dial("tcp", s.Addr)
			require.Error(t, err)
			require.NoError(t, s.Restart())
			require.True(t, s.Running())
			require.Equal(t, addr, s.Addr)
			require.True(t, login(t, s, "alice", "wonderland"))
			require.NoError(t, s.Restart(), "a running server restarts too")
			require.True(t, login(t, s, "alice", "wonderland"))
			require.NotEmpty(t, s.Log())
		})
	}
}

func TestFreeze(t *testing.T) {
	s := Start(t, Prosody)
	s.Freeze()
	conn, err := net.Dial("tcp", s.DirectTLSAddr)
	require.NoError(t, err, "the kernel still accepts")
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{RootCAs: s.CAPool, ServerName: s.Domain})
	done := make(chan error, 1)
	go func() { done <- client.HandshakeContext(t.Context()) }()
	select {
	case err := <-done:
		t.Fatalf("a frozen server answered: %v", err)
	case <-time.After(200 * time.Millisecond): // nothing may happen in this time
	}
	s.Thaw()
	require.NoError(t, <-done)
}

func TestVariants(t *testing.T) {
	tests := []struct {
		name         string
		kind         Kind
		opts         []Option
		want, absent []string // in the features before login
		bound, never []string // in the account's disco#info
	}{
		{
			name: "default", kind: Prosody,
			want: []string{">SCRAM-SHA-1<", ">PLAIN<"}, absent: []string{"SCRAM-SHA-256", "urn:xmpp:sasl:2"},
			bound: []string{"urn:xmpp:mam:2"},
		},
		{
			name: "default", kind: Ejabberd,
			want: []string{">SCRAM-SHA-1-PLUS<", ">PLAIN<"}, absent: []string{"X-OAUTH2"},
			bound: []string{"urn:xmpp:mam:2"},
		},
		{name: "plain", kind: Prosody, opts: []Option{PlainOnly()}, want: []string{">PLAIN<"}, absent: []string{"SCRAM"}},
		{name: "plain", kind: Ejabberd, opts: []Option{PlainOnly()}, want: []string{">PLAIN<"}, absent: []string{"SCRAM"}},
		{name: "hash", kind: Prosody, opts: []Option{PasswordHash("SHA-256")}, want: []string{">SCRAM-SHA-256<"}, absent: []string{">SCRAM-SHA-1<"}},
		{name: "hash", kind: Ejabberd, opts: []Option{PasswordHash("SHA-256")}, want: []string{">SCRAM-SHA-256<"}},
		{name: "no archive", kind: Prosody, opts: []Option{NoMAM(), NoSM(), NoIBR()}, absent: []string{"urn:xmpp:sm:3", "iq-register"}, never: []string{"urn:xmpp:mam:2"}},
		{name: "no archive", kind: Ejabberd, opts: []Option{NoMAM(), NoSM(), NoIBR()}, absent: []string{"urn:xmpp:sm:3", "iq-register"}, never: []string{"urn:xmpp:mam:2"}},
		{name: "sasl2", kind: Prosody, opts: []Option{SASL2(), Nagle(), ArchivePage(10), Debug()}, want: []string{"urn:xmpp:sasl:2", "urn:xmpp:bind:0", "urn:xmpp:sm:3"}},
	}
	for _, test := range tests {
		t.Run(test.name+" "+string(test.kind), func(t *testing.T) {
			s := Start(t, test.kind, test.opts...)
			a := s.NewAccount(t, "alice")
			conn, features := dial(t, s)
			for _, want := range test.want {
				require.Contains(t, features, want)
			}
			require.True(t, authenticate(t, conn, a.User, a.Password))
			features += ask(t, conn, header(s), "</stream:features>")
			for _, absent := range test.absent {
				require.NotContains(t, features, absent)
			}
			ask(t, conn, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>")
			info := ask(t, conn, "<iq type='get' id='d' to='"+a.JID()+"'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", "</iq>")
			for _, want := range test.bound {
				require.Contains(t, info, want)
			}
			for _, never := range test.never {
				require.NotContains(t, info, never)
			}
		})
	}
}

// SASL2 is more than announced: sign in, bind and enable stream management in
// one exchange.
func TestSASL2Works(t *testing.T) {
	s := Start(t, Prosody, SASL2())
	a := s.NewAccount(t, "alice")
	conn, _ := dial(t, s)
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + a.User + "\x00" + a.Password))
	answer := ask(t, conn, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>"+plain+
		"</initial-response><user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>test</software></user-agent>"+
		"<bind xmlns='urn:xmpp:bind:0'><tag>test</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>",
		"</success>", "</failure>")
	require.Contains(t, answer, "<success")
	require.Contains(t, answer, "urn:xmpp:bind:0")
	require.Contains(t, answer, "urn:xmpp:sm:3")
	require.Contains(t, answer, a.JID()+"/")
}
