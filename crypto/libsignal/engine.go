// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"context"
	"fmt"
	"slices"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/util/optional"

	"github.com/confab-im/confab/crypto/engine"
)

// Engine is a session engine for Profile03. It has no state; the zero value is
// ready for use.
type Engine struct{}

var _ engine.Engine = (*Engine)(nil)

// New makes an Engine.
func New() *Engine { return &Engine{} }

// Name is "libsignal".
func (*Engine) Name() string { return "libsignal" }

// Profiles is Profile03 alone.
func (*Engine) Profiles() []engine.Profile { return []engine.Profile{engine.Profile03} }

// guard turns a panic of the module into ErrEngine. The value it panicked with
// is dropped, as it may hold message content.
func guard(op string, err *error) {
	if recover() != nil {
		*err = fmt.Errorf("%s: %w", op, engine.ErrEngine)
	}
}

// ParseKeyExchange implements engine.Engine.
func (*Engine) ParseKeyExchange(p engine.Profile, wire []byte) (engine.KeyExchange, error) {
	if p != engine.Profile03 {
		return engine.KeyExchange{}, fmt.Errorf("parse key exchange: %w", engine.ErrUnsupported)
	}
	return parseKeyExchange(wire)
}

// Sign implements engine.Engine.
func (*Engine) Sign(self engine.IdentityKey, msg []byte) (sig []byte, err error) {
	defer guard("sign message", &err)
	s := ecc.CalculateSignature(scalar(self.Private), slices.Clip(msg))
	return s[:], nil
}

// Initiate implements engine.Engine.
func (*Engine) Initiate(p engine.Profile, self engine.IdentityKey, remote engine.Bundle) (state engine.State, err error) {
	defer guard("initiate session", &err)
	if p != engine.Profile03 {
		return nil, fmt.Errorf("initiate session: %w", engine.ErrUnsupported)
	}
	if remote.PreKeyID == 0 {
		return nil, fmt.Errorf("initiate session: %w", engine.ErrNoOneTimePreKey)
	}
	for _, k := range []engine.PublicKey{self.Public, remote.Identity, remote.SignedPreKey, remote.PreKey} {
		if err := k.Check(); err != nil {
			return nil, fmt.Errorf("initiate session: %w", err)
		}
	}
	if err := checkPair(self.Private, self.Public); err != nil {
		return nil, fmt.Errorf("initiate session: %w", err)
	}
	// The module's own check would do, but its error cannot be told apart from
	// others without relying on its texts.
	if len(remote.Signature) != 64 ||
		!ecc.VerifySignature(point(remote.Identity), typed(remote.SignedPreKey[:]), [64]byte(remote.Signature)) {
		return nil, fmt.Errorf("initiate session: %w", engine.ErrBadSignature)
	}
	c := newCallFor(self)
	err = c.builder().ProcessBundle(context.Background(), prekey.NewBundle(
		remote.DeviceID, remote.DeviceID,
		optional.NewOptionalUint32(remote.PreKeyID), remote.SignedPreKeyID,
		point(remote.PreKey), point(remote.SignedPreKey), [64]byte(remote.Signature),
		identity.NewKey(point(remote.Identity)),
	))
	if err != nil {
		return nil, fmt.Errorf("initiate session: %w", engine.ErrEngine)
	}
	return encodeState(p, c.state())
}

// Accept implements engine.Engine.
func (*Engine) Accept(p engine.Profile, self engine.IdentityKey, signed, oneTime engine.PreKey, wire []byte) (state engine.State, plaintext []byte, err error) {
	defer guard("accept session", &err)
	if p != engine.Profile03 {
		return nil, nil, fmt.Errorf("accept session: %w", engine.ErrUnsupported)
	}
	kex, err := parseKeyExchange(wire)
	if err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", err)
	}
	m, err := parseMessage(kex.Message)
	if err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", err)
	}
	if oneTime.ID != kex.PreKeyID || signed.ID != kex.SignedPreKeyID {
		return nil, nil, fmt.Errorf("accept session: %w", engine.ErrNoOneTimePreKey)
	}
	if err := checkPair(self.Private, self.Public); err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", err)
	}
	c := newCallFor(self)
	if err := c.setPreKeys(signed, oneTime); err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", err)
	}
	msg, err := protocol.NewPreKeySignalMessageFromStruct(&protocol.PreKeySignalMessageStructure{
		Version:        sessionV3,
		RegistrationID: kex.RegistrationID,
		PreKeyID:       optional.NewOptionalUint32(kex.PreKeyID),
		SignedPreKeyID: kex.SignedPreKeyID,
		BaseKey:        typed(kex.Base[:]),
		IdentityKey:    typed(kex.Identity[:]),
		Message:        slices.Clone(kex.Message),
	}, c.format.PreKeySignalMessage, c.format.SignalMessage)
	if err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", engine.ErrMalformed)
	}
	if _, err := c.builder().Process(context.Background(), c.session, msg); err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", engine.ErrEngine)
	}
	state, plaintext, err = decrypt(p, c.state(), m)
	if err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", err)
	}
	return state, plaintext, nil
}

