// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"time"

	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/stream"
	"mellium.im/xmpp/stanza"
)

var errNotStarted = errors.New("connection could not be started")

// temporary says whether the same request may succeed a little later. A lost
// session is not temporary: the next one begins anew.
func temporary(err error) bool {
	switch {
	case errors.Is(err, stream.ErrIQTimeout), errors.Is(err, stream.ErrNotConnected), errors.Is(err, stream.ErrBusy):
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
func retry(ctx context.Context, fn func() error) error {
	wait := firstWait
	for n := 1; ; n++ {
		err := fn()
		if err == nil || ctx.Err() != nil || n == attempts || !temporary(err) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, maxWait)
	}
}
