// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"slices"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/storage"
)

// VerificationURI is an address that names the keys of a person's devices, as
// apps show it to each other in a QR code (see package qr):
//
//	xmpp:alice@example.org?omemo-sid-123=hex;omemo-sid-456=hex
type VerificationURI struct {
	JID  string // bare
	Keys []VerificationKey
}

// VerificationKey is one device's key in it.
type VerificationKey struct {
	Device      uint32
	Fingerprint string // 64 hexadecimal digits
}

// ParseVerificationURI reads an address that was scanned or opened. It may have
// been made by anybody, and says nothing by itself: only an address that came
// from the person, in person, is worth handing to VerifyURI.
//
// The error is ErrBadVerification, for whatever is not exactly such an address.
func ParseVerificationURI(text string) (VerificationURI, error) {
	parsed, err := omemo.ParseURI(text)
	if err != nil {
		return VerificationURI{}, ErrBadVerification
	}
	v := VerificationURI{Keys: make([]VerificationKey, len(parsed.Keys))}
	if v.JID, err = bareJID(parsed.JID); err != nil {
		return VerificationURI{}, ErrBadVerification
	}
	for i, k := range parsed.Keys {
		v.Keys[i] = VerificationKey{k.Device, omemo.Fingerprint(k.Identity)}
	}
	return v, nil
}

// VerificationURI returns the address to show to others: with the key of this
// device, and of the account's other devices as far as they are verified.
func (a *Account) VerificationURI(ctx context.Context) (string, error) {
	devices, err := a.OwnDevices(ctx)
	if err != nil {
		return "", err
	}
	uri := omemo.URI{JID: a.jid}
	for _, d := range devices {
		if d.State() != DeviceVerified {
			continue
		}
		key, err := omemo.ParseFingerprint(d.Fingerprint)
		if err != nil {
			return "", fmt.Errorf("make verification address: %w", err)
		}
		uri.Keys = append(uri.Keys, omemo.URIKey{Device: d.ID, Identity: key})
	}
	return uri.String(), nil
}

// VerifyOutcome is what an address said about one key.
type VerifyOutcome uint8

// The outcomes.
const (
	// KeyVerified: the key is the device's, and verified now if it was not.
	KeyVerified VerifyOutcome = iota + 1
	// KeyAwaited: no device with that key is known yet. It counts as verified
	// once one comes.
	KeyAwaited
	// KeyMismatch: the device is known with another key. One of the two is
	// false: should it be that of the address, it was not the person's own;
	// else somebody stands in between. The known key, if it was trusted blindly,
	// waits for a decision from now on; the one of the address is verified.
	KeyMismatch
	// KeyCompromised: somebody has decided that the key is in wrong hands. That
	// is not changed by an address.
	KeyCompromised
	// KeyOwn: the key of this very device, in an address of this account.
	KeyOwn
)

var verifyOutcomes = map[VerifyOutcome]string{
	KeyVerified: "verified", KeyAwaited: "awaited", KeyMismatch: "mismatch", KeyCompromised: "compromised", KeyOwn: "own",
}

// String returns the outcome's stable name.
func (o VerifyOutcome) String() string { return name(verifyOutcomes, o) }

// VerifiedKey is a key of an address, and what came of it.
type VerifiedKey struct {
	VerificationKey
	Outcome VerifyOutcome
}

// VerifyResult is what came of an address.
type VerifyResult struct {
	Peer string        // bare JID
	Keys []VerifiedKey // as in the address
	// Unnamed are active devices of the person that the address does not name.
	// What was decided about them stays; new ones will wait for a decision.
	Unnamed []Device
}

// OK says that every key of the address is that of its device, or of one still
// to come.
func (r VerifyResult) OK() bool {
	return !slices.ContainsFunc(r.Keys, func(k VerifiedKey) bool {
		return k.Outcome == KeyMismatch || k.Outcome == KeyCompromised
	})
}

