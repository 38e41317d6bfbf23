// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// What comes live, again as a carbon and again from the archive is one row.
func TestOneRow(t *testing.T) {
	w := newWorld(t)
	w.startOnline()
	id := w.file(text("1", "", "hello"))
	w.push(text("1", id, "hello"))
	w.push(`<message from='` + alice + `' to='` + full + `'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>` +
		text("1", id, "hello") + `</forwarded></received></message>`)
	w.push(text("1", id, "hello"))
	nameless := w.file(text("", "", "nameless"))
	w.push(text("", nameless, "nameless"))
	w.until("messages", func() bool { return len(w.rows()) == 2 })
	w.cut()
	w.until("again", func() bool { return w.connections() == 2 && w.online() })
	w.until("caught up", w.caughtUp)
	w.behaves(func(b *behaviour) {
		b.refuse = `<failed xmlns='` + nsSM + `' h='2'><item-not-found xmlns='` + nsErrors + `'/></failed>`
	})
	w.cut()
	w.until("again", func() bool { return w.connections() == 3 && w.online() })
	w.until("caught up", w.caughtUp)
	w.push(text("2", w.file(text("2", "", "end")), "end"))
	w.until("end", func() bool { return len(w.rows()) > 2 })
	require.Equal(t, []string{"hello", "nameless", "end"}, w.rows())
}

// A message without an id is known again by the archive's id for it, also if it
// came before the archive was known to exist.
func TestNamelessBeforeArchive(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if !isMAM(iq) {
				return false
			}
			c.server.behaves(func(b *behaviour) { b.iq = nil })
			c.fin(iq, true, 0, -1) // nothing yet
			close(release)
			return true
		}
		b.ready = func(c *conn) {
			c.push(text("", c.file(text("", "", "nameless")), "nameless"))
		}
	})
	w.start()
	<-release
	w.until("message", func() bool { return len(w.rows()) > 0 })
	w.until("caught up", w.caughtUp)
	w.behaves(func(b *behaviour) { b.ready = nil })
	w.close()
	w.startOnline()
	w.push(text("2", w.file(text("2", "", "end")), "end"))
	w.until("end", func() bool { l := w.rows(); return l[len(l)-1] == "end" })
	require.Equal(t, []string{"nameless", "end"}, w.rows())
}

// A server whose pages never come to an end does not keep an account busy, nor
// its messages waiting.
func TestEndlessArchive(t *testing.T) {
	for name, last := range map[string]func(n int) int{
		"the same":   func(int) int { return 0 },
		"in circles": func(n int) int { return n % 7 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.startOnline()
			w.file(text("x", "", "seed"))
			w.cut()
			w.until("seed", func() bool { return len(w.rows()) == 1 && w.caughtUp() })
			asked := 0
			w.behaves(func(b *behaviour) {
				b.iq = func(c *conn, iq *element.Element) bool {
					if !isMAM(iq) {
						return false
					}
					n := last(asked)
					asked++
					c.push(result(iq.Child(nsMAM, "query").AttrValue("queryid"), fmt.Sprintf("a%d", n), text(fmt.Sprint(n), "", fmt.Sprint(n))))
					c.fin(iq, false, n, n)
					return true
				}
			})
			w.cut()
			w.until("again", func() bool { return w.connections() == 3 && w.online() })
			w.push(text("live", "", "live"))
			w.until("live", func() bool { l := w.rows(); return len(l) > 0 && l[len(l)-1] == "live" })
			w.until("caught up", w.caughtUp)
		})
	}
}

// A server that manages streams but resumes none is served all the same.
func TestManagedNotResumable(t *testing.T) {
	w := newWorld(t)
	w.behaves(func(b *behaviour) { b.enabled = `<enabled xmlns='` + nsSM + `'/>` })
	w.startOnline()
	id := w.plain("out")
	w.until("sent", w.sent(id))
	w.push(text("1", "", "in"))
	w.until("in", func() bool { return len(w.rows()) == 2 })
	require.Equal(t, 1, w.connections())
}

// A connection that ends at once, and is resumed, leaves no half of a session.
func TestCutAtOnce(t *testing.T) {
	w := newWorld(t)
	w.behaves(func(b *behaviour) {
		b.ready = func(c *conn) {
			c.server.behaves(func(b *behaviour) { b.ready = nil })
			_ = c.net.Close()
		}
	})
	w.start()
	w.until("available", func() bool { return w.count(isPresence) > 0 })
	w.until("roster", func() bool {
		return w.count(func(e *element.Element) bool { return e.Child("jabber:iq:roster", "query") != nil }) > 0
	})
	w.until("carbons", func() bool {
		return w.count(func(e *element.Element) bool { return e.Child("urn:xmpp:carbons:2", "enable") != nil }) > 0
	})
}

// A roster of thousands is far above the usual limit of a stanza.
func TestBigRoster(t *testing.T) {
	const n = 5000
	var items strings.Builder
	for i := range n {
		fmt.Fprintf(&items, `<item jid='somebody-%d@somewhere.example.org' name='Somebody Number %d' subscription='both'><group>All of them</group></item>`, i, i)
	}
	require.Greater(t, items.Len(), 512<<10)
	w := newWorld(t)
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if iq.Child("jabber:iq:roster", "query") == nil {
				return false
			}
			c.result(iq, `<query xmlns='jabber:iq:roster'>`+items.String()+`</query>`)
			return true
		}
	})
	w.startOnline()
	w.until("roster", func() bool {
		var rows []storage.RosterItem
		require.NoError(t, w.account.DB.View(t.Context(), func(r *storage.Reader) (err error) {
			rows, err = r.Roster(w.account.ID)
			return err
		}))
		return len(rows) == n
	})
	require.Equal(t, 1, w.connections())
}
