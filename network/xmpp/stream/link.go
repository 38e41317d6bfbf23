// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

// A link is one connection with a stream on it. Three goroutines work on it:
// one reads, one writes, one watches. The first to fail ends the others.
type link struct {
	s       *Stream
	wire    *wire
	session session
	watch   watch
	resumed bool // the session has had an earlier connection

	ctx  context.Context
	end  context.CancelCauseFunc
	work sync.WaitGroup
}

func newLink(ctx context.Context, s *Stream, w *wire, ss session) *link {
	l := &link{s: s, wire: w, session: ss, watch: newWatch()}
	l.ctx, l.end = context.WithCancelCause(ctx)
	w.more = l.more
	return l
}

// more says how large a stanza may be that is larger than most.
func (l *link) more(head []byte) int {
	tag := bytes.TrimRight(head, "/>")
	iq, err := l.wire.parse(append(append(make([]byte, 0, len(tag)+2), tag...), "/>"...))
	if err != nil || !iq.Is(element.NSClient, "iq") || iq.AttrValue("type") != string(stanza.ResultIQ) {
		return 0
	}
	if !l.s.tracker.own(iq.AttrValue("id"), iq.AttrValue("from"), l.session.jid) {
		return 0
	}
	return l.s.cfg.Limits.Large
}

// serve runs the stream until the connection ends, and returns why.
func (l *link) serve(first entry, early []framer.Frame) error {
	l.resumed = first.Online.Resumed
	l.wire.pulse.beat()
	// Reading starts no later than writing: two sides which both have much
	// to send again, and only write, wait for each other.
	l.run(func() error { return l.read(first, early) })
	l.run(l.write)
	l.run(l.keep)
	<-l.ctx.Done()
	l.wire.abort()
	l.work.Wait()
	return context.Cause(l.ctx)
}

func (l *link) run(f func() error) {
	l.work.Go(func() {
		if err := f(); err != nil {
			l.end(err)
		}
	})
}

// read hands over what arrives.
func (l *link) read(first entry, early []framer.Frame) error {
	if err := l.push(first); err != nil {
		return err
	}
	for _, f := range early {
		if err := l.stanza(f, false); err != nil {
			return err
		}
	}
	for {
		f, err := l.wire.framer.Next()
		switch {
		case err != nil:
			return l.broken(readError(err))
		case f.Kind == framer.Close:
			return fmt.Errorf("read stream: %w", ErrEnded)
		case f.Kind == framer.Element:
			if err := l.stanza(f, true); err != nil {
				return err
			}
		}
	}
}

// broken tells the server, if it can be told, why the stream cannot go on. The
// session goes with it: the same bytes would only arrive again.
func (l *link) broken(err error) error {
	switch {
	case errors.Is(err, framer.ErrRestricted):
		l.complain("<restricted-xml xmlns='" + nsStreams + "'/>")
	case errors.Is(err, framer.ErrLimit):
		l.complain("<policy-violation xmlns='" + nsStreams + "'/>")
	case errors.Is(err, framer.ErrSyntax):
		l.complain("<not-well-formed xmlns='" + nsStreams + "'/>")
	}
	return err
}

// complain ends the stream with a stream error; RFC 6120 section 4.9.
func (l *link) complain(condition string) {
	l.s.ledger.forget()
	l.s.ledger.end([]byte("<stream:error>" + condition + "</stream:error></stream:stream>"))
	select {
	case <-l.watch.written:
	case <-time.After(time.Second): // it was a courtesy
	case <-l.ctx.Done():
	}
}

// stanza takes one element from the stream. Unless counts, it is none that the
// server counts.
func (l *link) stanza(f framer.Frame, counts bool) error {
	e, err := l.wire.parse(f.Data)
	if f.Err != nil {
		err = f.Err
	}
	switch {
	case err != nil && isStanza(f.Data), err == nil && e.Name.Space == element.NSClient && stanzas[e.Name.Local]:
		return l.count(e, f.Data, err, counts)
	case err != nil:
		return l.broken(fmt.Errorf("read stream: %w: %w", ErrProtocol, err))
	case e.Is(element.NSStream, "error"):
		se := parseStreamError(e)
		if se.Condition == "policy-violation" {
			l.s.ledger.forget() // what was refused would be sent again
		}
		return se
	case e.Is(nsSM, "r"):
		return l.asked()
	case e.Is(nsSM, "a"):
		return l.acked(e)
	}
	return nil // nothing that we have asked for
}

