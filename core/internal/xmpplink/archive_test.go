// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// fullDisk is the error of a database that cannot store now.
type fullDisk struct{}

func (fullDisk) Error() string { return "disk full" }
func (fullDisk) Code() string  { return "storage.full" }

// failing builds no receipts while the disk is full, so that what asks for one
// is not stored.
type failing struct {
	xmpplink.Builder
	full *atomic.Bool
}

func (f failing) Receipt(to, id string) ([]byte, error) {
	if f.full.Load() {
		return nil, fullDisk{}
	}
	return f.Builder.Receipt(to, id)
}

// asking is a message that asks for a receipt.
func asking(id, body string) string {
	return `<message xmlns='jabber:client' from='` + bob + `/x' to='` + full + `' type='chat' id='` + id + `'><body>` + body +
		`</body><request xmlns='urn:xmpp:receipts'/></message>`
}

// A page that the database does not take is asked for again in the same
// session, and what is live waits for it.
func TestArchiveOutlivesStorage(t *testing.T) {
	w := newWorld(t)
	var full atomic.Bool
	w.account.Builder = failing{full: &full}
	require.NoError(t, w.account.DB.Update(t.Context(), func(tx *storage.Tx) error {
		return tx.PutRosterItem(storage.RosterItem{AccountID: w.account.ID, JID: bob, Subscription: "both"})
	}))
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if iq.Child("jabber:iq:roster", "query") == nil {
				return false
			}
			c.result(iq, `<query xmlns='jabber:iq:roster'><item jid='`+bob+`' subscription='both'/></query>`)
			return true
		}
	})
	w.startOnline()
	w.file(asking("1", "missed"))
	w.file(text("2", "", "missed too"))
	full.Store(true)
	events := w.account.Bus.Subscribe(event.Filter{Kinds: []event.Kind{event.Storage}})
	defer events.Close()
	w.cut()
	w.until("again", func() bool { return w.connections() == 2 && w.online() })
	e, err := events.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "storage.full", e.Code)
	w.push(text("3", "", "live"))
	asked := w.count(isMAM)
	w.until("another attempt", func() bool { return w.count(isMAM) > asked })
	require.Empty(t, w.rows())
	full.Store(false)
	w.until("all", func() bool { return len(w.rows()) == 3 })
	require.Equal(t, []string{"missed", "missed too", "live"}, w.rows())
	require.Equal(t, 2, w.connections(), "it took no new connection")
	for e.Code != "" {
		e, err = events.Next(t.Context())
		require.NoError(t, err)
	}
}

// An archive that does not answer is asked again, for less; live messages do not
// wait for it, and what it has at last comes before them.
func TestSilentArchive(t *testing.T) {
	w := newWorld(t)
	w.waits = stream.Timeouts{IQ: 300 * time.Millisecond}
	w.startOnline()
	w.file(text("1", "", "missed"))
	var sizes []string
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if !isMAM(iq) {
				return false
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			sizes = append(sizes, iq.Child(nsMAM, "query").Child("http://jabber.org/protocol/rsm", "set").ChildText("http://jabber.org/protocol/rsm", "max"))
			return len(sizes) < 4
		}
	})
	w.cut()
	w.until("again", func() bool { return w.connections() == 2 && w.online() })
	w.push(text("2", "", "live"))
	w.until("live", func() bool { return len(w.rows()) == 1 })
	w.until("all", func() bool { return len(w.rows()) == 2 })
	require.Equal(t, []string{"missed", "live"}, w.rows())
	require.Equal(t, 2, w.connections())
	require.Equal(t, []string{"250", "62", "15", "10"}, locked(w.server, func() []string { return sizes[:4] }))
	w.until("caught up", w.caughtUp)
}

func (w *world) gaps() (list []pipeline.Gap) {
	w.t.Helper()
	require.NoError(w.t, w.account.DB.View(w.t.Context(), func(r *storage.Reader) error {
		c, err := r.ConversationByPeer(w.account.ID, bob)
		if err != nil {
			return nil // none yet
		}
		list, err = pipeline.Gaps(r, c)
		return err
	}))
	return list
}

func (w *world) conversation() int64 {
	w.t.Helper()
	var id int64
	require.NoError(w.t, w.account.DB.Update(w.t.Context(), func(tx *storage.Tx) error {
		c, _, err := tx.EnsureConversation(w.account.ID, bob, pipeline.ConversationDirect)
		id = c.ID
		return err
	}))
	return id
}

