// SPDX-License-Identifier: MPL-2.0

package core

import "github.com/confab-im/confab/core/internal/code"

// codedError is a sentinel with a stable code.
type codedError struct{ code, text string }

func (e *codedError) Error() string { return e.text }

// Code returns the stable code, which is part of the API.
func (e *codedError) Code() string { return e.code }

// The errors of this package. Errors of the rooms below come wrapped, with
// codes of their own ("storage.…", "xmpp.…", "omemo.…"): see ErrorCode.
var (
	ErrClosed             = &codedError{"core.closed", "core: client is closed"}
	ErrNoKey              = &codedError{"core.no-key", "core: neither key nor passphrase given"}
	ErrBadAddress         = &codedError{"core.bad-address", "core: not a valid address"}
	ErrAccountExists      = &codedError{"core.account-exists", "core: account exists already"}
	ErrNoAccount          = &codedError{"core.no-account", "core: no such account"}
	ErrNoConversation     = &codedError{"core.no-conversation", "core: no such conversation"}
	ErrNoMessage          = &codedError{"core.no-message", "core: no such message"}
	ErrEmptyMessage       = &codedError{"core.empty-message", "core: message is empty"}
	ErrMessageTooLong     = &codedError{"core.message-too-long", "core: message is longer than 65536 bytes"}
	ErrNotText            = &codedError{"core.not-text", "core: message is not valid UTF-8 text"}
	ErrUnknownFingerprint = &codedError{"core.unknown-fingerprint", "core: no device of this contact has that fingerprint"}
	ErrNotRetryable       = &codedError{"core.not-retryable", "core: only a message that failed can be tried again"}
	ErrNoEngine           = &codedError{"core.no-engine", "core: no session engine configured, so no encryption"}
	ErrSignedOut          = &codedError{"core.signed-out", "core: account is signed out"}
)

// ErrorCode returns the stable code of an error from this SDK, for messages
// in a person's language and for other languages across a binding: the code
// of the outermost error that has one, "canceled" or "timeout" for a
// context's, "internal" for one without, and "" for nil.
func ErrorCode(err error) string { return code.Of(err) }
