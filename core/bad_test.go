// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/stretchr/testify/require"
)

// badPatience bounds every wait.
const badPatience = 2 * time.Minute

// A badServer is something wrong with a server.
type badServer struct {
	name   string
	behave func(*scripted) error
	codes  []string // one of them says so
	fatal  bool     // it is for the user to change something
	slow   bool     // it is found out by waiting
}

// raw says words as soon as somebody connects, and waits for the end.
func raw(words ...string) func(*scripted) error {
	return func(p *scripted) error {
		if err := p.write(words...); err != nil {
			return err
		}
		return p.drain()
	}
}

// drain reads until the client leaves.
func (p *scripted) drain() error {
	buf := make([]byte, 4096)
	for {
		if _, err := p.conn.Read(buf); err != nil {
			return err
		}
	}
}

// endless says some words, then others again and again.
func endless(first, again string) func(*scripted) error {
	return func(p *scripted) error {
		p.work.Go(func() { _ = p.drain() })
		if err := p.write(first); err != nil {
			return err
		}
		block := strings.Repeat(again, 1+16384/len(again))
		for {
			if err := p.write(block); err != nil {
				return err
			}
		}
	}
}

// secured says words under TLS, in place of the features.
func secured(words ...string) func(*scripted) error {
	return func(p *scripted) error {
		if err := p.secure(p.certificate); err != nil {
			return err
		}
		return raw(words...)(p)
	}
}

// signingIn answers the attempt to sign in.
func signingIn(offer, answer string) func(*scripted) error {
	return func(p *scripted) error {
		if err := p.secure(p.certificate); err != nil {
			return err
		}
		if err := p.header(offer); err != nil {
			return err
		}
		if _, err := p.read(); err != nil {
			return err
		}
		return raw(answer)(p)
	}
}

// signedIn says words once the client has signed in.
func signedIn(words ...string) func(*scripted) error {
	return func(p *scripted) error {
		if err := p.authenticated(); err != nil {
			return err
		}
		return raw(words...)(p)
	}
}

// stripped offers no TLS.
func stripped(answer string) func(*scripted) error {
	return func(p *scripted) error {
		if err := p.header(offerAuth); err != nil {
			return err
		}
		if _, err := p.read(); err != nil {
			return err
		}
		return raw(answer)(p)
	}
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return string(b)
}

const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">` +
	`<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>`

const (
	saslFailed   = `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>`
	offerUnknown = `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>X-NEW</mechanism></mechanisms>`
	offerScram   = `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism></mechanisms>`
)

