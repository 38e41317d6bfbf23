// SPDX-License-Identifier: MPL-2.0

// XEP-0448: Encryption for stateless file sharing

package xmpp

import (
	"encoding/base64"

	"github.com/confab-im/confab/network/xmpp/element"
)

const nsEncryptedFiles = "urn:xmpp:esfs:0"

// The ciphers of XEP-0448 §4 that authenticate. The third, AES-256 in CBC mode,
// does not, and is not read.
const (
	CipherAES128GCM = "urn:xmpp:ciphers:aes-128-gcm-nopadding:0"
	CipherAES256GCM = "urn:xmpp:ciphers:aes-256-gcm-nopadding:0"
)

// An EncryptedSource is an encrypted copy of a file, with its key: it must only
// be sent inside of an end-to-end encrypted message. A key from outside of one
// is worth nothing, as every server on the way has it too.
type EncryptedSource struct {
	Cipher string
	Key    []byte   // 16 or 32 bytes
	IV     []byte   // 12 bytes, or 16 by some clients
	Hashes []Hash   // of the encrypted file
	URLs   []string // https:, of the encrypted file
}

// parseEncryptedSource returns nil for a cipher that is not known, a key that
// does not fit it, and when there is no address.
func parseEncryptedSource(x *element.Element) *EncryptedSource {
	e := EncryptedSource{Cipher: x.AttrValue("cipher"), Hashes: hashesOf(x)}
	var errKey, errIV error
	e.Key, errKey = shortBase64(x.ChildText(nsEncryptedFiles, "key"))
	e.IV, errIV = shortBase64(x.ChildText(nsEncryptedFiles, "iv"))
	if errKey != nil || errIV != nil || !e.fits() {
		return nil
	}
	for _, s := range sourcesOf(x.Child(NSFileSharing, "sources")) {
		if s.URL != "" {
			e.URLs = append(e.URLs, s.URL)
		}
	}
	if len(e.URLs) == 0 {
		return nil
	}
	return &e
}

func (e *EncryptedSource) fits() bool {
	size := map[string]int{CipherAES128GCM: 16, CipherAES256GCM: 32}[e.Cipher]
	return size > 0 && len(e.Key) == size && (len(e.IV) == 12 || len(e.IV) == 16)
}

func (e *EncryptedSource) element() *element.Element {
	if e == nil || !e.fits() || len(e.URLs) == 0 {
		return nil
	}
	var sources []FileSource
	for _, u := range e.URLs {
		sources = append(sources, FileSource{URL: u})
	}
	return element.New(nsEncryptedFiles, "encrypted").With("cipher", e.Cipher).
		Add(element.New(nsEncryptedFiles, "key").WithText(base64.StdEncoding.EncodeToString(e.Key)),
			element.New(nsEncryptedFiles, "iv").WithText(base64.StdEncoding.EncodeToString(e.IV))).
		Add(hashElements(e.Hashes)...).
		Add(sourcesElement(sources))
}

// shortBase64 decodes what cannot be long.
func shortBase64(s string) ([]byte, error) {
	if len(s) > 256 {
		return nil, ErrMalformed
	}
	return decodeBase64(s)
}
