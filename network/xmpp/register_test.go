// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

const (
	registerDomain = "capulet.example"
	serverHeader   = `<?xml version='1.0'?><stream:stream from='capulet.example' id='1' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
	offerTLS       = `<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>`
	offerRegister  = `<stream:features><register xmlns='http://jabber.org/features/iq-register'/></stream:features>`
	legacyFields   = `<query xmlns='jabber:iq:register'><instructions>Choose.</instructions><username/><password/></query>`
	captchaForm    = `<query xmlns='jabber:iq:register'><instructions>Use the form.</instructions><x xmlns='jabber:x:data' type='form'><title>T</title><instructions>a</instructions><instructions>b</instructions>` +
		`<field type='hidden' var='FORM_TYPE'><value>urn:xmpp:captcha</value></field><field type='fixed'><value>Hello</value></field>` +
		`<field type='text-single' var='username' label='User'><required/></field><field type='text-private' var='password'><required/></field>` +
		`<field type='hidden' var='challenge'><value>c7</value></field><field type='text-single' var='ocr' label='Letters'><required/></field></x></query>`
)

var registerKeys = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{registerDomain}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
})

// A registrar is a server on loopback that plays a script on one connection.
type registrar struct {
	conn   net.Conn
	frames *framer.Framer
	seen   bytes.Buffer // what arrived, and its kind
}

// startRegistrar returns a dialer to a server that runs play once. The returned
// function waits for its end and returns what the client had sent.
func startRegistrar(t *testing.T, direct bool, play func(*registrar) error) (stream.Dialer, func() string) {
	t.Helper()
	cert, pool := registerKeys()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	r := &registrar{}
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		r.conn = conn
		if direct {
			r.conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		}
		r.frames = framer.New(r.conn, framer.Limits{})
		done <- play(r)
	}()
	mode := dial.StartTLSOnly
	if direct {
		mode = dial.DirectOnly
	}
	d, err := dial.New(dial.Config{
		Domain: registerDomain, Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Mode: mode, RootCAs: pool,
	})
	require.NoError(t, err)
	return d, func() string {
		require.NoError(t, <-done)
		return r.seen.String()
	}
}

// expect reads frames until an element of that name, or the header for "".
func (r *registrar) expect(name string) (*element.Element, error) {
	for {
		f, err := r.frames.Next()
		if err != nil {
			return nil, err
		}
		r.seen.Write(f.Data)
		if f.Kind == framer.Header && name == "" {
			return nil, nil
		}
		if f.Kind != framer.Element {
			continue
		}
		e, err := element.Parse(f.Data, element.Limits{})
		if err != nil {
			return nil, err
		}
		if e.Name.Local != name {
			return nil, errors.New("unexpected " + e.Name.Local)
		}
		return e, nil
	}
}

func (r *registrar) write(s string) error {
	_, err := io.WriteString(r.conn, s)
	return err
}

// secure plays the server up to an encrypted stream.
func (r *registrar) secure() error {
	if _, ok := r.conn.(*tls.Conn); !ok {
		if _, err := r.expect(""); err != nil {
			return err
		}
		if err := r.write(serverHeader + " \n" + offerTLS); err != nil {
			return err
		}
		if _, err := r.expect("starttls"); err != nil {
			return err
		}
		if err := r.write(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`); err != nil {
			return err
		}
		cert, _ := registerKeys()
		r.conn = tls.Server(r.conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		if err := r.frames.Restart(r.conn); err != nil {
			return err
		}
		r.seen.WriteString("[TLS]")
	}
	if _, err := r.expect(""); err != nil {
		return err
	}
	return r.write(serverHeader + offerRegister)
}

// answer answers the next request, with other stanzas ahead of it.
func (r *registrar) answer(payload string) error {
	iq, err := r.expect("iq")
	if err != nil {
		return err
	}
	typ := "result"
	if strings.HasPrefix(payload, "<error") {
		typ = "error"
	}
	return r.write(`<message><body>noise</body></message><iq type='result' id='other'/>` +
		`<iq from='capulet.example' type='` + typ + `' id='` + iq.AttrValue("id") + `'>` + payload + `</iq>`)
}

// answers plays a whole registration.
func answers(payloads ...string) func(*registrar) error {
	return func(r *registrar) error {
		if err := r.secure(); err != nil {
			return err
		}
		for _, p := range payloads {
			if err := r.answer(p); err != nil {
				return err
			}
		}
		return nil
	}
}

var newAccount = RegisterOptions{JID: juliet, Password: "r0m30 & <more>", Timeout: 30 * time.Second}

