// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
)

// initiate is the part of the one who sends first (X3DH §3.3). The bundle's
// signature is checked before anything is made of it.
func initiate(suite *suite, self engine.IdentityKey, b engine.Bundle) (*session, error) {
	if err := checkBundle(suite, b); err != nil {
		return nil, err
	}
	covered, err := engine.SignedBytes(suite.profile, b.SignedPreKey)
	if err != nil {
		return nil, err
	}
	form, err := engine.VerifySignature(suite.profile, b.Identity, covered, b.Signature)
	if err != nil {
		return nil, err
	}
	identity, err := openKey(self.Private, self.Public)
	if err != nil {
		return nil, err
	}
	base, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make base key: %w", engine.ErrEngine)
	}
	var a agreement
	root := a.root(suite,
		a.secret(identity, b.SignedPreKey), a.secret(base, b.Identity), a.secret(base, b.SignedPreKey), a.secret(base, b.PreKey))
	if a.err != nil {
		return nil, a.err
	}
	s := &session{
		suite: suite, initiator: true, root: root, base: engine.PublicKey(base.PublicKey().Bytes()),
		pending: preKeyIDs{b.PreKeyID, b.SignedPreKeyID},
		remote:  device{form, b.DeviceID},
	}
	if suite.profile == engine.Profile03 {
		s.remote.identity = b.Identity
	}
	if s.local, err = ownDevice(suite, self); err != nil {
		return nil, err
	}
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make ratchet key: %w", engine.ErrEngine)
	}
	if err := s.startSending(own, b.SignedPreKey); err != nil {
		return nil, err
	}
	return s, nil
}

// checkBundle refuses a bundle by what is cheap to see.
func checkBundle(suite *suite, b engine.Bundle) error {
	if b.PreKeyID == 0 {
		return fmt.Errorf("check bundle: %w", engine.ErrNoOneTimePreKey)
	}
	// Some publish a signed prekey with id 0 in 0.3 and understand it.
	if suite.profile == engine.Profile2 && (b.SignedPreKeyID == 0 || b.SignedPreKeyID > maxID || b.PreKeyID > maxID) {
		return fmt.Errorf("check bundle: key id out of range: %w", engine.ErrBadKey)
	}
	for _, k := range [...]engine.PublicKey{b.Identity, b.SignedPreKey, b.PreKey} {
		if err := k.Check(); err != nil {
			return err
		}
	}
	return nil
}

// accept is the part of the other one (X3DH §3.4), and decrypts the message
// inside, by which alone the key exchange is authenticated.
func accept(suite *suite, self engine.IdentityKey, signed, oneTime engine.PreKey, wire []byte) (*session, []byte, error) {
	k, err := suite.wire.parseKeyExchange(wire)
	if err != nil {
		return nil, nil, err
	}
	// Whatever can be refused without a scalar multiplication is.
	m, err := suite.wire.parseMessage(k.Message)
	if err != nil {
		return nil, nil, err
	}
	if err := checkAhead(0, m.number); err != nil {
		return nil, nil, err
	}
	if k.PreKeyID != oneTime.ID || k.SignedPreKeyID != signed.ID {
		return nil, nil, fmt.Errorf("find prekeys: %w", engine.ErrNoOneTimePreKey)
	}
	var private [3]*ecdh.PrivateKey
	for i, pair := range [...]engine.PreKey{
		{Private: self.Private, Public: self.Public}, signed, oneTime,
	} {
		if private[i], err = openKey(pair.Private, pair.Public); err != nil {
			return nil, nil, err
		}
	}
	var a agreement
	root := a.root(suite,
		a.secret(private[1], k.Identity), a.secret(private[0], k.Base), a.secret(private[1], k.Base), a.secret(private[2], k.Base))
	if a.err != nil {
		return nil, nil, a.err
	}
	s := &session{suite: suite, root: root, base: k.Base, remote: device{k.identity, k.RegistrationID}}
	if s.local, err = ownDevice(suite, self); err != nil {
		return nil, nil, err
	}
	plain, err := s.decryptNew(private[1], &m)
	if err != nil {
		return nil, nil, err
	}
	return s, plain, nil
}

// ownDevice is the own end of a session, in the form of the profile's wire.
func ownDevice(suite *suite, self engine.IdentityKey) (device, error) {
	d := device{self.Public, self.RegistrationID}
	if suite.profile == engine.Profile2 {
		form, err := self.Public.Edwards()
		if err != nil {
			return device{}, err
		}
		d.identity = form
	}
	return d, nil
}

// agreement collects the shared secrets, and the first error.
type agreement struct{ err error }

func (a *agreement) secret(own *ecdh.PrivateKey, remote engine.PublicKey) []byte {
	dh, err := sharedSecret(own, remote)
	if a.err == nil {
		a.err = err
	}
	return dh
}

func (a *agreement) root(suite *suite, dh1, dh2, dh3, dh4 []byte) secret {
	if a.err != nil {
		return secret{}
	}
	return suite.agree(dh1, dh2, dh3, dh4)
}