// badServers are what a server, or somebody on the way, can do before there is
// a session.
func badServers(t *testing.T) []badServer {
	protocol := []string{"xmpp.stream.protocol"}
	_, stranger := newAuthority(t)
	return []badServer{
		{name: "closes at once", behave: func(*scripted) error { return nil }, codes: []string{"xmpp.stream.ended"}},
		{name: "silence", behave: raw(), codes: []string{"xmpp.stream.timeout"}},
		{name: "silence under TLS", slow: true, behave: secured(streamHeader), codes: []string{"xmpp.stream.timeout"}},
		{name: "random bytes", behave: raw(random(4096)), codes: protocol},
		{name: "HTTP", behave: raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), codes: protocol},
		{name: "SSH", behave: raw("SSH-2.0-OpenSSH_9.9\r\n"), codes: protocol},
		{name: "bomb", behave: raw(bomb, streamHeader, `<stream:features>&d;</stream:features>`), codes: protocol},
		{name: "bomb inside", behave: raw(streamHeader, bomb, `<stream:features>&d;</stream:features>`), codes: protocol},
		{name: "comment", behave: raw(streamHeader, `<!-- hello -->`), codes: protocol},
		{name: "endless header", behave: endless(`<stream:stream a='`, "a"), codes: protocol},
		{name: "endless attributes", behave: endless(`<stream:stream `, "a='b' "), codes: protocol},
		{name: "endless features", behave: endless(streamHeader+`<stream:features><x>`, "a"), codes: protocol},
		{name: "endless elements", behave: endless(streamHeader+`<stream:features>`, "<x/>"), codes: protocol},
		{name: "endless white space", slow: true, behave: endless(streamHeader, " "), codes: append(protocol, "xmpp.stream.timeout")},
		{name: "deep", behave: endless(streamHeader+`<stream:features>`, "<x>"), codes: protocol},
		{name: "other header", behave: raw(`<html><body>It works!</body></html>`), codes: protocol},
		{name: "unbalanced", behave: raw(streamHeader, `<stream:features></stream:error>`), codes: protocol},
		{name: "no TLS offered", behave: stripped(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>`), codes: []string{"xmpp.stream.no-tls"}},
		{name: "no TLS answered", behave: stripped(`<iq type='result'/>`), codes: []string{"xmpp.stream.no-tls"}},
		{name: "no TLS after all", behave: stripped(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>` + random(512)), codes: []string{"xmpp.tls.failed", "xmpp.stream.protocol"}},
		{name: "expired certificate", codes: []string{"xmpp.tls.expired"}, behave: func(p *scripted) error {
			return p.secure(p.issue(scriptDomain, -time.Hour))
		}},
		{name: "certificate of another", codes: []string{"xmpp.tls.wrong-name"}, behave: func(p *scripted) error {
			return p.secure(p.issue("evil.test", time.Hour))
		}},
		{name: "certificate of a stranger", codes: []string{"xmpp.tls.unknown-authority"}, behave: func(p *scripted) error {
			return p.secure(stranger(scriptDomain, time.Hour))
		}},
		{name: "garbage under TLS", behave: secured(random(4096)), codes: protocol},
		{name: "wrong password", fatal: true, codes: []string{"xmpp.auth.wrong-password"},
			behave: signingIn(offerAuth, saslFailed+`<not-authorized/></failure>`)},
		{name: "disabled", fatal: true, codes: []string{"xmpp.auth.account-disabled"},
			behave: signingIn(offerAuth, saslFailed+`<account-disabled/></failure>`)},
		{name: "unknown mechanism", fatal: true, codes: []string{"xmpp.auth.no-mechanism"}, behave: signingIn(offerUnknown, "")},
		{name: "no mechanism", fatal: true, codes: []string{"xmpp.auth.no-mechanism", "xmpp.stream.unauthenticated"}, behave: signingIn(
			`<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`, "")},
		{name: "bad challenge", codes: []string{"xmpp.auth.malformed-challenge"},
			behave: signingIn(offerScram, `<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</challenge>`)},
		{name: "success unproven", codes: []string{"xmpp.auth.malformed-challenge", "xmpp.auth.server-signature", "xmpp.auth.out-of-order"},
			behave: signingIn(offerScram, `<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`)},
		{name: "temporary failure", codes: []string{"xmpp.auth.temporary-failure"},
			behave: signingIn(offerAuth, saslFailed+`<temporary-auth-failure/></failure>`)},
		{name: "nobody asked who", slow: true, behave: secured(streamHeader, `<stream:features>`, offerBind, `</stream:features>`),
			codes: append(protocol, "xmpp.stream.unauthenticated")},
		{name: "nothing to do", behave: secured(streamHeader, `<stream:features/>`), codes: []string{"xmpp.stream.unauthenticated"}},
		{name: "no binding", behave: signedIn(streamHeader, `<stream:features/>`), codes: []string{"xmpp.stream.bind"}},
		{name: "garbage after sign-in", behave: signedIn(random(4096)), codes: protocol},
		{name: "sends elsewhere for ever", behave: secured(streamHeader, streamError("see-other-host", "127.0.0.1:1")),
			codes: []string{"xmpp.stream.see-other-host"}},
		{name: "policy", behave: secured(streamHeader, streamError("policy-violation", "")), codes: []string{"xmpp.stream.policy-violation"}},
		{name: "invented condition", behave: secured(streamHeader, streamError("call-555-0199", "")), codes: []string{"xmpp.stream.undefined-condition"}},
		{name: "conflict", behave: secured(streamHeader, streamError("conflict", "")), codes: []string{"xmpp.stream.conflict"}},
		{name: "unknown host", behave: secured(streamHeader, streamError("host-unknown", "")), codes: []string{"xmpp.stream.host-unknown"}},
	}
}

func openBad(t *testing.T, s *script) *core.Client {
	t.Helper()
	c, err := core.Open(t.Context(), core.Config{
		Path: filepath.Join(t.TempDir(), "bad.db"), Key: []byte("0123456789abcdef0123456789abcdef"),
		RootCAs: s.roots, AllowPlain: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// settles checks that no goroutine is left after a test.
func settles(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				require.FailNow(t, "goroutines left", "%d, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			}
		}
	})
}

// becomes waits for a condition, looking again after every event.
func becomes(t *testing.T, c *core.Client, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), badPatience)
	defer cancel()
	events := c.Subscribe(core.Filter{})
	defer events.Close()
	for !ok() {
		if _, err := events.Next(ctx); err != nil {
			require.FailNow(t, "waited in vain for "+what, "%+v", c.Accounts()[0].State())
		}
	}
}

// Whatever a server does, signing in ends with an error that says what it was,
// and nothing is kept.
func TestBadServer(t *testing.T) {
	settles(t)
	t.Run("", func(t *testing.T) {
		for _, bad := range badServers(t) {
			t.Run(bad.name, func(t *testing.T) { t.Parallel(); bad.signIn(t) })
		}
	})
}

