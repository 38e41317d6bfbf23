// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/util/optional"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
)

// Each test builds the input that brings out one defect of the module, shows
// that the bare module has it, and that the engine contains it.

func TestDefectPanicOnPartialCipherBlock(t *testing.T) {
	alice, bob := pairOf(t)
	odd := forger{cipher: func(b []byte) []byte { return append(b, 0) }} // 17 bytes
	wire := odd.message(t, alice.State, "x")
	require.Panics(t, func() { _, _, _ = module(t, bob.State, wire) })
	bob.Refuse(t, wire, engine.ErrMalformed)
	bob.Refuse(t, forger{cipher: func([]byte) []byte { return nil }}.message(t, alice.State, "x"), engine.ErrMalformed)

	// From a stranger, in a first message.
	a, b := parties(t)
	sender := a.Initiate(t, b)
	kex := wrap(t, sender.State, odd.message(t, sender.State, "x"))
	_, _, err := New().Accept(engine.Profile03, b.Identity, b.Signed, b.OneTime, kex)
	require.ErrorIs(t, err, engine.ErrMalformed)
}

func TestDefectPanicOnEmptyMessageAndKey(t *testing.T) {
	format := newCall().format
	noBase := []byte{versionByte, tag(1, wireVarint), 1, tag(2, wireBytes), 0}
	noBase = appendBytes(noBase, 3, make([]byte, 33))
	noBase = appendBytes(noBase, 4, []byte{1})
	noBase = appendVarint(noBase, 6, 1)
	for _, wire := range [][]byte{{}, noBase} {
		require.Panics(t, func() {
			_, _ = protocol.NewPreKeySignalMessageFromBytes(wire, format.PreKeySignalMessage, format.SignalMessage)
		})
	}
	_, b := parties(t)
	_, bob := pairOf(t)
	for _, wire := range [][]byte{nil, {}, {versionByte}, noBase} {
		_, err := New().ParseKeyExchange(engine.Profile03, wire)
		require.ErrorIs(t, err, engine.ErrMalformed)
		_, _, err = New().Accept(engine.Profile03, b.Identity, b.Signed, b.OneTime, wire)
		require.ErrorIs(t, err, engine.ErrMalformed)
		bob.Refuse(t, wire, engine.ErrMalformed)
	}
	// An empty ratchet key inside.
	inner := appendBytes([]byte{versionByte}, 1, nil)
	inner = appendVarint(inner, 2, 0)
	inner = appendVarint(inner, 3, 0)
	inner = append(appendBytes(inner, 4, make([]byte, 16)), make([]byte, macSize)...)
	require.Panics(t, func() { _, _, _ = module(t, bob.State, inner) })
	bob.Refuse(t, inner, engine.ErrMalformed)
}

// A delayed message of an archived session steps the ratchet of the current one
// although its MAC is wrong there.
func TestDefectStateChangedBeforeMAC(t *testing.T) {
	a, b := parties(t)
	old := a.Initiate(t, b)
	kex, _ := old.Encrypt(t, "x")
	archived, _ := b.Accept(t, kex)
	delayed, _ := old.Encrypt(t, "delayed")
	header, err := parseKeyExchange(delayed)
	require.NoError(t, err)
	alice := a.Initiate(t, b)
	kex, _ = alice.Encrypt(t, "x")
	bob, _ := b.Accept(t, kex)

	after, _, err := module(t, bob.State, header.Message)
	require.Error(t, err)
	require.NotEqual(t, bob.State, encoded(t, after), "the module changed the session all the same")

	bob.Refuse(t, header.Message, engine.ErrBadMAC)
	wire, _ := bob.Encrypt(t, "fine")
	require.Equal(t, "fine", alice.Decrypt(t, wire))
	require.Equal(t, "delayed", archived.Decrypt(t, header.Message))
}

func TestDefectPreKeyPublicKeyOnReload(t *testing.T) {
	a, b := parties(t)
	format := newCall().format
	pair := ecc.NewECKeyPair(point(b.OneTime.Public), scalar(b.OneTime.Private))
	kept := record.NewPreKey(1, pair, format.PreKeyRecord)
	loaded, err := record.NewPreKeyFromBytes(kept.Serialize(), format.PreKeyRecord)
	require.NoError(t, err)
	require.NotEqual(t, [32]byte(b.OneTime.Public), loaded.KeyPair().PublicKey().PublicKey())
	keptSigned := record.NewSignedPreKey(1, 0, pair, [64]byte{}, format.SignedPreKeyRecord)
	loadedSigned, err := record.NewSignedPreKeyFromBytes(keptSigned.Serialize(), format.SignedPreKeyRecord)
	require.NoError(t, err)
	require.NotEqual(t, [32]byte(b.OneTime.Public), loadedSigned.KeyPair().PublicKey().PublicKey())

	// The engine takes the public parts from the private ones.
	alice := a.Initiate(t, b)
	kex, _ := alice.Encrypt(t, "x")
	signed, oneTime := b.Signed, b.OneTime
	signed.Public, oneTime.Public = engine.PublicKey{5, 1}, engine.PublicKey{5, 2}
	state, plain, err := New().Accept(engine.Profile03, b.Identity, signed, oneTime, kex)
	require.NoError(t, err)
	require.Equal(t, "x", string(plain))
	bob := &enginetest.Session{Party: b, State: state}
	wire, _ := bob.Encrypt(t, "y")
	require.Equal(t, "y", alice.Decrypt(t, wire))
	c := newCall()
	require.NoError(t, c.setPreKeys(signed, oneTime))
	require.Equal(t, [32]byte(b.Signed.Public), c.signed.KeyPair().PublicKey().PublicKey())
	require.Equal(t, [32]byte(b.OneTime.Public), c.oneTime.KeyPair().PublicKey().PublicKey())
}

