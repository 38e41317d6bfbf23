// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
)

// Sentinels. Each has a stable code, see [CodedError].
var (
	// ErrNotSetUp: there is no own identity yet; call Setup.
	ErrNotSetUp error = &CodedError{"omemo.not-set-up", "no own identity"}
	// ErrIdentityChanged: a known device came with another identity key.
	ErrIdentityChanged error = &CodedError{"omemo.identity-changed", "identity key changed"}
	// ErrUndecided: the user has to decide about keys first, see [DecisionError].
	ErrUndecided error = &CodedError{"omemo.undecided", "undecided keys"}
	// ErrNoDevices: a JID has no device to encrypt to, see [NoDevicesError].
	ErrNoDevices error = &CodedError{"omemo.no-devices", "no devices"}
	// ErrNoSession: there is no session with the device.
	ErrNoSession error = &CodedError{"omemo.no-session", "no session"}
	// ErrRefused: the key is distrusted or compromised.
	ErrRefused error = &CodedError{"omemo.refused", "key not trusted"}
	// ErrBadBundle: a bundle lacks something or has a bad signature or key.
	ErrBadBundle error = &CodedError{"omemo.bad-bundle", "bad bundle"}
	// ErrBadAddress: not a bare JID, or a device id out of range, or the own device.
	ErrBadAddress error = &CodedError{"omemo.bad-address", "bad device address"}
	// ErrTooLarge: a payload beyond the limit.
	ErrTooLarge error = &CodedError{"omemo.too-large", "payload too large"}
	// ErrTooManyDevices: a JID has had more devices than are remembered.
	ErrTooManyDevices error = &CodedError{"omemo.too-many-devices", "too many devices"}
	// ErrStore: the store holds something that cannot be.
	ErrStore error = &CodedError{"omemo.store", "inconsistent store"}
	// ErrConfig: a Config that cannot be used.
	ErrConfig error = &CodedError{"omemo.config", "bad configuration"}
	// ErrBadLabel: a label that is too long, or not text that can be published.
	ErrBadLabel error = &CodedError{"omemo.bad-label", "bad device label"}
	// ErrBadFingerprint: not a fingerprint.
	ErrBadFingerprint error = &CodedError{"omemo.bad-fingerprint", "bad fingerprint"}
)

// CodedError is a sentinel with a stable code that survives the mobile border.
type CodedError struct{ code, msg string }

// Error is the message in English, without any data.
func (e *CodedError) Error() string { return e.msg }

// Code is the stable code, for example "omemo.undecided".
func (e *CodedError) Code() string { return e.code }

// DecisionError tells which keys wait for a decision. It is an ErrUndecided.
type DecisionError struct{ Devices []Address }

// Error counts the devices.
func (e *DecisionError) Error() string {
	return fmt.Sprintf("encrypt message: %d devices: %v", len(e.Devices), ErrUndecided)
}

// Unwrap is ErrUndecided.
func (e *DecisionError) Unwrap() error { return ErrUndecided }

// NoDevicesError tells which JIDs have no device that a message could be
// encrypted to. It is an ErrNoDevices.
type NoDevicesError struct{ JIDs []string }

// Error counts the JIDs.
func (e *NoDevicesError) Error() string {
	return fmt.Sprintf("encrypt message: %d addresses: %v", len(e.JIDs), ErrNoDevices)
}

// Unwrap is ErrNoDevices.
func (e *NoDevicesError) Unwrap() error { return ErrNoDevices }

// Reason is why a message could not be decrypted. The numbers are stable.
type Reason uint8

// The reasons.
const (
	// ReasonNotForThisDevice: no key element is for this device.
	ReasonNotForThisDevice Reason = iota + 1
	// ReasonOwnMessage: this device sent it.
	ReasonOwnMessage
	// ReasonNoSession: there is no session with the sending device.
	ReasonNoSession
	// ReasonDuplicate: the message was decrypted before.
	ReasonDuplicate
	// ReasonBadMAC: no session authenticates it.
	ReasonBadMAC
	// ReasonTooFarAhead: more messages are missing than may be skipped.
	ReasonTooFarAhead
	// ReasonMalformed: not a well-formed message.
	ReasonMalformed
	// ReasonBadPayload: the payload does not fit the authenticated key.
	ReasonBadPayload
	// ReasonIdentityChanged: a known device came with another identity key.
	ReasonIdentityChanged
	// ReasonPreKeyGone: the prekey it was sent to is no longer there.
	ReasonPreKeyGone
	// ReasonRefused: the key is compromised.
	ReasonRefused
	// ReasonEngine: the session engine failed.
	ReasonEngine
)

var reasons = [...]struct{ code, text string }{
	ReasonNotForThisDevice: {"omemo.decrypt.not-for-this-device", "not encrypted to this device"},
	ReasonOwnMessage:       {"omemo.decrypt.own-message", "sent by this device"},
	ReasonNoSession:        {"omemo.decrypt.no-session", "no session"},
	ReasonDuplicate:        {"omemo.decrypt.duplicate", "duplicate"},
	ReasonBadMAC:           {"omemo.decrypt.bad-mac", "not authentic"},
	ReasonTooFarAhead:      {"omemo.decrypt.too-far-ahead", "too many messages missing"},
	ReasonMalformed:        {"omemo.decrypt.malformed", "malformed"},
	ReasonBadPayload:       {"omemo.decrypt.bad-payload", "payload not authentic"},
	ReasonIdentityChanged:  {"omemo.decrypt.identity-changed", "identity key changed"},
	ReasonPreKeyGone:       {"omemo.decrypt.prekey-gone", "prekey no longer there"},
	ReasonRefused:          {"omemo.decrypt.refused", "key compromised"},
	ReasonEngine:           {"omemo.decrypt.engine", "session engine failed"},
}

// Code is the stable code, for example "omemo.decrypt.duplicate".
func (r Reason) Code() string {
	if int(r) >= len(reasons) || reasons[r].code == "" {
		return "omemo.decrypt.unknown"
	}
	return reasons[r].code
}

// String is a short description in English.
func (r Reason) String() string {
	if int(r) >= len(reasons) || reasons[r].text == "" {
		return "unknown reason"
	}
	return reasons[r].text
}

// DecryptError is the error of [Manager.Decrypt] for everything that is the
// message's fault. Nothing in the store was changed. Errors of the store or the
// context are not DecryptErrors.
type DecryptError struct {
	Reason  Reason
	Profile engine.Profile
	Sender  Address
	Err     error // what was found, may be nil
}

// Error tells the reason, and no data of the message.
func (e *DecryptError) Error() string {
	if e.Err == nil {
		return "decrypt message: " + e.Reason.String()
	}
	return "decrypt message: " + e.Reason.String() + ": " + e.Err.Error()
}

// Code is the reason's code.
func (e *DecryptError) Code() string { return e.Reason.Code() }

// Unwrap is what was found.
func (e *DecryptError) Unwrap() error { return e.Err }
