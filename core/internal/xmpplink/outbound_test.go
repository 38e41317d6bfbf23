// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/stretchr/testify/require"
)

// A server that acknowledges nothing is not waited for: what it says is read on
// and on, and once it acknowledges the rest goes out.
func TestNothingAcknowledged(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	w.link.SignOut(t.Context())
	const n = 1200 // above the window
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint("out ", i))
		w.plain(want[i]) // beforehand: a server is given up that is silent for long
	}
	w.behaves(func(b *behaviour) { b.silent = true })
	w.startOnline()
	w.until("a full window", func() bool { return len(w.bodies()) >= 900 })
	for i := range 300 {
		w.push(`<iq type='set' id='push` + fmt.Sprint(i) + `'><query xmlns='jabber:iq:roster'><item jid='c` + fmt.Sprint(i) + `@` + domain + `' subscription='none'/></query></iq>`)
	}
	w.push(text("in", "", "in"))
	w.until("in", func() bool { l := w.rows(); return l[len(l)-1] == "in" })
	w.behaves(func(b *behaviour) { b.silent = false })
	_ = w.conn.write(`<a xmlns='` + nsSM + `' h='` + fmt.Sprint(locked(w.server, func() uint32 { return w.session.received })) + `'/>`)
	w.until("all sent", func() bool { return len(w.bodies()) == n })
	require.Equal(t, want, w.bodies())
}

// Without stream management, an answer that comes late or is an error confirms
// what was sent, and one lost answer leaves nothing unconfirmed.
func TestUnmanaged(t *testing.T) {
	w := newWorld(t)
	pings := 0
	w.behaves(func(b *behaviour) {
		b.unmanaged = true
		b.iq = func(c *conn, iq *element.Element) bool {
			if iq.Child("urn:xmpp:ping", "ping") == nil {
				return false
			}
			if pings++; pings%2 == 0 {
				c.refuse(iq, "not-allowed")
				return true
			}
			return false
		}
	})
	w.startOnline()
	const n = 2000
	var last int64
	for i := range n {
		last = w.plain(fmt.Sprint("out ", i))
	}
	w.until("sent", w.sent(last))
	require.Len(t, w.bodies(), n)
	for _, m := range w.history() {
		require.Equal(t, pipeline.StateSent, m.State)
	}
}

// What the server acknowledged until the end counts, also when signing out.
func TestSignOutKeepsAcknowledgements(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	w.behaves(func(b *behaviour) { b.silent = true })
	id := w.plain("out")
	w.until("written", func() bool { return len(w.bodies()) == 1 })
	done := w.busy()
	_ = w.conn.write(`<a xmlns='` + nsSM + `' h='` + fmt.Sprint(locked(w.server, func() uint32 { return w.session.received })) + `'/>`)
	gone := make(chan struct{})
	l := w.link
	go func() {
		defer close(gone)
		l.SignOut(context.WithoutCancel(t.Context()))
	}()
	w.until("cut", func() bool { return locked(w.server, func() bool { return len(w.open) == 0 }) })
	done()
	<-gone
	require.Equal(t, pipeline.StateSent, w.message(id).State)
	w.link = nil
}

// A message in doubt is sent again only after the archive was asked for it,
// however often the connection ends meanwhile.
func TestDoubtOutlivesCuts(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	w.behaves(func(b *behaviour) { b.silent = true })
	id := w.plain("once")
	w.until("written", func() bool { return len(w.bodies()) == 1 })
	w.file(`<message xmlns='jabber:client' from='` + full + `' to='` + bob + `' type='chat' id='monce'><body>once</body></message>`)
	answer := w.slowArchive()
	w.behaves(func(b *behaviour) {
		b.silent = false
		b.refuse = `<failed xmlns='` + nsSM + `'/>`
	})
	w.cut()
	w.until("next session", func() bool { return w.connections() == 2 && w.online() })
	w.behaves(func(b *behaviour) { b.refuse = "" })
	for range 2 {
		n := w.connections()
		w.cut()
		w.until("resumed", func() bool { return w.connections() > n && w.online() })
	}
	w.start() // as after a kill
	w.until("resumed", w.online)
	require.Len(t, w.bodies(), 1)
	answer()
	w.until("settled", w.sent(id))
	after := w.plain("after")
	w.until("sent", w.sent(after))
	require.Equal(t, []string{"once", "after"}, w.bodies())
}