func TestDefectMACOverReencoding(t *testing.T) {
	alice, bob := pairOf(t)
	s, _, err := decodeState(alice.State)
	require.NoError(t, err)
	for name, f := range map[string]forger{
		"unknown field":  {hidden: []byte{tag(9, wireVarint), 1}},
		"repeated field": {hidden: appendVarint(nil, 2, s.SenderChain.ChainKey.Index)},
		"version 0x3f":   {version: 0x3f},
	} {
		wire := f.message(t, alice.State, "x")
		_, plain, err := module(t, bob.State, wire)
		require.NoError(t, err, name)
		require.Equal(t, "x", string(plain))
		bob.Refuse(t, wire, engine.ErrMalformed)
	}
	// Covered by the MAC or not, there is one encoding only.
	for name, f := range map[string]forger{
		"unknown field": {after: []byte{tag(9, wireVarint), 1}},
		"old version":   {version: 0x23},
		"later version": {version: 0x44},
	} {
		_, _, err := New().Decrypt(bob.State, f.message(t, alice.State, "x"))
		require.ErrorIs(t, err, engine.ErrMalformed, name)
	}
	require.Equal(t, "x", bob.Decrypt(t, forger{}.message(t, alice.State, "x")))
}

func TestDefectPreviousCounter(t *testing.T) {
	previous := func(wire []byte) uint32 {
		m, err := parseMessage(wire)
		require.NoError(t, err)
		return m.previous
	}
	a, b := parties(t)
	alice := a.Initiate(t, b)
	kex, _ := alice.Encrypt(t, "x")
	header, err := parseKeyExchange(kex)
	require.NoError(t, err)

	// The module: a responder that has sent nothing says 4294967295.
	c := newCallFor(b.Identity)
	require.NoError(t, c.setPreKeys(b.Signed, b.OneTime))
	msg, err := protocol.NewPreKeySignalMessageFromBytes(kex, c.format.PreKeySignalMessage, c.format.SignalMessage)
	require.NoError(t, err)
	_, err = c.builder().Process(context.Background(), c.session, msg)
	require.NoError(t, err)
	after, _, err := module(t, encoded(t, c.state()), header.Message)
	require.NoError(t, err)
	require.Equal(t, uint32(4294967295), after.PreviousCounter)

	// The engine: the count of messages of the chain before.
	bob, _ := b.Accept(t, kex)
	wire, _ := bob.Encrypt(t, "none before")
	require.Zero(t, previous(wire))
	alice.Decrypt(t, wire)
	wire, _ = alice.Encrypt(t, "one before")
	require.Equal(t, uint32(1), previous(wire))
	for range 4 {
		wire, _ = alice.Encrypt(t, "still one before")
		require.Equal(t, uint32(1), previous(wire))
	}
	bob.Decrypt(t, wire)
	wire, _ = bob.Encrypt(t, "one before")
	require.Equal(t, uint32(1), previous(wire))
	alice.Decrypt(t, wire)
	wire, _ = alice.Encrypt(t, "five before")
	require.Equal(t, uint32(5), previous(wire))

	// What comes in is never trusted.
	s, _, err := decodeState(alice.State)
	require.NoError(t, err)
	for _, n := range []uint32{0, 1, 1000, 4294967295} {
		s.PreviousCounter = n
		clone := bob.Clone()
		require.Equal(t, "x", clone.Decrypt(t, forger{counter: 1}.message(t, encoded(t, s), "x")))
		require.Equal(t, "five before", clone.Decrypt(t, wire))
	}
}

func TestDefectPreKeyIDZero(t *testing.T) {
	a, b := parties(t)
	sender := a.Initiate(t, b)
	s, _, err := decodeState(sender.State)
	require.NoError(t, err)
	s.PendingPreKey.PreKeyID.Value = 0
	kex := wrapAs(t, s, forger{}.message(t, sender.State, "x"))
	format := newCall().format
	msg, err := protocol.NewPreKeySignalMessageFromBytes(kex, format.PreKeySignalMessage, format.SignalMessage)
	require.NoError(t, err)
	require.True(t, msg.PreKeyID().IsEmpty, "the module takes it for absent")

	_, err = New().ParseKeyExchange(engine.Profile03, kex)
	require.ErrorIs(t, err, engine.ErrNoOneTimePreKey)
	oneTime := b.OneTime
	oneTime.ID = 0
	_, _, err = New().Accept(engine.Profile03, b.Identity, b.Signed, oneTime, kex)
	require.ErrorIs(t, err, engine.ErrNoOneTimePreKey)
	bundle := b.Bundle()
	bundle.PreKeyID = 0
	_, err = New().Initiate(engine.Profile03, a.Identity, bundle)
	require.ErrorIs(t, err, engine.ErrNoOneTimePreKey)
}

