// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

// Config describes the client of one account. Stream needs what
// [stream.Config] says; everything else is optional.
type Config struct {
	Stream stream.Config
	// Software is what others may learn about the program, XEP-0092. Its
	// Name is also that of our disco identity.
	Software Software
	// Device is the type of the disco identity: "pc" when empty, or "phone",
	// "handheld", "bot" and so on; https://xmpp.org/registrar/disco-categories.html.
	Device string
	// Node identifies the program in XEP-0115: a URI, the module's when empty.
	Node string
	// Features are announced in addition to those of this package, such as
	// [NotifyDevices] for a PEP subscription.
	Features []string
	// Caps keeps capabilities of others across restarts; nil keeps none.
	Caps CapsCache
	// Trusts decides who is told version and time; nil means our own account
	// and server only. It is called on a goroutine of the Client.
	Trusts func(ctx context.Context, from jid.JID) bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// A conn is the part of a stream that the extensions use.
type conn interface {
	IQ(ctx context.Context, typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error)
	Send(ctx context.Context, e *element.Element) error
	SendNonza(ctx context.Context, e *element.Element) error
}

// A Client is the stream of one account with the extensions on top. The
// methods of the stream are its own.
type Client struct {
	*stream.Stream
	conn conn

	cfg      Config
	self     jid.JID // bare
	info     Info    // what we answer to disco#info
	caps     Caps
	archive  archives
	flights  capsFlights
	requests chan *element.Element
	log      *slog.Logger
}

// maxRequests bounds the requests of others that wait for an answer. More than
// that is a flood, and not answered.
const maxRequests = 64

// New returns a Client that does nothing until Run is called.
//
// Errors: [ErrConfig] and those of [stream.New].
func New(cfg Config) (*Client, error) {
	next := cfg.Stream.Divert
	c, err := newClient(cfg, nil)
	if err != nil {
		return nil, err
	}
	cfg.Stream.Divert = func(e *element.Element) bool {
		return c.divert(e) || next != nil && next(e)
	}
	c.Stream, err = stream.New(cfg.Stream)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	c.conn = c.Stream
	return c, nil
}

func newClient(cfg Config, to conn) (*Client, error) {
	if cfg.Stream.JID.Localpart() == "" {
		return nil, fmt.Errorf("make client: %w: no account", ErrConfig)
	}
	c := &Client{conn: to, cfg: cfg, self: cfg.Stream.JID.Bare(), log: cfg.Stream.Logger}
	c.archive.self = c.self
	c.requests = make(chan *element.Element, maxRequests)
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.cfg.Now == nil {
		c.cfg.Now = time.Now
	}
	if c.cfg.Trusts == nil {
		c.cfg.Trusts = func(_ context.Context, from jid.JID) bool { return c.own(from) }
	}
	c.info = ownInfo(cfg)
	ver, err := c.info.Hash()
	if err != nil {
		return nil, fmt.Errorf("make client: %w: features: %w", ErrConfig, err)
	}
	c.caps = Caps{Hash: HashSHA1, Node: cfg.node(), Ver: ver}
	return c, nil
}

// Run runs the stream, see [stream.Stream.Run], and answers requests of others
// while it does.
func (c *Client) Run(ctx context.Context) error {
	answering, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.answer(answering)
	}()
	err := c.Stream.Run(ctx)
	stop()
	<-done
	return err
}

// Self returns the bare JID of the account.
func (c *Client) Self() jid.JID { return c.self }

// own reports whether j is our account, one of its clients, or our server.
func (c *Client) own(j jid.JID) bool {
	return j.Equal(jid.JID{}) || j.Bare().Equal(c.self) || j.Equal(c.self.Domain())
}

// divert is called by the reader of the stream for every stanza. It takes what
// has an owner here: archive results of a pending query, and requests that need
// nobody's decision.
func (c *Client) divert(e *element.Element) bool {
	switch {
	case e.Is(element.NSClient, "message"):
		return c.archive.take(e)
	case e.Is(element.NSClient, "iq"):
		return c.takeRequest(e)
	}
	return false
}

// get and set send a request and return the payload of the answer, which is
// nil for an empty one.
func (c *Client) get(ctx context.Context, to jid.JID, payload *element.Element) (*element.Element, error) {
	return c.conn.IQ(ctx, stanza.GetIQ, to, payload)
}

func (c *Client) set(ctx context.Context, to jid.JID, payload *element.Element) (*element.Element, error) {
	return c.conn.IQ(ctx, stanza.SetIQ, to, payload)
}

// fetch is get for an answer that must be the element asked for.
func (c *Client) fetch(ctx context.Context, to jid.JID, payload *element.Element) (*element.Element, error) {
	answer, err := c.get(ctx, to, payload)
	if err != nil {
		return nil, err
	}
	if !answer.Is(payload.Name.Space, payload.Name.Local) {
		return nil, ErrAnswer
	}
	return answer, nil
}

// NewID returns a fresh id for a stanza: 128 random bits and more, XEP-0359 §3.
func NewID() string { return rand.Text() }

// parseJID reads an address attribute; a missing one is the zero JID.
func parseJID(s string) (jid.JID, error) {
	if s == "" {
		return jid.JID{}, nil
	}
	j, err := jid.Parse(s)
	if err != nil {
		return jid.JID{}, fmt.Errorf("%w: address", ErrMalformed)
	}
	return j, nil
}
