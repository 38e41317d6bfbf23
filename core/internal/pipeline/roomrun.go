// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/confab-im/confab/storage"
)

// runningRooms is the value that lists the rooms whose archives are being read.
const runningRooms = "catching-up-rooms"

// value names what is kept of a run.
func (c *CatchUp) value() string {
	if c.room {
		return catchingUp + "/" + c.Archive
	}
	return catchingUp
}

// running notes that the archive of a room is being read, or is not any more.
func (a *Account) running(tx *storage.Tx, c *CatchUp, is bool) error {
	if !c.room {
		return nil
	}
	return a.changeRunning(tx, func(list []string) []string {
		list = slices.DeleteFunc(list, func(room string) bool { return room == c.Archive })
		if is {
			list = append(list, c.Archive)
		}
		return list
	})
}

func (a *Account) changeRunning(tx *storage.Tx, change func([]string) []string) error {
	list, err := a.runningRooms(tx)
	if err != nil {
		return err
	}
	if list = change(list); len(list) == 0 {
		return tx.DeleteValue(a.ID, runningRooms)
	}
	b, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("note archives being read: %w", err)
	}
	return tx.PutValue(a.ID, runningRooms, b)
}

func (a *Account) runningRooms(tx *storage.Tx) (list []string, err error) {
	b, ok, err := tx.Value(a.ID, runningRooms)
	if err != nil || !ok {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read archives being read: %w", err)
	}
	return list, nil
}

// allRead does what waits for all archives to have been read, if they have.
func (a *Account) allRead(tx *storage.Tx, emit *emitter) error {
	list, err := a.runningRooms(tx)
	if err != nil || len(list) > 0 {
		return err
	}
	if _, own, err := tx.Value(a.ID, catchingUp); err != nil || own {
		return err
	}
	if err := tx.OMEMO(a.ID).SetCatchingUp(tx.Context(), false); err != nil {
		return err
	}
	return a.answerOwed(tx, emit)
}

// StopRooms notes that no archive of a room is being read: how far each got is
// kept.
func (a *Account) StopRooms(ctx context.Context) error {
	return a.stopRooms(ctx, func(string) bool { return true })
}

// StopRoom is StopRooms for one of them.
func (a *Account) StopRoom(ctx context.Context, room string) error {
	return a.stopRooms(ctx, func(other string) bool { return other == room })
}

func (a *Account) stopRooms(ctx context.Context, which func(string) bool) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		before, err := a.runningRooms(tx)
		if err != nil || !slices.ContainsFunc(before, which) {
			return err
		}
		if err := a.changeRunning(tx, func(list []string) []string { return slices.DeleteFunc(list, which) }); err != nil {
			return err
		}
		return a.allRead(tx, emit)
	})
	if err != nil {
		return fmt.Errorf("stop reading archives: %w", err)
	}
	return nil
}

// archiveOf names the archive that has the messages of a conversation.
func (a *Account) archiveOf(c storage.Conversation) string {
	if c.Kind == ConversationRoom {
		return c.Peer
	}
	return a.JID
}

func archiveOf(r *storage.Reader, c storage.Conversation) (string, error) {
	if c.Kind == ConversationRoom {
		return c.Peer, nil
	}
	row, err := r.Account(c.AccountID)
	return row.Address, err
}
