// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A Stream is the stream of one account. See the package comment.
type Stream struct {
	cfg Config
}

// New returns a Stream that does nothing until Run is called. Its errors wrap
// ErrConfig.
func New(cfg Config) (*Stream, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Stream{cfg: cfg}, nil
}

// Run connects and stays connected until ctx ends, Close or Detach is called,
// or something happens that will not mend by itself.
func (s *Stream) Run(ctx context.Context) error { return ErrClosed }

// Next waits until there is an item and returns what is there in buf[:0], up
// to its capacity.
func (s *Stream) Next(ctx context.Context, buf []Item) ([]Item, error) { return buf[:0], ErrClosed }

// Handled says that the effects of the items up to count are durable.
func (s *Stream) Handled(count uint64) {}

// Send sends a stanza.
func (s *Stream) Send(ctx context.Context, e *element.Element) error { return ErrNotConnected }

// SendDurable sends what prepare returns.
func (s *Stream) SendDurable(ctx context.Context, prepare func(Position) ([][]byte, error)) error {
	return ErrNotConnected
}

// IQ sends a request and returns the payload of its answer.
func (s *Stream) IQ(ctx context.Context, typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
	return nil, ErrNotConnected
}

// NetworkChanged tries again at once, or checks the connection.
func (s *Stream) NetworkChanged() {}

// Foreground says whether a person looks at the app.
func (s *Stream) Foreground(on bool) {}

// Reset drops the connection; the session is then resumed on another.
func (s *Stream) Reset(cause error) {}

// Close ends the session in an orderly way.
func (s *Stream) Close(ctx context.Context) error { return nil }

// Detach sends what is queued and leaves the session resumable.
func (s *Stream) Detach(ctx context.Context) error { return nil }
