// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"context"
	"errors"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/state/record"

	"github.com/confab-im/confab/crypto/engine"
)

var errNotHere = errors.New("not in this call")

// peer is the address the module is given: it has no meaning, since each call
// sees one session only.
var peer = protocol.NewSignalAddress("peer", 1)

// call is all the stores the module asks for, for the length of one call: one
// session, at most one prekey of each kind, and an identity store that trusts
// everybody and saves nothing, as trust is decided above.
type call struct {
	self    *identity.KeyPair
	selfID  uint32
	session *record.Session
	signed  *record.SignedPreKey
	oneTime *record.PreKey
	format  *serialize.Serializer
}

func newCall() *call { return &call{format: serialize.NewProtoBufSerializer()} }

// newCallFor is a call that creates a session.
func newCallFor(self engine.IdentityKey) *call {
	c := newCall()
	c.self = identity.NewKeyPair(identity.NewKey(point(self.Public)), scalar(self.Private))
	c.selfID = self.RegistrationID
	c.session = record.NewSession(c.format.Session, c.format.State)
	return c
}

// newCallOn is a call on a session that exists.
func newCallOn(s *record.StateStructure) (*call, error) {
	c := newCall()
	state, err := record.NewStateFromStructure(s, c.format.State)
	if err != nil {
		return nil, engine.ErrBadState
	}
	c.session = record.NewSessionFromState(state, c.format.Session)
	return c, nil
}

func (c *call) builder() *session.Builder {
	return session.NewBuilder(c, c, c, c, peer, c.format)
}

func (c *call) cipher() *session.Cipher {
	return session.NewCipherFromSession(peer, c, c, c, c.format.PreKeySignalMessage, c.format.SignalMessage)
}

// state is the session after the call.
func (c *call) state() *record.StateStructure { return c.session.Structure().SessionState }

func point(k engine.PublicKey) *ecc.DjbECPublicKey    { return ecc.NewDjbECPublicKey(k) }
func scalar(k engine.PrivateKey) *ecc.DjbECPrivateKey { return ecc.NewDjbECPrivateKey(k) }

// Identity store.

func (c *call) GetIdentityKeyPair() *identity.KeyPair { return c.self }

func (c *call) GetLocalRegistrationID() uint32 { return c.selfID }

func (c *call) SaveIdentity(context.Context, *protocol.SignalAddress, *identity.Key) error {
	return nil
}

func (c *call) IsTrustedIdentity(context.Context, *protocol.SignalAddress, *identity.Key) (bool, error) {
	return true, nil
}

// Session store.

func (c *call) LoadSession(context.Context, *protocol.SignalAddress) (*record.Session, error) {
	return c.session, nil
}

func (c *call) StoreSession(_ context.Context, _ *protocol.SignalAddress, s *record.Session) error {
	c.session = s
	return nil
}

func (c *call) ContainsSession(context.Context, *protocol.SignalAddress) (bool, error) {
	return true, nil
}

func (c *call) GetSubDeviceSessions(context.Context, string) ([]uint32, error) {
	return nil, errNotHere
}
func (c *call) DeleteSession(context.Context, *protocol.SignalAddress) error { return errNotHere }
func (c *call) DeleteAllSessions(context.Context) error                      { return errNotHere }

// Prekey stores.

func (c *call) LoadPreKey(context.Context, uint32) (*record.PreKey, error) { return c.oneTime, nil }

func (c *call) StorePreKey(context.Context, uint32, *record.PreKey) error { return errNotHere }

func (c *call) ContainsPreKey(context.Context, uint32) (bool, error) { return c.oneTime != nil, nil }

func (c *call) RemovePreKey(context.Context, uint32) error { return nil }

func (c *call) LoadSignedPreKey(context.Context, uint32) (*record.SignedPreKey, error) {
	return c.signed, nil
}

func (c *call) LoadSignedPreKeys(context.Context) ([]*record.SignedPreKey, error) {
	return nil, errNotHere
}

func (c *call) StoreSignedPreKey(context.Context, uint32, *record.SignedPreKey) error {
	return errNotHere
}

func (c *call) ContainsSignedPreKey(context.Context, uint32) (bool, error) {
	return c.signed != nil, nil
}

func (c *call) RemoveSignedPreKey(context.Context, uint32) error { return errNotHere }