func (bad badServer) signIn(t *testing.T) {
	s := newScript(t)
	s.behaves(bad.behave)
	c := openBad(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), badPatience)
	defer cancel()
	_, err := c.AddAccount(ctx, s.account())
	require.Error(t, err)
	require.Contains(t, bad.codes, core.ErrorCode(err), "%v", err)
	require.NotContains(t, err.Error(), "sesame")
	require.Empty(t, c.Accounts())
	// The next attempt starts afresh.
	s.behaves((*scripted).well)
	_, err = c.AddAccount(ctx, s.account())
	require.NoError(t, err)
}

// A server that was well and changes costs nothing: what is written meanwhile
// goes out once it is well again, and it is not asked again and again.
func TestServerTurnsBad(t *testing.T) {
	settles(t)
	t.Run("", func(t *testing.T) {
		for _, bad := range badServers(t) {
			if !bad.slow {
				t.Run(bad.name, func(t *testing.T) { t.Parallel(); bad.turn(t) })
			}
		}
	})
}

func (bad badServer) turn(t *testing.T) {
	s := newScript(t)
	c := openBad(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), badPatience)
	defer cancel()
	a, err := c.AddAccount(ctx, s.account())
	require.NoError(t, err)
	becomes(t, c, "online", func() bool { return a.State().State == core.Online })
	began, before := time.Now(), s.connections()
	s.behaves(bad.behave)
	becomes(t, c, "the code", func() bool { return slices.Contains(bad.codes, a.State().Code) })
	id := sendPlain(t, a, "kept")
	if bad.fatal {
		becomes(t, c, "failed", func() bool { return a.State().State == core.Failed })
	} else {
		require.NotEqual(t, core.Failed, a.State().State)
	}
	require.Equal(t, core.MessageQueued, stateOf(t, c, id))
	// Waits are half a second at least, save for a few.
	attempts := s.connections() - before
	require.LessOrEqual(t, attempts, 6+int(time.Since(began)/(500*time.Millisecond)))

	s.behaves((*scripted).well)
	if bad.fatal {
		require.NoError(t, a.SetPassword(ctx, []byte("sesame")))
	} else {
		c.NetworkChanged()
	}
	becomes(t, c, "sent", func() bool { return stateOf(t, c, id) == core.MessageSent })
	require.Equal(t, []string{"kept"}, s.bodies())
}

func sendPlain(t *testing.T, a *core.Account, body string) core.MessageID {
	t.Helper()
	peer, err := a.Conversation(t.Context(), scriptPeer)
	require.NoError(t, err)
	require.NoError(t, peer.SetEncryption(t.Context(), core.Plain))
	id, err := peer.Send(t.Context(), core.Draft{Body: body})
	require.NoError(t, err)
	return id
}

func stateOf(t *testing.T, c *core.Client, id core.MessageID) core.MessageState {
	t.Helper()
	m, err := c.Message(t.Context(), id)
	require.NoError(t, err)
	return m.State
}

// Nobody waits longer than they want to.
func TestSignInGivenUp(t *testing.T) {
	settles(t)
	s := newScript(t)
	s.behaves(raw())
	c := openBad(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := c.AddAccount(ctx, s.account())
	require.Equal(t, "timeout", core.ErrorCode(err), "%v", err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.AddAccount(gone, s.account())
	require.Equal(t, "canceled", core.ErrorCode(err), "%v", err)
	_, err = c.Register(ctx, s.account())
	require.Equal(t, "timeout", core.ErrorCode(err), "%v", err)
}

// There may be no server at all.
func TestNoServer(t *testing.T) {
	settles(t)
	s := newScript(t)
	c := openBad(t, s)
	s.stop()
	_, err := c.AddAccount(t.Context(), s.account())
	require.Equal(t, "xmpp.dial.refused", core.ErrorCode(err), "%v", err)
	_, err = c.Register(t.Context(), s.account())
	require.Equal(t, "xmpp.dial.refused", core.ErrorCode(err), "%v", err)

	ctx, cancel := context.WithTimeout(t.Context(), badPatience)
	defer cancel()
	_, err = c.AddAccount(ctx, core.AccountConfig{JID: "alice@nowhere.invalid", Password: []byte("sesame")})
	require.Contains(t, []string{"xmpp.dns.not-found", "xmpp.dns.failed"}, core.ErrorCode(err), "%v", err)
	_, err = c.AddAccount(ctx, core.AccountConfig{JID: "alice@example.onion", Password: []byte("sesame")})
	require.Equal(t, "xmpp.dial.onion", core.ErrorCode(err), "%v", err)
	for _, address := range []string{"", "@", "example.org", "alice@", "@example.org", "alice@example.org/phone", "a b@example.org", "alice@exa mple", strings.Repeat("a", 1100) + "@example.org"} {
		_, err = c.AddAccount(ctx, core.AccountConfig{JID: address, Password: []byte("sesame")})
		require.Equal(t, "core.bad-address", core.ErrorCode(err), "%s: %v", address, err)
	}
	require.Empty(t, c.Accounts())
}
