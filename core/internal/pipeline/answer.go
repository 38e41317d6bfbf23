// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// owed is the value that lists the devices to be answered once the archive has
// been read; so many at most.
const (
	owed    = "omemo.owed"
	maxOwed = 1000
)

// answer sees to the empty message that a key exchange or a long silence of
// ours asks for (XEP-0384 sections 5.6 and 6). While catching up it waits: of
// the sessions that an archive begins only the last will be used, and an answer
// for each device is enough. History that is read on demand is not answered.
func (a *Account) answer(tx *storage.Tx, emit *emitter, r omemo.Result, order order) error {
	if !r.AnswerNeeded && !r.HeartbeatNeeded || order != nil && order.old() {
		return nil
	}
	t := omemo.Target{Profile: r.Profile, Address: r.Sender}
	catchingUp, err := tx.OMEMO(a.ID).CatchingUp(tx.Context())
	if err != nil {
		return err
	}
	if catchingUp {
		return a.owe(tx, t)
	}
	return a.answerNow(tx, emit, t)
}

func (a *Account) owe(tx *storage.Tx, t omemo.Target) error {
	list, err := a.owed(tx)
	if err != nil || slices.Contains(list, t) || len(list) >= maxOwed {
		return err
	}
	value, err := json.Marshal(append(list, t))
	if err != nil {
		return fmt.Errorf("note device to answer: %w", err)
	}
	return tx.PutValue(a.ID, owed, value)
}

func (a *Account) owed(tx *storage.Tx) (list []omemo.Target, err error) {
	value, ok, err := tx.Value(a.ID, owed)
	if err != nil || !ok {
		return nil, err
	}
	if err := json.Unmarshal(value, &list); err != nil {
		a.Log.Error("devices to answer are not known any more", "account", a.ID)
		return nil, nil // they get an answer with the next message
	}
	return list, nil
}

// answerOwed answers the devices that had to wait.
func (a *Account) answerOwed(tx *storage.Tx, emit *emitter) error {
	list, err := a.owed(tx)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, t := range list {
		if err := a.answerNow(tx, emit, t); err != nil {
			return err
		}
	}
	return tx.DeleteValue(a.ID, owed)
}

// answerNow queues an empty message. Strangers get none, so that nobody can
// probe for our devices, nor do devices whose key is distrusted.
func (a *Account) answerNow(tx *storage.Tx, emit *emitter, t omemo.Target) error {
	if ok, err := a.reachedBy(tx, t.JID); err != nil || !ok {
		return err
	}
	err := tx.Savepoint(func() error { return a.queueEmpty(tx, t) })
	if spoilt(err) {
		a.Log.Info("device gets no answer", "account", a.ID, "device", t.Device, "code", code.Of(err))
		return nil
	}
	emit.outcome.Queued = emit.outcome.Queued || err == nil
	return err
}

// queueEmpty queues a message without content for a device.
func (a *Account) queueEmpty(tx *storage.Tx, t omemo.Target) error {
	env, err := a.OMEMO.EncryptEmpty(tx.Context(), tx.OMEMO(a.ID), t)
	if err != nil {
		return err
	}
	stanza, err := a.Builder.Empty(t.JID, env)
	if err != nil {
		return err
	}
	return tx.Enqueue(&storage.OutboxRow{
		AccountID: a.ID, Kind: OutEmpty, To: t.JID, State: OutReady,
		Stanza: stanza, Created: a.Now(),
	})
}

// SendEmpty queues a message without content for a device with which there is
// a new session, so that it learns of that.
func (a *Account) SendEmpty(ctx context.Context, t omemo.Target) error {
	err := a.update(ctx, func(tx *storage.Tx, _ *emitter) error { return a.queueEmpty(tx, t) })
	if err != nil {
		return fmt.Errorf("send empty message: %w", err)
	}
	return nil
}

// acquainted says whether peer may know that we are there: ourselves, a contact
// who may see our presence, or somebody we have written to, unless blocked since.
func (a *Account) acquainted(r *storage.Reader, peer string) (bool, error) {
	if peer == a.JID {
		return true, nil
	}
	if blocked, err := Blocked(r, a.ID, peer); err != nil || blocked {
		return false, err
	}
	item, err := r.RosterItem(a.ID, peer)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return false, err
	}
	if item.Subscription == "from" || item.Subscription == "both" {
		return true, nil
	}
	c, err := r.ConversationByPeer(a.ID, peer)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rows, err := r.MessagesBefore(c.ID, 0, answeredWindow)
	for _, row := range rows {
		if row.Outgoing {
			return true, err
		}
	}
	return false, err
}

// answeredWindow is how many of a conversation's newest messages are looked
// through for one of ours.
const answeredWindow = 100
