// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// A reference is what a message says about another one, its target. It is
// applied in the transaction that stores the later one of the two, and with
// the same result whichever that is.
type reference struct {
	Sender    string    `json:"sender"` // as in Incoming, and so is the rest
	Occupant  string    `json:"occupant,omitempty"`
	RealJID   string    `json:"realJID,omitempty"`
	Nick      string    `json:"nick,omitempty"`
	Room      bool      `json:"room,omitempty"`
	Outgoing  bool      `json:"outgoing,omitempty"`
	RemoteID  string    `json:"id,omitempty"`
	At        time.Time `json:"at"`
	Content   Content   `json:"content"`
	Encrypted bool      `json:"encrypted,omitempty"` // by a key that is not refused
	// StandsIn is the message that shows a correction while its target is not
	// known, 0 if there is none.
	StandsIn int64 `json:"standsIn,omitempty"`
}

func referenceOf(in *Incoming, c *Content, encrypted bool) reference {
	return reference{
		Sender: in.Sender, Occupant: in.Occupant, RealJID: in.RealJID, Nick: in.Nick, Room: in.Room, Outgoing: in.Outgoing,
		RemoteID: in.RemoteID, At: in.At, Content: *c, Encrypted: encrypted,
	}
}

// person names who says it. In a room that is their id in it, if it gives such
// ids: it is the same live and in the archive, while addresses may be missing
// there, and it stays when the nick changes.
func (r *reference) person(own string) string {
	switch {
	case r.Outgoing:
		return own
	case r.Occupant != "":
		return r.Occupant
	case r.RealJID != "":
		return r.RealJID
	}
	return r.Sender
}

// The two kinds of id that name a target.
const (
	byRemote  = "r "
	byArchive = "a "
)

// target returns the id that the reference names its target by, with its kind.
func (r *reference) target() string {
	c := &r.Content
	id := c.Displayed
	switch {
	case c.Corrects != "":
		return byRemote + c.Corrects // in rooms too, XEP-0308 section 4
	case c.Moderates != nil:
		return byArchive + c.Moderates.ID
	case c.Retracts != "":
		id = c.Retracts
	case c.Reacts != nil:
		id = c.Reacts.ID
	}
	if r.Room {
		return byArchive + id
	}
	return byRemote + id
}

// refer takes in what a message says about another one. applied is false if it
// has to wait for that one, or is not what its author may say.
func (a *Account) refer(tx *storage.Tx, emit *emitter, conversation int64, r *reference) (applied bool, err error) {
	rows, err := candidates(tx.Reader, conversation, r.target())
	if err != nil {
		return false, err
	}
	for _, other := range []bool{true, false} { // where two have the same id, that of the other side is meant
		for i := range rows {
			if (rows[i].Outgoing != r.Outgoing) != other {
				continue
			}
			if applied, err = a.applyTo(tx, emit, r, &rows[i]); applied || err != nil {
				return applied, err
			}
		}
	}
	return false, nil
}

// candidates are the messages that an id may name.
func candidates(r *storage.Reader, conversation int64, target string) ([]storage.Message, error) {
	id := target[len(byRemote):]
	if target[:len(byRemote)] == byRemote {
		return r.MessagesByRemoteID(conversation, id)
	}
	row, err := r.MessageByArchiveID(conversation, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return []storage.Message{row}, err
}

// remember keeps a reference until its target comes.
func (a *Account) remember(tx *storage.Tx, conversation int64, r *reference) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write reference: %w", err)
	}
	return tx.AddPending(&storage.Pending{ConversationID: conversation, Target: r.target(), Payload: b})
}

