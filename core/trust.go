// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/storage"
)

// TrustState is what was decided about a device's key.
type TrustState uint8

// The states of a key. A new key of somebody with no verified key is trusted
// blindly; once a key of theirs was verified, new ones wait for a decision.
const (
	Undecided   = TrustState(trust.Undecided)   // nothing is sent until somebody decides
	Blind       = TrustState(trust.Blind)       // trusted, not compared
	Verified    = TrustState(trust.Verified)    // compared
	Distrusted  = TrustState(trust.Distrusted)  // left out; its messages are marked
	Compromised = TrustState(trust.Compromised) // left out; its messages are refused
)

// String returns the state's stable name.
func (s TrustState) String() string { return trust.State(s).String() }

// Device is one device of a person, as far as it is known. Its State says what
// all of it comes to.
type Device struct {
	ID          uint32
	JID         string // bare
	Label       string // what it calls itself, signed with its key; often empty
	Fingerprint string // 64 hexadecimal digits; empty until the key is known
	// NewFingerprint is that of another key with which the device came, and
	// which was refused: see Account.AcceptKey. Usually empty.
	NewFingerprint string
	Active         bool // announced now; others only explain old messages
	Own            bool // this very device
	Idle           bool // another device of this account, without a sign of life for IdleAfter
	Trust          TrustState
	LastSeen       time.Time // of the last message from it; zero: never
}

// FormatFingerprint splits a fingerprint into eight groups of eight, for
// reading aloud.
func FormatFingerprint(fingerprint string) string {
	k, err := omemo.ParseFingerprint(fingerprint)
	if err != nil {
		return fingerprint
	}
	return omemo.FormatFingerprint(k)
}

// OwnDevice returns this device of the account, whose fingerprint others
// compare. Without a session engine it is ErrNoEngine.
func (a *Account) OwnDevice(ctx context.Context) (Device, error) {
	if a.pipe.OMEMO == nil {
		return Device{}, ErrNoEngine
	}
	device := Device{JID: a.jid, Active: true, Own: true, Trust: Verified}
	err := a.client.db.Update(ctx, func(tx *storage.Tx) error {
		st := tx.OMEMO(a.id)
		if err := xmpplink.SetupKeys(tx, a.pipe); err != nil {
			return err
		}
		id, err := a.pipe.OMEMO.DeviceID(tx.Context(), st)
		if err != nil {
			return err
		}
		if device.Label, err = st.Label(tx.Context()); err != nil {
			return err
		}
		identity, err := a.pipe.OMEMO.Identity(tx.Context(), st)
		device.ID, device.Fingerprint = id, omemo.Fingerprint(identity)
		return err
	})
	if err != nil {
		return Device{}, fmt.Errorf("read own device: %w", err)
	}
	return device, nil
}

// Devices returns the known devices of a peer, or the account's own others.
func (a *Account) Devices(ctx context.Context, peer string) ([]Device, error) {
	bare, err := bareJID(peer)
	if err != nil {
		return nil, err
	}
	if a.pipe.OMEMO == nil {
		return nil, ErrNoEngine
	}
	var list []Device
	err = a.client.db.Update(ctx, func(tx *storage.Tx) (err error) {
		list, err = a.devices(tx, bare)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return list, nil
}

// RefreshDevices asks the server for the peer's devices and their keys, for
// comparing fingerprints before the first message.
func (a *Account) RefreshDevices(ctx context.Context, peer string) error {
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
	if err := l.RefreshDevices(ctx, bare); err != nil {
		return failed("refresh devices", err)
	}
	return nil
}

// SetTrust records a person's decision about a key, by its fingerprint, and
// sends what waited for it.
func (a *Account) SetTrust(ctx context.Context, peer, fingerprint string, state TrustState) error {
	bare, err := bareJID(peer)
	if err != nil {
		return err
	}
	if a.pipe.OMEMO == nil {
		return ErrNoEngine
	}
	identity, err := omemo.ParseFingerprint(fingerprint)
	if err != nil {
		return ErrUnknownFingerprint
	}
	err = a.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		emit(event.Event{Kind: event.TrustChanged, Account: a.id, Peer: bare})
		st := tx.OMEMO(a.id)
		known, err := a.pipe.OMEMO.Devices(tx.Context(), st, bare)
		if err != nil {
			return err
		}
		for _, d := range known {
			if d.Known && d.Identity == identity {
				return a.pipe.OMEMO.SetTrust(tx.Context(), st, bare, identity, trust.State(state))
			}
		}
		return ErrUnknownFingerprint
	})
	if err != nil {
		return fmt.Errorf("set trust: %w", err)
	}
	return a.unblock(ctx, bare)
}
