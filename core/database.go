// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// database is storage's, with this package's error for its use after Close.
type database struct{ *storage.DB }

func (d database) View(ctx context.Context, fn func(*storage.Reader) error) error {
	return afterClose(d.DB.View(ctx, fn))
}

func (d database) Update(ctx context.Context, fn func(*storage.Tx) error) error {
	return afterClose(d.DB.Update(ctx, fn))
}

func (d database) ChangeKey(ctx context.Context, key storage.Key) error {
	return afterClose(d.DB.ChangeKey(ctx, key))
}

func (d database) Backup(ctx context.Context, path string, key storage.Key) error {
	return afterClose(d.DB.Backup(ctx, path, key))
}

func (d database) Check(ctx context.Context) error { return afterClose(d.DB.Check(ctx)) }

// afterClose makes the error of a closed client out of that of its database.
func afterClose(err error) error {
	if errors.Is(err, storage.ErrClosed) {
		return ErrClosed
	}
	return err
}

// failed wraps what a room below returned.
func failed(doing string, err error) error {
	return fmt.Errorf("%s: %w", doing, afterClose(err))
}

// notFound is failed for something that may have been deleted meanwhile.
func notFound(err, sentinel error, doing string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return sentinel
	}
	return failed(doing, err)
}

// change runs fn in one transaction and publishes what it emits after the
// commit, in the order of the commits.
func (c *Client) change(ctx context.Context, fn func(tx *storage.Tx, emit func(event.Event)) error) error {
	turn := event.Turn{Bus: &c.bus}
	defer turn.End()
	var events []event.Event
	err := c.db.Update(ctx, func(tx *storage.Tx) error {
		turn.Take()
		events = nil // Update may run fn again
		return fn(tx, func(e event.Event) { events = append(events, e) })
	})
	if err == nil {
		turn.End(events...)
	}
	return err
}
