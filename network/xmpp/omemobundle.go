// SPDX-License-Identifier: MPL-2.0

// XEP-0384: OMEMO Encryption, bundles

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A Bundle is what a device publishes so that others can start a session with
// it. Keys are 32 bytes. The identity is a Curve25519 key in OMEMO03 and an
// Ed25519 key in OMEMO2, all others are Curve25519 keys. Nothing in it has
// been verified.
type Bundle struct {
	Identity       []byte
	SignedPreKeyID uint32
	SignedPreKey   []byte
	Signature      []byte // 64 bytes
	PreKeys        []PreKey
}

// A PreKey is a one-time prekey.
type PreKey struct {
	ID     uint32
	Public []byte
}

const (
	keySize       = 32
	signatureSize = 64
	// djbType leads each public key of OMEMO03 on the wire.
	djbType = 0x05
)

// bundleTags are the names of the parts of a bundle in the two profiles.
type bundleTags struct {
	spk, spkID, signature, identity, preKey, preKeyID string
}

func tagsOf(profile uint8) bundleTags {
	if profile == OMEMO2 {
		return bundleTags{"spk", "id", "spks", "ik", "pk", "id"}
	}
	return bundleTags{"signedPreKeyPublic", "signedPreKeyId", "signedPreKeySignature", "identityKey", "preKeyPublic", "preKeyId"}
}

// bundleNode returns where a bundle is published: OMEMO03 has a node per
// device, OMEMO2 an item per device.
func bundleNode(profile uint8, device uint32) (node, item string) {
	if profile == OMEMO2 {
		return NSOMEMO2 + ":bundles", formatID(device)
	}
	return NSOMEMO03 + ".bundles:" + formatID(device), CurrentItem
}

// ParseBundle reads a <bundle/> of either profile. One-time prekeys that cannot
// be read, repeated ids and those beyond [MaxPreKeys] are left out.
//
// Errors: [ErrMalformed].
func ParseBundle(x *element.Element) (profile uint8, b Bundle, err error) {
	if !x.Is(NSOMEMO03, "bundle") && !x.Is(NSOMEMO2, "bundle") {
		return 0, Bundle{}, fmt.Errorf("parse bundle: %w", ErrMalformed)
	}
	profile = profileOf(x.Name.Space)
	if b, err = parseBundle(x, profile); err != nil {
		return 0, Bundle{}, fmt.Errorf("parse bundle: %w", err)
	}
	return profile, b, nil
}

func parseBundle(x *element.Element, profile uint8) (b Bundle, err error) {
	ns, tags := x.Name.Space, tagsOf(profile)
	if b.Identity, err = parseKey(x.Child(ns, tags.identity), profile); err != nil {
		return b, fmt.Errorf("%w: identity", err)
	}
	spk := x.Child(ns, tags.spk)
	if b.SignedPreKey, err = parseKey(spk, profile); err != nil {
		return b, fmt.Errorf("%w: signed prekey", err)
	}
	if b.SignedPreKeyID, err = parseID(spk.AttrValue(tags.spkID)); err != nil {
		return b, fmt.Errorf("%w: signed prekey", err)
	}
	if b.Signature, err = decodeBase64(x.ChildText(ns, tags.signature)); err != nil || len(b.Signature) != signatureSize {
		return b, fmt.Errorf("%w: signature", ErrMalformed)
	}
	seen := make(map[uint32]bool)
	for pk := range x.Child(ns, "prekeys").All(ns, tags.preKey) {
		id, err := parseID(pk.AttrValue(tags.preKeyID))
		if err != nil || seen[id] {
			continue
		}
		key, err := parseKey(pk, profile)
		if err != nil {
			continue
		}
		if len(b.PreKeys) >= MaxPreKeys {
			break
		}
		seen[id] = true
		b.PreKeys = append(b.PreKeys, PreKey{ID: id, Public: key})
	}
	return b, nil
}

func parseKey(x *element.Element, profile uint8) ([]byte, error) {
	if x == nil {
		return nil, fmt.Errorf("%w: no key", ErrMalformed)
	}
	key, err := decodeBase64(x.Text)
	if err != nil {
		return nil, err
	}
	if profile == OMEMO03 {
		if len(key) != keySize+1 || key[0] != djbType {
			return nil, fmt.Errorf("%w: key", ErrMalformed)
		}
		key = key[1:]
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("%w: key", ErrMalformed)
	}
	return key, nil
}

func formatKey(key []byte, profile uint8) string {
	if profile == OMEMO03 {
		key = append([]byte{djbType}, key...)
	}
	return encodeBase64(key)
}

// Element builds the <bundle/>.
func (b Bundle) Element(profile uint8) *element.Element {
	ns, tags := namespaceOf(profile), tagsOf(profile)
	prekeys := element.New(ns, "prekeys")
	for _, pk := range b.PreKeys {
		prekeys.Add(element.New(ns, tags.preKey).With(tags.preKeyID, formatID(pk.ID)).WithText(formatKey(pk.Public, profile)))
	}
	return element.New(ns, "bundle").Add(
		element.New(ns, tags.spk).With(tags.spkID, formatID(b.SignedPreKeyID)).WithText(formatKey(b.SignedPreKey, profile)),
		element.New(ns, tags.signature).WithText(encodeBase64(b.Signature)),
		element.New(ns, tags.identity).WithText(formatKey(b.Identity, profile)),
		prekeys,
	)
}

// FetchBundle fetches the bundle of a device.
//
// Errors: [ErrNoNode], [ErrMalformed], and those of [Client.FetchItems].
func (c *Client) FetchBundle(ctx context.Context, of jid.JID, profile uint8, device uint32) (Bundle, error) {
	node, id := bundleNode(profile, device)
	var ids []string
	if profile == OMEMO2 {
		ids = []string{id}
	}
	items, err := c.FetchItems(ctx, of, node, 0, ids...)
	if err != nil {
		return Bundle{}, fmt.Errorf("fetch bundle: %w", err)
	}
	item := current(items)
	if profile == OMEMO2 && item != nil && item.ID != id {
		item = nil
	}
	if item == nil {
		return Bundle{}, fmt.Errorf("fetch bundle: %w", ErrNoNode)
	}
	got, b, err := ParseBundle(item.Payload)
	if err == nil && got != profile {
		err = fmt.Errorf("fetch bundle: %w: other profile", ErrMalformed)
	}
	return b, err
}

// PublishBundle publishes the bundle of a device of our account for everybody.
// In OMEMO2 all devices share one node, which must be able to hold them all;
// servers that keep a single item by default are told so.
//
// Errors: those of [Client.Publish].
func (c *Client) PublishBundle(ctx context.Context, profile uint8, device uint32, b Bundle) error {
	node, item := bundleNode(profile, device)
	cfg := NodeConfig{Access: AccessOpen}
	if profile == OMEMO2 {
		cfg.MaxItems = MaxItemsMax
	}
	if _, err := c.Publish(ctx, node, item, b.Element(profile), cfg); err != nil {
		return fmt.Errorf("publish bundle: %w", err)
	}
	return nil
}
