// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

const (
	domain  = "example.org"
	account = "alice@example.org"
	full    = "alice@example.org/phone"
	header  = `<?xml version='1.0'?><stream:stream from='example.org' id='1' version='1.0' ` +
		`xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
	mechanisms = `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>X-TEST</mechanism></mechanisms>`
	startTLS   = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`
	bindSM     = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>`
	success    = `<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`
)

// certificate is for domain, at the time of synctest as well as today.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{domain},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
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

// A script plays the server: a test accepts its connections and says what
// happens on them, step by step.
type script struct {
	t       *testing.T
	direct  bool
	accepts chan net.Conn
	refuse  bool // connections

	mu    sync.Mutex
	dials []string // what was dialled
}

// A peer is the server's end of one connection.
type peer struct {
	t      *testing.T
	conn   net.Conn
	frames *framer.Framer
	feed   chan *element.Element // once the stream is ready
	ended  chan struct{}         // by the client's end tag
	closed chan struct{}         // the connection, by the client
	pumped bool                  // everything is read and forgotten
}

func newScript(t *testing.T, direct bool) *script {
	certificate()
	return &script{t: t, direct: direct, accepts: make(chan net.Conn, 16)}
}

// connect is dial.Config.Connect.
func (s *script) connect(ctx context.Context, _, address string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, address)
	if s.refuse {
		return nil, &net.OpError{Op: "dial", Err: &net.AddrError{Err: "refused"}}
	}
	client, server := net.Pipe()
	select {
	case s.accepts <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *script) dialled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.dials...)
}

func (s *script) setRefuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = on
}

func (s *script) dialer() *dial.Dialer {
	_, pool := certificate()
	cfg := dial.Config{
		Domain: domain, Host: "127.0.0.1", Port: 5222, Mode: dial.StartTLSOnly, RootCAs: pool, Connect: s.connect,
	}
	if s.direct {
		cfg.Mode, cfg.Port = dial.DirectOnly, 5223
	}
	d, err := dial.New(cfg)
	require.NoError(s.t, err)
	return d
}

// raw waits for a connection.
func (s *script) raw() *peer {
	s.t.Helper()
	select {
	case c := <-s.accepts:
		p := &peer{t: s.t, conn: c, frames: framer.New(c, framer.Limits{}), ended: make(chan struct{}), closed: make(chan struct{})}
		s.t.Cleanup(func() { _ = c.Close() })
		return p
	case <-time.After(time.Hour):
		require.Fail(s.t, "no connection")
		return nil
	}
}

// accept waits for a connection and makes the handshake of direct TLS.
func (s *script) accept() *peer {
	s.t.Helper()
	p := s.raw()
	if s.direct {
		p.tls()
	}
	return p
}

// tls makes the handshake.
func (p *peer) tls() {
	p.t.Helper()
	cert, _ := certificate()
	c := tls.Server(p.conn, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"xmpp-client"},
		SessionTicketsDisabled: true, // over a pipe nobody would read them
	})
	require.NoError(p.t, c.Handshake())
	p.conn, p.frames = c, framer.New(c, framer.Limits{})
}

// write sends what the server says.
func (p *peer) write(s string) {
	p.t.Helper()
	_, err := p.conn.Write([]byte(s))
	require.NoError(p.t, err)
}

// open answers the client's stream header and returns it.
func (p *peer) open(features string) string {
	p.t.Helper()
	f, err := p.frames.Next()
	require.NoError(p.t, err)
	require.Equal(p.t, framer.Header, f.Kind)
	p.write(header + "<stream:features>" + features + "</stream:features>")
	return string(f.Data)
}

// restart expects another stream header.
func (p *peer) restart() { require.NoError(p.t, p.frames.Restart(p.conn)) }

// read returns the next element from the client.
func (p *peer) read() *element.Element {
	p.t.Helper()
	if p.feed != nil {
		select {
		case e, ok := <-p.feed:
			require.True(p.t, ok, "connection ended by the client")
			return e
		case <-time.After(time.Hour):
			require.Fail(p.t, "nothing from the client")
		}
	}
	f, err := p.frames.Next()
	require.NoError(p.t, err)
	require.Equal(p.t, framer.Element, f.Kind, "%s", f.Data)
	e, err := element.Parse(f.Data, element.Limits{})
	require.NoError(p.t, err)
	return e
}

// expect reads an element of that name, and passes over <r/>.
func (p *peer) expect(space, local string) *element.Element {
	p.t.Helper()
	e := p.read()
	for local != "r" && e.Is(nsSM, "r") {
		e = p.read()
	}
	require.True(p.t, e.Is(space, local), "want %s, got %s", local, e.Bytes())
	return e
}

// silent checks that the client sends nothing more at this point.
func (p *peer) silent() {
	p.t.Helper()
	synctest.Wait()
	select {
	case e, ok := <-p.feed:
		require.False(p.t, ok, "unexpected %s", e.Bytes())
		require.Fail(p.t, "connection ended by the client")
	default:
	}
}

// gone waits for the client to close the connection.
func (p *peer) gone() {
	p.t.Helper()
	for p.feed == nil {
		if _, err := p.frames.Next(); err != nil {
			return
		}
	}
	select {
	case <-p.closed:
	case <-time.After(time.Hour):
		require.Fail(p.t, "connection not closed")
	}
}

// cut breaks the connection without another word.
func (p *peer) cut() {
	c := p.conn
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close()
}

// signIn plays up to the features after authentication.
func (p *peer) signIn(features string) {
	p.t.Helper()
	p.open(mechanisms)
	auth := p.expect(nsSASL, "auth")
	require.Equal(p.t, "X-TEST", auth.AttrValue("mechanism"))
	p.write(success)
	p.restart()
	p.open(features)
}

// pump reads the client from now on, so that it is never kept from writing.
func (p *peer) pump() {
	p.feed = make(chan *element.Element, 10_000)
	go func() {
		defer close(p.closed)
		defer close(p.feed)
		for {
			f, err := p.frames.Next()
			if err != nil {
				return
			}
			if f.Kind == framer.Close {
				close(p.ended)
			}
			if f.Kind != framer.Element {
				continue
			}
			e, err := element.Parse(f.Data, element.Limits{})
			if err != nil {
				return
			}
			p.feed <- e
		}
	}()
}

// bound answers the binding.
func (p *peer) bound() *element.Element {
	p.t.Helper()
	iq := p.expect(element.NSClient, "iq")
	p.write(`<iq type='result' id='` + iq.AttrValue("id") + `'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>` +
		`<jid>` + full + `</jid></bind></iq>`)
	return iq
}

// ready plays all of it, to a session named id, or without stream management.
func (p *peer) ready(id string) *peer {
	p.t.Helper()
	if id == "" {
		p.signIn(`<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`)
		p.bound()
		p.pump()
		return p
	}
	p.signIn(bindSM)
	p.bound()
	p.expect(nsSM, "enable")
	p.write(`<enabled xmlns='urn:xmpp:sm:3' id='` + id + `' resume='true' max='300'/>`)
	p.pump()
	return p
}

// resumed plays the resumption of id and returns the client's count.
func (p *peer) resumed(id string, h uint32) string {
	p.t.Helper()
	p.signIn(bindSM)
	resume := p.expect(nsSM, "resume")
	require.Equal(p.t, id, resume.AttrValue("previd"))
	p.pump()
	p.write(`<resumed xmlns='urn:xmpp:sm:3' previd='` + id + `' h='` + strconv.FormatUint(uint64(h), 10) + `'/>`)
	return resume.AttrValue("h")
}

// refused plays the refusal of a resumption and the binding of another session.
func (p *peer) refused(attr, id string) {
	p.t.Helper()
	p.signIn(bindSM)
	p.expect(nsSM, "resume")
	p.write(`<failed xmlns='urn:xmpp:sm:3'` + attr + `><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`)
	p.bound()
	p.expect(nsSM, "enable")
	p.write(`<enabled xmlns='urn:xmpp:sm:3' id='` + id + `' resume='true'/>`)
	p.pump()
}

// ack acknowledges.
func (p *peer) ack(h uint32) {
	p.t.Helper()
	p.write(`<a xmlns='urn:xmpp:sm:3' h='` + strconv.FormatUint(uint64(h), 10) + `'/>`)
}

// ask asks for an acknowledgement.
func (p *peer) ask() { p.t.Helper(); p.write(`<r xmlns='urn:xmpp:sm:3'/>`) }

// message sends a message with that body.
func (p *peer) message(body string) {
	p.t.Helper()
	p.write(`<message from='bob@example.org/x' to='` + full + `'><body>` + body + `</body></message>`)
}

// credentials is an Authenticator with a mechanism that takes one step, or,
// with answers, one per challenge.
type credentials struct {
	selects int
	offers  []Offer
	ended   []error
	err     error // of Select
	again   bool
}

func (c *credentials) Select(_ context.Context, o Offer) (sasl.Mechanism, error) {
	c.selects++
	c.offers = append(c.offers, o)
	if c.err != nil {
		return nil, c.err
	}
	return testMechanism{}, nil
}

func (c *credentials) Ended(_ sasl.Mechanism, err error) bool {
	c.ended = append(c.ended, err)
	return c.again && err != nil
}

type testMechanism struct{}

func (testMechanism) Name() string                  { return "X-TEST" }
func (testMechanism) Start() ([]byte, error)        { return []byte("secret"), nil }
func (testMechanism) Next(b []byte) ([]byte, error) { return b, nil }
func (testMechanism) Done(b []byte) error {
	if string(b) == "liar" {
		return sasl.ErrServerSignature
	}
	return nil
}

// A rig is a Stream that runs against a script.
type rig struct {
	*script
	s     *Stream
	auth  *credentials
	ran   chan error
	stop  context.CancelFunc
	items []Item
}

// bubble runs a test in a bubble of time with a rig.
func bubble(t *testing.T, test func(*rig), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, change...)
		test(r)
	})
}

func newRig(t *testing.T, direct bool, change ...func(*Config)) *rig {
	r := idleRig(t, direct, change...)
	r.start()
	return r
}

// idleRig is a rig that does not run before start.
func idleRig(t *testing.T, direct bool, change ...func(*Config)) *rig {
	r := &rig{script: newScript(t, direct), auth: &credentials{}, ran: make(chan error, 1)}
	cfg := Config{
		JID: jid.MustParse(account), Resource: "phone", Dialer: r.dialer(), Auth: r.auth,
		Backoff: Backoff{Min: time.Second, Max: time.Minute},
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	r.s, err = New(cfg)
	require.NoError(t, err)
	return r
}

func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		err := r.s.Run(ctx)
		r.ran <- err
		close(r.ran)
	}()
	r.t.Cleanup(func() {
		cancel()
		select {
		case <-r.ran:
		case <-time.After(time.Hour):
			r.t.Error("Run does not return")
		}
	})
}

// next returns the next item.
func (r *rig) next() Item {
	r.t.Helper()
	if len(r.items) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		items, err := r.s.Next(ctx, make([]Item, 0, 8))
		require.NoError(r.t, err)
		r.items = items
	}
	item := r.items[0]
	r.items = r.items[1:]
	return item
}

// want returns the next item, which is of that kind.
func (r *rig) want(k ItemKind) Item {
	r.t.Helper()
	item := r.next()
	require.Equal(r.t, k, item.Kind, "got %s (%v)", item.Kind, item.Err)
	return item
}

// wantBody returns the next item, a message with that body.
func (r *rig) wantBody(body string) Item {
	r.t.Helper()
	item := r.want(Stanza)
	require.Equal(r.t, body, item.Stanza.ChildText(element.NSClient, "body"))
	return item
}

// nothing checks that there is no item now.
func (r *rig) nothing() {
	r.t.Helper()
	synctest.Wait()
	require.Empty(r.t, r.items)
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	items, err := r.s.Next(ctx, make([]Item, 0, 1))
	require.ErrorIs(r.t, err, context.DeadlineExceeded, "got %v", items)
}

// online connects with a new session.
func (r *rig) online(id string) *peer {
	r.t.Helper()
	p := r.accept().ready(id)
	r.want(Online)
	return p
}

// result waits for Run to return.
func (r *rig) result() error {
	r.t.Helper()
	select {
	case err := <-r.ran:
		return err
	case <-time.After(time.Hour):
		require.Fail(r.t, "Run does not return")
		return nil
	}
}

// send sends a message with that body.
func (r *rig) send(body string) {
	r.t.Helper()
	require.NoError(r.t, r.s.Send(context.Background(), message(body)))
}

func message(body string) *element.Element {
	return element.New(element.NSClient, "message").With("to", "bob@example.org").
		Add(element.New(element.NSClient, "body").WithText(body))
}

func bodyOf(e *element.Element) string { return e.ChildText(element.NSClient, "body") }

// expectBodies reads messages with these bodies, and passes over <r/>.
func (p *peer) expectBodies(bodies ...string) {
	p.t.Helper()
	for _, want := range bodies {
		e := p.read()
		for e.Is(nsSM, "r") {
			e = p.read()
		}
		require.Equal(p.t, want, bodyOf(e), "%s", e.Bytes())
	}
}

// expectAck reads an acknowledgement of that count.
func (p *peer) expectAck(h string) {
	p.t.Helper()
	e := p.read()
	for e.Is(nsSM, "r") {
		e = p.read()
	}
	require.True(p.t, e.Is(nsSM, "a"), "%s", e.Bytes())
	require.Equal(p.t, h, e.AttrValue("h"))
}
