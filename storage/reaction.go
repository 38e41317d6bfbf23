// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"strings"
	"time"
)

// Reaction is what one person shows under a message: a set that replaces the
// one before it (XEP-0444).
type Reaction struct {
	MessageID int64
	Sender    string // bare JID or occupant
	Name      string // as shown when it came
	Own       bool
	Emojis    []string
	At        time.Time
}

const reactionColumns = "message_id, sender, name, own, emojis, at"

func (r *Reaction) dest() []any {
	return []any{&r.MessageID, &r.Sender, &r.Name, &r.Own, stringsColumn{&r.Emojis}, timeColumn{&r.At}}
}

// Reactions returns the reactions to a message, the oldest first. Sets that
// were emptied are among them, for the time they were.
func (r *Reader) Reactions(message int64) (list []Reaction, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var v Reaction
		if err := rows.Scan(v.dest()...); err != nil {
			return err
		}
		list = append(list, v)
		return nil
	}, "SELECT "+reactionColumns+" FROM reaction WHERE message_id = ? ORDER BY at, sender", message)
	return list, wrapf(err, "read reactions")
}

// reactionBatch is how many messages one statement reads of: statements of one
// size are prepared once.
const reactionBatch = 100

// ReactionsTo returns the reactions to each of some messages, as Reactions does.
func (r *Reader) ReactionsTo(messages []int64) (map[int64][]Reaction, error) {
	found := make(map[int64][]Reaction)
	args := make([]any, reactionBatch)
	for len(messages) > 0 {
		n := min(len(messages), reactionBatch)
		for i := range args {
			args[i] = messages[min(i, n-1)]
		}
		messages = messages[n:]
		err := r.each(func(rows *sql.Rows) error {
			var v Reaction
			if err := rows.Scan(v.dest()...); err != nil {
				return err
			}
			found[v.MessageID] = append(found[v.MessageID], v)
			return nil
		}, reactionsTo, args...)
		if err != nil {
			return nil, wrapf(err, "read reactions")
		}
	}
	return found, nil
}

var reactionsTo = "SELECT " + reactionColumns + " FROM reaction WHERE message_id IN (?" +
	strings.Repeat(", ?", reactionBatch-1) + ") ORDER BY message_id, at, sender"

// PutReaction stores what a person shows under a message, unless a newer set of
// theirs is known. The message gets a new revision.
func (tx *Tx) PutReaction(v Reaction) (changed bool, err error) {
	text, err := stringsArg(v.Emojis)
	if err != nil {
		return false, wrapf(err, "store reaction")
	}
	n, err := tx.exec(`INSERT INTO reaction (message_id, sender, name, own, emojis, at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (message_id, sender) DO UPDATE SET name = excluded.name, own = excluded.own,
		emojis = excluded.emojis, at = excluded.at
		WHERE excluded.at > reaction.at OR excluded.at = reaction.at AND excluded.emojis > reaction.emojis`,
		v.MessageID, v.Sender, v.Name, v.Own, text, micros(v.At))
	if err != nil || n == 0 {
		return false, wrapf(err, "store reaction")
	}
	return true, wrapf(tx.touch(v.MessageID), "store reaction")
}

// touch gives a message a new revision, and its conversation too.
func (tx *Tx) touch(message int64) error {
	return tx.change(message, func(*Message) (string, []any) { return "reason = reason", []any{} })
}
