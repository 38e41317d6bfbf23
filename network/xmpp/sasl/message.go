// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits on what a server may send, in bytes.
const (
	maxMessage = 8 << 10
	maxNonce   = 1 << 10
	maxSalt    = 1 << 10
)

// serverFirst is the server-first-message of RFC 5802, section 7.
type serverFirst struct {
	nonce      string
	salt       []byte
	iterations int64
	offer      []byte // XEP-0474, nil when absent
}

// serverFinal is the server-final-message: one of the two fields.
type serverFinal struct {
	signature []byte
	failure   string
}

func malformed(what string) error { return fmt.Errorf("parse challenge: %s: %w", what, ErrMalformed) }

// attributes splits a message into its attributes, each one letter, "=" and a
// value that may hold "=".
func attributes(msg []byte) ([][]byte, error) {
	switch {
	case len(msg) == 0:
		return nil, malformed("empty")
	case len(msg) > maxMessage:
		return nil, malformed("too long")
	case !utf8.Valid(msg) || bytes.IndexByte(msg, 0) >= 0:
		return nil, malformed("not text")
	}
	parts := bytes.Split(msg, []byte{','})
	for _, p := range parts {
		if len(p) < 2 || p[1] != '=' || !isLetter(p[0]) {
			return nil, malformed("not an attribute")
		}
	}
	return parts, nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// parseServerFirst parses a server-first-message: r, s and i in this order,
// then extensions, of which unknown ones are skipped as the RFC demands. An
// error value in its place, which some servers send, is a *Failure.
func parseServerFirst(msg []byte) (serverFirst, error) {
	var m serverFirst
	parts, err := attributes(msg)
	if err != nil {
		return m, err
	}
	switch parts[0][0] {
	case 'm':
		return m, malformed("mandatory extension")
	case 'e':
		return m, &Failure{Condition: string(parts[0][2:])}
	}
	if len(parts) < 3 || parts[0][0] != 'r' || parts[1][0] != 's' || parts[2][0] != 'i' {
		return m, malformed("attributes missing")
	}
	if m.nonce = string(parts[0][2:]); !isNonce(m.nonce) {
		return m, malformed("nonce")
	}
	if m.salt, err = decode(parts[1][2:]); err != nil || len(m.salt) == 0 || len(m.salt) > maxSalt {
		return m, malformed("salt")
	}
	if m.iterations, err = parseCount(parts[2][2:]); err != nil {
		return m, err
	}
	for _, p := range parts[3:] {
		switch p[0] {
		case 'h':
			if m.offer != nil {
				return m, malformed("repeated attribute")
			}
			if m.offer, err = decode(p[2:]); err != nil || len(m.offer) == 0 {
				return m, malformed("downgrade protection hash")
			}
		case 'm', 'r', 's', 'i', 'e', 'v', 'p', 'c', 'n', 'a':
			return m, malformed("attribute out of place")
		}
	}
	return m, nil
}

// parseServerFinal parses a server-final-message.
func parseServerFinal(msg []byte) (serverFinal, error) {
	var m serverFinal
	parts, err := attributes(msg)
	if err != nil {
		return m, err
	}
	switch parts[0][0] {
	case 'e':
		m.failure = string(parts[0][2:])
		return m, nil
	case 'v':
		if m.signature, err = decode(parts[0][2:]); err != nil || len(m.signature) == 0 {
			return m, malformed("server signature")
		}
		return m, nil
	}
	return m, malformed("neither a signature nor an error")
}

// parseCount parses posit-number: no sign, no leading zero. The bound keeps it
// within an int64; whether it is acceptable is decided elsewhere.
func parseCount(b []byte) (int64, error) {
	if len(b) == 0 || len(b) > 18 || b[0] == '0' {
		return 0, malformed("iteration count")
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, malformed("iteration count")
		}
		n = n*10 + int64(c-'0')
	}
	return n, nil
}

// isNonce tells whether s is printable ASCII without commas.
func isNonce(s string) bool {
	if s == "" || len(s) > maxNonce {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e || s[i] == ',' {
			return false
		}
	}
	return true
}

// decode is strict base64: unlike the package's decoder it refuses newlines.
func decode(b []byte) ([]byte, error) {
	if bytes.ContainsAny(b, "\r\n") {
		return nil, malformed("base64")
	}
	return base64.StdEncoding.Strict().AppendDecode(nil, b)
}

// escape writes a saslname of RFC 5802, section 7.
func escape(name string) string {
	return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(name)
}
