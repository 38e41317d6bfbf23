// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/rand"
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
)

// Engine is a session engine for both profiles. It has no state; the zero value
// is ready for use.
type Engine struct{}

var _ engine.Engine = (*Engine)(nil)

// New makes an Engine.
func New() *Engine { return &Engine{} }

// Name is "ratchet".
func (*Engine) Name() string { return "ratchet" }

// Profiles are Profile03 and Profile2.
func (*Engine) Profiles() []engine.Profile {
	return []engine.Profile{engine.Profile03, engine.Profile2}
}

// ParseKeyExchange implements [engine.Engine].
func (*Engine) ParseKeyExchange(p engine.Profile, wire []byte) (engine.KeyExchange, error) {
	suite, err := suiteOf(p)
	if err != nil {
		return engine.KeyExchange{}, err
	}
	k, err := suite.wire.parseKeyExchange(wire)
	if err != nil {
		return engine.KeyExchange{}, err
	}
	k.Message = append([]byte(nil), k.Message...)
	return k.KeyExchange, nil
}

// Sign implements [engine.Engine]. The signature is one of the identity's form
// with sign 0, in every profile. It costs two scalar multiplications of the base
// point.
func (*Engine) Sign(self engine.IdentityKey, msg []byte) ([]byte, error) {
	sig, err := sign(rand.Reader, self.Private, msg)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return sig, nil
}

// Initiate implements [engine.Engine].
func (*Engine) Initiate(p engine.Profile, self engine.IdentityKey, remote engine.Bundle) (engine.State, error) {
	suite, err := suiteOf(p)
	if err != nil {
		return nil, err
	}
	s, err := initiate(suite, self, remote)
	if err != nil {
		return nil, fmt.Errorf("initiate session: %w", err)
	}
	defer s.wipe()
	return s.encode(), nil
}

// Accept implements [engine.Engine].
func (*Engine) Accept(p engine.Profile, self engine.IdentityKey, signed, oneTime engine.PreKey, kex []byte) (engine.State, []byte, error) {
	suite, err := suiteOf(p)
	if err != nil {
		return nil, nil, err
	}
	s, plain, err := accept(suite, self, signed, oneTime, kex)
	if err != nil {
		return nil, nil, fmt.Errorf("accept session: %w", err)
	}
	defer s.wipe()
	return s.encode(), plain, nil
}

// Encrypt implements [engine.Engine].
func (*Engine) Encrypt(state engine.State, plaintext []byte) (next engine.State, wire []byte, kex bool, err error) {
	s, err := decode(state)
	if err != nil {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", err)
	}
	defer s.wipe()
	if len(plaintext) > engine.MaxPlaintext {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", engine.ErrTooLong)
	}
	wire, err = s.encrypt(plaintext)
	if err != nil {
		return nil, nil, false, fmt.Errorf("encrypt message: %w", err)
	}
	return s.encode(), wire, s.pending != (preKeyIDs{}), nil
}

// Decrypt implements [engine.Engine].
func (*Engine) Decrypt(state engine.State, wire []byte) (next engine.State, plaintext []byte, err error) {
	s, err := decode(state)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt message: %w", err)
	}
	defer s.wipe()
	m, err := s.parse(wire)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt message: %w", err)
	}
	plaintext, err = s.decrypt(&m)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt message: %w", err)
	}
	return s.encode(), plaintext, nil
}

// parse reads a ratchet message, or the one in a repeated key exchange of this
// session.
func (s *session) parse(b []byte) (message, error) {
	if !s.wire.isKeyExchange(b) {
		return s.wire.parseMessage(b)
	}
	k, err := s.wire.parseKeyExchange(b)
	if err != nil {
		return message{}, err
	}
	m, err := s.wire.parseMessage(k.Message)
	if err != nil {
		return message{}, err
	}
	if s.initiator || k.identity != s.remote.identity || k.Base != s.base {
		return message{}, fmt.Errorf("compare key exchange: %w", engine.ErrBadMAC)
	}
	return m, nil
}

// RemoteIdentity implements [engine.Engine].
func (*Engine) RemoteIdentity(state engine.State) (engine.PublicKey, error) {
	s, err := decode(state)
	if err != nil {
		return engine.PublicKey{}, fmt.Errorf("read remote identity: %w", err)
	}
	return s.remoteIdentity()
}

// remoteIdentity is the other side's identity in Curve25519 form.
func (s *session) remoteIdentity() (engine.PublicKey, error) {
	if s.profile == engine.Profile03 {
		return s.remote.identity, nil
	}
	k, err := engine.EdwardsKey(s.remote.identity).Montgomery()
	if err != nil {
		return engine.PublicKey{}, fmt.Errorf("read remote identity: %w", engine.ErrBadState)
	}
	return k, nil
}

// Matches implements [engine.Engine].
func (*Engine) Matches(state engine.State, kex engine.KeyExchange) (bool, error) {
	s, err := decode(state)
	if err != nil {
		return false, fmt.Errorf("match key exchange: %w", err)
	}
	if s.initiator || s.base != kex.Base {
		return false, nil
	}
	remote, err := s.remoteIdentity()
	if err != nil {
		return false, err
	}
	return remote == kex.Identity, nil
}
