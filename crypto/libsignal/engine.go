// SPDX-License-Identifier: MPL-2.0

package libsignal

import "github.com/confab-im/confab/crypto/engine"

// Engine is a session engine for Profile03.
type Engine struct{}

var _ engine.Engine = (*Engine)(nil)

// New makes an Engine.
func New() *Engine { return &Engine{} }

func (*Engine) Name() string               { return "libsignal" }
func (*Engine) Profiles() []engine.Profile { return []engine.Profile{engine.Profile03} }
func (*Engine) ParseKeyExchange(engine.Profile, []byte) (engine.KeyExchange, error) {
	return engine.KeyExchange{}, engine.ErrEngine
}
func (*Engine) Sign(engine.IdentityKey, []byte) ([]byte, error) { return nil, engine.ErrEngine }
func (*Engine) Initiate(engine.Profile, engine.IdentityKey, engine.Bundle) (engine.State, error) {
	return nil, engine.ErrEngine
}
func (*Engine) Accept(engine.Profile, engine.IdentityKey, engine.PreKey, engine.PreKey, []byte) (engine.State, []byte, error) {
	return nil, nil, engine.ErrEngine
}
func (*Engine) Encrypt(engine.State, []byte) (engine.State, []byte, bool, error) {
	return nil, nil, false, engine.ErrEngine
}
func (*Engine) Decrypt(engine.State, []byte) (engine.State, []byte, error) {
	return nil, nil, engine.ErrEngine
}
func (*Engine) RemoteIdentity(engine.State) (engine.PublicKey, error) {
	return engine.PublicKey{}, engine.ErrEngine
}
func (*Engine) Matches(engine.State, engine.KeyExchange) (bool, error) {
	return false, engine.ErrEngine
}