// setPreKeys hands over the prekeys with public parts computed from the private
// ones.
func (c *call) setPreKeys(signed, oneTime engine.PreKey) error {
	signedPub, err := signed.Private.Public()
	if err != nil {
		return err
	}
	oneTimePub, err := oneTime.Private.Public()
	if err != nil {
		return err
	}
	c.signed = record.NewSignedPreKey(signed.ID, 0,
		ecc.NewECKeyPair(point(signedPub), scalar(signed.Private)), [64]byte{}, c.format.SignedPreKeyRecord)
	c.oneTime = record.NewPreKey(oneTime.ID,
		ecc.NewECKeyPair(point(oneTimePub), scalar(oneTime.Private)), c.format.PreKeyRecord)
	return nil
}

func checkPair(private engine.PrivateKey, public engine.PublicKey) error {
	if got, err := private.Public(); err != nil || got != public {
		return fmt.Errorf("check own key pair: %w", engine.ErrBadKey)
	}
	return nil
}

// Encrypt implements engine.Engine.
func (*Engine) Encrypt(s engine.State, plaintext []byte) (next engine.State, wire []byte, kex bool, err error) {
	defer guard("encrypt message", &err)
	if len(plaintext) > engine.MaxPlaintext {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", engine.ErrTooLong)
	}
	before, p, err := decodeState(s)
	if err != nil {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", err)
	}
	c, err := newCallOn(before)
	if err != nil {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", err)
	}
	// Clipped, as the module appends the padding to what it is given.
	msg, err := c.cipher().Encrypt(context.Background(), slices.Clip(plaintext))
	if err != nil {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", engine.ErrEngine)
	}
	next, err = encodeState(p, c.state())
	if err != nil {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", err)
	}
	return next, msg.Serialize(), msg.Type() == protocol.PREKEY_TYPE, nil
}

// Decrypt implements engine.Engine.
func (e *Engine) Decrypt(s engine.State, wire []byte) (next engine.State, plaintext []byte, err error) {
	defer guard("decrypt message", &err)
	before, p, err := decodeState(s)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt message: %w", err)
	}
	if isKeyExchange(wire) {
		kex, err := parseKeyExchange(wire)
		if err != nil {
			return nil, nil, fmt.Errorf("decrypt message: %w", err)
		}
		if same, err := e.Matches(s, kex); err != nil || !same {
			return nil, nil, fmt.Errorf("decrypt message: other session: %w", engine.ErrBadMAC)
		}
		wire = kex.Message
	}
	m, err := parseMessage(wire)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt message: %w", err)
	}
	next, plaintext, err = decrypt(p, before, m)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt message: %w", err)
	}
	return next, plaintext, nil
}

// decrypt has the module decrypt a message that authenticate let through.
func decrypt(p engine.Profile, before *record.StateStructure, m ratchetMessage) (engine.State, []byte, error) {
	newChain, err := authenticate(before, m)
	if err != nil {
		return nil, nil, err
	}
	sent := before.SenderChain.ChainKey.Index
	c, err := newCallOn(before)
	if err != nil {
		return nil, nil, err
	}
	msg, err := protocol.NewSignalMessageFromStruct(&protocol.SignalMessageStructure{
		Version:         sessionV3,
		RatchetKey:      typed(m.ratchet[:]),
		Counter:         m.counter,
		PreviousCounter: m.previous,
		CipherText:      slices.Clone(m.ciphertext),
		Mac:             slices.Clone(m.mac),
	}, c.format.SignalMessage)
	if err != nil {
		return nil, nil, engine.ErrEngine
	}
	plaintext, _, err := c.cipher().DecryptWithRecord(context.Background(), c.session, msg)
	if err != nil {
		return nil, nil, engine.ErrEngine
	}
	after := c.state()
	if newChain {
		// The module stores one less, and 4294967295 when none was sent.
		after.PreviousCounter = sent
	}
	forgetOldest(after)
	next, err := encodeState(p, after)
	if err != nil {
		return nil, nil, err
	}
	return next, plaintext, nil
}

// forgetOldest keeps the keys of skipped messages at MaxStored over all chains.
func forgetOldest(s *record.StateStructure) {
	excess := -engine.MaxStored
	for _, c := range s.ReceiverChains {
		excess += len(c.MessageKeys)
	}
	for _, c := range s.ReceiverChains {
		if excess <= 0 {
			return
		}
		n := min(excess, len(c.MessageKeys))
		c.MessageKeys = c.MessageKeys[n:]
		excess -= n
	}
}

// RemoteIdentity implements engine.Engine.
func (*Engine) RemoteIdentity(s engine.State) (engine.PublicKey, error) {
	session, err := parseState(s)
	if err != nil {
		return engine.PublicKey{}, fmt.Errorf("read remote identity: %w", err)
	}
	return session.RemoteIdentity, nil
}

// Matches implements engine.Engine.
func (*Engine) Matches(s engine.State, kex engine.KeyExchange) (bool, error) {
	session, err := parseState(s)
	if err != nil {
		return false, fmt.Errorf("match key exchange: %w", err)
	}
	return session.RemoteIdentity == kex.Identity && session.BaseKey == kex.Base, nil
}
