// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

// Dialer opens connections to the server of the account; *dial.Dialer is one.
type Dialer interface {
	// Dial connects to the server the usual way.
	Dial(ctx context.Context) (*dial.Conn, error)
	// DialTo connects to a place the server named, "host:port" or "host".
	DialTo(ctx context.Context, location string) (*dial.Conn, error)
}

// Config describes the stream of one account. JID, Dialer and Auth are needed.
type Config struct {
	// JID is the account; a resource in it is ignored.
	JID jid.JID
	// Resource is asked for when binding; empty lets the server choose.
	Resource string
	// Lang is the xml:lang of the stream, such as "de"; empty sends none.
	Lang string
	// Dialer reaches the server, Auth signs in.
	Dialer Dialer
	Auth   Authenticator
	// Resume is what an earlier process left behind, nil for nothing.
	Resume *Resume

	// Divert is called for every inbound message, presence and IQ request
	// before it is queued. True means consumed: it is counted and never comes
	// out of Next. It runs on the goroutine that reads the connection and must
	// not block, nor call this Stream.
	Divert func(*element.Element) bool
	// Guard is called at the entry of every call that leads to the network,
	// with the context of the call.
	Guard func(context.Context)
	// Logger gets what happens to the connection, never what is in it; nil
	// discards.
	Logger *slog.Logger

	Limits    Limits
	Timeouts  Timeouts
	Backoff   Backoff
	Keepalive Keepalive
}

// Limits bound what is held in memory. Zero fields mean the defaults.
type Limits struct {
	// Stanza is the size in bytes above which an inbound stanza is not held
	// but read past and reported as Malformed: 256 KiB. Depth is the nesting
	// it may have (64), Attrs the attributes per element (64), Children the
	// children per element (10,000).
	Stanza, Depth, Attrs, Children int
	// Large takes the place of Stanza for the answer to a request of ours to
	// our own account, such as that for the roster: 4 MiB, and never above Skip.
	// It may have more children in proportion.
	Large int
	// Skip is the size in bytes above which the connection is given up rather
	// than reading past a stanza: 4 MiB.
	Skip int
	// Queue and QueueBytes bound the items which Next has not returned yet:
	// 256 items, 4 MiB. When it is full nothing more is read.
	Queue, QueueBytes int
	// Unacked and UnackedBytes bound the outbound stanzas which the server
	// has not acknowledged: 1,000 stanzas, 8 MiB.
	Unacked, UnackedBytes int
	// Requests bounds the IQ requests without an answer: 256.
	Requests int
}

func (l Limits) withDefaults() Limits {
	l.Stanza = positive(l.Stanza, element.DefaultBytes)
	l.Depth = positive(l.Depth, element.DefaultDepth)
	l.Attrs = positive(l.Attrs, element.DefaultAttrs)
	l.Children = positive(l.Children, element.DefaultChildren)
	l.Skip = max(positive(l.Skip, 4<<20), l.Stanza)
	l.Large = max(min(positive(l.Large, 4<<20), l.Skip), l.Stanza)
	l.Queue = positive(l.Queue, 256)
	l.QueueBytes = positive(l.QueueBytes, 4<<20)
	l.Unacked = positive(l.Unacked, 1000)
	l.UnackedBytes = positive(l.UnackedBytes, 8<<20)
	l.Requests = positive(l.Requests, 256)
	return l
}

func (l Limits) framer(more func(head []byte) int) framer.Limits {
	return framer.Limits{Bytes: l.Stanza, Depth: l.Depth, Attrs: l.Attrs, More: more, Skip: l.Skip}
}

func (l Limits) element() element.Limits {
	return element.Limits{Bytes: l.Stanza, Depth: l.Depth, Attrs: l.Attrs, Children: l.Children}
}

// large are the limits of an element of which the framer has let pass more.
func (l Limits) large() element.Limits {
	return element.Limits{Bytes: l.Large, Depth: l.Depth, Attrs: l.Attrs, Children: l.Children * (1 + l.Large/l.Stanza)}
}

