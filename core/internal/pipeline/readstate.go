// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// ReadState is how far a conversation was read, in the terms that all devices
// of an account share (XEP-0490).
type ReadState struct {
	Peer      string `json:"peer"`
	Room      bool   `json:"room,omitempty"`
	ArchiveID string `json:"id"` // in the archive of the account, or of the room
}

const readElsewhere = "read-elsewhere"

// ReadElsewhere returns what our other devices have to be told.
func (a *Account) ReadElsewhere(ctx context.Context) (list []ReadState, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) (err error) {
		list, err = a.readElsewhere(r)
		return err
	})
	return list, err
}

func (a *Account) readElsewhere(r *storage.Reader) (list []ReadState, err error) {
	b, ok, err := r.Value(a.ID, readElsewhere)
	if err != nil || !ok {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read read states: %w", err)
	}
	return list, nil
}

func (a *Account) keepElsewhere(tx *storage.Tx, list []ReadState) error {
	if len(list) == 0 {
		return tx.DeleteValue(a.ID, readElsewhere)
	}
	b, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write read states: %w", err)
	}
	return tx.PutValue(a.ID, readElsewhere, b)
}

// noteRead notes the newest of the messages that were read which the archive
// has, for our other devices.
func (a *Account) noteRead(tx *storage.Tx, c storage.Conversation, rows []storage.Message) (bool, error) {
	i := slices.IndexFunc(rows, func(row storage.Message) bool { return row.ArchiveID != "" })
	if i < 0 {
		return false, nil
	}
	list, err := a.readElsewhere(tx.Reader)
	if err != nil {
		return false, err
	}
	list = slices.DeleteFunc(list, func(s ReadState) bool { return s.Peer == c.Peer })
	list = append(list, ReadState{Peer: c.Peer, Room: c.Kind == ConversationRoom, ArchiveID: rows[i].ArchiveID})
	return true, a.keepElsewhere(tx, list)
}

// ToldElsewhere notes that our other devices were told.
func (a *Account) ToldElsewhere(ctx context.Context, told ReadState) error {
	err := a.DB.Update(ctx, func(tx *storage.Tx) error {
		list, err := a.readElsewhere(tx.Reader)
		if err != nil {
			return err
		}
		return a.keepElsewhere(tx, slices.DeleteFunc(list, func(s ReadState) bool { return s == told }))
	})
	if err != nil {
		return fmt.Errorf("note read state: %w", err)
	}
	return nil
}

// ReadByOther takes in that another device of ours has read a conversation. The
// message it names may come later.
func (a *Account) ReadByOther(tx *storage.Tx, emit func(event.Event), s ReadState) error {
	c, err := tx.ConversationByPeer(a.ID, s.Peer)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	gather := emitter{account: a.ID}
	r := reference{
		Sender: a.JID, Outgoing: true, Room: true, At: a.Now(), Content: Content{Displayed: s.ArchiveID}, // by the archive's id
	}
	applied, err := a.refer(tx, &gather, c.ID, &r)
	if err == nil && !applied {
		err = a.remember(tx, c.ID, &r)
	}
	for _, ev := range gather.events {
		emit(ev)
	}
	return err
}
