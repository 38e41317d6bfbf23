// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	drainTime   = 5 * time.Second // for what is queued when closing
	goodbyeTime = 3 * time.Second // for the server's end tag
)

// errDone ends Run without an error.
var errDone = errors.New("done")

// control is what calls from outside do to Run.
type control struct {
	mu         sync.Mutex
	started    bool
	closed     bool
	background bool
	stop       context.CancelCauseFunc
	done       chan struct{} // closed when Run has returned
	react      reaction
}

// reaction is what Run does about events at the time; none of it blocks.
type reaction struct {
	network    func()      // the network has changed
	foreground func()      // somebody looks
	reset      func(error) // the connection is to be dropped
}

func newControl() control { return control{done: make(chan struct{})} }

// start makes Run start once.
func (c *control) start(stop context.CancelCauseFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.started:
		return ErrRunning
	}
	c.started, c.stop = true, stop
	return nil
}

func (c *control) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *control) set(r reaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.react = r
}

func (c *control) reaction() reaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.react
}

// NetworkChanged tells that the device has another way to the network than
// before, or one at all. A waiting stream tries again at once, one that is
// connecting begins anew, and one that is connected checks whether it still is.
func (s *Stream) NetworkChanged() {
	if f := s.control.reaction().network; f != nil {
		f()
	}
}

// Foreground tells whether a person looks at the app: then a waiting stream
// tries again at once, and a connected one checks whether it still is. Without
// one, signs of life are asked for less often. A new Stream is in the
// foreground.
func (s *Stream) Foreground(on bool) {
	s.control.mu.Lock()
	s.control.background = !on
	f := s.control.react.foreground
	s.control.mu.Unlock()
	if on && f != nil {
		f()
	}
}

// Reset drops the connection because of a failure on our side, such as of a
// database: what was not handled is sent again by the server after the
// resumption. The Offline item has cause in it.
func (s *Stream) Reset(cause error) {
	if f := s.control.reaction().reset; f != nil {
		f(fmt.Errorf("reset connection: %w", cause))
	}
}

// interval is the longest silence for the time being.
func (s *Stream) interval() time.Duration {
	s.control.mu.Lock()
	defer s.control.mu.Unlock()
	if s.control.background {
		return s.cfg.Keepalive.Background
	}
	return s.cfg.Keepalive.Interval
}

// Close ends the session in an orderly way and waits for Run to return: what is
// queued is sent and, if the server is quick, acknowledged; what is handled is
// acknowledged to the server; the rest it keeps for the next session. Close
// takes no longer than ctx and some seconds, and returns an error if it had to
// cut it short.
func (s *Stream) Close(ctx context.Context) error {
	return s.finish(ctx, "</stream:stream>")
}

// Detach is Close for an app which is about to be stopped: what is queued is
// sent, and what is handled acknowledged, but the session is left as it is, to
// be resumed by a [Resume].
func (s *Stream) Detach(ctx context.Context) error {
	return s.finish(ctx, "")
}

func (s *Stream) finish(ctx context.Context, goodbye string) error {
	s.control.mu.Lock()
	s.control.closed = true
	started, stop := s.control.started, s.control.stop
	s.control.mu.Unlock()
	if !started {
		s.ledger.close()
		s.queue.close()
		return nil
	}
	s.ledger.close()
	err := s.drain(ctx, goodbye != "")
	if s.ledger.connected() {
		s.ledger.end([]byte(goodbye))
		if waited := s.await(ctx, goodbyeTime); err == nil {
			err = waited
		}
	}
	stop(errDone)
	<-s.control.done
	if err != nil {
		return fmt.Errorf("close stream: %w", err)
	}
	return nil
}

// drain waits until what is queued is written and, if acked, acknowledged.
func (s *Stream) drain(ctx context.Context, acked bool) error {
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	for {
		done, changed := s.ledger.drained(acked)
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-s.control.done:
			return nil
		case <-timer.C:
			return ErrTimeout
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await waits for Run to return by itself.
func (s *Stream) await(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.control.done:
		return nil
	case <-timer.C:
		return ErrTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
}