// settle applies what had waited for a message, by one of its ids.
func (a *Account) settle(tx *storage.Tx, emit *emitter, conversation, message int64, target string) error {
	if len(target) == len(byRemote) {
		return nil // it has none
	}
	list, err := tx.TakePending(conversation, target)
	if err != nil {
		return err
	}
	for i := range list {
		var r reference
		if err := json.Unmarshal(list[i].Payload, &r); err != nil {
			return fmt.Errorf("read reference: %w", err)
		}
		row, err := tx.Message(message)
		if err != nil {
			return err
		}
		applied, err := a.applyTo(tx, emit, &r, &row)
		if err == nil && !applied {
			err = tx.AddPending(&list[i])
		}
		if err == nil && applied {
			err = a.standDown(tx, emit, &r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// standDown removes the message that stood for a correction.
func (a *Account) standDown(tx *storage.Tx, emit *emitter, r *reference) error {
	if r.StandsIn == 0 {
		return nil
	}
	row, err := tx.Message(r.StandsIn)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	emit.message(event.MessageRemoved, row.ConversationID, row.ID, "")
	emit.conversation(row.ConversationID)
	return tx.DeleteMessage(row.ID)
}

// applyTo does to a message what the reference says, if it may say so.
func (a *Account) applyTo(tx *storage.Tx, emit *emitter, r *reference, row *storage.Message) (applied bool, err error) {
	var changed bool
	switch c := &r.Content; {
	case c.Corrects != "":
		if !r.mayCorrect(row) {
			return false, nil
		}
		changed, err = a.correct(tx, r, row)
	case c.Moderates != nil:
		changed, err = a.retract(tx, row, Retracted{At: r.At, By: c.Moderates.By, Reason: c.Moderates.Reason, Unproven: r.unproven(row)})
	case c.Retracts != "":
		if !r.byAuthor(row) {
			return false, nil
		}
		changed, err = a.retract(tx, row, Retracted{At: r.At, By: row.Sender, Unproven: r.unproven(row)})
	case c.Reacts != nil:
		changed, err = tx.PutReaction(storage.Reaction{
			MessageID: row.ID, Sender: r.person(a.JID), Name: r.Nick, Own: r.Outgoing, Emojis: c.Reacts.Emojis, At: r.At,
		})
	case c.Displayed != "":
		return true, a.displayed(tx, emit, r, row)
	}
	if err != nil {
		return false, err
	}
	if changed && (r.Content.Retracts != "" || r.Content.Moderates != nil) {
		if err := a.dropFiles(tx, emit, row.ID); err != nil {
			return false, err
		}
	}
	if changed {
		emit.message(event.MessageChanged, row.ConversationID, row.ID, "")
		emit.conversation(row.ConversationID)
	}
	return true, nil
}

// byAuthor says whether the reference is by the author of a message. In a room
// where neither ids nor addresses tell, nobody is: another may have taken the
// nick since.
func (r *reference) byAuthor(row *storage.Message) bool {
	if r.Outgoing || row.Outgoing {
		return r.Outgoing == row.Outgoing
	}
	if !r.Room {
		return r.Sender == row.Sender
	}
	e, err := ExtraOf(row)
	switch {
	case err != nil:
		return false
	case r.Occupant != "" && e.Occupant != "":
		return r.Occupant == e.Occupant
	}
	return r.RealJID != "" && r.RealJID == row.Sender
}

// mayCorrect says whether the reference can replace the text of a message: that
// of an encrypted one only by an encrypted text.
func (r *reference) mayCorrect(row *storage.Message) bool {
	return r.byAuthor(row) && row.Kind == KindText && !r.unproven(row)
}

// unproven: anybody on the way may have made the reference to an encrypted
// message.
func (r *reference) unproven(row *storage.Message) bool {
	return row.Encryption != EncryptionNone && !r.Encrypted
}

// correct gives a message the newest of its texts. The others are kept.
func (a *Account) correct(tx *storage.Tx, r *reference, row *storage.Message) (changed bool, err error) {
	e, err := ExtraOf(row)
	if err != nil || e.Retracted != nil && !e.Retracted.Unproven {
		return false, err // what was taken back stays so
	}
	edits, err := tx.Edits(row.ID)
	if err != nil {
		return false, err
	}
	if len(edits) == 0 {
		first := storage.Edit{MessageID: row.ID, At: row.At, RemoteID: row.RemoteID, Body: row.Body}
		if _, err := tx.AddEdit(first); err != nil {
			return false, err
		}
	}
	edit := storage.Edit{MessageID: row.ID, At: r.At, RemoteID: r.RemoteID, Body: r.Content.Body}
	if _, err := tx.AddEdit(edit); err != nil {
		return false, err
	}
	for _, other := range edits {
		if other.RemoteID != row.RemoteID && newer(other, edit) {
			return true, nil
		}
	}
	if err := tx.UpdateMessageBody(row.ID, edit.Body, row.Kind); err != nil {
		return false, err
	}
	e.Edited = edit.At.Truncate(time.Microsecond).UTC()
	return true, saveExtra(tx, row.ID, &e)
}

// newer orders the texts of a message.
func newer(x, y storage.Edit) bool {
	if c := x.At.Truncate(time.Microsecond).Compare(y.At.Truncate(time.Microsecond)); c != 0 {
		return c > 0
	}
	return x.RemoteID > y.RemoteID
}

// retract takes a message back: its text and what it was before are forgotten,
// unless the retraction is unproven. Of several retractions the first counts.
func (a *Account) retract(tx *storage.Tx, row *storage.Message, by Retracted) (changed bool, err error) {
	e, err := ExtraOf(row)
	if err != nil {
		return false, err
	}
	by.At = by.At.Truncate(time.Microsecond).UTC()
	if old := e.Retracted; old != nil && !by.before(old) {
		return false, nil
	}
	e.Retracted = &by
	if !by.Unproven {
		e.Edited, e.Reply = time.Time{}, nil
		if err := tx.UpdateMessageBody(row.ID, "", row.Kind); err != nil {
			return false, err
		}
		if err := tx.DeleteEdits(row.ID); err != nil {
			return false, err
		}
	}
	return true, saveExtra(tx, row.ID, &e)
}

// before says whether r counts where there is another retraction.
func (r *Retracted) before(other *Retracted) bool {
	if r.Unproven != other.Unproven {
		return other.Unproven
	}
	if c := r.At.Compare(other.At); c != 0 {
		return c < 0
	}
	return r.By < other.By
}
