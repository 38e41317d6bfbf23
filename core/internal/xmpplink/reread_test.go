// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"slices"
	"testing"
	"time"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/stretchr/testify/require"
)

// What a server comes late with, after newer messages and after the archive has
// been read, finds its place without another connection; what it never comes
// with is found as well.
func TestReread(t *testing.T) {
	w := newWorld(t)
	w.reread = 100 * time.Millisecond
	w.behaves(func(b *behaviour) {
		b.ready = func(c *conn) {
			one, two := text("1", c.file(text("1", "", "1")), "1"), text("2", c.file(text("2", "", "2")), "2")
			c.file(text("3", "", "3")) // lost
			four := text("4", c.file(text("4", "", "4")), "4")
			c.server.behaves(func(b *behaviour) {
				b.ready = nil
				b.iq = func(c *conn, iq *element.Element) bool {
					if !isMAM(iq) {
						return false
					}
					c.server.behaves(func(b *behaviour) { b.iq = nil })
					c.fin(iq, true, 0, -1) // nothing yet
					c.push(one, four, two)
					return true
				}
			})
		}
	})
	w.start()
	w.until("order", func() bool { return slices.Equal(w.rows(), []string{"1", "2", "3", "4"}) })
	w.until("caught up", w.caughtUp)
}

// A connection that is lost while messages wait for the archive is resumed at
// once: they wait no longer, and find their places when the archive is there.
func TestCutWhileHolding(t *testing.T) {
	w := newWorld(t)
	w.waits = stream.Timeouts{Settle: time.Hour, Negotiate: 2 * time.Hour}
	asked := make(chan *element.Element, 1)
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if !isMAM(iq) {
				return false
			}
			c.server.behaves(func(b *behaviour) { b.iq = nil })
			asked <- iq
			return true
		}
	})
	w.start()
	query := <-asked
	w.file(text("1", "", "1")) // lost
	w.push(text("2", w.file(text("2", "", "2")), "2"))
	w.push(`<iq type='get' id='held'><ping xmlns='urn:xmpp:ping'/></iq>`) // answered: the message is held
	w.until("held", func() bool {
		return w.count(func(e *element.Element) bool { return e.AttrValue("id") == "held" }) == 1
	})
	require.Empty(t, w.rows())
	w.cut()
	w.until("again", func() bool { return w.connections() == 2 && w.online() })
	locked(w.server, func() *conn { return w.conn }).page(query, query.Child(nsMAM, "query"))
	w.until("order", func() bool { return slices.Equal(w.rows(), []string{"1", "2"}) })
}
