// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// roomOf returns the room that has to be entered before anything is sent in a
// conversation; empty for none.
func (p *Prepared) roomOf(tx *storage.Tx, conversation int64, to string) (string, error) {
	if conversation == 0 {
		return "", nil
	}
	kind, ok := p.kinds[conversation]
	if !ok {
		c, err := tx.Conversation(conversation)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return "", err
		}
		if p.kinds == nil {
			p.kinds = make(map[int64]uint8)
		}
		kind = max(c.Kind, ConversationDirect)
		p.kinds[conversation] = kind
	}
	if kind == ConversationDirect {
		return "", nil
	}
	return bare(to), nil
}

// address makes a stanza of a conversation one of its kind.
func (p *Prepared) address(s *Stanza, conversation int64) {
	if p.kinds[conversation] == ConversationRoom {
		s.Type = "groupchat"
	}
	s.private = p.kinds[conversation] == ConversationPrivate
}

// bare cuts the resource off an address.
func bare(jid string) string {
	for i := range len(jid) {
		if jid[i] == '/' {
			return jid[:i]
		}
	}
	return jid
}

// sealRoom is seal for a room: to all who belong to it, present or not, and to
// the own other devices.
func (a *Account) sealRoom(tx *storage.Tx, s *Stanza, ready func(string) bool, p *Prepared, encrypt func(...string) error) (reason string, wait bool, err error) {
	c, err := tx.ConversationByPeer(a.ID, s.To)
	if err != nil {
		return "", false, err
	}
	row, err := tx.Room(c.ID)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return "", false, err
	}
	if !RoomEncryptable(row.Features) {
		return ReasonNotEncryptable, false, nil
	}
	readers, err := a.readers(tx, c.ID)
	if err != nil {
		return "", false, err
	}
	away, err := a.unreachable(tx.Reader)
	if err != nil {
		return "", false, err
	}
	for _, jid := range readers {
		if jid != a.JID && !ready(jid) {
			p.Members = with(p.Members, jid)
			wait = wait || !slices.Contains(away, jid)
		}
	}
	if wait {
		return "", true, nil
	}
	err = encrypt(readers...)
	var none *omemo.NoDevicesError
	if errors.As(err, &none) {
		readers, err = a.without(tx, c.ID, readers, none.JIDs, err)
		if err == nil {
			err = encrypt(readers...)
		}
	}
	if errors.As(err, &none) {
		for _, jid := range none.JIDs {
			if jid != a.JID && !slices.Contains(away, jid) {
				p.Deviceless = with(p.Deviceless, jid)
			}
		}
		return ReasonNoDevices, false, nil
	}
	return "", false, err
}

// readers are all who are to read what is said in a room, ourselves included.
func (a *Account) readers(tx *storage.Tx, conversation int64) ([]string, error) {
	members, err := tx.Members(conversation)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(members)+1)
	for _, m := range members {
		if Belongs(m.Affiliation) {
			list = append(list, m.JID)
		}
	}
	return with(list, a.JID), nil
}

// leftOut names the value that lists the members whom a person has decided to
// write without, as long as they have no device.
func leftOut(conversation int64) string { return fmt.Sprintf("room.left-out/%d", conversation) }

// without is readers without those who have no devices, if it was decided to do
// without them; else refused.
func (a *Account) without(tx *storage.Tx, conversation int64, readers, none []string, refused error) ([]string, error) {
	out, err := LeftOut(tx.Reader, a.ID, conversation)
	if err != nil {
		return nil, err
	}
	for _, jid := range none {
		if !slices.Contains(out, jid) {
			return nil, refused
		}
	}
	return slices.DeleteFunc(slices.Clone(readers), func(jid string) bool { return slices.Contains(none, jid) }), nil
}

// LeftOut returns the members whom it was decided to write without.
func LeftOut(r *storage.Reader, account, conversation int64) (list []string, err error) {
	b, ok, err := r.Value(account, leftOut(conversation))
	if err != nil || !ok {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read who is left out: %w", err)
	}
	return list, nil
}

// LeaveOut decides that messages in a room need not be encrypted to some of its
// members as long as they have no device that can be written to. It takes the
// place of what was decided before, and lets waiting messages try again.
func (a *Account) LeaveOut(ctx context.Context, conversation int64, jids []string) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		if _, err := tx.Room(conversation); err != nil {
			return err
		}
		b, err := json.Marshal(jids)
		if err != nil {
			return fmt.Errorf("note who is left out: %w", err)
		}
		if err := tx.PutValue(a.ID, leftOut(conversation), b); err != nil {
			return err
		}
		emit.room(conversation)
		var n int
		return a.unblockRoom(tx, emit, conversation, &n)
	})
	if err != nil {
		return fmt.Errorf("leave members out: %w", err)
	}
	return nil
}

