// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/storage"
)

// DeviceState is what is known and was decided about a device, in one word.
type DeviceState uint8

// The states of a device.
const (
	DeviceUnknown     DeviceState = iota // its key was not fetched yet
	DeviceUndecided                      // waits for a decision: messages to its owner are blocked
	DeviceBlind                          // trusted, not compared
	DeviceVerified                       // compared
	DeviceDistrusted                     // left out; its messages are marked
	DeviceCompromised                    // left out; its messages are refused
	DeviceInactive                       // not announced any more: gets nothing, its messages can be read
)

var deviceStates = map[DeviceState]string{
	DeviceUnknown: "unknown", DeviceUndecided: "undecided", DeviceBlind: "blind", DeviceVerified: "verified",
	DeviceDistrusted: "distrusted", DeviceCompromised: "compromised", DeviceInactive: "inactive",
}

// String returns the state's stable name.
func (s DeviceState) String() string { return name(deviceStates, s) }

// State says what all that is known of the device comes to. That its key is
// compromised goes before that it is inactive.
func (d Device) State() DeviceState {
	switch {
	case d.Fingerprint != "" && d.Trust == Compromised:
		return DeviceCompromised
	case !d.Active:
		return DeviceInactive
	case d.Fingerprint == "":
		return DeviceUnknown
	}
	switch d.Trust {
	case Blind:
		return DeviceBlind
	case Verified:
		return DeviceVerified
	case Distrusted:
		return DeviceDistrusted
	default:
		return DeviceUndecided
	}
}

// IdleAfter is how long another device of the account may give no sign of life
// before it is called idle.
const IdleAfter = 42 * 24 * time.Hour

// devices reads what is known of the devices of peer, this one excluded.
func (a *Account) devices(tx *storage.Tx, peer string) ([]Device, error) {
	st := tx.OMEMO(a.id)
	known, err := a.pipe.OMEMO.Devices(tx.Context(), st, peer)
	if err != nil {
		return nil, err
	}
	list := make([]Device, len(known))
	for i, d := range known {
		list[i] = Device{
			ID: d.Device, JID: peer, Label: d.Label, Active: d.Active, Trust: TrustState(d.Trust), LastSeen: d.LastSeen,
		}
		if d.Known {
			list[i].Fingerprint = omemo.Fingerprint(d.Identity)
		}
		key, changed, err := xmpplink.RefusedKey(tx.Reader, a.id, d.Address)
		if err != nil {
			return nil, err
		}
		if changed && (!d.Known || key != d.Identity) {
			list[i].NewFingerprint = omemo.Fingerprint(key)
		}
	}
	if peer == a.jid {
		err = a.markIdle(tx, list)
	}
	return list, err
}

// markIdle finds the active own devices without a sign of life. A key that was
// seen or decided about is one.
func (a *Account) markIdle(tx *storage.Tx, list []Device) error {
	keys, err := tx.OMEMO(a.id).TrustedKeys(tx.Context(), a.jid)
	if err != nil {
		return err
	}
	for i := range list {
		d := &list[i]
		at := d.LastSeen
		for _, k := range keys {
			if fmt.Sprintf("%x", k.Identity) == d.Fingerprint && k.At.After(at) {
				at = k.At
			}
		}
		d.Idle = d.Active && !at.IsZero() && a.client.cfg.Now().Sub(at) > IdleAfter
	}
	return nil
}

// OwnDevices returns the devices of the account: this one first, then the
// others that are known, inactive ones included.
func (a *Account) OwnDevices(ctx context.Context) ([]Device, error) {
	own, err := a.OwnDevice(ctx)
	if err != nil {
		return nil, err
	}
	others, err := a.Devices(ctx, a.jid)
	if err != nil {
		return nil, err
	}
	return append([]Device{own}, others...), nil
}

// SetDeviceLabel changes what this device calls itself in the lists of devices
// that others see, signed with its key; empty is nothing. It is public. Only
// OMEMO 2 has labels. Without a connection it is published with the next one.
//
// Errors: code "omemo.bad-label" beyond 52 characters and for what is no line of
// text, ErrNoEngine, the network's.
func (a *Account) SetDeviceLabel(ctx context.Context, label string) error {
	if a.pipe.OMEMO == nil {
		return ErrNoEngine
	}
	err := a.client.db.Update(ctx, func(tx *storage.Tx) error { return xmpplink.SetLabel(tx, a.pipe, label) })
	if err != nil {
		return fmt.Errorf("set device label: %w", err)
	}
	l, err := a.online()
	if err != nil || a.State().State != Online {
		return nil
	}
	if err := l.PublishLabel(ctx); err != nil {
		return failed("set device label", err)
	}
	return nil
}

// PruneDevices takes other devices of the account off the list that contacts
// see, so that nothing is encrypted to them any more: those that a person chose,
// idle ones above all. What they sent can still be read. A device that is in use
// after all announces itself again.
//
// Errors: ErrOwnDevice, ErrUnknownDevice, ErrSignedOut, the network's.
func (a *Account) PruneDevices(ctx context.Context, ids ...uint32) error {
	devices, err := a.OwnDevices(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		i := slices.IndexFunc(devices, func(d Device) bool { return d.ID == id && d.Active })
		if i < 0 {
			return ErrUnknownDevice
		}
		if devices[i].Own {
			return ErrOwnDevice
		}
	}
	if len(ids) == 0 {
		return nil
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.PruneDevices(ctx, ids); err != nil {
		return failed("prune devices", err)
	}
	return nil
}

// BlindTrust says whether new keys of a contact are trusted blindly as long as
// none was verified, which is so unless SetBlindTrust said otherwise.
func (a *Account) BlindTrust(ctx context.Context, peer string) (on bool, err error) {
	bare, err := bareJID(peer)
	if err != nil {
		return false, err
	}
	err = a.client.db.Update(ctx, func(tx *storage.Tx) (err error) {
		on, err = tx.OMEMO(a.id).BlindTrust(tx.Context(), bare)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read blind trust: %w", err)
	}
	return on, nil
}

// SetBlindTrust chooses whether new keys of a contact are trusted blindly. Keys
// that are trusted already stay so.
func (a *Account) SetBlindTrust(ctx context.Context, peer string, on bool) error {
	bare, err := bareJID(peer)
	if err != nil {
		return err
	}
	err = a.client.db.Update(ctx, func(tx *storage.Tx) error {
		return tx.OMEMO(a.id).SetBlindTrust(tx.Context(), bare, on)
	})
	if err != nil {
		return fmt.Errorf("set blind trust: %w", err)
	}
	return nil
}
