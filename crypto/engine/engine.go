// SPDX-License-Identifier: MPL-2.0

package engine

// Profile names a wire format and its key derivation labels. The numbers are
// stable: they are stored.
type Profile uint8

// The profiles of XEP-0384 in use.
const (
	// Profile03 is XEP-0384 version 0.3, namespace eu.siacs.conversations.axolotl.
	Profile03 Profile = 1
	// Profile2 is XEP-0384 from version 0.8, namespace urn:xmpp:omemo:2.
	Profile2 Profile = 2
)

// String names the profile by its namespace.
func (p Profile) String() string {
	switch p {
	case Profile03:
		return "eu.siacs.conversations.axolotl"
	case Profile2:
		return "urn:xmpp:omemo:2"
	default:
		return "unknown profile"
	}
}

// Limits every engine enforces.
const (
	// MaxPlaintext is the largest plaintext of one message in bytes. OMEMO sends
	// at most 48: a content key and an authentication tag.
	MaxPlaintext = 1024
	// MaxWire is the largest wire message in bytes that is looked at.
	MaxWire = 2048
	// MaxSkip is how many messages of one chain a message may be ahead of the
	// last one received (XEP-0384 §4.3 recommends 1000).
	MaxSkip = 1000
	// MaxStored is how many keys of skipped messages a session keeps over all its
	// chains; beyond it the oldest are forgotten.
	MaxStored = 1000
	// MaxState is the largest serialised session in bytes.
	MaxState = 128 << 10
)

// IdentityKey is a device's own long-term key pair. RegistrationID is the own
// OMEMO device id.
type IdentityKey struct {
	Public         PublicKey
	Private        PrivateKey
	RegistrationID uint32
}

// PreKey is an own prekey, one-time or signed. ID is never 0: zero reads as
// "absent" in some implementations.
type PreKey struct {
	ID      uint32
	Public  PublicKey
	Private PrivateKey
}

// Bundle is what another device published, with one of its prekeys already
// chosen. Identity is in Curve25519 form in every profile, see [ParseIdentity].
// Signature is the 64-byte XEdDSA signature of the signed prekey, as published.
type Bundle struct {
	DeviceID       uint32
	Identity       PublicKey
	SignedPreKeyID uint32
	SignedPreKey   PublicKey
	Signature      []byte
	PreKeyID       uint32
	PreKey         PublicKey
}

// KeyExchange is the header of a key exchange message. Nothing in it is
// authenticated before [Engine.Accept] has succeeded, and the registration id
// and the key ids not even then.
type KeyExchange struct {
	RegistrationID uint32
	PreKeyID       uint32
	SignedPreKeyID uint32
	Identity       PublicKey
	Base           PublicKey
	Message        []byte // the ratchet message inside
}

// Engine is a session engine. Implementations are safe for concurrent use, do
// not retain or modify what they are given, and do not panic, whatever bytes
// come in.
type Engine interface {
	// Name is a short stable name for logs and diagnostics.
	Name() string

	// Profiles lists the profiles the engine speaks.
	Profiles() []Profile

	// ParseKeyExchange reads the header of a key exchange message. It
	// authenticates nothing. Errors: ErrMalformed, ErrBadKey,
	// ErrNoOneTimePreKey, ErrUnsupported.
	ParseKeyExchange(p Profile, wire []byte) (KeyExchange, error)

	// Sign makes an XEdDSA signature (64 bytes) over exactly msg. What a profile
	// has signed of a prekey is given by SignedBytes. An engine that speaks
	// Profile2 signs for the form of the identity with sign 0, which makes the
	// signature one of both profiles. VerifySignature checks it.
	Sign(self IdentityKey, msg []byte) ([]byte, error)

	// Initiate starts a session with the device that published remote, after
	// checking the bundle's signature. Errors: ErrBadSignature, ErrBadKey,
	// ErrNoOneTimePreKey, ErrUnsupported.
	Initiate(p Profile, self IdentityKey, remote Bundle) (State, error)

	// Accept creates the session that a key exchange message proposes and
	// returns the plaintext inside. signed and oneTime are the prekeys the
	// message names; a message that names no one-time prekey is refused. Errors:
	// ErrMalformed, ErrBadKey, ErrNoOneTimePreKey, ErrBadMAC, ErrTooManySkipped,
	// ErrUnsupported.
	Accept(p Profile, self IdentityKey, signed, oneTime PreKey, kex []byte) (State, []byte, error)

	// Encrypt advances the session. kex tells that wire is a key exchange
	// message, which it is until the first message of the other side was
	// decrypted. plaintext is at most MaxPlaintext bytes.
	Encrypt(s State, plaintext []byte) (next State, wire []byte, kex bool, err error)

	// Decrypt decrypts a message of an existing session: a plain ratchet message
	// or a repeated key exchange of this very session. Errors: ErrMalformed,
	// ErrBadKey, ErrBadMAC (not a message of this session), ErrDuplicate (the
	// key of this message number was used; nothing was authenticated),
	// ErrTooManySkipped.
	Decrypt(s State, wire []byte) (next State, plaintext []byte, err error)

	// RemoteIdentity is the identity key the session is bound to.
	RemoteIdentity(s State) (PublicKey, error)

	// Matches tells whether the session was created by this key exchange, that
	// is whether identity and base key are the same.
	Matches(s State, kex KeyExchange) (bool, error)
}