func TestRegister(t *testing.T) {
	for _, direct := range []bool{false, true} {
		d, seen := startRegistrar(t, direct, answers(legacyFields, ""))
		require.NoError(t, Register(t.Context(), d, newAccount))
		got := seen()
		require.Contains(t, got, `<query xmlns='jabber:iq:register'><username>juliet</username><password>r0m30 &amp; &lt;more&gt;</password></query>`)
		clear, _, found := strings.Cut(got, "[TLS]")
		require.Equal(t, !direct, found)
		if found {
			require.NotContains(t, clear, "juliet")
			require.NotContains(t, clear, "register")
		}
	}
}

func TestRegisterForm(t *testing.T) {
	d, seen := startRegistrar(t, false, answers(captchaForm, ""))
	o := newAccount
	o.Ask = func(_ context.Context, f Form) (map[string]string, error) {
		require.Equal(t, "a\nb", f.Instructions)
		require.Equal(t, "Letters", f.Field("ocr").Label)
		require.NotNil(t, f.Field("ocr").Element)
		return map[string]string{"ocr": "xyzzy", "password": "not this"}, nil
	}
	require.NoError(t, Register(t.Context(), d, o))
	require.Contains(t, seen(), `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:captcha</value></field>`+
		`<field var='username' type='text-single'><value>juliet</value></field><field var='password' type='text-private'><value>r0m30 &amp; &lt;more&gt;</value></field>`+
		`<field var='challenge' type='hidden'><value>c7</value></field><field var='ocr' type='text-single'><value>xyzzy</value></field></x>`)

	d, _ = startRegistrar(t, false, answers(captchaForm))
	require.ErrorIs(t, Register(t.Context(), d, newAccount), ErrRegisterForm)

	d, _ = startRegistrar(t, false, answers(strings.Replace(legacyFields, "<password/>", "<password/><email/><key>k</key>", 1)))
	require.ErrorIs(t, Register(t.Context(), d, newAccount), ErrRegisterForm)

	d, seen = startRegistrar(t, false, answers(strings.Replace(legacyFields, "<password/>", "<password/><email/><key>k</key>", 1), ""))
	o.Ask = func(context.Context, Form) (map[string]string, error) { return map[string]string{"email": "j@c"}, nil }
	require.NoError(t, Register(t.Context(), d, o))
	require.Contains(t, seen(), `<email>j@c</email><key>k</key></query>`)

	stop := errors.New("person gave up")
	d, _ = startRegistrar(t, false, answers(captchaForm))
	o.Ask = func(context.Context, Form) (map[string]string, error) { return nil, stop }
	require.ErrorIs(t, Register(t.Context(), d, o), stop)
}

func TestRegisterRefused(t *testing.T) {
	for name, x := range map[string]struct {
		answers []string
		err     error
	}{
		"closed":         {[]string{refusal("cancel", "service-unavailable", "")}, ErrRegisterClosed},
		"not allowed":    {[]string{refusal("cancel", "not-allowed", "")}, ErrRegisterClosed},
		"nothing to say": {[]string{`<query xmlns='jabber:iq:register'><instructions>Write us.</instructions></query>`}, ErrRegisterClosed},
		"taken":          {[]string{legacyFields, refusal("cancel", "conflict", "")}, ErrRegisterTaken},
		"too many":       {[]string{legacyFields, refusal("wait", "resource-constraint", "")}, ErrRegisterLater},
		"too many first": {[]string{refusal("wait", "resource-constraint", "")}, ErrRegisterLater},
		"weak password":  {[]string{legacyFields, refusal("modify", "not-acceptable", "")}, ErrRegisterRefused},
		"no condition":   {[]string{legacyFields, "<error/>"}, ErrRegisterRefused},
		"nonsense":       {[]string{`<query xmlns='urn:x'/>`}, ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := startRegistrar(t, false, answers(x.answers...))
			require.ErrorIs(t, Register(t.Context(), d, newAccount), x.err)
		})
	}
	d, _ := startRegistrar(t, false, answers(`<query xmlns='jabber:iq:register'><x xmlns='jabber:x:oob'><url>https://capulet.example/join</url></x></query>`))
	var web *RegisterWebError
	require.ErrorAs(t, Register(t.Context(), d, newAccount), &web)
	require.Equal(t, "https://capulet.example/join", web.URL)
	require.NotContains(t, web.Error(), web.URL)

	require.ErrorIs(t, Register(t.Context(), d, RegisterOptions{JID: juliet}), ErrConfig)
	require.ErrorIs(t, Register(t.Context(), d, RegisterOptions{JID: juliet.Domain(), Password: "x"}), ErrConfig)
}

