// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"errors"

	"github.com/confab-im/confab/crypto/omemo"
)

// HealingPolicy says what happens by itself when a message shows that the
// encrypted session with a device does not fit any more.
type HealingPolicy uint8

// The policies.
const (
	// HealManually does nothing without a person, as XEP-0384 section 8
	// demands: otherwise whoever can spoil messages decides about sessions.
	HealManually HealingPolicy = iota
	// HealTrusted begins a new session, so that the next message can be read:
	// once for a device while the client is open, only for devices with a
	// trusted key of contacts and people one has written to, and only for a
	// message that came live, never for repeated ones nor those of an archive.
	HealTrusted
)

// RepairSession begins a new encrypted session with a device of peer, or with
// each of their active devices for device 0, so that their next messages can be
// read. Messages that could not be read stay so: a person has to ask for them
// again. It waits for the network.
//
// Errors: ErrUnknownDevice without an active device; code
// "omemo.identity-changed" if the device now has another key, see AcceptKey;
// "omemo.refused" for a key that is distrusted; ErrNoEngine, ErrSignedOut, the
// network's. With several devices the ones that worked are repaired.
func (a *Account) RepairSession(ctx context.Context, peer string, device uint32) error {
	bare, err := bareJID(peer)
	if err != nil {
		return err
	}
	if a.pipe.OMEMO == nil {
		return ErrNoEngine
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.RepairSession(ctx, bare, device); err != nil {
		return failed("repair session", noDevice(err))
	}
	return nil
}

// AcceptKey lets a device of peer have the key with this fingerprint, the one
// shown as Device.NewFingerprint, instead of the one it had. It is a person's
// decision: a device that was set up anew under its old number is rare, and a
// server that puts its own key in the place of another looks the same. The key
// is fetched again and has to be that one; it is trusted as one that was not
// compared. What was decided about the old key stays.
//
// Errors: ErrUnknownDevice; code "omemo.identity-changed" if the key is another
// one again; ErrUnknownFingerprint, ErrNoEngine, ErrSignedOut, the network's.
func (a *Account) AcceptKey(ctx context.Context, peer string, device uint32, fingerprint string) error {
	bare, err := bareJID(peer)
	if err != nil {
		return err
	}
	key, err := omemo.ParseFingerprint(fingerprint)
	if err != nil {
		return ErrUnknownFingerprint
	}
	if a.pipe.OMEMO == nil {
		return ErrNoEngine
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.AcceptKey(ctx, omemo.Address{JID: bare, Device: device}, key); err != nil {
		return failed("accept key", noDevice(err))
	}
	return a.unblock(ctx, bare)
}

func noDevice(err error) error {
	if errors.Is(err, omemo.ErrNoDevices) {
		return ErrUnknownDevice
	}
	return err
}