func TestDefectKeyExchangeWithoutPreKey(t *testing.T) {
	a, b := parties(t)
	sender := newCallFor(a.Identity)
	require.NoError(t, sender.builder().ProcessBundle(context.Background(), prekey.NewBundle(
		2, 2, optional.NewEmptyUint32(), b.Signed.ID, nil, point(b.Signed.Public), [64]byte(b.Signature),
		identity.NewKey(point(b.Identity.Public)))))
	msg, err := sender.cipher().Encrypt(context.Background(), []byte("replay me"))
	require.NoError(t, err)
	kex := msg.Serialize()

	// The module accepts it as often as it comes.
	for range 2 {
		c := newCallFor(b.Identity)
		require.NoError(t, c.setPreKeys(b.Signed, b.OneTime))
		in, err := protocol.NewPreKeySignalMessageFromBytes(kex, c.format.PreKeySignalMessage, c.format.SignalMessage)
		require.NoError(t, err)
		plain, err := session.NewCipher(c.builder(), peer).DecryptMessage(context.Background(), in)
		require.NoError(t, err)
		require.Equal(t, "replay me", string(plain))
	}
	_, err = New().ParseKeyExchange(engine.Profile03, kex)
	require.ErrorIs(t, err, engine.ErrNoOneTimePreKey)
	for _, oneTime := range []engine.PreKey{{}, b.OneTime} {
		_, _, err = New().Accept(engine.Profile03, b.Identity, b.Signed, oneTime, kex)
		require.ErrorIs(t, err, engine.ErrNoOneTimePreKey)
	}
}

// recording is the stores of a call that tell when an identity is saved.
type recording struct {
	*call
	saved int
}

func (r *recording) SaveIdentity(context.Context, *protocol.SignalAddress, *identity.Key) error {
	r.saved++
	return nil
}

func TestDefectIdentitySavedBeforeMAC(t *testing.T) {
	a, b := parties(t)
	kex, _ := a.Initiate(t, b).Encrypt(t, "x")
	header, err := parseKeyExchange(kex)
	require.NoError(t, err)
	header.Message[len(header.Message)-1] ^= 1 // in place: the MAC inside is wrong now

	r := &recording{call: newCallFor(b.Identity)}
	require.NoError(t, r.setPreKeys(b.Signed, b.OneTime))
	in, err := protocol.NewPreKeySignalMessageFromBytes(kex, r.format.PreKeySignalMessage, r.format.SignalMessage)
	require.NoError(t, err)
	builder := session.NewBuilder(r, r, r, r, peer, r.format)
	_, err = session.NewCipher(builder, peer).DecryptMessage(context.Background(), in)
	require.Error(t, err)
	require.Equal(t, 1, r.saved, "the module saved the identity of a forgery")

	// The engine has nowhere to save one, and returns no session to read it from.
	s, plain, err := New().Accept(engine.Profile03, b.Identity, b.Signed, b.OneTime, kex)
	require.ErrorIs(t, err, engine.ErrBadMAC)
	require.Empty(t, s)
	require.Empty(t, plain)
	c := newCall()
	before := *c
	require.NoError(t, c.SaveIdentity(t.Context(), peer, identity.NewKey(point(a.Identity.Public))))
	require.Equal(t, before, *c)
	trusted, err := c.IsTrustedIdentity(t.Context(), peer, nil)
	require.NoError(t, err)
	require.True(t, trusted, "trust is decided above")
}

func TestDefectLowOrderKeys(t *testing.T) {
	a, b := parties(t)
	for _, k := range engine.LowOrderKeys() {
		c := newCallFor(a.Identity)
		err := c.builder().ProcessBundle(context.Background(), prekey.NewBundle(
			2, 2, optional.NewOptionalUint32(1), b.Signed.ID, point(k), point(b.Signed.Public),
			[64]byte(b.Signature), identity.NewKey(point(b.Identity.Public))))
		require.NoError(t, err, "the module agrees on a secret of zeros")
		bundle := b.Bundle()
		bundle.PreKey = k
		_, err = New().Initiate(engine.Profile03, a.Identity, bundle)
		require.ErrorIs(t, err, engine.ErrBadKey)
	}
	// The rest of the positions are in the conformance suite.
}

func TestDefectEncryptWithoutSession(t *testing.T) {
	a, _ := parties(t)
	require.Panics(t, func() { _, _ = newCallFor(a.Identity).cipher().Encrypt(context.Background(), []byte("x")) })
	for _, s := range []engine.State{nil, {}, make(engine.State, 253)} {
		_, _, _, err := New().Encrypt(s, []byte("x"))
		require.ErrorIs(t, err, engine.ErrBadState)
	}
}
