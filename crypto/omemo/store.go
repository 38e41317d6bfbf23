// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"time"
)

// Store is the persistence a [Manager] works on, usually one bound to a
// database transaction, so that a ratchet step and the message it belongs to
// are committed together. It belongs to one account and speaks std types only.
//
// Keys are raw: 32 bytes private, 32 bytes public, without a type byte.
// profile is an engine.Profile, state a trust.State. An error of a Store is
// passed on to the caller as it is, wrapped.
//
// Package omemotest has a conformance suite for implementations.
type Store interface {
	// Identity is the own identity key pair and device id; ok is false before
	// SaveIdentity.
	Identity(ctx context.Context) (deviceID uint32, private, public []byte, ok bool, err error)
	// SaveIdentity stores the own identity, once.
	SaveIdentity(ctx context.Context, deviceID uint32, private, public []byte) error
	// Label is what the own device calls itself, empty at first.
	Label(ctx context.Context) (string, error)
	// SetLabel changes it.
	SetLabel(ctx context.Context, label string) error

	// PreKeyCount counts the unused one-time prekeys and tells the largest id of
	// all there are, used or not (0 if none).
	PreKeyCount(ctx context.Context) (unused int, maxID uint32, err error)
	// SavePreKey adds an unused prekey.
	SavePreKey(ctx context.Context, id uint32, private, public []byte) error
	// PreKey reads a prekey, used or not.
	PreKey(ctx context.Context, id uint32) (private, public []byte, used bool, ok bool, err error)
	// MarkPreKeyUsed takes a prekey out of what PreKeys and PreKeyCount tell.
	MarkPreKeyUsed(ctx context.Context, id uint32) error
	// DeleteUsedPreKeys deletes the used ones and tells how many there were.
	DeleteUsedPreKeys(ctx context.Context) (n int, err error)
	// PreKeys calls fn for every unused prekey by ascending id, and stops with
	// fn's error.
	PreKeys(ctx context.Context, fn func(id uint32, public []byte) error) error
	// SaveSignedPreKey adds a signed prekey; the one created last is the newest.
	SaveSignedPreKey(ctx context.Context, id uint32, private, public []byte, created time.Time) error
	// SignedPreKey reads a signed prekey; id 0 is the newest.
	SignedPreKey(ctx context.Context, id uint32) (private, public []byte, created time.Time, ok bool, err error)
	// PruneSignedPreKeys deletes all but the newest keep.
	PruneSignedPreKeys(ctx context.Context, keep int) error

	// Devices calls fn for every known device of a JID by ascending id; identity
	// is nil while it is not known.
	Devices(ctx context.Context, profile uint8, jid string,
		fn func(id uint32, active bool, identity []byte, label string, labelSig []byte, lastSeen time.Time) error) error
	// SaveDevice adds a device or changes whether it is active; it keeps the rest.
	SaveDevice(ctx context.Context, profile uint8, jid string, id uint32, active bool) error
	// SetDeviceIdentity sets the identity key of a known device; nil forgets it.
	SetDeviceIdentity(ctx context.Context, profile uint8, jid string, id uint32, identity []byte) error
	// SetDeviceLabel sets what a known device calls itself, and the signature.
	SetDeviceLabel(ctx context.Context, profile uint8, jid string, id uint32, label string, labelSig []byte) error
	// TouchDevice counts messages that came in without an answer: received adds
	// one and sets lastSeen, else the count goes back to 0. It returns the count.
	TouchDevice(ctx context.Context, profile uint8, jid string, id uint32, at time.Time, received bool) (unanswered int, err error)

	// Sessions are all sessions with a device, the newest first.
	Sessions(ctx context.Context, profile uint8, jid string, id uint32) (seqs []int64, states [][]byte, err error)
	// SaveSession changes the session seq in place; seq 0 adds one as the newest
	// and returns its seq. At most 40 are kept, the oldest go.
	SaveSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64, state []byte) (int64, error)
	// PromoteSession makes the session seq the newest.
	PromoteSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64) error
	// DeleteSessions deletes all sessions with a device.
	DeleteSessions(ctx context.Context, profile uint8, jid string, id uint32) error

	// Trust is what was decided about an identity key of a JID, in all profiles.
	Trust(ctx context.Context, jid string, identity []byte) (state uint8, ok bool, err error)
	// SetTrust stores a decision.
	SetTrust(ctx context.Context, jid string, identity []byte, state uint8, at time.Time) error
	// HasVerified tells whether a key of the JID is verified.
	HasVerified(ctx context.Context, jid string) (bool, error)
	// BlindTrust tells whether new keys of the JID may be trusted blindly, which
	// is so until it was switched off.
	BlindTrust(ctx context.Context, jid string) (bool, error)
	// CatchingUp tells whether an archive catch-up runs: used prekeys are kept.
	CatchingUp(ctx context.Context) (bool, error)
}