func TestRegisterNeverInTheClear(t *testing.T) {
	for name, after := range map[string]string{
		"no TLS offered":  serverHeader + offerRegister,
		"TLS refused":     serverHeader + offerTLS + `<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
		"nothing offered": serverHeader + `<stream:features/>`,
	} {
		t.Run(name, func(t *testing.T) {
			d, seen := startRegistrar(t, false, func(r *registrar) error {
				if _, err := r.expect(""); err != nil {
					return err
				}
				if err := r.write(after); err != nil {
					return err
				}
				for {
					f, err := r.frames.Next()
					if err != nil {
						return nil
					}
					r.seen.Write(f.Data)
				}
			})
			require.ErrorIs(t, Register(t.Context(), d, newAccount), stream.ErrNoTLS)
			require.NotContains(t, seen(), "juliet")
		})
	}
	t.Run("data ahead of TLS", func(t *testing.T) {
		d, _ := startRegistrar(t, false, func(r *registrar) error {
			if _, err := r.expect(""); err != nil {
				return err
			}
			// A forged answer, injected by somebody who cannot break TLS, has to
			// arrive together with <proceed/>.
			return r.write(serverHeader + offerTLS + `<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>` + serverHeader + offerRegister)
		})
		require.Error(t, Register(t.Context(), d, newAccount))
	})
}

func TestRegisterBrokenServers(t *testing.T) {
	first := func(s string) func(*registrar) error {
		return func(r *registrar) error {
			if _, err := r.expect(""); err != nil {
				return err
			}
			return r.write(s)
		}
	}
	for name, x := range map[string]struct {
		play func(*registrar) error
		err  error
	}{
		"stream error":  {first(serverHeader + `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`), nil},
		"hangs up":      {first(serverHeader), stream.ErrEnded},
		"says goodbye":  {first(serverHeader + `</stream:stream>`), stream.ErrEnded},
		"no features":   {first(serverHeader + `<message/>`), stream.ErrProtocol},
		"no XML":        {first("HTTP/1.1 400 Bad Request\r\n\r\n"), stream.ErrProtocol},
		"bad namespace": {first(serverHeader + `<a:b/>`), stream.ErrProtocol},
		"huge":          {first(serverHeader + `<a>` + strings.Repeat("x", framer.DefaultBytes) + `</a>`), stream.ErrProtocol},
		"endless noise": {func(r *registrar) error {
			if err := r.secure(); err != nil {
				return err
			}
			if _, err := r.expect("iq"); err != nil {
				return err
			}
			return r.write(strings.Repeat(`<presence/>`, 2*maxSteps))
		}, stream.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := startRegistrar(t, false, x.play)
			err := Register(t.Context(), d, newAccount)
			if x.err == nil {
				var se *stream.StreamError
				require.ErrorAs(t, err, &se)
				require.Equal(t, "host-unknown", se.Condition)
				return
			}
			require.ErrorIs(t, err, x.err)
		})
	}
}

func TestRegisterEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d, _ := startRegistrar(t, false, func(r *registrar) error {
		_, err := r.expect("")
		cancel()
		_, _ = r.frames.Next()
		return err
	})
	require.ErrorIs(t, Register(ctx, d, newAccount), context.Canceled)
}

func TestRegisterGivesUpOnASilentServer(t *testing.T) {
	d, _ := startRegistrar(t, false, func(r *registrar) error {
		_, _ = r.expect("")
		_, _ = r.frames.Next()
		return nil
	})
	o := newAccount
	o.Timeout = time.Millisecond
	require.ErrorIs(t, Register(t.Context(), d, o), stream.ErrTimeout)
}

func TestChangePasswordAndDeleteAccount(t *testing.T) {
	change := `<query xmlns='jabber:iq:register'><username>juliet</username><password>new</password></query>`
	remove := `<query xmlns='jabber:iq:register'><remove/></query>`
	c, _ := newTest(t, Config{},
		exchange{stanza.SetIQ, registerDomain, change, ``},
		exchange{stanza.SetIQ, registerDomain, change, refusal("modify", "bad-request", "")},
		exchange{stanza.SetIQ, "", remove, ``},
		exchange{stanza.SetIQ, "", remove, refusal("cancel", "not-allowed", "")},
	)
	ctx := t.Context()
	require.NoError(t, c.ChangePassword(ctx, "new"))
	err := c.ChangePassword(ctx, "new")
	require.ErrorIs(t, err, ErrRegisterRefused)
	require.Equal(t, stanza.BadRequest, Condition(err))
	require.ErrorIs(t, c.ChangePassword(ctx, ""), ErrConfig)
	require.NoError(t, c.DeleteAccount(ctx))
	require.ErrorIs(t, c.DeleteAccount(ctx), ErrRegisterRefused)
}
