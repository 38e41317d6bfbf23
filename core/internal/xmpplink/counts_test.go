// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// slowArchive answers no query of the archive until the returned function is
// called.
func (w *world) slowArchive() (answer func()) {
	var waiting []func()
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if !isMAM(iq) {
				return false
			}
			c.mu.Lock()
			waiting = append(waiting, func() { locked(w.server, func() *conn { return w.conn }).answer(iq) })
			c.mu.Unlock()
			return true
		}
	})
	return func() {
		w.mu.Lock()
		w.behave.iq = nil
		list := waiting
		w.mu.Unlock()
		for _, fn := range list {
			fn()
		}
	}
}

func (w *world) handled() (n uint64) {
	w.t.Helper()
	require.NoError(w.t, w.account.DB.View(w.t.Context(), func(r *storage.Reader) error {
		row, err := r.Stream(w.account.ID)
		n = row.Handled
		return err
	}))
	return n
}

// highest returns the highest count that a session was told of.
func (w *world) highest(session string) (h uint32) {
	for _, a := range locked(w.server, func() []ack { return w.acks }) {
		if a.session == session {
			h = max(h, a.count)
		}
	}
	return h
}

// Messages that wait for the archive are not counted, and when the connection
// is cut meanwhile each comes again, and is stored once: also those that carry
// nothing to know them by.
func TestCutWhileHeld(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	answer := w.slowArchive()
	w.cut()
	w.until("again", func() bool { return w.connections() == 2 && w.online() })
	before := w.highest(w.session.id)
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("held ", i))
		w.push(text("", "", want[i]))
	}
	w.until("queries", func() bool { return w.queried(2) })
	w.cut()
	w.until("again", func() bool { return w.connections() == 3 && w.online() })
	require.Empty(t, w.rows())
	require.LessOrEqual(t, w.highest(w.session.id), before+uint32(len(w.session.sent)-100))
	answer()
	w.until("all", func() bool { return len(w.rows()) >= 100 })
	w.push(text("", "", "end"))
	w.until("end", func() bool { l := w.rows(); return l[len(l)-1] == "end" })
	require.Equal(t, append(want, "end"), w.rows())
}

// queried says whether the archive was asked so often, answered or not.
func (w *world) queried(n int) bool { return w.count(isMAM) >= n }

// What came beside the messages that wait is stored before the count passes it,
// also when there are too many.
func TestTooManyHeld(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	answer := w.slowArchive()
	w.cut()
	w.until("again", func() bool { return w.connections() == 2 && w.online() })
	var want []string
	var all strings.Builder
	var parts []string
	for i := range 700 {
		want = append(want, fmt.Sprint("held ", i))
		parts = append(parts, `<presence type='subscribe' from='p`+fmt.Sprint(i)+`@`+domain+`'/>`, text(fmt.Sprint(i), "", want[i]))
	}
	for _, p := range parts {
		all.WriteString(p)
	}
	c := w.conn
	w.mu.Lock()
	c.session.sent = append(c.session.sent, parts...)
	w.mu.Unlock()
	require.NoError(t, c.write(all.String()))
	for len(w.rows()) < 700 {
		// Whatever is counted is there. The count is read first.
		n := w.handled()
		list, err := xmpplink.Requests(t.Context(), w.account)
		require.NoError(t, err)
		sent := locked(w.server, func() []string { return w.session.sent })
		requests, messages := 0, 0
		for _, s := range sent[:n] {
			if strings.Contains(s, "subscribe") {
				requests++
			}
			if strings.Contains(s, "<body>held") {
				messages++
			}
		}
		require.GreaterOrEqual(t, len(list), min(requests, 200))
		require.GreaterOrEqual(t, len(w.rows()), messages)
	}
	answer()
	w.until("caught up", w.caughtUp)
	require.Equal(t, want, w.rows())
}

// A count of one session is never taken for one of the next.
func TestSessionsOverlap(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	former := w.session
	for i := range 200 {
		w.push(text(fmt.Sprint("old", i), "", fmt.Sprint("old ", i)))
	}
	w.until("old", func() bool { return len(w.rows()) == 200 })
	stored := w.busy()
	for i := range 3 {
		w.push(text(fmt.Sprint("late", i), "", fmt.Sprint("late ", i)))
	}
	w.behaves(func(b *behaviour) {
		b.refuse = `<failed xmlns='` + nsSM + `'><item-not-found xmlns='` + nsErrors + `'/></failed>`
		b.ready = func(c *conn) {
			for i := range 10 {
				c.push(text(fmt.Sprint("new", i), "", fmt.Sprint("new ", i)))
			}
			_ = c.write(`<r xmlns='` + nsSM + `'/>`)
		}
	})
	w.cut()
	w.until("next session", func() bool { return w.connections() == 2 && w.session != former })
	next := w.session
	// The question is answered after ten seconds at most, whatever is stored.
	w.until("answer", func() bool {
		for _, a := range locked(w.server, func() []ack { return w.acks }) {
			if a.session == next.id {
				return true
			}
		}
		return false
	})
	require.Zero(t, w.highest(next.id), "nothing of it has been stored")
	stored()
	w.until("new", func() bool { return len(w.rows()) >= 213 || len(w.rows()) >= 210 && w.highest(next.id) >= 10 })
}

// What comes before counting begins is not counted.
func TestEarlyMessage(t *testing.T) {
	w := newWorld(t)
	answer := w.slowArchive()
	w.behaves(func(b *behaviour) {
		b.early = text("early", "", "early")
		b.ready = func(c *conn) {
			for i := range 3 {
				c.push(text(fmt.Sprint(i), "", fmt.Sprint(i)))
			}
		}
	})
	w.start()
	w.until("query", func() bool { return w.queried(1) })
	w.push(`<presence from='` + bob + `/x'/>`)
	w.until("presence", func() bool { return w.link.Presence(bob).Availability != xmpplink.Unavailable })
	sent := locked(w.server, func() []string { return w.session.sent })
	for i, s := range sent {
		if strings.Contains(s, "<body>0") {
			require.LessOrEqual(t, w.handled(), uint64(i))
		}
	}
	answer()
	w.until("all", func() bool { return len(w.rows()) == 4 })
	require.Equal(t, []string{"early", "0", "1", "2"}, w.rows())
}

// Presences outlive a cut, as the server says them only once in a session.
func TestPresenceOutlivesCut(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	w.push(`<presence from='` + bob + `/x'><show>away</show></presence>`)
	w.until("presence", func() bool { return w.link.Presence(bob).Availability == xmpplink.Away })
	w.cut()
	w.until("again", func() bool { return w.connections() == 2 && w.online() })
	require.Equal(t, xmpplink.Away, w.link.Presence(bob).Availability)
	w.behaves(func(b *behaviour) {
		b.refuse = `<failed xmlns='` + nsSM + `'/>`
	})
	w.cut()
	w.until("again", func() bool { return w.connections() == 3 && w.online() })
	require.Equal(t, xmpplink.Unavailable, w.link.Presence(bob).Availability)
}
