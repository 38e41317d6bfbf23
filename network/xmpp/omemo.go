// SPDX-License-Identifier: MPL-2.0

// XEP-0384: OMEMO Encryption, messages

package xmpp

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/confab-im/confab/network/xmpp/element"
)

// The profiles of OMEMO: version 0.3 of XEP-0384, which is what most clients
// speak, and versions from 0.8 on.
const (
	OMEMO03 uint8 = 1
	OMEMO2  uint8 = 2
)

// Namespaces of the two profiles.
const (
	NSOMEMO03 = "eu.siacs.conversations.axolotl"
	NSOMEMO2  = "urn:xmpp:omemo:2"
)

// Bounds on what others send. Entries beyond them are cut off.
const (
	MaxDevices = 256  // of one account
	MaxPreKeys = 500  // of one bundle
	MaxKeys    = 4096 // of one message
)

// maxID bounds ids of devices and keys: some clients read them as signed.
const maxID = 1<<31 - 1

// An Encrypted is the OMEMO part of a message.
type Encrypted struct {
	Profile uint8
	SID     uint32 // device id of the sender
	Keys    []EncryptedKey
	IV      []byte // of OMEMO03 only
	Payload []byte // nil for an empty message; not nil though empty for an empty <payload/>
}

// An EncryptedKey is the message key for one device.
type EncryptedKey struct {
	RID    uint32 // device id of the recipient
	JID    string // account of the recipient, as sent; OMEMO2 only
	PreKey bool   // Data is a key exchange
	Data   []byte // nil when it is no base64
}

// encryptedOf reads the OMEMO parts of a message: one of each profile at most.
// One that cannot be read is left out beside one that can.
func encryptedOf(message *element.Element) (found []Encrypted, err error) {
	for _, ns := range []string{NSOMEMO03, NSOMEMO2} {
		x := message.Child(ns, "encrypted")
		if x == nil {
			continue
		}
		e, failed := ParseEncrypted(x)
		if failed != nil {
			err = failed
			continue
		}
		found = append(found, e)
	}
	if found != nil {
		return found, nil
	}
	return nil, err
}

// ParseEncrypted reads an <encrypted/> of either profile. Keys for ids that no
// device can have are left out.
//
// Errors: [ErrMalformed].
func ParseEncrypted(x *element.Element) (Encrypted, error) {
	e, err := parseEncrypted(x)
	if err != nil {
		return Encrypted{}, fmt.Errorf("parse encrypted message: %w", err)
	}
	return e, nil
}

func parseEncrypted(x *element.Element) (Encrypted, error) {
	if !x.Is(NSOMEMO03, "encrypted") && !x.Is(NSOMEMO2, "encrypted") {
		return Encrypted{}, ErrMalformed
	}
	ns := x.Name.Space
	e := Encrypted{Profile: profileOf(ns)}
	header := x.Child(ns, "header")
	var err error
	if e.SID, err = parseID(header.AttrValue("sid")); err != nil {
		return Encrypted{}, fmt.Errorf("%w: sender device", err)
	}
	if e.Profile == OMEMO03 {
		e.addKeys(header, "", "prekey")
		iv := header.Child(ns, "iv")
		if iv == nil {
			return Encrypted{}, fmt.Errorf("%w: no iv", ErrMalformed)
		}
		if e.IV, err = decodeBase64(iv.Text); err != nil {
			return Encrypted{}, fmt.Errorf("%w: iv", err)
		}
	} else {
		for keys := range header.All(ns, "keys") {
			e.addKeys(keys, keys.AttrValue("jid"), "kex")
		}
	}
	if p := x.Child(ns, "payload"); p != nil {
		if e.Payload, err = decodeBase64(p.Text); err != nil {
			return Encrypted{}, fmt.Errorf("%w: payload", err)
		}
	}
	return e, nil
}

func (e *Encrypted) addKeys(from *element.Element, account, exchange string) {
	for x := range from.All(from.Name.Space, "key") {
		id, err := parseID(x.AttrValue("rid"))
		if err != nil || len(e.Keys) >= MaxKeys {
			continue
		}
		key := EncryptedKey{RID: id, JID: account, PreKey: isTrue(x.AttrValue(exchange))}
		if data, err := decodeBase64(x.Text); err == nil {
			key.Data = data
		}
		e.Keys = append(e.Keys, key)
	}
}

// Element builds the <encrypted/>.
func (e Encrypted) Element() *element.Element {
	ns, exchange := NSOMEMO03, "prekey"
	if e.Profile == OMEMO2 {
		ns, exchange = NSOMEMO2, "kex"
	}
	header := element.New(ns, "header").With("sid", formatID(e.SID))
	groups := map[string]*element.Element{}
	for _, k := range e.Keys {
		key := element.New(ns, "key").With("rid", formatID(k.RID)).WithText(encodeBase64(k.Data))
		if k.PreKey {
			key.With(exchange, "true")
		}
		if e.Profile != OMEMO2 {
			header.Add(key)
			continue
		}
		if groups[k.JID] == nil {
			groups[k.JID] = element.New(ns, "keys").With("jid", k.JID)
			header.Add(groups[k.JID])
		}
		groups[k.JID].Add(key)
	}
	if e.Profile != OMEMO2 {
		header.Add(element.New(ns, "iv").WithText(encodeBase64(e.IV)))
	}
	x := element.New(ns, "encrypted").Add(header)
	if e.Payload != nil {
		x.Add(element.New(ns, "payload").WithText(encodeBase64(e.Payload)))
	}
	return x
}

func profileOf(ns string) uint8 {
	if ns == NSOMEMO2 {
		return OMEMO2
	}
	return OMEMO03
}

func namespaceOf(profile uint8) string {
	if profile == OMEMO2 {
		return NSOMEMO2
	}
	return NSOMEMO03
}

// parseID reads the id of a device or key, 1 to 2³¹−1.
func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(strings.Trim(s, xmlSpace), 10, 32)
	if err != nil || n == 0 || n > maxID {
		return 0, fmt.Errorf("%w: id", ErrMalformed)
	}
	return uint32(n), nil
}

func formatID(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

const xmlSpace = " \t\r\n"

var withoutSpace = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")

// decodeBase64 decodes base64 with any white space in it. It never returns nil
// without an error.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, xmlSpace) {
		s = withoutSpace.Replace(s)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%w: base64", ErrMalformed)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

func encodeBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
