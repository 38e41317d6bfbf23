// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/network/xmpp"
)

// bundleToWire turns the own bundle into what a profile publishes: the identity
// has a form of its own in each.
func bundleToWire(p engine.Profile, b omemo.PublishedBundle) (xmpp.Bundle, error) {
	identity, err := engine.IdentityBytes(p, b.Identity)
	if err != nil {
		return xmpp.Bundle{}, fmt.Errorf("build bundle: %w", err)
	}
	if p == engine.Profile03 {
		identity = identity[1:] // the type byte is the wire's
	}
	w := xmpp.Bundle{
		Identity: identity, SignedPreKeyID: b.SignedPreKeyID, SignedPreKey: b.SignedPreKey[:], Signature: b.Signature,
		PreKeys: make([]xmpp.PreKey, len(b.PreKeys)),
	}
	for i, k := range b.PreKeys {
		w.PreKeys[i] = xmpp.PreKey{ID: k.ID, Public: k.Public[:]}
	}
	return w, nil
}

// bundleFromWire leaves out prekeys of a wrong length; a bundle whose other keys
// are none is no bundle.
func bundleFromWire(p engine.Profile, w xmpp.Bundle) (omemo.PublishedBundle, error) {
	published := w.Identity
	if p == engine.Profile03 {
		published = append([]byte{engine.TypeByte}, published...)
	}
	identity, err := engine.ParseIdentity(p, published)
	if err != nil || len(w.SignedPreKey) != len(engine.PublicKey{}) {
		return omemo.PublishedBundle{}, omemo.ErrBadBundle
	}
	b := omemo.PublishedBundle{
		Identity: identity, SignedPreKeyID: w.SignedPreKeyID,
		SignedPreKey: engine.PublicKey(w.SignedPreKey), Signature: w.Signature,
	}
	for _, k := range w.PreKeys {
		if len(k.Public) == len(engine.PublicKey{}) {
			b.PreKeys = append(b.PreKeys, omemo.PublishedPreKey{ID: k.ID, Public: engine.PublicKey(k.Public)})
		}
	}
	return b, nil
}