// VerifyURI takes an address that a person has got from its owner, in person or
// on another way that nobody else controls, for the comparison of fingerprints:
// keys that match are verified, those of devices not known yet will be. From
// then on new keys of the person wait for a decision. Messages that waited for
// one go out.
//
// It needs no network; see RefreshDevices for the latest keys. Errors:
// ErrBadVerification, ErrNoEngine, storage's.
func (a *Account) VerifyURI(ctx context.Context, text string) (VerifyResult, error) {
	v, err := ParseVerificationURI(text)
	if err != nil {
		return VerifyResult{}, err
	}
	if a.pipe.OMEMO == nil {
		return VerifyResult{}, ErrNoEngine
	}
	own, err := a.OwnDevice(ctx)
	if err != nil {
		return VerifyResult{}, err
	}
	var result VerifyResult
	err = a.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		result = VerifyResult{Peer: v.JID}
		emit(event.Event{Kind: event.TrustChanged, Account: a.id, Peer: v.JID})
		known, err := a.devices(tx, v.JID)
		if err != nil {
			return err
		}
		if v.JID == a.jid {
			known = append(known, own)
		}
		for _, k := range v.Keys {
			outcome, err := a.verifyKey(tx, v.JID, k, known)
			if err != nil {
				return err
			}
			result.Keys = append(result.Keys, VerifiedKey{k, outcome})
		}
		result.Unnamed = unnamed(v, known)
		return nil
	})
	if err != nil {
		return VerifyResult{}, fmt.Errorf("verify keys: %w", err)
	}
	return result, a.unblock(ctx, v.JID)
}

// verifyKey compares one key with what is known. Numbers of devices are not
// authenticated, so it is the key that counts.
func (a *Account) verifyKey(tx *storage.Tx, peer string, k VerificationKey, known []Device) (VerifyOutcome, error) {
	key, err := omemo.ParseFingerprint(k.Fingerprint)
	if err != nil {
		return 0, err
	}
	st := tx.OMEMO(a.id)
	state, _, err := st.Trust(tx.Context(), peer, key[:])
	if err != nil {
		return 0, err
	}
	outcome := KeyAwaited
	for _, d := range known {
		switch {
		case d.Fingerprint == k.Fingerprint && d.Own:
			return KeyOwn, nil
		case d.Fingerprint == k.Fingerprint:
			outcome = KeyVerified
		case d.ID == k.Device && d.Fingerprint != "" && outcome == KeyAwaited:
			outcome = KeyMismatch
		}
	}
	if trust.State(state) == trust.Compromised {
		return KeyCompromised, nil
	}
	if outcome == KeyMismatch {
		if err := a.doubt(tx, peer, k.Device, known); err != nil {
			return 0, err
		}
		if i := slices.IndexFunc(known, func(d Device) bool { return d.Own && d.ID == k.Device }); i >= 0 {
			return outcome, nil // an address of ours with a key that is not: it is not to be believed
		}
	}
	return outcome, a.pipe.OMEMO.SetTrust(tx.Context(), st, peer, key, trust.Verified)
}

// doubt ends the blind trust in the key of a device that should have another.
func (a *Account) doubt(tx *storage.Tx, peer string, device uint32, known []Device) error {
	for _, d := range known {
		if d.ID != device || d.Own || d.Trust != Blind || d.Fingerprint == "" {
			continue
		}
		key, err := omemo.ParseFingerprint(d.Fingerprint)
		if err != nil {
			return err
		}
		if err := a.pipe.OMEMO.SetTrust(tx.Context(), tx.OMEMO(a.id), peer, key, trust.Undecided); err != nil {
			return err
		}
	}
	return nil
}

// unnamed lists the active devices whose key is not in the address.
func unnamed(v VerificationURI, known []Device) (list []Device) {
	for _, d := range known {
		named := slices.ContainsFunc(v.Keys, func(k VerificationKey) bool {
			return k.Fingerprint == d.Fingerprint || k.Device == d.ID
		})
		if d.Active && !d.Own && !named {
			list = append(list, d)
		}
	}
	return list
}
