// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"slices"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/storage"
)

// spoilt says that err lies with what was to be stored and not with the
// database: it would come again with every attempt, and whatever came with it
// would never be stored. A database that cannot store now is another matter:
// then nothing may be acknowledged.
func spoilt(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	own := []error{storage.ErrInvalid, storage.ErrExists, storage.ErrNotFound}
	return !code.In(err, "storage") || slices.ContainsFunc(own, func(e error) bool { return errors.Is(err, e) })
}

// updateCarefully is update for messages of others. Should one of them spoil
// the transaction, it is run again with each of them kept apart.
func (a *Account) updateCarefully(ctx context.Context, fn func(tx *storage.Tx, emit *emitter) error) error {
	err := a.update(ctx, fn)
	if !spoilt(err) {
		return err
	}
	a.Log.Warn("batch stored one by one", "code", code.Of(err))
	return a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		emit.careful = true
		return fn(tx, emit)
	})
}

// take is store for a message that may be made to do harm: one that cannot be
// stored as it is becomes a placeholder, so that it neither keeps those beside
// it from being stored nor is lost without a trace.
func (a *Account) take(tx *storage.Tx, emit *emitter, in *Incoming, order order) (stored bool, err error) {
	if !emit.careful {
		return a.store(tx, emit, in, order)
	}
	err = apart(tx, emit, func() error {
		stored, err = a.store(tx, emit, in, order)
		return err
	})
	if !spoilt(err) {
		return stored, err
	}
	bare := Incoming{
		Peer: in.Peer, Sender: in.Sender, Outgoing: in.Outgoing, RemoteID: in.RemoteID, ArchiveID: in.ArchiveID,
		At: a.Now(), Unreadable: code.Of(err),
	}
	err = apart(tx, emit, func() error {
		stored, err = a.store(tx, emit, &bare, order)
		return err
	})
	if spoilt(err) {
		a.Log.Error("message passed over", "code", code.Of(err))
		return false, nil
	}
	return stored, err
}

// applyApart is apply; when messages are kept apart, what others said beside
// messages is as well, and is passed over if it cannot be stored.
func (a *Account) applyApart(tx *storage.Tx, emit *emitter, u *Update) error {
	if !emit.careful || u.Receipt == nil && u.Bounce == nil && !u.Foreign {
		return a.apply(tx, emit, u)
	}
	err := apart(tx, emit, func() error { return a.apply(tx, emit, u) })
	if spoilt(err) {
		a.Log.Error("update passed over", "code", code.Of(err))
		return nil
	}
	return err
}

// apart runs fn in a savepoint; if it fails, what it emitted is forgotten too.
func apart(tx *storage.Tx, emit *emitter, fn func() error) error {
	before, outcome := len(emit.events), emit.outcome
	err := tx.Savepoint(fn)
	if err != nil {
		emit.events, emit.outcome = emit.events[:before], outcome
	}
	return err
}
