// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// encrypts gives the account a session engine, of one profile, and a contact.
func (w *world) encrypts() {
	w.t.Helper()
	var err error
	w.account.OMEMO, err = omemo.NewSuite(omemo.Config{Engine: libsignal.New(), JID: alice})
	require.NoError(w.t, err)
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if iq.Child("jabber:iq:roster", "query") != nil {
				c.result(iq, `<query xmlns='jabber:iq:roster'><item jid='`+bob+`' subscription='both'/></query>`)
				return true
			}
			pubsub := iq.Child("http://jabber.org/protocol/pubsub", "pubsub")
			if pubsub.Child("http://jabber.org/protocol/pubsub", "publish") == nil {
				return false
			}
			c.result(iq, "")
			return true
		}
	})
}

// published counts the bundles that were, and how many prekeys the last had.
func (w *world) published() (n, prekeys int) {
	w.count(func(e *element.Element) bool {
		publish := e.Child("http://jabber.org/protocol/pubsub", "pubsub").Child("http://jabber.org/protocol/pubsub", "publish")
		bundle := publish.Child("http://jabber.org/protocol/pubsub", "item").Child(xmpp.NSOMEMO03, "bundle")
		if bundle == nil {
			return false
		}
		n++
		prekeys = len(bundle.Child(xmpp.NSOMEMO03, "prekeys").Children)
		return true
	})
	return n, prekeys
}

// keyExchange is a message of a new device of Bob's to Alice's, with the
// prekey that is at the place.
func (w *world) keyExchange(place int, body string) string {
	w.t.Helper()
	ctx := w.t.Context()
	var to omemo.Bundle
	require.NoError(w.t, w.account.DB.Update(ctx, func(tx *storage.Tx) (err error) {
		to, err = w.account.OMEMO.OwnBundle(tx.Context(), tx.OMEMO(w.account.ID), engine.Profile03)
		return err
	}))
	to.PreKeys = to.PreKeys[place : place+1]
	suite, err := omemo.NewSuite(omemo.Config{Engine: libsignal.New(), JID: bob})
	require.NoError(w.t, err)
	st := omemotest.NewStore()
	_, err = suite.Setup(ctx, st)
	require.NoError(w.t, err)
	_, err = suite.UpdateDevices(ctx, st, engine.Profile03, alice, []omemo.Listed{{ID: to.Device}})
	require.NoError(w.t, err)
	target := omemo.Target{Profile: engine.Profile03, Address: omemo.Address{JID: alice, Device: to.Device}}
	require.NoError(w.t, suite.AddBundle(ctx, st, target, to.PublishedBundle))
	envs, _, err := suite.Encrypt(ctx, st, func(engine.Profile) ([]byte, error) { return []byte(body), nil }, []string{alice})
	require.NoError(w.t, err)
	env, text := envs[0], base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`<message xmlns='jabber:client' from='%s/x' to='%s' type='chat' id='%s'><encrypted xmlns='%s'><header sid='%d'>`+
		`<key rid='%d' prekey='true'>%s</key><iv>%s</iv></header><payload>%s</payload></encrypted></message>`,
		bob, alice, body, xmpp.NSOMEMO03, env.SID, to.Device, text(env.Keys[0].Data), text(env.IV), text(env.Payload))
}

// empties counts the messages without content that came.
func (w *world) empties() int {
	return w.count(func(e *element.Element) bool {
		x := e.Child(xmpp.NSOMEMO03, "encrypted")
		return x != nil && x.Child(xmpp.NSOMEMO03, "payload") == nil
	})
}

// Two devices have used the same prekey while we were away: both messages can be
// read, also when one comes only with the second page. Then the prekeys go, the
// bundle is published once, and each device is answered once.
func TestPreKeysOutliveCatchUp(t *testing.T) {
	w := newWorld(t)
	w.encrypts()
	w.startOnline()
	w.until("the bundle", func() bool { n, _ := w.published(); return n == 1 })
	w.until("the announcement", func() bool { // else it is all published again
		var ok bool
		require.NoError(t, w.account.DB.View(t.Context(), func(r *storage.Reader) (err error) {
			_, ok, err = r.Value(w.account.ID, "omemo.announced")
			return err
		}))
		return ok
	})
	w.close()
	w.file(w.keyExchange(7, "first"))
	for n := range 260 { // more than a page
		w.file(strings.Replace(text(fmt.Sprint("t", n), "", fmt.Sprint("text ", n)), full, alice, 1))
	}
	w.file(w.keyExchange(7, "second"))
	w.file(w.keyExchange(8, "third"))
	before := w.empties()
	w.start()
	w.until("all messages", func() bool { return len(w.history()) == 263 })
	for _, m := range w.history() {
		require.Equal(t, pipeline.KindText, m.Kind, m.Reason)
	}
	w.until("the answers", func() bool { return w.empties() == before+3 })
	w.until("the new bundle", func() bool { n, prekeys := w.published(); return n == 2 && prekeys == 100 })
	w.until("caught up", w.caughtUp)

	// From now on each is good for one message.
	used := w.keyExchange(7, "fourth")
	for range 2 {
		w.push(strings.Replace(used, "to='"+alice, "to='"+full, 1))
	}
	w.until("its answer", func() bool { return w.empties() == before+4 })
	w.until("its bundle", func() bool { n, prekeys := w.published(); return n == 3 && prekeys == 100 })
	require.Len(t, w.history(), 264)
}
