// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// ConversationID names a conversation in this database, for good.
type ConversationID = int64

// Conversation is a handle on the messages with one peer.
type Conversation struct {
	client  *Client
	account *Account
	id      ConversationID
	peer    string
}

// ConversationInfo is a conversation as it was when it was read.
type ConversationInfo struct {
	ID           ConversationID
	Account      AccountID
	Peer         string // bare JID
	Title        string // empty: show the peer's name
	LastMessage  MessageID
	LastAt       time.Time
	Preview      string // of the last message, at most 200 characters
	LastOutgoing bool
	LastState    MessageState
	Unread       int
	Pinned       bool
	Archived     bool
	MutedUntil   time.Time
	Draft        string
	Encryption   Encryption // of what is sent from now on
	Request      bool       // begun by a stranger and not accepted yet
}

func infoOf(row storage.Conversation) ConversationInfo {
	info := ConversationInfo{
		ID: row.ID, Account: row.AccountID, Peer: row.Peer, Title: row.Title, LastMessage: row.LastMessageID,
		LastAt: row.LastAt, Preview: row.LastPreview, LastOutgoing: row.LastOutgoing,
		LastState: MessageState(row.LastState), Unread: row.Unread, Pinned: row.Pinned, Archived: row.Archived,
		MutedUntil: row.MutedUntil, Draft: row.Draft, Encryption: Encryption(row.Encryption),
		Request: row.Request,
	}
	if row.Encryption == pipeline.EncryptionDefault {
		info.Encryption = OMEMO
	}
	return info
}

// ID returns the conversation's id.
func (cv *Conversation) ID() ConversationID { return cv.id }

// Peer returns the bare JID of the other side.
func (cv *Conversation) Peer() string { return cv.peer }

// Account returns the account it belongs to.
func (cv *Conversation) Account() *Account { return cv.account }

// Conversation returns the conversation with a peer, starting one if there is
// none. The peer is a bare JID; a resource is cut off.
func (a *Account) Conversation(ctx context.Context, peer string) (*Conversation, error) {
	bare, err := bareJID(peer)
	if err != nil {
		return nil, err
	}
	var row storage.Conversation
	err = a.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) (err error) {
		var created bool
		row, created, err = tx.EnsureConversation(a.id, bare, pipeline.ConversationDirect)
		if created {
			emit(event.Event{Kind: event.ConversationChanged, Account: a.id, Conversation: row.ID})
		}
		return err
	})
	if err != nil {
		return nil, notFound(err, ErrNoAccount, "open conversation")
	}
	return &Conversation{client: a.client, account: a, id: row.ID, peer: bare}, nil
}

func bareJID(s string) (string, error) {
	address, err := jid.Parse(s)
	if err != nil {
		return "", ErrBadAddress
	}
	return address.Bare().String(), nil
}

// Conversation returns the conversation with that id, or ErrNoConversation.
func (c *Client) Conversation(ctx context.Context, id ConversationID) (*Conversation, error) {
	var row storage.Conversation
	err := c.db.View(ctx, func(r *storage.Reader) (err error) {
		row, err = r.Conversation(id)
		return err
	})
	if err != nil {
		return nil, notFound(err, ErrNoConversation, "read conversation")
	}
	a, err := c.Account(row.AccountID)
	if err != nil {
		return nil, err
	}
	return &Conversation{client: c, account: a, id: id, peer: row.Peer}, nil
}

// ConversationFilter chooses conversations; the zero value is all that are
// neither archived nor requests.
type ConversationFilter struct {
	Account  AccountID // 0: all
	Archived bool      // only archived ones instead
	Requests bool      // only those that strangers have begun instead
	Limit    int
}

// Conversations returns conversations, the most recently active first.
func (c *Client) Conversations(ctx context.Context, f ConversationFilter) ([]ConversationInfo, error) {
	var rows []storage.Conversation
	err := c.db.View(ctx, func(r *storage.Reader) (err error) {
		rows, err = r.Conversations(storage.ConversationQuery{
			AccountID: f.Account, Archived: &f.Archived, Request: &f.Requests, Limit: page(f.Limit),
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	list := make([]ConversationInfo, len(rows))
	for i, row := range rows {
		list[i] = infoOf(row)
	}
	return list, nil
}

// Unread returns how many messages are unread in all conversations that are
// no requests.
func (c *Client) Unread(ctx context.Context) (n int, err error) {
	err = c.db.View(ctx, func(r *storage.Reader) (err error) {
		n, err = r.UnreadTotal()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count unread: %w", err)
	}
	return n, nil
}

// Info reads the conversation.
func (cv *Conversation) Info(ctx context.Context) (ConversationInfo, error) {
	var row storage.Conversation
	err := cv.client.db.View(ctx, func(r *storage.Reader) (err error) {
		row, err = r.Conversation(cv.id)
		return err
	})
	if err != nil {
		return ConversationInfo{}, notFound(err, ErrNoConversation, "read conversation")
	}
	return infoOf(row), nil
}

// SetEncryption chooses how messages written from now on travel: Plain, or OMEMO
// for everything else. Those already queued keep theirs: what was written to be
// encrypted stays so.
func (cv *Conversation) SetEncryption(ctx context.Context, e Encryption) error {
	if e != Plain {
		e = OMEMO
	}
	return cv.change(ctx, func(row *storage.Conversation) { row.Encryption = uint8(e) })
}

// SetDraft keeps an unsent text; empty removes it.
func (cv *Conversation) SetDraft(ctx context.Context, text string) error {
	return cv.change(ctx, func(row *storage.Conversation) { row.Draft = text })
}

// SetPinned keeps the conversation at the top of lists, or no longer.
func (cv *Conversation) SetPinned(ctx context.Context, pinned bool) error {
	return cv.change(ctx, func(row *storage.Conversation) { row.Pinned = pinned })
}

// SetArchived takes the conversation out of the usual list, or back.
func (cv *Conversation) SetArchived(ctx context.Context, archived bool) error {
	return cv.change(ctx, func(row *storage.Conversation) { row.Archived = archived })
}

// Mute silences the conversation until a time; the zero time ends it.
func (cv *Conversation) Mute(ctx context.Context, until time.Time) error {
	return cv.change(ctx, func(row *storage.Conversation) { row.MutedUntil = until })
}

// Delete removes the conversation and its messages from this device. A room is
// left.
func (cv *Conversation) Delete(ctx context.Context) error {
	cv.leave(ctx)
	err := cv.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		emit(cv.event(event.ConversationRemoved))
		if err := cv.account.pipe.SetDisclosure(tx, cv.id, nil); err != nil {
			return err
		}
		return tx.DeleteConversation(cv.id)
	})
	if err != nil {
		return notFound(err, ErrNoConversation, "delete conversation")
	}
	return nil
}

func (cv *Conversation) change(ctx context.Context, change func(*storage.Conversation)) error {
	err := cv.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		row, err := tx.Conversation(cv.id)
		if err != nil {
			return err
		}
		change(&row)
		emit(cv.event(event.ConversationChanged))
		return tx.UpdateConversation(row)
	})
	if err != nil {
		return notFound(err, ErrNoConversation, "change conversation")
	}
	return nil
}

func (cv *Conversation) event(kind event.Kind) event.Event {
	return event.Event{Kind: kind, Account: cv.account.id, Conversation: cv.id}
}
