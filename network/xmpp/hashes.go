// SPDX-License-Identifier: MPL-2.0

// XEP-0300: Use of Cryptographic Hash Functions in XMPP

package xmpp

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"strings"

	"golang.org/x/crypto/blake2b"

	"github.com/confab-im/confab/network/xmpp/element"
)

const nsHashes = "urn:xmpp:hashes:2"

// The hash functions of XEP-0414 that may be used, best known first.
const (
	SHA256     = "sha-256"
	SHA512     = "sha-512"
	SHA3_256   = "sha3-256"
	SHA3_512   = "sha3-512"
	BLAKE2b256 = "blake2b-256"
	BLAKE2b512 = "blake2b-512"
)

// maxHashes bounds the hashes read of one file.
const maxHashes = 8

// A Hash is the digest of a file.
type Hash struct {
	Algo  string
	Value []byte
}

// New returns a fresh hash function of that kind, nil for one that is not
// known or, like SHA-1, not to be relied on.
func (h Hash) New() hash.Hash {
	switch h.Algo {
	case SHA256:
		return sha256.New()
	case SHA512:
		return sha512.New()
	case SHA3_256:
		return sha3.New256()
	case SHA3_512:
		return sha3.New512()
	case BLAKE2b256, BLAKE2b512:
		return newBLAKE2b(h.Algo)
	}
	return nil
}

func newBLAKE2b(algo string) hash.Hash {
	makeHash := blake2b.New512
	if algo == BLAKE2b256 {
		makeHash = blake2b.New256
	}
	if h, err := makeHash(nil); err == nil {
		return h
	}
	return nil
}

// hashesOf reads the hashes in e which have a known function and the size that
// it gives.
func hashesOf(e *element.Element) []Hash {
	var list []Hash
	for x := range e.All(nsHashes, "hash") {
		if len(list) == maxHashes {
			break
		}
		h := Hash{Algo: strings.ToLower(x.AttrValue("algo"))}
		function := h.New()
		if function == nil || len(x.Text) > 2*base64.StdEncoding.EncodedLen(function.Size()) {
			continue
		}
		var err error
		if h.Value, err = decodeBase64(x.Text); err == nil && len(h.Value) == function.Size() {
			list = append(list, h)
		}
	}
	return list
}

func hashElements(hashes []Hash) []*element.Element {
	var list []*element.Element
	for _, h := range hashes {
		list = append(list, element.New(nsHashes, "hash").With("algo", h.Algo).
			WithText(base64.StdEncoding.EncodeToString(h.Value)))
	}
	return list
}
