// SPDX-License-Identifier: MPL-2.0

package core

import (
	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/pipeline"
)

// codedError is a sentinel with a stable code.
type codedError struct{ code, text string }

func (e *codedError) Error() string { return e.text }

// Code returns the stable code, which is part of the API.
func (e *codedError) Code() string { return e.code }

// The errors of this package. Errors of the rooms below come wrapped, with
// codes of their own ("storage.…", "xmpp.…", "omemo.…"): see ErrorCode.
var (
	ErrClosed             = &codedError{"core.closed", "core: client is closed"}
	ErrSubscriptionClosed = &codedError{"core.subscription-closed", "core: subscription is closed"}

	// Of a Config or an AccountConfig.
	ErrNoPath      = &codedError{"core.no-path", "core: no path of a database given"}
	ErrNoKey       = &codedError{"core.no-key", "core: neither key nor passphrase given"}
	ErrBadAddress  = &codedError{"core.bad-address", "core: not a valid address"}
	ErrNoPassword  = &codedError{"core.no-password", "core: no password given"}
	ErrBadPassword = &codedError{"core.bad-password", "core: password is longer than 1024 bytes or not text"}
	ErrBadHost     = &codedError{"core.bad-host", "core: not a valid host name or IP address"}
	ErrBadPort     = &codedError{"core.bad-port", "core: port is not between 0 and 65535"}
	ErrNoHost      = &codedError{"core.no-host", "core: direct TLS chosen for a server without naming its host"}
	ErrBadProxy    = &codedError{"core.bad-proxy", "core: proxy is not IP:PORT, localhost:PORT or unix:PATH"}
	ErrBadPin      = &codedError{"core.bad-pin", "core: pin is not spki-sha256: or cert-sha256: with a hash"}

	ErrAccountExists      = &codedError{"core.account-exists", "core: account exists already"}
	ErrNoAccount          = &codedError{"core.no-account", "core: no such account"}
	ErrSignedOut          = &codedError{"core.signed-out", "core: account is signed out"}
	ErrNoConversation     = &codedError{"core.no-conversation", "core: no such conversation"}
	ErrNoMessage          = &codedError{"core.no-message", "core: no such message"}
	ErrEmptyMessage       = &codedError{"core.empty-message", "core: message is empty"}
	ErrMessageTooLong     = &codedError{"core.message-too-long", "core: message is longer than 65536 bytes"}
	ErrNotText            = &codedError{"core.not-text", "core: message is not valid UTF-8 text"}
	ErrNotEmoji           = &codedError{"core.not-emoji", "core: reaction is not a single emoji"}
	ErrTooManyReactions   = &codedError{"core.too-many-reactions", "core: more than 32 reactions to one message"}
	ErrNoAttachment       = &codedError{"core.no-attachment", "core: no such attachment"}
	ErrEmptyFile          = &codedError{"core.empty-file", "core: file is empty"}
	ErrNoSource           = &codedError{"core.no-source", "core: no file given"}
	ErrNotHere            = &codedError{"core.not-here", "core: file has not been downloaded"}
	ErrNotRetryable       = &codedError{"core.not-retryable", "core: only a message that failed can be tried again"}
	ErrNoEngine           = &codedError{"core.no-engine", "core: no session engine configured, so no encryption"}
	ErrUnknownFingerprint = &codedError{"core.unknown-fingerprint", "core: no device of this contact has that fingerprint"}
	ErrUnknownDevice      = &codedError{"core.unknown-device", "core: no such device, or none that is announced"}
	ErrOwnDevice          = &codedError{"core.own-device", "core: not possible with this very device"}
	ErrNoRoomService      = &codedError{"core.no-room-service", "core: the server has no service of rooms"}
	ErrNotInArchive       = &codedError{"core.not-in-archive", "core: no archive has that message"}
	ErrBadNick            = &codedError{"core.bad-nick", "core: nickname is longer than 256 bytes or not one line of text"}
	ErrNoAvatar           = &codedError{"core.no-avatar", "core: that picture is not here"}
	ErrBadPush            = &codedError{"core.bad-push", "core: push service without a node, or with too many options"}
	ErrBadLink            = &codedError{"core.bad-link", "core: not an xmpp link, or not one for this"}
	ErrReportTooLong      = &codedError{"core.report-too-long", "core: report has more than 4096 bytes of text or 100 messages"}
	ErrBadVerification    = &codedError{"core.bad-verification", "core: not an address with fingerprints"}
)

// Of Correct, Retract, React and answers.
var (
	ErrNotOwn         = pipeline.ErrNotOwn      // "core.not-own": only messages of one's own can be changed
	ErrRetracted      = pipeline.ErrRetracted   // "core.retracted": the message was taken back
	ErrNotTextMessage = pipeline.ErrNotText     // "core.not-text-message": there is no text to correct
	ErrUnconfirmed    = pipeline.ErrUnconfirmed // "core.unconfirmed": the room has not given the message its id yet
)

// ErrorCode returns the stable code of an error from this SDK, for messages
// in a person's language and for other languages across a binding: the code
// of the outermost error that has one, "canceled" or "timeout" for a
// context's, "internal" for one without, and "" for nil.
func ErrorCode(err error) string { return code.Of(err) }
