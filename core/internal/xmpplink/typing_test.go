// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// Whoever stops writing without saying so is not taken to write for ever, and
// strangers are not heard.
func TestTypingEnds(t *testing.T) {
	db, err := storage.Open(t.Context(), storage.Options{
		Path: filepath.Join(t.TempDir(), "test.db"), Key: storage.RawKey(make([]byte, 32)),
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	row := storage.Account{Kind: "xmpp", Address: "alice@example.org"}
	require.NoError(t, db.Update(t.Context(), func(tx *storage.Tx) error {
		if err := tx.CreateAccount(&row); err != nil {
			return err
		}
		for _, peer := range []string{"bob@example.org", "eve@example.org"} {
			c, _, err := tx.EnsureConversation(row.ID, peer, pipeline.ConversationDirect)
			c.Request = peer == "eve@example.org"
			if err == nil {
				err = tx.UpdateConversation(c)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
	bob := typist{peer: "bob@example.org"}
	synctest.Test(t, func(t *testing.T) {
		l := &Link{account: &pipeline.Account{ID: row.ID, JID: row.Address, DB: db, Bus: &event.Bus{}}}
		l.session.typing = newTyping()
		events := l.account.Bus.Subscribe(event.Filter{})
		defer events.Close()
		next := func(want event.State) {
			t.Helper()
			e, err := events.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, e.State)
			require.Equal(t, bob.peer, e.Peer)
			require.NotZero(t, e.Conversation)
		}
		began := time.Now()
		for _, stranger := range []string{"eve@example.org", "nobody@example.org"} {
			l.typed(t.Context(), typist{peer: stranger}, xmpp.Composing)
		}
		l.typed(t.Context(), bob, xmpp.Paused) // nothing has begun
		l.typed(t.Context(), bob, xmpp.Composing)
		next(event.TypingComposing)
		l.typed(t.Context(), bob, xmpp.Composing)
		<-l.session.typing.over
		require.Equal(t, typingLasts, time.Since(began))
		l.typingOver()
		next(event.TypingActive)
		require.Empty(t, l.session.typing.until)

		l.typed(t.Context(), bob, xmpp.Composing)
		next(event.TypingComposing)
		l.typed(t.Context(), bob, xmpp.Gone)
		next(event.TypingActive)
		l.typed(t.Context(), bob, xmpp.Composing)
		next(event.TypingComposing)
		l.typed(t.Context(), bob, "")
		next(event.TypingActive)
		l.typed(t.Context(), bob, xmpp.Composing)
		next(event.TypingComposing)
		l.endTyping()
		next(event.TypingActive)
	})
}
