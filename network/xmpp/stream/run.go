// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

const (
	maxRedirects = 3 // see-other-host in a row
	maxSoon      = 3 // attempts in a row without a wait

	// A request for a session which got no answer may still be carried out,
	// for a connection that is gone. Until ghostWait later nothing is asked
	// for again, because servers get confused when two such requests cross;
	// until ghostLife later it may still replace a stream of ours.
	ghostWait = 2 * time.Second
	ghostLife = time.Minute
)

// A runner is the state of Run.
type runner struct {
	*Stream
	online      bool   // there has been a stream
	waits       int    // in a row
	soon        int    // attempts in a row without a wait
	host        string // where see-other-host points
	redirects   int    // in a row
	anyResource bool   // the wanted one was refused

	ghost time.Time // when a request for a session was last left unanswered
}

// Run connects and stays connected until ctx ends, Close or Detach is called,
// or something happens that will not mend by itself: a wrong password, a
// disabled account, a server that offers nothing acceptable to sign in with, a
// certificate other than the pinned ones, another client that takes our place
// (conflict), or a domain that its server does not know and never did. All
// goroutines of the Stream have ended when it returns. It can be called once.
//
// The error is nil after Close and Detach, ctx.Err(), or what happened.
func (s *Stream) Run(ctx context.Context) error {
	s.cfg.Guard(ctx)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := s.control.start(stop); err != nil {
		return fmt.Errorf("run stream: %w", err)
	}
	defer func() {
		s.control.set(reaction{})
		s.ledger.close()
		s.tracker.failAll(ErrClosed)
		s.queue.close()
		close(s.control.done)
	}()
	r := &runner{Stream: s}
	if s.cfg.Resume != nil {
		r.ghost = time.Now() // the process before may have died with one on its way
	}
	err := r.loop(ctx)
	switch {
	case errors.Is(err, errDone):
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("run stream: %w", context.Cause(ctx))
	}
	return fmt.Errorf("run stream: %w", err)
}

func (r *runner) loop(ctx context.Context) error {
	for {
		begun := time.Now()
		live, err := r.once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.control.isClosed() {
			return errDone
		}
		r.cfg.Logger.InfoContext(ctx, "stream lost", "live", live, "error", err)
		verdict := judge(err, r.online, live && !r.haunted(ghostLife))
		offline := entry{Item{Kind: Offline, Err: err}, r.ledger.current().serial}
		if err := r.queue.push(ctx, offline); err != nil {
			return err
		}
		if verdict == never {
			return err
		}
		if live && time.Since(begun) >= r.cfg.Backoff.Stable {
			r.waits, r.soon = 0, 0
		}
		if verdict != soon || r.soon >= maxSoon {
			err = r.wait(ctx)
		} else {
			err, r.soon = r.exorcise(ctx), r.soon+1
		}
		if err != nil {
			return err
		}
	}
}

