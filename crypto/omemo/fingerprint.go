// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/confab-im/confab/crypto/engine"
)

// Fingerprint is the identity key in 64 lower case hexadecimal digits
// (XEP-0384 §8), to be compared by machines.
func Fingerprint(k engine.PublicKey) string { return k.String() }

// FormatFingerprint is the fingerprint in eight groups of eight digits, to be
// compared by people.
func FormatFingerprint(k engine.PublicKey) string {
	digits := k.String()
	groups := make([]string, 0, 8)
	for i := 0; i < len(digits); i += 8 {
		groups = append(groups, digits[i:i+8])
	}
	return strings.Join(groups, " ")
}

// ParseFingerprint reads a fingerprint as people and other clients write it:
// with or without white space, colons or dashes, in any case, with or without the
// leading type byte 05. The error is ErrBadFingerprint.
func ParseFingerprint(s string) (engine.PublicKey, error) {
	digits := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', ':', '-':
			return -1
		}
		return r
	}, s)
	if len(digits) == 66 {
		digits = strings.TrimPrefix(digits, "05")
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != 32 {
		return engine.PublicKey{}, fmt.Errorf("parse fingerprint: %w", ErrBadFingerprint)
	}
	k := engine.PublicKey(b)
	if k.Check() != nil {
		return engine.PublicKey{}, fmt.Errorf("parse fingerprint: %w", ErrBadFingerprint)
	}
	return k, nil
}
