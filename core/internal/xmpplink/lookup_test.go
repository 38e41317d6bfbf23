// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/stretchr/testify/require"
)

const nsPubSub = "http://jabber.org/protocol/pubsub"

// devices answers for Bob's pubsub nodes: what say returns for the node's name.
func (w *world) devices(say func(node string) (result, condition string)) {
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			pubsub := iq.Child(nsPubSub, "pubsub")
			if pubsub == nil || iq.AttrValue("to") != bob {
				return false
			}
			items := pubsub.Child(nsPubSub, "items")
			if items == nil {
				return false
			}
			result, condition := say(items.AttrValue("node"))
			if condition != "" {
				c.refuse(iq, condition)
				return true
			}
			c.result(iq, `<pubsub xmlns='`+nsPubSub+`'><items node='`+items.AttrValue("node")+`'><item id='current'>`+result+`</item></items></pubsub>`)
			return true
		}
	})
}

func (w *world) encrypted() {
	w.t.Helper()
	var err error
	w.account.OMEMO, err = omemo.NewSuite(omemo.Config{Engine: libsignal.New(), JID: alice})
	require.NoError(w.t, err)
}

// A peer who cannot be asked for devices is not one who has none: the message
// stays queued and says why, and is sent, or blocked, once there is an answer.
func TestPeerCannotBeAsked(t *testing.T) {
	t.Run("none in the end", func(t *testing.T) {
		w := newWorld(t)
		w.encrypted()
		var reached atomic.Bool
		w.devices(func(string) (string, string) {
			if !reached.Load() {
				return "", "remote-server-not-found"
			}
			return "", "item-not-found"
		})
		w.startOnline()
		id := w.send("waits", pipeline.EncryptionOMEMO)
		w.until("reason", func() bool { return w.message(id).Reason != "" })
		require.Equal(t, pipeline.ReasonUnasked, w.message(id).Reason)
		require.Equal(t, pipeline.StateQueued, w.message(id).State)
		reached.Store(true)
		w.until("blocked", func() bool { return w.message(id).State == pipeline.StateBlocked })
		require.Equal(t, pipeline.ReasonNoDevices, w.message(id).Reason)
	})
	for name, condition := range map[string]string{"list": "devicelist", "bundle": "bundles:"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.encrypted()
			var reached atomic.Bool
			device, bundle := bundleOf(t)
			w.devices(func(node string) (string, string) {
				switch {
				case !reached.Load() && strings.Contains(node, condition):
					return "", "remote-server-timeout"
				case strings.HasSuffix(node, "devicelist"):
					return `<list xmlns='eu.siacs.conversations.axolotl'><device id='` + device + `'/></list>`, ""
				case strings.HasSuffix(node, "bundles:"+device):
					return bundle, ""
				}
				return "", "item-not-found"
			})
			w.startOnline()
			id := w.send("waits", pipeline.EncryptionOMEMO)
			w.until("reason", func() bool { return w.message(id).Reason != "" })
			require.Equal(t, pipeline.ReasonUnasked, w.message(id).Reason)
			require.Equal(t, pipeline.StateQueued, w.message(id).State)
			reached.Store(true)
			w.until("sent", w.sent(id))
			require.Empty(t, w.message(id).Reason)
		})
	}
}

// bundleOf makes the keys of a device of Bob's.
func bundleOf(t *testing.T) (device, bundle string) {
	t.Helper()
	m, err := omemo.New(omemo.Config{Engine: libsignal.New(), JID: bob})
	require.NoError(t, err)
	store := omemotest.NewStore()
	_, err = m.Setup(t.Context(), store)
	require.NoError(t, err)
	own, err := m.OwnBundle(t.Context(), store)
	require.NoError(t, err)
	text := base64.StdEncoding.EncodeToString
	key := func(k [32]byte) string { return text(append([]byte{5}, k[:]...)) }
	var b strings.Builder
	fmt.Fprintf(&b, `<bundle xmlns='eu.siacs.conversations.axolotl'><signedPreKeyPublic signedPreKeyId='%d'>%s</signedPreKeyPublic>`+
		`<signedPreKeySignature>%s</signedPreKeySignature><identityKey>%s</identityKey><prekeys>`,
		own.SignedPreKeyID, key(own.SignedPreKey), text(own.Signature), key(own.Identity))
	for _, k := range own.PreKeys {
		fmt.Fprintf(&b, `<preKeyPublic preKeyId='%d'>%s</preKeyPublic>`, k.ID, key(k.Public))
	}
	return strconv.FormatUint(uint64(own.Device), 10), b.String() + `</prekeys></bundle>`
}
