// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// PinKind says what a Pin is the hash of.
type PinKind uint8

const (
	// PinSPKI is the SHA-256 of the SubjectPublicKeyInfo (RFC 7469 section
	// 2.4): it survives a renewal with the same key.
	PinSPKI PinKind = iota + 1
	// PinCertificate is the SHA-256 of the whole certificate in DER.
	PinCertificate
)

// Pin names a key or certificate, one of which must be in the verified chain
// of the server: its own, an intermediate one or the root. Pins come on top of
// the usual verification and never replace it.
type Pin struct {
	Kind   PinKind
	SHA256 [sha256.Size]byte
}

const (
	prefixSPKI        = "spki-sha256:"
	prefixCertificate = "cert-sha256:"
)

// ParsePin reads "spki-sha256:" or "cert-sha256:" followed by the hash in
// base64, or in hexadecimal with or without colons.
func ParsePin(s string) (Pin, error) {
	var p Pin
	text, ok := strings.CutPrefix(s, prefixSPKI)
	p.Kind = PinSPKI
	if !ok {
		text, ok = strings.CutPrefix(s, prefixCertificate)
		p.Kind = PinCertificate
	}
	if !ok {
		return Pin{}, fmt.Errorf("parse pin: unknown kind: %w", ErrConfig)
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		sum, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(sum) != sha256.Size {
		return Pin{}, fmt.Errorf("parse pin: not a SHA-256 hash: %w", ErrConfig)
	}
	copy(p.SHA256[:], sum)
	return p, nil
}

// PinOf returns the pin of a certificate.
func PinOf(kind PinKind, cert *x509.Certificate) Pin {
	data := cert.Raw
	if kind == PinSPKI {
		data = cert.RawSubjectPublicKeyInfo
	}
	return Pin{Kind: kind, SHA256: sha256.Sum256(data)}
}

// String returns the form that ParsePin reads, in base64.
func (p Pin) String() string {
	prefix := prefixCertificate
	if p.Kind == PinSPKI {
		prefix = prefixSPKI
	}
	return prefix + base64.StdEncoding.EncodeToString(p.SHA256[:])
}

// checkPins looks for a pin in the chains that were verified. What the server
// merely sent along does not count: anybody can send a certificate.
func checkPins(pins []Pin, chains [][]*x509.Certificate) error {
	for _, chain := range chains {
		for _, cert := range chain {
			if slices.Contains(pins, PinOf(PinSPKI, cert)) || slices.Contains(pins, PinOf(PinCertificate, cert)) {
				return nil
			}
		}
	}
	return ErrPinMismatch
}
