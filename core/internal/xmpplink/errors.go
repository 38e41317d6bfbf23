// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/stream"
	"mellium.im/xmpp/stanza"
)

// notStarted is the error of a connection whose beginning failed.
type notStarted struct{}

func (notStarted) Error() string { return "connection could not be started" }

// Code returns the stable code.
func (notStarted) Code() string { return "core.not-started" }

var errNotStarted = notStarted{}

var errMoved = errors.New("list changed while it was fetched")

// temporary says whether the same request may succeed a little later. A lost
// session is not temporary: the next one begins anew.
func temporary(err error) bool {
	switch {
	case errors.Is(err, stream.ErrIQTimeout), errors.Is(err, stream.ErrNotConnected), errors.Is(err, stream.ErrBusy), errors.Is(err, errMoved):
		return true
	case errors.Is(err, context.DeadlineExceeded):
		return true
	}
	switch xmpp.Condition(err) {
	case stanza.RemoteServerTimeout, stanza.ResourceConstraint, stanza.InternalServerError:
		return true
	}
	return false
}

// unasked says that the other side was not reached, so that its answer is not
// known; it may be later.
func unasked(err error) bool {
	switch xmpp.Condition(err) {
	case stanza.RemoteServerNotFound, stanza.RecipientUnavailable:
		return true
	}
	return temporary(err) || code.In(err, "storage")
}

// unsupported says that the other side does not know the feature.
func unsupported(err error) bool {
	switch xmpp.Condition(err) {
	case stanza.ServiceUnavailable, stanza.FeatureNotImplemented, stanza.ItemNotFound:
		return true
	}
	return false
}

// Waits between attempts.
const (
	firstWait = time.Second
	maxWait   = time.Minute
	attempts  = 8
)

// retry calls fn until it succeeds, fails for good or too often, or ctx ends.
// Being offline is no failure: a session may be resumed after a long time.
func (l *Link) retry(ctx context.Context, fn func() error) error {
	wait := firstWait
	for n := 1; ; n++ {
		err := l.connected(ctx, fn)
		if err == nil || ctx.Err() != nil || n == attempts || !temporary(err) {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxWait)
	}
}

// connected calls fn again each time there is a connection, until it fails for
// another reason than that there is none.
func (l *Link) connected(ctx context.Context, fn func() error) error {
	for {
		err := fn()
		if err == nil || ctx.Err() != nil || !errors.Is(err, stream.ErrNotConnected) {
			return err
		}
		if err := pause(ctx, firstWait); err != nil { // the state may lag behind
			return err
		}
		select {
		case <-l.status.connected():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
