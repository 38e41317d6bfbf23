// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/confab-im/confab/storage"
)

// Extra is what a message row keeps beside its columns, as JSON. A field that a
// later version has added is kept as it is.
type Extra struct {
	Reply     *Reply     `json:"reply,omitempty"`
	Edited    time.Time  `json:"edited,omitzero"` // when its text was written, if it is not the first
	Retracted *Retracted `json:"retracted,omitempty"`
	Occupant  string     `json:"occupant,omitempty"`  // the author's id in a room
	Nick      string     `json:"nick,omitempty"`      // the author's in a room when it came
	Event     *RoomEvent `json:"event,omitempty"`     // of the kind KindEvent
	Mentioned bool       `json:"mentioned,omitempty"` // it names us, in a room
	Markable  bool       `json:"markable,omitempty"`  // its author would like to know that it was read
	Files     int        `json:"files,omitempty"`     // how many there are
	Reacted   string     `json:"reacted,omitempty"`   // id of the answer that stands for our reactions, see Reacts

	more map[string]json.RawMessage
}

// Retracted says that a message was taken back.
type Retracted struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // who did it: its author, or a moderator
	Reason string    `json:"reason,omitempty"`
	// Unproven: the message was encrypted and the retraction was not, so
	// anybody on its way may have made it. The text is kept.
	Unproven bool `json:"unproven,omitempty"`
}

var extraFields = []string{"reply", "edited", "retracted", "occupant", "nick", "event", "mentioned", "markable", "reacted", "files"}

// ExtraOf reads the extra part of a row.
func ExtraOf(row *storage.Message) (e Extra, err error) {
	if len(row.Extra) == 0 {
		return e, nil
	}
	if err = json.Unmarshal(row.Extra, &e); err == nil {
		err = json.Unmarshal(row.Extra, &e.more)
	}
	if err != nil {
		return Extra{}, fmt.Errorf("read message extra: %w", err)
	}
	for _, name := range extraFields {
		delete(e.more, name)
	}
	return e, nil
}

// bytes is what a row keeps of e: nothing if there is nothing to keep.
func (e *Extra) bytes() ([]byte, error) {
	b, err := json.Marshal(e)
	if err == nil && len(e.more) > 0 {
		all := make(map[string]json.RawMessage)
		if err = json.Unmarshal(b, &all); err == nil {
			for name, v := range e.more {
				all[name] = v
			}
			b, err = json.Marshal(all)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("write message extra: %w", err)
	}
	if bytes.Equal(b, []byte("{}")) {
		return nil, nil
	}
	return b, nil
}

// saveExtra stores e with a message.
func saveExtra(tx *storage.Tx, id int64, e *Extra) error {
	b, err := e.bytes()
	if err != nil {
		return err
	}
	return tx.SetMessageExtra(id, b)
}

// fill stores in a new row what the message says. in is how it came, nil for one
// that is written here.
func (c *Content) fill(row *storage.Message, in *Incoming) (err error) {
	e := Extra{Reply: c.Reply, Markable: c.Markable, Files: min(len(c.Files), maxFiles)}
	if in != nil {
		e.Occupant, e.Nick, e.Mentioned = in.Occupant, in.Nick, in.names(c.Body)
	}
	row.Body = c.Body
	if c.OTR != "" {
		row.Kind, row.Reason = KindOTR, c.OTR
	}
	row.Extra, err = e.bytes()
	return err
}

// ContentOf is what a row of ours says.
func ContentOf(row *storage.Message) (Content, error) {
	e, err := ExtraOf(row)
	if err != nil {
		return Content{}, err
	}
	return Content{Body: row.Body, Reply: e.Reply, Markable: true}, nil
}