// wait waits for the next attempt, or for a reason not to.
func (r *runner) wait(ctx context.Context) error {
	timer := time.NewTimer(r.cfg.Backoff.wait(r.waits))
	defer timer.Stop()
	r.waits, r.soon = r.waits+1, 0
	now := make(chan struct{}, 1)
	r.control.set(reaction{network: func() { wake(now) }, foreground: func() { wake(now) }})
	defer r.control.set(reaction{})
	select {
	case <-timer.C:
	case <-now:
		r.waits = 0
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return r.exorcise(ctx)
}

// haunted reports whether a request for a session was left unanswered within
// that time.
func (r *runner) haunted(within time.Duration) bool {
	return !r.ghost.IsZero() && time.Since(r.ghost) < within
}

// exorcise waits until a request for a session that was left unanswered must
// have been carried out, or never will be.
func (r *runner) exorcise(ctx context.Context) error {
	if !r.haunted(ghostWait) {
		return nil
	}
	timer := time.NewTimer(ghostWait - time.Since(r.ghost))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wait is how long to wait after n waits in a row.
func (b Backoff) wait(n int) time.Duration {
	d := b.Max
	if n < 32 && b.Min<<n > 0 {
		d = min(d, b.Min<<n)
	}
	return d/2 + rand.N(d/2+1)
}

// once connects and serves one connection. live tells whether there was a
// stream.
func (r *runner) once(ctx context.Context) (live bool, err error) {
	l, first, early, err := r.connect(ctx)
	if err != nil {
		r.learn(err)
		return false, err
	}
	r.online, r.redirects = true, 0
	r.control.set(reaction{
		network: func() { wake(l.watch.probe) }, foreground: func() { wake(l.watch.probe) },
		reset: l.end,
	})
	r.cfg.Logger.InfoContext(ctx, "stream ready", "resumed", first.Online.Resumed, "sm", first.Online.SM,
		"received", first.Count, "acked", first.Online.Out)
	err = l.serve(first, early)
	r.control.set(reaction{})
	r.ledger.leave()
	if _, resumable := r.ledger.resumable(); !resumable {
		r.tracker.failAll(ErrSessionLost)
	}
	r.learn(err)
	return true, err
}

// connect opens a connection and negotiates a stream on it.
func (r *runner) connect(ctx context.Context) (*link, entry, []framer.Frame, error) {
	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.control.set(reaction{network: func() { cancel(ErrNetworkChanged) }})
	former, resumable := r.ledger.resumable()
	conn, err := r.dial(attempt, former, resumable)
	if err != nil {
		return nil, entry{}, nil, err
	}
	w := newWire(conn, r.cfg.Limits, r.cfg.Timeouts.Step)
	n := &negotiation{cfg: &r.cfg, wire: w}
	if !r.anyResource {
		n.resource = r.cfg.Resource
	}
	if resumable {
		n.resume = &resumption{id: former.id, jid: former.jid, handled: r.settle, forget: r.ledger.forget}
	}
	l, first, err := r.establish(attempt, ctx, n)
	if err != nil {
		w.abort()
		if n.open {
			r.ghost = time.Now()
		}
		r.queue.thaw(former.serial, false)
		var se *StreamError
		if _, err2 := n.secure(); err2 != nil && errors.As(err, &se) {
			se.host = "" // anybody could have said so
		}
		return nil, entry{}, nil, err
	}
	return l, first, n.done.early, nil
}

// dial reaches the server, where it wants to be reached if it said so.
func (r *runner) dial(ctx context.Context, former session, resumable bool) (*dial.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeouts.Dial)
	defer cancel()
	where := r.host
	r.host = ""
	if where == "" && resumable {
		where = former.location
	}
	if where != "" {
		half, cancel := context.WithTimeout(ctx, r.cfg.Timeouts.Dial/2)
		defer cancel()
		conn, err := r.cfg.Dialer.DialTo(half, where)
		if err == nil {
			return conn, nil
		}
		r.cfg.Logger.DebugContext(ctx, "place named by the server not reached", "error", err)
	}
	conn, err := r.cfg.Dialer.Dial(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrNetworkChanged) {
		return nil, fmt.Errorf("connect: %w", ErrNetworkChanged)
	}
	return conn, err
}

// establish negotiates and makes the outcome the current session.
func (r *runner) establish(attempt, ctx context.Context, n *negotiation) (*link, entry, error) {
	limited, cancel := context.WithTimeout(attempt, r.cfg.Timeouts.Negotiate)
	defer cancel()
	done, err := n.run(limited)
	if err != nil {
		return nil, entry{}, err
	}
	if done.resumed {
		err = r.resumed(n.wire, done)
	} else {
		err = r.began(ctx, done)
	}
	if err != nil {
		return nil, entry{}, err
	}
	s := r.ledger.current()
	r.queue.thaw(s.serial, done.resumed)
	count, out := r.ledger.totals()
	first := entry{Item{Kind: Online, Count: count, Online: &OnlineInfo{
		Resumed: done.resumed, JID: s.jid, SM: s.sm, ID: s.id, Resumable: s.resumable,
		Location: s.location, Max: s.max, Out: out, Features: done.features,
	}}, s.serial}
	return newLink(ctx, r.Stream, n.wire, s), first, nil
}

// resumed goes on with the session.
func (r *runner) resumed(w *wire, done *negotiated) error {
	if err := r.ledger.resume(done.h, done.handled); err != nil {
		r.ledger.forget()
		_, _ = w.Write([]byte("<stream:error><undefined-condition xmlns='" + nsStreams +
			"'/><handled-count-too-high xmlns='" + nsSM + "'/></stream:error></stream:stream>"))
		return fmt.Errorf("resume session: %w", err)
	}
	return nil
}

// began starts a new session in place of the former one.
func (r *runner) began(ctx context.Context, done *negotiated) error {
	former := r.ledger.current()
	if former.sm && done.refusal != nil {
		if acked, ok := r.ledger.refused(*done.refusal); ok {
			r.queue.thaw(former.serial, false)
			count, _ := r.ledger.handled()
			item := Item{Kind: Acked, Count: count, Acked: acked}
			if err := r.queue.push(ctx, entry{item, former.serial}); err != nil {
				return err
			}
		}
	}
	// Whoever prepares stanzas for the former session comes first.
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.release()
	r.ledger.begin(done.session)
	r.tracker.failAll(ErrSessionLost)
	return nil
}

// settle waits until what the consumer has is handled, and returns up to where
// everything is. The consumer gets no further stanzas until thaw.
func (r *runner) settle(ctx context.Context) uint64 {
	timer := time.NewTimer(r.cfg.Timeouts.Settle)
	defer timer.Stop()
	want := r.queue.freeze(r.ledger.current().serial)
	for {
		handled, changed := r.ledger.handled()
		if handled >= want {
			return handled
		}
		select {
		case <-changed:
		case <-timer.C:
			return handled
		case <-ctx.Done():
			return handled
		}
	}
}

// learn draws conclusions for the next attempt.
func (r *runner) learn(err error) {
	var se *StreamError
	if errors.As(err, &se) && se.host != "" {
		if r.redirects++; r.redirects <= maxRedirects {
			r.host = se.host
		} else {
			r.redirects = 0
		}
	}
	var refusal *IQError
	if errors.Is(err, ErrBind) && errors.As(err, &refusal) && refusal.Reason.Condition == stanza.Conflict {
		r.anyResource = true
	}
}
