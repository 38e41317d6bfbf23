// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"slices"
	"testing"
	"time"

	"github.com/confab-im/confab/network/xmpp/element"
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
