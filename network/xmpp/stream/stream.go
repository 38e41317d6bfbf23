// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A Stream is the stream of one account. See the package comment. All methods
// may be called from any goroutine, with the exception of Next, which is for
// one consumer.
type Stream struct {
	cfg     Config
	queue   *queue
	ledger  *ledger
	tracker *tracker
	order   chan struct{} // who holds its one token decides what is sent next
	control control
}

// New returns a Stream that does nothing until Run is called. Its errors wrap
// ErrConfig.
func New(cfg Config) (*Stream, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Stream{
		cfg: cfg, queue: newQueue(cfg.Limits), ledger: newLedger(cfg.Limits),
		tracker: newTracker(cfg.Limits.Requests), order: make(chan struct{}, 1),
		control: newControl(),
	}
	if r := cfg.Resume; r != nil && r.ID != "" && !strings.HasPrefix(r.ID, localID) && r.JID.Bare().Equal(cfg.JID) {
		s.ledger.adopt(r)
	}
	return s, nil
}

// Next waits until there is an item and returns what is there in buf[:0], up
// to its capacity. Items of different sessions never come together: one that
// is not the continuation of the former session begins with its own Online.
//
// The error is ErrClosed when the stream has ended and everything was
// returned, or ctx.Err().
func (s *Stream) Next(ctx context.Context, buf []Item) ([]Item, error) {
	return s.queue.next(ctx, buf)
}

// Handled says that the effects of the items up to count are durable: count is
// the Count of an item which Next has returned, and it is about the session of
// the items that Next returned last. The server is never told of more, and as
// it keeps what it was not told of, nothing is lost. What was persisted as
// [Resume.Handled] must never be less.
func (s *Stream) Handled(count uint64) {
	s.ledger.handle(s.queue.consumer(), count)
}

// HandledOf is Handled for the session that [OnlineInfo.ID] names, and nothing
// if that is no longer the present one. It is for a consumer that may have
// called Next again before the items of the former call were handled.
func (s *Stream) HandledOf(id string, count uint64) {
	s.ledger.handleOf(id, count)
}

// Send sends a stanza, without waiting for more than room in memory. It gets
// lost when the session does. Errors: ErrNotConnected, ErrClosed, and ErrBusy
// together with ctx.Err() when there was no room until ctx ended. With an
// error nothing is sent; ctx has no effect on anything after Send.
func (s *Stream) Send(ctx context.Context, e *element.Element) error {
	s.cfg.Guard(ctx)
	return s.send(ctx, e.Bytes())
}

// SendNonza sends an element that is no stanza, such as the client state of
// XEP-0352: neither side counts it, and it is lost with the connection. The
// errors are those of Send.
func (s *Stream) SendNonza(ctx context.Context, e *element.Element) error {
	s.cfg.Guard(ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send nonza: %w", err)
	}
	if err := s.ledger.nonza(e.Bytes()); err != nil {
		return fmt.Errorf("send nonza: %w", err)
	}
	return nil
}

func (s *Stream) send(ctx context.Context, stanza []byte) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.release()
	if err := s.ledger.send(ctx.Done(), stanza); err != nil {
		return refused(ctx, err)
	}
	return nil
}

// SendDurable sends the stanzas which prepare returns, in that order, with
// nothing else in between. While prepare runs, nobody else sends: the place it
// is given is the place the stanzas get, so that it can commit both together.
// prepare must not call this Stream.
//
// Once prepare has returned the stanzas, they are sent now or, when the
// connection breaks, after a resumption of the session; if that fails, the
// next Online item says so, and whether they arrived is unknown.
//
// The errors are those of Send, before prepare was called, and those of
// prepare. Nothing is sent then.
func (s *Stream) SendDurable(ctx context.Context, prepare func(Position) ([][]byte, error)) error {
	s.cfg.Guard(ctx)
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.release()
	p, err := s.ledger.position(ctx.Done())
	if err != nil {
		return refused(ctx, err)
	}
	stanzas, err := prepare(p)
	if err != nil {
		return fmt.Errorf("prepare stanzas: %w", err)
	}
	s.ledger.push(stanzas)
	return nil
}

// take waits for the order; a new session waits for it as well.
func (s *Stream) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send stanza: %w", err)
	}
	select {
	case s.order <- struct{}{}:
		return nil
	case <-ctx.Done():
		return refused(ctx, ErrBusy)
	}
}

func (s *Stream) release() { <-s.order }

func refused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("send stanza: %w: %w", err, ctx.Err())
	}
	return fmt.Errorf("send stanza: %w", err)
}

// IQ sends a request and returns the first element of the answer, nil when it
// is empty. typ is get or set; the zero JID is our own account. Only an answer
// from where the request went counts as one, see RFC 6120 sections 8.1.2.1 and
// 10.3.
//
// A request survives a connection which is resumed. Errors: *IQError for an
// answer of type error; ErrSessionLost, at once, when the session is lost, and
// then it is unknown whether the request was carried out; ErrIQTimeout;
// ctx.Err(); those of Send. IQ must not be called by the consumer of Next
// between two calls of it: when the queue is full, the answer is behind it.
func (s *Stream) IQ(ctx context.Context, typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
	s.cfg.Guard(ctx)
	id := rand.Text()
	request, err := s.tracker.add(id, to)
	if err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	defer s.tracker.remove(id)
	iq := element.New(element.NSClient, "iq").With("type", string(typ)).With("id", id).
		WithOptional("to", to.String()).Add(payload)
	if err := s.send(ctx, iq.Bytes()); err != nil {
		return nil, err
	}
	timer := time.NewTimer(s.cfg.Timeouts.IQ)
	defer timer.Stop()
	select {
	case a := <-request.answer:
		if a.err != nil {
			return nil, fmt.Errorf("await answer: %w", a.err)
		}
		return a.payload, nil
	case <-timer.C:
		return nil, fmt.Errorf("await answer: %w", ErrIQTimeout)
	case <-ctx.Done():
		return nil, fmt.Errorf("await answer: %w", ctx.Err())
	}
}
