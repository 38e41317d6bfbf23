// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"errors"
	"time"

	"github.com/confab-im/confab/storage"
)

// An order gives messages that come from an archive their places.
type order interface {
	// key chooses the sort key of a message that is about to be stored.
	key(tx *storage.Tx, conversation int64, at time.Time) (int64, error)
	// stored is told of each message stored, and as what it came.
	stored(row *storage.Message, in *Incoming)
	// known is told of each message that was there already.
	known(tx *storage.Tx, emit *emitter, id int64, in *Incoming) error
	// ancient: what comes may be from before this device existed.
	ancient() bool
	// old: what comes is history and no news to anybody.
	old() bool
}

// lowest is the smallest sort key that a time is taken for: below it there is
// room for messages whose times are nonsense. It is 12 days after 1970.
const lowest = 1 << 40

// newestBelow returns the sort key of the newest message below a place, 0 if
// there is none.
func newestBelow(r *storage.Reader, conversation, key int64) (int64, error) {
	rows, err := r.MessagesBefore(conversation, key, 1)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0].SortKey, nil
}

// keyBelow chooses a sort key right below the message at `below`: the time if
// it fits, and never that of another message. When there is none left, those
// next to it are lowered.
func keyBelow(tx *storage.Tx, conversation, below int64, at time.Time) (int64, error) {
	previous, err := newestBelow(tx.Reader, conversation, below)
	if err != nil {
		return 0, err
	}
	if k := at.UnixMicro(); k > max(previous, lowest) && k < below {
		return k, nil
	}
	if below-1 > previous {
		return below - 1, nil
	}
	return below - 1, makeRoom(tx, conversation, below)
}

// room is how many places are made at a time, if there are so many.
const room = 1 << 10

// makeRoom lowers the messages that stand close together below a place. A
// conversation that reaches down to the smallest key of all is left as it is:
// the message then takes the next key that is free.
func makeRoom(tx *storage.Tx, conversation, below int64) error {
	from := below
	for {
		rows, err := tx.MessagesBefore(conversation, from, prepareScan)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if free := from - row.SortKey - 1; free > 0 && from < below {
				return tx.LowerMessages(conversation, from, below-1, min(free, room))
			}
			from = row.SortKey
		}
		if len(rows) < prepareScan {
			break
		}
	}
	if from == below {
		return nil
	}
	err := tx.LowerMessages(conversation, from, below-1, min(from-1, room))
	if errors.Is(err, storage.ErrInvalid) {
		return nil
	}
	return err
}
