// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/confab-im/confab/storage"
)

// Disclosure says what others are told of what a person does here. Strangers
// are told nothing, whatever it says.
type Disclosure struct {
	Marks  bool `json:"marks"`  // how far messages were read (XEP-0333)
	Typing bool `json:"typing"` // that one is being written (XEP-0085)
}

func disclosureKey(conversation int64) string {
	if conversation == 0 {
		return "disclosure"
	}
	return "disclosure " + strconv.FormatInt(conversation, 10)
}

// DisclosureOf returns what holds for a conversation: what was chosen for it,
// else for the account, else everything. own says that it was chosen for it;
// conversation 0 is the account.
func (a *Account) DisclosureOf(r *storage.Reader, conversation int64) (d Disclosure, own bool, err error) {
	for _, key := range []string{disclosureKey(conversation), disclosureKey(0)} {
		b, ok, err := r.Value(a.ID, key)
		if err != nil {
			return d, false, err
		}
		if ok {
			if err := json.Unmarshal(b, &d); err != nil {
				return d, false, fmt.Errorf("read disclosure: %w", err)
			}
			return d, key == disclosureKey(conversation), nil
		}
	}
	return Disclosure{Marks: true, Typing: true}, false, nil
}

// SetDisclosure chooses for a conversation, or for the account if it is 0; nil
// takes the choice back.
func (a *Account) SetDisclosure(tx *storage.Tx, conversation int64, d *Disclosure) error {
	if d == nil {
		return tx.DeleteValue(a.ID, disclosureKey(conversation))
	}
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("write disclosure: %w", err)
	}
	return tx.PutValue(a.ID, disclosureKey(conversation), b)
}

// MayType says whether the other side may know that a message is being written.
func (a *Account) MayType(r *storage.Reader, c storage.Conversation) (bool, error) {
	d, _, err := a.DisclosureOf(r, c.ID)
	if err != nil || !d.Typing || c.Request {
		return false, err
	}
	return a.knows(r, c)
}

// knows says whether those in a conversation may know that we are there.
func (a *Account) knows(r *storage.Reader, c storage.Conversation) (bool, error) {
	if c.Kind == ConversationRoom {
		return true, nil // they see that we are in it
	}
	return a.acquainted(r, c.Peer)
}
