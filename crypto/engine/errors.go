// SPDX-License-Identifier: MPL-2.0

package engine

// The sentinels engines answer with. Each has a stable code, see [CodedError].
var (
	// ErrBadSignature: a bundle's signed prekey is not signed by its identity.
	ErrBadSignature error = &CodedError{"crypto.engine.bad-signature", "bad signature"}
	// ErrBadMAC: the message is not authentic in this session.
	ErrBadMAC error = &CodedError{"crypto.engine.bad-mac", "bad message authentication code"}
	// ErrDuplicate: the key for this message number was used already.
	ErrDuplicate error = &CodedError{"crypto.engine.duplicate", "duplicate message"}
	// ErrMalformed: the bytes are not a canonical message of the profile.
	ErrMalformed error = &CodedError{"crypto.engine.malformed", "malformed message"}
	// ErrNoOneTimePreKey: a key exchange or bundle names no one-time prekey, or
	// another than the one given.
	ErrNoOneTimePreKey error = &CodedError{"crypto.engine.no-prekey", "no one-time prekey"}
	// ErrTooManySkipped: the message is more than MaxSkip ahead.
	ErrTooManySkipped error = &CodedError{"crypto.engine.too-far-ahead", "too many skipped messages"}
	// ErrBadKey: a key of low order, not canonical, or not matching its private part.
	ErrBadKey error = &CodedError{"crypto.engine.bad-key", "bad key"}
	// ErrBadState: the bytes are not a session of this engine.
	ErrBadState error = &CodedError{"crypto.engine.bad-state", "unreadable session state"}
	// ErrTooLong: a plaintext of more than MaxPlaintext bytes.
	ErrTooLong error = &CodedError{"crypto.engine.too-long", "plaintext too long"}
	// ErrUnsupported: the engine does not speak this profile.
	ErrUnsupported error = &CodedError{"crypto.engine.unsupported", "unsupported profile"}
	// ErrEngine: the engine failed inside; a panic was recovered.
	ErrEngine error = &CodedError{"crypto.engine.failed", "session engine failed"}
)

// CodedError is a sentinel with a stable code that survives the mobile border.
type CodedError struct{ code, msg string }

// Error is the message in English, without any data.
func (e *CodedError) Error() string { return e.msg }

// Code is the stable code, for example "crypto.engine.bad-mac".
func (e *CodedError) Code() string { return e.code }
