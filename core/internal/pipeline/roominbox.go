// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/confab-im/confab/core/text"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// author names who wrote a message, for its keys. In a room that is the address
// they had in it, which is the same however the message comes.
func (m *Incoming) author(own string) string {
	switch {
	case m.Outgoing:
		return own
	case m.Room:
		return m.Peer + "/" + m.Nick
	}
	return m.Sender
}

// archive names whose archive the archive id of a message is from.
func (m *Incoming) archive(own string) string {
	if m.Room {
		return m.Peer
	}
	return own
}

// names says whether a text in a room is about us by name.
func (m *Incoming) names(body string) bool {
	return m.Room && !m.Outgoing && m.Called != "" && len(text.FindNames(body, m.Called)) > 0
}

// attribute finds out who wrote a message in a room, as far as the room has not
// said so: what comes from an archive bears a nick only.
func (a *Account) attribute(tx *storage.Tx, in *Incoming) error {
	if !in.Room || in.Outgoing {
		return nil
	}
	ours, err := a.reflected(tx, in)
	if err != nil {
		return err
	}
	if ours {
		in.Outgoing, in.Sender, in.RealJID = true, a.JID, a.JID
		return nil
	}
	if in.RealJID != "" || len(in.Envelopes) == 0 || a.OMEMO == nil {
		return nil
	}
	jid, err := a.recognise(tx, in)
	if err != nil {
		return err
	}
	if jid == "" {
		in.Unreadable = ReasonUnknownSender
		return nil
	}
	in.RealJID, in.Sender, in.Outgoing = jid, jid, jid == a.JID
	return nil
}

// reflected says whether a message is one that this device has sent. Nobody else
// makes the same ciphertext. A text of ours with its id others can repeat, once
// they have seen it: then the room has given it another id.
func (a *Account) reflected(tx *storage.Tx, in *Incoming) (bool, error) {
	for i := range in.Envelopes {
		if _, ok, err := tx.Seen(a.ID, CipherKey(a.JID, &in.Envelopes[i])); ok || err != nil {
			return ok, err
		}
	}
	k := ContentKey(a.JID, in.RemoteID, in.Content.canonical())
	if len(in.Envelopes) > 0 || k == nil {
		return false, nil
	}
	id, ok, err := tx.Seen(a.ID, k)
	if err != nil || !ok {
		return false, err
	}
	row, err := tx.Message(id)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil // about another message, or deleted since
	}
	return row.Outgoing && (row.ArchiveID == "" || in.ArchiveID == "" || row.ArchiveID == in.ArchiveID), err
}

// recognise returns the member of a room who has the device that a message is
// from; of several, the one whose key opens it. It is empty when there is none.
func (a *Account) recognise(tx *storage.Tx, in *Incoming) (string, error) {
	c, err := tx.ConversationByPeer(a.ID, in.Peer)
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	members, err := tx.Members(c.ID)
	if err != nil {
		return "", err
	}
	var likely []string
	for _, m := range members {
		devices, err := a.OMEMO.Devices(tx.Context(), tx.OMEMO(a.ID), m.JID)
		if err != nil {
			return "", err
		}
		has := func(env omemo.Envelope) bool {
			return slices.ContainsFunc(devices, func(d omemo.Device) bool { return d.Device == env.SID })
		}
		if !slices.ContainsFunc(in.Envelopes, has) {
			continue
		}
		if m.Nick != "" && m.Nick == in.Nick {
			likely = slices.Insert(likely, 0, m.JID)
		} else {
			likely = append(likely, m.JID)
		}
	}
	if len(likely) < 2 {
		return strings.Join(likely, ""), nil
	}
	for _, jid := range likely {
		opens, err := a.opens(tx, jid, in.Envelopes)
		if opens || err != nil {
			return jid, err
		}
	}
	return "", nil
}

// errProbe undoes a decryption that was only tried.
var errProbe = errors.New("only tried")

// opens says whether a message can be decrypted as one of jid. Nothing of it is
// kept.
func (a *Account) opens(tx *storage.Tx, jid string, envelopes []omemo.Envelope) (bool, error) {
	var refused *omemo.DecryptError
	err := tx.Savepoint(func() error {
		if _, err := a.OMEMO.Decrypt(tx.Context(), tx.OMEMO(a.ID), jid, envelopes); err != nil {
			return err
		}
		return errProbe
	})
	switch {
	case errors.Is(err, errProbe):
		return true, nil
	case errors.As(err, &refused):
		return refused.Reason == omemo.ReasonDuplicate, nil
	}
	return false, err
}

// fellow says whether somebody is, with us, in a room whose messages are
// encrypted: what they see of us by an answer to their keys they know.
func (a *Account) fellow(tx *storage.Tx, jid string) (bool, error) {
	rooms, err := tx.Rooms(a.ID)
	if err != nil {
		return false, err
	}
	for _, room := range rooms {
		if !room.Wanted || !RoomEncryptable(room.Features) {
			continue
		}
		members, err := tx.Members(room.ConversationID)
		if err != nil {
			return false, err
		}
		for _, m := range members {
			if m.JID == jid && Belongs(m.Affiliation) {
				return true, nil
			}
		}
	}
	return false, nil
}

// reachedBy says whether somebody's keys may be answered: an acquaintance, or
// somebody who shares a room with us.
func (a *Account) reachedBy(tx *storage.Tx, jid string) (bool, error) {
	if ok, err := a.acquainted(tx.Reader, jid); ok || err != nil {
		return ok, err
	}
	return a.fellow(tx, jid)
}

// Known says whether something that came as a message, and is none, was taken in
// before, and notes that it was. Its archive id is that of the own archive.
func (a *Account) Known(tx *storage.Tx, archiveID, author, id, content string) (bool, error) {
	keys := [][]byte{ContentKey(author, id, content)}
	if archiveID != "" {
		keys = append(keys, ArchiveKey(a.JID, archiveID))
	}
	for _, k := range keys {
		if k == nil {
			continue
		}
		if _, ok, err := tx.Seen(a.ID, k); ok || err != nil {
			return ok, err
		}
		if err := tx.MarkSeen(a.ID, k, 0); err != nil {
			return false, err
		}
	}
	return false, nil
}

// Wanted says whether we want to be in a room already.
func (a *Account) Wanted(tx *storage.Tx, room string) (bool, error) {
	c, err := tx.ConversationByPeer(a.ID, room)
	if err == nil {
		var row storage.Room
		row, err = tx.Room(c.ID)
		if err == nil {
			return row.Wanted, nil
		}
	}
	if errors.Is(err, storage.ErrNotFound) {
		err = nil
	}
	return false, err
}
