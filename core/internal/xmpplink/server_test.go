// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

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

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
	"github.com/stretchr/testify/require"
)

const (
	domain = "example.org"
	alice  = "alice@" + domain
	full   = alice + "/script"
	bob    = "bob@" + domain

	nsSM     = "urn:xmpp:sm:3"
	nsMAM    = "urn:xmpp:mam:2"
	nsErrors = "urn:ietf:params:xml:ns:xmpp-stanzas"
	opening  = `<?xml version='1.0'?><stream:stream from='` + domain + `' id='1' version='1.0' ` +
		`xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
)

// A server does what a server must, but for what its behaviour says.
type server struct {
	t           *testing.T
	listener    net.Listener
	roots       *x509.CertPool
	certificate tls.Certificate
	work        sync.WaitGroup

	mu       sync.Mutex
	behave   behaviour
	session  *session
	conn     *conn // the latest one that is ready
	open     map[net.Conn]bool
	ready    int                // connections that became so
	stanzas  []*element.Element // that came, without repeated ones
	acks     []ack
	archived []string // results, from id a0 on
	queries  int      // of the archive
	expired  int      // results at its beginning that it has forgotten
}

// A behaviour is what a server does otherwise. Its functions are called by the
// reader of a connection.
type behaviour struct {
	unmanaged bool                                        // no stream management
	enabled   string                                      // instead of <enabled/> that allows resumption
	refuse    string                                      // in answer to <resume/>
	silent    bool                                        // acknowledges nothing
	early     string                                      // said before <enabled/>
	ready     func(c *conn)                               // once a connection is ready
	iq        func(c *conn, iq *element.Element) bool     // true: it has been answered
	cut       func(c *conn, stanza *element.Element) bool // true: the connection ends here
}

// An ack is a count from the client for a session.
type ack struct {
	session string
	count   uint32
}

// A session is one of stream management.
type session struct {
	id       string
	received uint32
	sent     []string // all there was
}

// A conn is the server's end of one connection.
type conn struct {
	*server
	net     net.Conn
	frames  *framer.Framer
	session *session
	writing sync.Mutex
}

var errScript = errors.New("end of the script")

func newServer(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{t: t, listener: listener, open: make(map[net.Conn]bool)}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{domain}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	require.NoError(t, err)
	ca, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	s.roots = x509.NewCertPool()
	s.roots.AddCert(ca)
	s.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	s.work.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	_ = s.listener.Close()
	s.cut()
	s.work.Wait()
}

func (s *server) accept() {
	for {
		n, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[n] = true
		s.mu.Unlock()
		s.work.Go(func() {
			c := &conn{server: s, net: n, frames: framer.New(n, framer.Limits{})}
			_ = c.serve() // the client ended the connection, or the script did
			_ = n.Close()
			s.mu.Lock()
			delete(s.open, n)
			s.mu.Unlock()
		})
	}
}

// behaves changes the behaviour from now on.
func (s *server) behaves(change func(*behaviour)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.behave)
}

func (s *server) now() behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behave
}

// cut ends all connections.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.open {
		_ = n.Close()
	}
}

// locked reads the server's state.
func locked[T any](s *server, read func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return read()
}

func (s *server) connections() int { return locked(s, func() int { return s.ready }) }

// bodies returns the texts that came, every time they did.
func (s *server) bodies() (list []string) {
	for _, e := range locked(s, func() []*element.Element { return s.stanzas }) {
		if body := e.ChildText(element.NSClient, "body"); body != "" {
			list = append(list, body)
		}
	}
	return list
}

// count returns how many stanzas came that are as wanted.
func (s *server) count(want func(*element.Element) bool) (n int) {
	for _, e := range locked(s, func() []*element.Element { return s.stanzas }) {
		if want(e) {
			n++
		}
	}
	return n
}

// push sends stanzas on the latest connection, or keeps them for its
// resumption.
func (s *server) push(stanzas ...string) {
	c := locked(s, func() *conn { return s.conn })
	c.push(stanzas...)
}

// push sends stanzas, at once.
func (c *conn) push(stanzas ...string) {
	c.mu.Lock()
	c.session.sent = append(c.session.sent, stanzas...)
	c.mu.Unlock()
	_ = c.write(stanzas...) // if it is gone, they are repeated
}

func (c *conn) write(parts ...string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.net.Write([]byte(strings.Join(parts, "")))
	return err
}

// file puts a message into the archive and returns its id there.
func (s *server) file(message string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "a" + strconv.Itoa(len(s.archived))
	s.archived = append(s.archived, message)
	return id
}

func (c *conn) read() (*element.Element, error) {
	f, err := c.frames.Next()
	if err != nil {
		return nil, err
	}
	if f.Kind != framer.Element {
		return nil, errScript
	}
	return element.Parse(f.Data, element.Limits{})
}

func (c *conn) header(features string) error {
	f, err := c.frames.Next()
	if err != nil {
		return err
	}
	if f.Kind != framer.Header {
		return errScript
	}
	return c.write(opening, "<stream:features>", features, "</stream:features>")
}

// step reads something and answers it.
func (c *conn) step(answer string) error {
	if _, err := c.read(); err != nil {
		return err
	}
	return c.write(answer)
}

func (c *conn) serve() error {
	if err := c.header(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>`); err != nil {
		return err
	}
	if err := c.step(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`); err != nil {
		return err
	}
	secure := tls.Server(c.net, &tls.Config{Certificates: []tls.Certificate{c.certificate}})
	if err := secure.Handshake(); err != nil {
		return err
	}
	c.net = secure
	if err := c.frames.Restart(secure); err != nil {
		return err
	}
	if err := c.header(`<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>`); err != nil {
		return err
	}
	if err := c.step(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`); err != nil {
		return err
	}
	if err := c.frames.Restart(secure); err != nil {
		return err
	}
	offer := `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`
	if !c.now().unmanaged {
		offer += `<sm xmlns='` + nsSM + `'/>`
	}
	if err := c.header(offer); err != nil {
		return err
	}
	if err := c.begin(); err != nil {
		return err
	}
	c.mu.Lock()
	c.conn, c.ready = c, c.ready+1
	c.mu.Unlock()
	if ready := c.now().ready; ready != nil {
		ready(c)
	}
	return c.goOn()
}

