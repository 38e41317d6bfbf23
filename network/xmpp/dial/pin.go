// SPDX-License-Identifier: MPL-2.0

package dial

// PinKind says what a Pin is the hash of.
type PinKind uint8

const (
	// PinSPKI is the SHA-256 of the SubjectPublicKeyInfo (as in RFC 7469): it
	// survives a renewal with the same key.
	PinSPKI PinKind = iota + 1
	// PinCertificate is the SHA-256 of the whole certificate in DER.
	PinCertificate
)

// Pin names a key or certificate, one of which must be in the verified chain
// of the server: its own, an intermediate one or the root. Pins come on top of
// the usual verification and never replace it.
type Pin struct {
	Kind   PinKind
	SHA256 [32]byte
}
