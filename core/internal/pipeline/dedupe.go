// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"

	"github.com/confab-im/confab/crypto/omemo"
)

// A dedupe key is a hash over length-prefixed parts, so that no choice of
// names by a sender can run into another key. Sixteen bytes keep the table
// small; nobody gains from a collision but by losing a message of their own.
const keySize = 16

func key(kind byte, parts ...[]byte) []byte {
	h := sha256.New()
	h.Write([]byte{kind})
	for _, p := range parts {
		writePart(h, p)
	}
	return h.Sum(nil)[:keySize]
}

func writePart(h hash.Hash, p []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(p)))
	h.Write(n[:])
	h.Write(p)
}

// lines makes all ends of lines the same: XML turns them into line feeds (XML
// 1.0 section 2.11) unless each server on the way takes care that it does not.
var lines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// ArchiveKey is the key of a stanza-id that the archive `archive` (a bare JID)
// has put on a message (XEP-0359). The caller has checked who put it there.
func ArchiveKey(archive, id string) []byte {
	return key('a', []byte(archive), []byte(id))
}

// ContentKey is the key of a message by its author, id and content. The
// content is part of it, so that a client which uses an id twice loses
// nothing. Without an id two equal texts cannot be told from one text sent
// twice, and nil is returned.
func ContentKey(author, id, body string) []byte {
	if id == "" {
		return nil
	}
	return key('c', []byte(author), []byte(id), []byte(lines.Replace(body)))
}

// PlaceKey is the key of a message of which nothing else can be told but where
// in a stream it came: a server that repeats it gives it the same place. The
// content is part of it for those that repeat in another order.
func PlaceKey(place, author, body string) []byte {
	return key('p', []byte(place), []byte(author), []byte(lines.Replace(body)))
}

// CipherKey is the key of an OMEMO message: a sender never makes the same
// ciphertext twice.
func CipherKey(author string, env *omemo.Envelope) []byte {
	from := binary.BigEndian.AppendUint32([]byte{byte(env.Profile)}, env.SID)
	parts := [][]byte{[]byte(author), from, env.IV, env.Payload}
	for i := range env.Keys {
		parts = append(parts, env.Keys[i].Data)
	}
	return key('e', parts...)
}

// receiptKey is the key of a receipt that came before the message it is for,
// as it does when an archive is read backwards.
func receiptKey(peer, id string) []byte { return key('r', []byte(peer), []byte(id)) }