// WithoutDevices returns the members of a room who have no device that could be
// written to.
func (a *Account) WithoutDevices(ctx context.Context, conversation int64) (list []string, err error) {
	if a.OMEMO == nil {
		return nil, nil
	}
	err = a.DB.Update(ctx, func(tx *storage.Tx) error {
		list = nil
		readers, err := a.readers(tx, conversation)
		if err != nil {
			return err
		}
		for _, jid := range readers {
			if jid == a.JID {
				continue
			}
			ok, err := a.OMEMO.Reachable(tx.Context(), tx.OMEMO(a.ID), jid)
			if err != nil {
				return err
			}
			if !ok {
				list = append(list, jid)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for members without devices: %w", err)
	}
	return list, nil
}

// unreachablePeers is the value that lists people whose servers do not answer.
const (
	unreachablePeers = "omemo.unreachable"
	maxUnreachable   = 1000
)

func (a *Account) unreachable(r *storage.Reader) (list []string, err error) {
	b, ok, err := r.Value(a.ID, unreachablePeers)
	if err != nil || !ok {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read who is unreachable: %w", err)
	}
	return list, nil
}

// SetUnreachable notes that nobody can be asked for somebody's devices, or that
// it is possible again. What was written to rooms waits no longer for that.
func (a *Account) SetUnreachable(ctx context.Context, jid string, is bool) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		list, err := a.unreachable(tx.Reader)
		if err != nil || slices.Contains(list, jid) == is || is && len(list) >= maxUnreachable {
			return err
		}
		if list = slices.DeleteFunc(list, func(other string) bool { return other == jid }); is {
			list = append(list, jid)
		}
		b, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("note who is unreachable: %w", err)
		}
		if err := tx.PutValue(a.ID, unreachablePeers, b); err != nil {
			return err
		}
		var n int
		return a.unblock(tx, emit, jid, &n)
	})
	if err != nil {
		return fmt.Errorf("note who is unreachable: %w", err)
	}
	return nil
}

// unblockRoom queues the blocked messages to a room again.
func (a *Account) unblockRoom(tx *storage.Tx, emit *emitter, conversation int64, n *int) error {
	c, err := tx.Conversation(conversation)
	if err != nil {
		return err
	}
	return a.unblock(tx, emit, c.Peer, n)
}

// shares says whether a blocked row is for a room that peer belongs to.
func (a *Account) shares(tx *storage.Tx, row *storage.OutboxRow, peer string) (bool, error) {
	if row.ConversationID == 0 {
		return false, nil
	}
	members, err := tx.Members(row.ConversationID)
	return slices.ContainsFunc(members, func(m storage.Member) bool { return m.JID == peer }), err
}

// BlockRoom blocks what waits to be sent to a room that we are not in and will
// not be in soon. It goes out when we are.
func (a *Account) BlockRoom(ctx context.Context, conversation int64, reason string) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		rows, err := tx.Outbox(a.ID, 0, 0, OutQueued)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ConversationID != conversation || row.Kind != OutMessage {
				continue
			}
			message, err := tx.Message(row.MessageID)
			if errors.Is(err, storage.ErrNotFound) {
				continue // deleted since
			}
			if err == nil {
				err = a.block(tx, emit, &row, &message, reason)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("block messages to room: %w", err)
	}
	return nil
}

// taken keeps a message for a room that the server has counted: the room itself
// has not shown it yet, and may never do, as when we are not in it any more.
func (a *Account) taken(tx *storage.Tx, row storage.OutboxRow) (bool, error) {
	c, err := tx.Conversation(row.ConversationID)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil || c.Kind != ConversationRoom {
		return false, err
	}
	row.State, row.StreamID, row.StreamCount, row.Reason = OutTaken, "", 0, ""
	return true, tx.Enqueue(&row)
}

// Resend lets the messages that a room has not shown go out again, the same
// bytes: after it was entered again, and its archive was asked for them.
func (a *Account) Resend(ctx context.Context, conversation int64) (n int, err error) {
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		n = 0
		rows, err := tx.Outbox(a.ID, 0, 0, OutTaken)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ConversationID != conversation {
				continue
			}
			if row.Attempts >= maxResend {
				message, err := tx.Message(row.MessageID)
				if err == nil {
					err = a.fail(tx, emit, message, ReasonNotShown)
				}
				if errors.Is(err, storage.ErrNotFound) {
					err = nil
				}
				if err == nil {
					err = tx.DeleteOutbox(row.ID)
				}
				if err != nil {
					return err
				}
				continue
			}
			n++
			row.State = OutReady
			if err := tx.UpdateOutbox(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("send messages to room again: %w", err)
	}
	return n, nil
}

// maxResend bounds how often a message is sent that a room swallows.
const maxResend = 5

// ReasonNotShown is that of a message that the room did not show, however often
// it was sent.
const ReasonNotShown = "room.not-shown"

// Dropped notes that a room has refused a message because we are not in it: it
// will go out again. found is false if there is no such message.
func (a *Account) Dropped(tx *storage.Tx, emit func(event.Event), b *Bounce) (found bool, err error) {
	row, err := a.ownMessage(tx, b.From, b.RemoteID)
	if err != nil || row.ID == 0 {
		return false, err
	}
	out, err := tx.OutboxByMessage(row.ID)
	if errors.Is(err, storage.ErrNotFound) || err == nil && out.State != OutTaken && out.State != OutWritten {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	out.State, out.StreamID, out.StreamCount = OutTaken, "", 0
	return true, tx.UpdateOutbox(out)
}