// begin resumes the session or begins one.
func (c *conn) begin() error {
	for {
		e, err := c.read()
		if err != nil {
			return err
		}
		behave := c.now()
		switch {
		case e.Is(nsSM, "resume"):
			done, err := c.resume(e, behave)
			if done || err != nil {
				return err
			}
		case e.Is(element.NSClient, "iq"):
			err := c.write(`<iq type='result' id='`, e.AttrValue("id"), `'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>`, full, `</jid></bind></iq>`)
			if err != nil {
				return err
			}
			if behave.unmanaged {
				c.session = &session{}
				return nil
			}
		case e.Is(nsSM, "enable"):
			c.session = &session{id: rand.Text()}
			c.mu.Lock()
			c.server.session = c.session
			c.mu.Unlock()
			if behave.enabled == "" {
				behave.enabled = `<enabled xmlns='` + nsSM + `' id='` + c.session.id + `' resume='true'/>`
			}
			return c.write(behave.early, behave.enabled)
		default:
			return errScript
		}
	}
}

func (c *conn) resume(e *element.Element, behave behaviour) (done bool, err error) {
	c.mu.Lock()
	former := c.server.session
	h, _ := strconv.ParseUint(e.AttrValue("h"), 10, 32)
	known := former != nil && former.id == e.AttrValue("previd") && behave.refuse == ""
	var again []string
	if known {
		c.acks = append(c.acks, ack{former.id, uint32(h)})
		again = append(again, former.sent[h:]...)
	}
	c.mu.Unlock()
	if !known {
		if behave.refuse == "" {
			behave.refuse = `<failed xmlns='` + nsSM + `'><item-not-found xmlns='` + nsErrors + `'/></failed>`
		}
		return false, c.write(behave.refuse)
	}
	c.session = former
	return true, c.write(`<resumed xmlns='`+nsSM+`' previd='`+former.id+`' h='`+strconv.FormatUint(uint64(former.received), 10)+`'/>`,
		strings.Join(again, ""))
}

func (c *conn) goOn() error {
	for {
		e, err := c.read()
		if err != nil {
			return err
		}
		behave := c.now()
		switch {
		case e.Is(nsSM, "r"):
			if behave.silent {
				continue
			}
			h := locked(c.server, func() uint32 { return c.session.received })
			err = c.write(`<a xmlns='`+nsSM+`' h='`, strconv.FormatUint(uint64(h), 10), `'/>`)
		case e.Is(nsSM, "a"):
			h, _ := strconv.ParseUint(e.AttrValue("h"), 10, 32)
			c.mu.Lock()
			c.acks = append(c.acks, ack{c.session.id, uint32(h)})
			c.mu.Unlock()
		case e.Name.Space == element.NSClient:
			if behave.cut != nil && behave.cut(c, e) {
				return errScript
			}
			c.mu.Lock()
			c.session.received++
			c.stanzas = append(c.stanzas, e)
			c.mu.Unlock()
			kind := e.AttrValue("type")
			if e.Name.Local == "iq" && (kind == "get" || kind == "set") && (behave.iq == nil || !behave.iq(c, e)) {
				c.answer(e)
			}
		}
		if err != nil {
			return err
		}
	}
}