var stanzas = map[string]bool{"message": true, "presence": true, "iq": true}

// isStanza tells whether an element which cannot be parsed passes for a stanza.
func isStanza(b []byte) bool {
	for name := range stanzas {
		if n := len(name) + 1; len(b) > n && string(b[1:n]) == name {
			switch b[n] {
			case ' ', '\t', '\r', '\n', '/', '>':
				return true
			}
		}
	}
	return false
}

// count counts a stanza and gives it to whom it is for.
func (l *link) count(e *element.Element, raw []byte, err error, counts bool) error {
	var count uint64
	if counts {
		count = l.s.ledger.count()
	}
	answer := e.Is(element.NSClient, "iq") &&
		(e.AttrValue("type") == string(stanza.ResultIQ) || e.AttrValue("type") == string(stanza.ErrorIQ))
	switch {
	case answer:
		if !l.s.tracker.deliver(e, l.session.jid, err) {
			l.s.cfg.Logger.Debug("answer to no request dropped")
		}
		return l.consumed()
	case err != nil:
		l.s.cfg.Logger.Debug("malformed stanza", "error", err)
		l.s.ledger.passed(true)
		item := Item{Kind: Malformed, Count: count, Raw: raw, Err: err}
		if errors.Is(err, framer.ErrLimit) {
			item.Raw = nil
		}
		return l.push(entry{item, l.session.serial})
	case l.s.cfg.Divert(e):
		return l.consumed()
	}
	l.s.ledger.passed(true)
	return l.push(entry{Item{Kind: Stanza, Count: count, Stanza: e, Raw: raw}, l.session.serial})
}

// consumed notes a stanza which does not go to the consumer. After many of
// them in a row the consumer gets something to carry the count.
func (l *link) consumed() error {
	if count, tell := l.s.ledger.passed(false); tell {
		return l.push(entry{Item{Kind: AckRequested, Count: count}, l.session.serial})
	}
	return nil
}

// asked takes <r/>.
func (l *link) asked() error {
	if !l.session.sm {
		return nil
	}
	count, answered := l.s.ledger.asked()
	if answered {
		return nil
	}
	l.watch.owe()
	return l.push(entry{Item{Kind: AckRequested, Count: count}, l.session.serial})
}

// acked takes <a/>.
func (l *link) acked(e *element.Element) error {
	h, ok := parseCount(e.AttrValue("h"))
	if !ok {
		return l.broken(fmt.Errorf("read acknowledgement: %w", ErrProtocol))
	}
	count, received, news, err := l.s.ledger.ack(h)
	if err != nil {
		l.complain("<undefined-condition xmlns='" + nsStreams + "'/>" +
			"<handled-count-too-high xmlns='" + nsSM + "'/>")
		return fmt.Errorf("read acknowledgement: %w", err)
	}
	if !news {
		return nil
	}
	return l.push(entry{Item{Kind: Acked, Count: received, Acked: count}, l.session.serial})
}

// push queues an item, reading nothing more until there is room.
func (l *link) push(e entry) error {
	l.wire.pulse.blocked(true)
	defer l.wire.pulse.blocked(false)
	return l.s.queue.push(l.ctx, e)
}

// write writes what is there to be written.
func (l *link) write() error {
	defer close(l.watch.written)
	var buf []byte
	for {
		var last bool
		buf, last = l.s.ledger.batch(buf[:0])
		if len(buf) > 0 {
			if err := l.wire.SetWriteDeadline(time.Now().Add(l.s.cfg.Timeouts.Write)); err != nil {
				return fmt.Errorf("write stream: %w: %w", ErrEnded, err)
			}
			if _, err := l.wire.Conn.Write(buf); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					err = fmt.Errorf("%w: %w", ErrTimeout, err)
				}
				return fmt.Errorf("write stream: %w: %w", ErrEnded, err)
			}
			wake(l.watch.asked)
		}
		if last && l.s.ledger.detached() {
			return errDone
		}
		if last {
			return nil
		}
		if len(buf) > 0 {
			if cap(buf) > 4*batchSize {
				buf = nil
			}
			continue
		}
		select {
		case <-l.s.ledger.kick:
		case <-l.ctx.Done():
			return nil
		}
	}
}
