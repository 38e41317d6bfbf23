// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
	"github.com/stretchr/testify/require"
)

const (
	scriptDomain = testserver.DefaultDomain
	scriptJID    = "alice@" + scriptDomain
	scriptPeer   = "bob@" + scriptDomain
	scriptFull   = scriptJID + "/script"

	nsManagement = "urn:xmpp:sm:3"
	streamHeader = `<?xml version='1.0'?><stream:stream from='` + scriptDomain + `' id='1' version='1.0' ` +
		`xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
	offerTLS  = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>`
	offerAuth = `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>`
	offerBind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='` + nsManagement + `'/>`
)

// errScript ends a connection of a script.
var errScript = errors.New("end of the script")

// A script is a server that says what a test wants it to.
type script struct {
	t           *testing.T
	listener    net.Listener
	roots       *x509.CertPool
	certificate tls.Certificate
	issue       func(name string, ends time.Duration) tls.Certificate
	work        sync.WaitGroup

	mu       sync.Mutex
	behave   func(*scripted) error // what happens on a connection
	taken    int                   // connections
	open     map[net.Conn]bool
	messages []*element.Element // that came, in order
}

// newScript starts a server that behaves well.
func newScript(t *testing.T) *script {
	roots, authority := newAuthority(t)
	s := &script{t: t, roots: roots, open: make(map[net.Conn]bool), behave: (*scripted).well}
	s.issue, s.certificate = authority, authority(scriptDomain, time.Hour)
	var err error
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.work.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

// newAuthority makes a certificate authority and a function that issues server
// certificates, for a name and ending after a time.
func newAuthority(t *testing.T) (*x509.CertPool, func(name string, ends time.Duration) tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "script"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	require.NoError(t, err)
	ca, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return roots, func(name string, ends time.Duration) tls.Certificate {
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(ends),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &own.PublicKey, key)
		require.NoError(t, err)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own}
	}
}

func (s *script) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.taken++
		s.open[c] = true
		behave := s.behave
		s.mu.Unlock()
		s.work.Go(func() {
			p := &scripted{script: s, conn: c, frames: framer.New(c, framer.Limits{})}
			_ = behave(p) // the client ended the connection, or the script did
			_ = c.Close()
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
		})
	}
}

// behaves changes what happens on connections from now on, and cuts the
// present ones.
func (s *script) behaves(behave func(*scripted) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
	for c := range s.open {
		_ = c.Close()
	}
}

func (s *script) stop() {
	_ = s.listener.Close()
	s.behaves(func(*scripted) error { return nil })
	s.work.Wait()
}

func (s *script) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// bodies returns the texts of the messages that came.
func (s *script) bodies() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if body := m.ChildText(element.NSClient, "body"); body != "" {
			list = append(list, body)
		}
	}
	return list
}

func (s *script) account() core.AccountConfig {
	address := s.listener.Addr().(*net.TCPAddr)
	return core.AccountConfig{JID: scriptJID, Password: []byte("sesame"), Host: "127.0.0.1", Port: address.Port}
}

// A scripted is the server's end of one connection. Its methods end with an
// error when the client is gone.
type scripted struct {
	*script
	conn     net.Conn
	frames   *framer.Framer
	received uint32 // stanzas since stream management was enabled
	managed  bool
}

func (p *scripted) write(parts ...string) error {
	_, err := p.conn.Write([]byte(strings.Join(parts, "")))
	return err
}

// header reads a stream header and answers it with features.
func (p *scripted) header(features string) error {
	f, err := p.frames.Next()
	if err != nil {
		return err
	}
	if f.Kind != framer.Header {
		return errScript
	}
	return p.write(streamHeader, "<stream:features>", features, "</stream:features>")
}

func (p *scripted) read() (*element.Element, error) {
	f, err := p.frames.Next()
	if err != nil {
		return nil, err
	}
	if f.Kind != framer.Element {
		return nil, errScript
	}
	return element.Parse(f.Data, element.Limits{})
}

// secure does STARTTLS with a certificate.
func (p *scripted) secure(certificate tls.Certificate) error {
	if err := p.header(offerTLS); err != nil {
		return err
	}
	if _, err := p.read(); err != nil {
		return err
	}
	if err := p.write(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`); err != nil {
		return err
	}
	c := tls.Server(p.conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err := c.Handshake(); err != nil {
		return err
	}
	p.conn = c
	return p.frames.Restart(c)
}

// authenticated goes on until the client has signed in.
func (p *scripted) authenticated() error {
	if err := p.secure(p.certificate); err != nil {
		return err
	}
	if err := p.header(offerAuth); err != nil {
		return err
	}
	if _, err := p.read(); err != nil {
		return err
	}
	if err := p.write(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`); err != nil {
		return err
	}
	return p.frames.Restart(p.conn)
}

// ready goes on until the client has a session.
func (p *scripted) ready() error {
	if err := p.authenticated(); err != nil {
		return err
	}
	if err := p.header(offerBind); err != nil {
		return err
	}
	for {
		e, err := p.read()
		if err != nil {
			return err
		}
		switch {
		case e.Is(nsManagement, "resume"):
			err = p.write(`<failed xmlns='`+nsManagement+`'>`, `<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`)
		case e.Is(element.NSClient, "iq"):
			err = p.write(`<iq type='result' id='`, e.AttrValue("id"), `'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>`,
				scriptFull, `</jid></bind></iq>`)
		case e.Is(nsManagement, "enable"):
			p.managed = true
			return p.write(`<enabled xmlns='`+nsManagement+`' id='`, rand.Text(), `' resume='true'/>`)
		default:
			return errScript
		}
		if err != nil {
			return err
		}
	}
}

// well does all that a server must, until the client leaves.
func (p *scripted) well() error {
	if err := p.ready(); err != nil {
		return err
	}
	return p.goOn(nil)
}

// then behaves well until the session is there, says something and goes on.
func then(words ...string) func(*scripted) error {
	return func(p *scripted) error {
		if err := p.ready(); err != nil {
			return err
		}
		if err := p.write(words...); err != nil {
			return err
		}
		return p.goOn(nil)
	}
}

// goOn answers what the client asks. see is called for every stanza, and may
// end the connection.
func (p *scripted) goOn(see func(*element.Element) error) error {
	for {
		e, err := p.read()
		if err != nil {
			return err
		}
		if e.Is(nsManagement, "r") {
			if err := p.write(`<a xmlns='`+nsManagement+`' h='`, strconv.FormatUint(uint64(p.received), 10), `'/>`); err != nil {
				return err
			}
			continue
		}
		if e.Name.Space != element.NSClient {
			continue
		}
		p.received++
		if see != nil {
			if err := see(e); err != nil {
				return err
			}
		}
		if e.Name.Local == "message" {
			p.mu.Lock()
			p.messages = append(p.messages, e)
			p.mu.Unlock()
		}
		if kind := e.AttrValue("type"); e.Name.Local == "iq" && (kind == "get" || kind == "set") {
			from := ""
			if to := e.AttrValue("to"); to != "" {
				from = `' from='` + to
			}
			err := p.write(`<iq type='error' id='`, e.AttrValue("id"), from,
				`'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
			if err != nil {
				return err
			}
		}
	}
}

// streamError ends the stream with a condition.
func streamError(condition, content string) string {
	return fmt.Sprintf(`<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'>%s</%s></stream:error></stream:stream>`,
		condition, content, condition)
}
