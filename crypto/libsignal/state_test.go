// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/util/optional"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
)

// sample is a session structure with every field set to bytes of its own.
func sample(stored int) *record.StateStructure {
	next := byte(0)
	fill := func(n int) []byte {
		next++
		return bytes.Repeat([]byte{next}, n)
	}
	s := &record.StateStructure{
		SessionVersion:       sessionV3,
		LocalIdentityPublic:  typed(fill(32)),
		RemoteIdentityPublic: typed(fill(32)),
		LocalRegistrationID:  0x01020304,
		RemoteRegistrationID: 0x05060708,
		PreviousCounter:      0x090a0b0c,
		RootKey:              fill(32),
		SenderBaseKey:        typed(fill(32)),
		SenderChain: &record.ChainStructure{
			SenderRatchetKeyPublic: typed(fill(32)), SenderRatchetKeyPrivate: fill(32),
			ChainKey: &chain.KeyStructure{Key: fill(32), Index: 7},
		},
	}
	s.PendingPreKey = &record.PendingPreKeyStructure{
		PreKeyID: optional.NewOptionalUint32(8), SignedPreKeyID: 9, BaseKey: s.SenderBaseKey,
	}
	for i := range 2 {
		c := &record.ChainStructure{
			SenderRatchetKeyPublic: typed(fill(32)),
			ChainKey:               &chain.KeyStructure{Key: fill(32), Index: uint32(10 + i)},
			MessageKeys:            []*message.KeysStructure{},
		}
		for j := range stored {
			c.MessageKeys = append(c.MessageKeys, &message.KeysStructure{
				Index: uint32(j), CipherKey: fill(32), MacKey: fill(32), IV: fill(16),
			})
		}
		s.ReceiverChains = append(s.ReceiverChains, c)
	}
	return s
}

func TestStateRoundTrip(t *testing.T) {
	for _, stored := range []int{0, 1, 3} {
		for _, pending := range []bool{true, false} {
			s := sample(stored)
			if !pending {
				s.PendingPreKey = nil
			}
			b, err := encodeState(engine.Profile03, s)
			require.NoError(t, err)
			got, p, err := decodeState(b)
			require.NoError(t, err)
			require.Equal(t, engine.Profile03, p)
			require.Equal(t, s, got)
			again, err := encodeState(p, got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(b, again))
		}
	}
}

// Sessions are stored: this encoding must stay readable for ever.
func TestStateEncodingIsStable(t *testing.T) {
	b, err := encodeState(engine.Profile03, sample(2))
	require.NoError(t, err)
	sum := sha256.Sum256(b)
	require.Len(t, b, 253+2*(70+2*84))
	require.Equal(t, "e40784d42586019ba8ee5315fa5f97135a6c7b5b7977bb1021491804605c2be3", hex.EncodeToString(sum[:]))
	remote, err := New().RemoteIdentity(b)
	require.NoError(t, err)
	require.Equal(t, engine.PublicKey(bytes.Repeat([]byte{2}, 32)), remote)
	same, err := New().Matches(b, engine.KeyExchange{Identity: remote, Base: engine.PublicKey(bytes.Repeat([]byte{4}, 32))})
	require.NoError(t, err)
	require.True(t, same)
}

func TestEncodeStateRefusesWhatItCannotHold(t *testing.T) {
	for name, change := range map[string]func(*record.StateStructure){
		"no sender chain": func(s *record.StateStructure) { s.SenderChain = nil },
		"six chains": func(s *record.StateStructure) {
			s.ReceiverChains = append(s.ReceiverChains, sample(0).ReceiverChains...)
		},
		"short root key":   func(s *record.StateStructure) { s.RootKey = s.RootKey[1:] },
		"untyped identity": func(s *record.StateStructure) { s.LocalIdentityPublic[0] = 6 },
	} {
		s := sample(1)
		change(s)
		if name == "six chains" {
			change(s)
		}
		_, err := encodeState(engine.Profile03, s)
		require.ErrorIs(t, err, engine.ErrEngine, name)
	}
	_, err := encodeState(engine.Profile03, nil)
	require.ErrorIs(t, err, engine.ErrEngine)
}

func TestDecodeStateHeader(t *testing.T) {
	good, err := encodeState(engine.Profile03, sample(1))
	require.NoError(t, err)
	for i, bad := range map[int]byte{0: 'M', 1: 2, 2: 2, 3: 2} {
		b := bytes.Clone(good)
		b[i] = bad
		_, _, err := decodeState(b)
		require.ErrorIs(t, err, engine.ErrBadState, "byte %d", i)
		_, err = New().RemoteIdentity(b)
		require.ErrorIs(t, err, engine.ErrBadState, "byte %d", i)
		_, err = New().Matches(b, engine.KeyExchange{})
		require.ErrorIs(t, err, engine.ErrBadState, "byte %d", i)
	}
	b := bytes.Clone(good)
	b[3] = 0 // prekey ids without a pending key exchange
	_, _, err = decodeState(b)
	require.ErrorIs(t, err, engine.ErrBadState)
}

// A panic anywhere inside is an error outside.
func TestGuard(t *testing.T) {
	run := func() (err error) {
		defer guard("do thing", &err)
		panic("with a secret")
	}
	err := run()
	require.ErrorIs(t, err, engine.ErrEngine)
	require.NotContains(t, err.Error(), "secret")
}

func FuzzDecodeState(f *testing.F) {
	for _, n := range []int{0, 1, 5} {
		b, err := encodeState(engine.Profile03, sample(n))
		require.NoError(f, err)
		f.Add([]byte(b))
	}
	alice, bob := enginetest.Pair(f, New(), engine.Profile03)
	f.Add([]byte(alice.State))
	f.Add([]byte(bob.State))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := bytes.Clone(b)
		s, p, err := decodeState(b)
		if !bytes.Equal(kept, b) {
			t.Fatal("decoding changed the bytes")
		}
		if err != nil {
			return
		}
		again, err := encodeState(p, s)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatal("a state has two encodings")
		}
	})
}

// What is parsed has one encoding, so that what the module makes of it is what
// was authenticated.
func FuzzParse(f *testing.F) {
	a, b := enginetest.NewParty(f, New(), engine.Profile03, 1), enginetest.NewParty(f, New(), engine.Profile03, 2)
	kex, _ := a.Initiate(f, b).Encrypt(f, "x")
	alice, _ := enginetest.Pair(f, New(), engine.Profile03)
	wire, _ := alice.Encrypt(f, "x")
	for _, seed := range [][]byte{nil, {versionByte}, kex, wire} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if m, err := parseMessage(in); err == nil {
			out := appendBytes([]byte{versionByte}, 1, typed(m.ratchet[:]))
			out = appendVarint(out, 2, m.counter)
			out = appendVarint(out, 3, m.previous)
			out = append(appendBytes(out, 4, m.ciphertext), m.mac...)
			if !bytes.Equal(in, out) {
				t.Fatal("a message has two encodings")
			}
		}
		if k, err := parseKeyExchange(in); err == nil {
			out := appendVarint([]byte{versionByte}, 1, k.PreKeyID)
			out = appendBytes(out, 2, typed(k.Base[:]))
			out = appendBytes(out, 3, typed(k.Identity[:]))
			out = appendBytes(out, 4, k.Message)
			with := appendVarint(bytes.Clone(out), 5, k.RegistrationID)
			out, with = appendVarint(out, 6, k.SignedPreKeyID), appendVarint(with, 6, k.SignedPreKeyID)
			if !bytes.Equal(in, out) && !bytes.Equal(in, with) {
				t.Fatal("a key exchange has two encodings")
			}
		}
	})
}
