// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"log/slog"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// Account is the pipeline of one account.
type Account struct {
	ID      int64
	JID     string // own bare JID
	Channel string // "xmpp"; shown with every message
	DB      *storage.DB
	Bus     *event.Bus
	OMEMO   *omemo.Suite // nil: no session engine configured
	Builder Builder
	Now     func() time.Time
	Log     *slog.Logger
	// ClearReactions sends reactions in the clear to those whom they cannot be
	// sent encrypted as what they are.
	ClearReactions bool
	// Downloads says which files are fetched by themselves.
	Downloads Downloads
	// Transfers gets a word when there may be a file to carry; nil tells nobody.
	Transfers chan struct{}
}

// Builder makes the final bytes of a stanza. It is called inside a
// transaction: it computes and never waits.
type Builder interface {
	// Plaintext makes what is encrypted of a message in a profile of OMEMO: its
	// text, or an envelope with all that only its readers may see (XEP-0420).
	Plaintext(p engine.Profile, a Affix, c Content) ([]byte, error)
	// Content reads what others have made by such means; outside is what stands
	// beside it in the clear, of which a profile that encrypts texts only takes
	// the rest. An error says why it must not be shown.
	Content(p engine.Profile, a Affix, outside Content, plaintext []byte) (Content, error)
	// Message builds a message with an id that is its origin-id too.
	Message(s Stanza) ([]byte, error)
	// Empty builds the carrier of an OMEMO message without content.
	Empty(to string, env omemo.Envelope) ([]byte, error)
	// Receipt builds a delivery receipt (XEP-0184).
	Receipt(to, id string) ([]byte, error)
}

// Affix is what the content of a message and the stanza around it agree on.
type Affix struct {
	From, To string    // bare JIDs of the author and of the conversation
	Room     bool      // To is a room
	At       time.Time // of the encryption, or of the stanza
}

// emitter gathers the events of a transaction, to be published after its
// commit and only then.
type emitter struct {
	account int64
	events  []event.Event
	outcome Outcome
	careful bool // messages are kept apart from each other
	// transfers: there may be a file to carry.
	transfers bool
}

func (e *emitter) add(ev event.Event) {
	ev.Account = e.account
	e.events = append(e.events, ev)
}

func (e *emitter) message(kind event.Kind, conversation, message int64, code string) {
	e.add(event.Event{Kind: kind, Conversation: conversation, Message: message, Code: code})
}

func (e *emitter) conversation(id int64) {
	for _, ev := range e.events {
		if ev.Kind == event.ConversationChanged && ev.Conversation == id {
			return
		}
	}
	e.add(event.Event{Kind: event.ConversationChanged, Conversation: id})
}

// update runs fn in one transaction and publishes what it gathered.
func (a *Account) update(ctx context.Context, fn func(tx *storage.Tx, emit *emitter) error) error {
	turn := event.Turn{Bus: a.Bus}
	defer turn.End()
	var emit emitter
	err := a.DB.Update(ctx, func(tx *storage.Tx) error {
		turn.Take()
		emit = emitter{account: a.ID} // Update may run fn again
		return fn(tx, &emit)
	})
	if err != nil {
		return err
	}
	turn.End(emit.events...)
	if emit.transfers {
		a.kick()
	}
	return nil
}