// answer is what the server says to a request of itself.
func (c *conn) answer(iq *element.Element) {
	if len(iq.Children) != 1 {
		c.refuse(iq, "bad-request")
		return
	}
	switch q := iq.Children[0]; {
	case q.Is(nsMAM, "query"):
		c.page(iq, q)
	case q.Is("jabber:iq:roster", "query"):
		c.result(iq, `<query xmlns='jabber:iq:roster'/>`)
	case q.Is("urn:xmpp:carbons:2", "enable"), q.Is("urn:xmpp:ping", "ping"):
		c.result(iq, "")
	case q.Is("http://jabber.org/protocol/pubsub", "pubsub"):
		c.refuse(iq, "item-not-found")
	default:
		c.refuse(iq, "service-unavailable")
	}
}

func addressed(iq *element.Element) string {
	to := `' id='` + iq.AttrValue("id")
	if from := iq.AttrValue("to"); from != "" {
		to += `' from='` + from
	}
	return to + `'>`
}

func (c *conn) result(iq *element.Element, payload string) {
	c.push(`<iq type='result` + addressed(iq) + payload + `</iq>`)
}

func (c *conn) refuse(iq *element.Element, condition string) {
	c.push(`<iq type='error` + addressed(iq) + `<error type='cancel'><` + condition + ` xmlns='` + nsErrors + `'/></error></iq>`)
}

// page answers a query of the archive.
func (c *conn) page(iq, query *element.Element) {
	c.mu.Lock()
	archive := c.archived
	c.queries++
	gone := c.expired
	c.mu.Unlock()
	set := query.Child("http://jabber.org/protocol/rsm", "set")
	first, most := 0, 250
	if n, err := strconv.Atoi(set.ChildText("http://jabber.org/protocol/rsm", "max")); err == nil {
		most = n
	}
	if after := set.ChildText("http://jabber.org/protocol/rsm", "after"); after != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(after, "a"))
		if err != nil || n >= len(archive) || n < gone {
			c.refuse(iq, "item-not-found")
			return
		}
		first = n + 1
	} else if end := set.Child("http://jabber.org/protocol/rsm", "before"); end != nil {
		if n, err := strconv.Atoi(strings.TrimPrefix(end.Text, "a")); err == nil {
			if n < gone {
				c.refuse(iq, "item-not-found")
				return
			}
			archive = archive[:n]
		}
		first = max(gone, len(archive)-most)
		c.results(iq, query, archive, first, len(archive), first == gone)
		return
	}
	first = max(first, gone)
	last := min(len(archive), first+most)
	c.results(iq, query, archive, first, last, last == len(archive))
}

// results answers a query with a part of the archive.
func (c *conn) results(iq, query *element.Element, archive []string, first, last int, complete bool) {
	for i := first; i < last; i++ {
		c.push(result(query.AttrValue("queryid"), "a"+strconv.Itoa(i), archive[i]))
	}
	c.fin(iq, complete, first, last-1)
}

// result is one archived message. The archive gets one each minute.
func result(query, id, message string) string {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, "a"))
	stamp := time.Date(2026, 1, 2, 3, n, 5, 0, time.UTC).Format(time.RFC3339)
	return `<message to='` + full + `'><result xmlns='` + nsMAM + `' queryid='` + query + `' id='` + id + `'><forwarded xmlns='urn:xmpp:forward:0'>` +
		`<delay xmlns='urn:xmpp:delay' stamp='` + stamp + `'/>` + message + `</forwarded></result></message>`
}

func (c *conn) fin(iq *element.Element, complete bool, first, last int) {
	ends := ""
	if last >= first {
		ends = fmt.Sprintf(`<first>a%d</first><last>a%d</last>`, first, last)
	}
	c.result(iq, fmt.Sprintf(`<fin xmlns='%s' complete='%t'><set xmlns='http://jabber.org/protocol/rsm'>%s</set></fin>`, nsMAM, complete, ends))
}

// text is a message of Bob's. An empty id is none at all; archive is what the
// server's archive calls it.
func text(id, archive, body string) string {
	attr, mark := "", ""
	if id != "" {
		attr = ` id='` + id + `'`
	}
	if archive != "" {
		mark = `<stanza-id xmlns='urn:xmpp:sid:0' by='` + alice + `' id='` + archive + `'/>`
	}
	return `<message xmlns='jabber:client' from='` + bob + `/x' to='` + full + `' type='chat'` + attr + `><body>` + body + `</body>` + mark + `</message>`
}