// Timeouts bound each step. Zero fields mean the defaults.
type Timeouts struct {
	// Dial bounds reaching the server, all addresses together: 90 s.
	Dial time.Duration
	// Negotiate bounds everything from there to the ready stream: 60 s.
	Negotiate time.Duration
	// Step bounds one answer of the server on the way: 20 s.
	Step time.Duration
	// Stanza bounds the arrival of one stanza from its first byte on: 5 min.
	Stanza time.Duration
	// Write bounds one write to the connection: 60 s.
	Write time.Duration
	// IQ bounds the answer to a request: 30 s.
	IQ time.Duration
	// Settle bounds how long a resumption waits for items which Next has
	// returned and Handled has not covered yet: 2 s.
	Settle time.Duration
	// Patience is how long a request for acknowledgement goes unanswered
	// while Handled lags behind; then what is handled is acknowledged: 10 s.
	Patience time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	t.Dial = positive(t.Dial, 90*time.Second)
	t.Negotiate = positive(t.Negotiate, 60*time.Second)
	t.Step = positive(t.Step, 20*time.Second)
	t.Stanza = positive(t.Stanza, 5*time.Minute)
	t.Write = positive(t.Write, 60*time.Second)
	t.IQ = positive(t.IQ, 30*time.Second)
	t.Settle = positive(t.Settle, 2*time.Second)
	t.Patience = positive(t.Patience, 10*time.Second)
	return t
}

// Backoff spaces the attempts to connect: the n-th wait in a row is a random
// time between a half of and all of Min·2ⁿ, never above Max. Zero fields mean the
// defaults.
type Backoff struct {
	// Min is 1 s, Max 2 min.
	Min, Max time.Duration
	// Stable is how long a connection must have lasted for the waits to start
	// from Min again: 30 s.
	Stable time.Duration
}

func (b Backoff) withDefaults() Backoff {
	b.Min = positive(b.Min, time.Second)
	b.Max = max(positive(b.Max, 2*time.Minute), b.Min)
	b.Stable = positive(b.Stable, 30*time.Second)
	return b
}

// Keepalive finds out that a connection is dead. Zero fields mean the defaults.
type Keepalive struct {
	// Interval is how long nothing may arrive before the server is asked for
	// an answer: 60 s. Background takes its place after Foreground(false):
	// 5 min less 10 s, below what mobile networks keep an idle connection for.
	Interval, Background time.Duration
	// Timeout is how long the answer may take: 30 s. Probe is the same after
	// NetworkChanged or Foreground(true), when an answer is expected at once:
	// 10 s.
	Timeout, Probe time.Duration
}

func (k Keepalive) withDefaults() Keepalive {
	k.Interval = positive(k.Interval, time.Minute)
	k.Background = positive(k.Background, 5*time.Minute-10*time.Second)
	k.Timeout = positive(k.Timeout, 30*time.Second)
	k.Probe = positive(k.Probe, 10*time.Second)
	return k
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.JID.Localpart() == "":
		return c, fmt.Errorf("configure stream: %w: no account", ErrConfig)
	case c.Dialer == nil:
		return c, fmt.Errorf("configure stream: %w: no dialer", ErrConfig)
	case c.Auth == nil:
		return c, fmt.Errorf("configure stream: %w: no authenticator", ErrConfig)
	}
	c.JID = c.JID.Bare()
	if c.Resource != "" {
		full, err := c.JID.WithResource(c.Resource)
		if err != nil {
			return c, fmt.Errorf("configure stream: %w: resource", ErrConfig)
		}
		c.Resource = full.Resourcepart()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Divert == nil {
		c.Divert = func(*element.Element) bool { return false }
	}
	if c.Guard == nil {
		c.Guard = func(context.Context) {}
	}
	c.Limits = c.Limits.withDefaults()
	c.Timeouts = c.Timeouts.withDefaults()
	c.Backoff = c.Backoff.withDefaults()
	c.Keepalive = c.Keepalive.withDefaults()
	return c, nil
}