// When the archive has forgotten the cursor, all that it still has is read, in
// its order, and what lies between is a gap: shown, and closed once the archive
// was asked for that too.
func TestForgottenCursor(t *testing.T) {
	w := newWorld(t)
	var want []string
	file := func(n int) {
		for range n {
			i := len(want)
			want = append(want, fmt.Sprint("body ", i))
			w.file(text(fmt.Sprint("m", i), "", want[i]))
		}
	}
	file(60)
	w.startOnline()
	require.Len(t, w.rows(), 60)
	require.Empty(t, w.gaps())
	w.link.SignOut(t.Context())
	file(700)
	w.mu.Lock()
	w.expired = 80
	w.mu.Unlock()
	w.start()
	w.until("the rest", func() bool { return len(w.rows()) == 60+680 && w.caughtUp() })
	there := append(append([]string{}, want[:60]...), want[80:]...)
	require.Equal(t, there, w.rows())
	gaps := w.gaps()
	require.Len(t, gaps, 1)
	require.False(t, gaps[0].Open())
	require.Greater(t, gaps[0].Key, w.history()[59].SortKey)
	require.LessOrEqual(t, gaps[0].Key, w.history()[60].SortKey)
	loaded, more, err := w.link.LoadOlder(t.Context(), w.conversation(), 10)
	require.NoError(t, err)
	require.False(t, more)
	require.Zero(t, loaded)
	require.Empty(t, w.gaps())
	require.Equal(t, there, w.rows())

	// It forgets the cursor only, and not what is around it: no gap.
	w.link.SignOut(t.Context())
	file(10)
	cursor, _, err := w.cursor()
	require.NoError(t, err)
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if !isMAM(iq) || iq.Child(nsMAM, "query").Child("http://jabber.org/protocol/rsm", "set").ChildText("http://jabber.org/protocol/rsm", "after") != cursor {
				return false
			}
			c.refuse(iq, "item-not-found")
			return true
		}
	})
	w.start()
	w.until("the rest", func() bool { return len(w.rows()) == 60+690 && w.caughtUp() })
	require.Equal(t, append(there, want[760:]...), w.rows())
	require.Empty(t, w.gaps())
}

// A place in the history that the archive has forgotten is found again from its
// end.
func TestForgottenHistory(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 700 {
		want = append(want, fmt.Sprint("body ", i))
		w.file(text(fmt.Sprint("m", i), "", want[i]))
	}
	w.startOnline()
	c := w.conversation()
	require.Equal(t, want[450:], w.rows())
	loaded, more, err := w.link.LoadOlder(t.Context(), c, 120)
	require.NoError(t, err)
	require.True(t, more)
	require.GreaterOrEqual(t, loaded, 120)
	require.Equal(t, want[450-loaded:], w.rows())
	refused := 0
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if !isMAM(iq) || refused > 0 {
				return false
			}
			refused++
			c.refuse(iq, "item-not-found")
			return true
		}
	})
	for more {
		_, more, err = w.link.LoadOlder(t.Context(), c, 100)
		require.NoError(t, err)
	}
	require.Equal(t, want, w.rows())
	require.Empty(t, w.gaps())
	require.Equal(t, 1, locked(w.server, func() int { return refused }))
}

// Nothing is loaded without a connection, and nothing is lost by trying.
func TestLoadOlderOffline(t *testing.T) {
	w := newWorld(t)
	for i := range 600 {
		w.file(text(fmt.Sprint("m", i), "", fmt.Sprint(i)))
	}
	w.startOnline()
	c := w.conversation()
	require.Len(t, w.gaps(), 1)
	require.True(t, w.gaps()[0].Open())
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if isMAM(iq) {
				_ = c.net.Close()
				return true
			}
			return false
		}
		b.refuse = `<failed xmlns='` + nsSM + `'/>`
	})
	_, more, err := w.link.LoadOlder(t.Context(), c, 10)
	require.Error(t, err)
	require.True(t, more)
	w.behaves(func(b *behaviour) { b.iq = nil })
	w.until("again", func() bool { return w.connections() >= 2 && w.online() && w.caughtUp() })
	loaded, more, err := w.link.LoadOlder(t.Context(), c, 10_000)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, 350, loaded)
	require.Len(t, w.rows(), 600)
	require.Equal(t, "0", w.rows()[0])
}
