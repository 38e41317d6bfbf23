// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
)

func TestVarint(t *testing.T) {
	for _, v := range []uint32{0, 1, 127, 128, 300, 1<<14 - 1, 1 << 14, math.MaxInt32, math.MaxUint32} {
		b := appendUint32(nil, 1, v)
		f := fields{rest: b}
		require.Equal(t, v, f.uint32(1))
		require.NoError(t, f.end())
		for n := range b {
			f = fields{rest: b[:n]}
			f.uint32(1)
			require.ErrorIs(t, f.end(), engine.ErrMalformed)
		}
	}
	for name, b := range map[string][]byte{
		"long zero":       {0x08, 0x80, 0x00},
		"long one":        {0x08, 0x81, 0x80, 0x00},
		"33 bits":         {0x08, 0xff, 0xff, 0xff, 0xff, 0x1f},
		"64 bits":         {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"never ends":      {0x08, 0xff, 0xff, 0xff, 0xff, 0xff},
		"another field":   {0x10, 0x01},
		"another type":    {0x0a, 0x01, 0x01},
		"fixed 32":        {0x0d, 0, 0, 0, 0},
		"something after": {0x08, 0x01, 0x08},
	} {
		f := fields{rest: b}
		f.uint32(1)
		require.ErrorIs(t, f.end(), engine.ErrMalformed, name)
	}
	for name, b := range map[string][]byte{
		"too short":  {0x0a, 0x02, 0x01},
		"no length":  {0x0a},
		"huge":       {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"beyond":     {0x0a, 0x80, 0x80, 0x80, 0x80, 0x10},
		"as varint":  {0x08, 0x01},
		"group":      {0x0b, 0x0c},
		"nothing":    {},
		"long count": {0x0a, 0x81, 0x00, 0x01},
	} {
		f := fields{rest: b}
		require.Nil(t, f.bytes(1), name)
		require.ErrorIs(t, f.end(), engine.ErrMalformed, name)
	}
}

func TestKeyExchangeFields(t *testing.T) {
	a := enginetest.NewParty(t, New(), engine.Profile2, 1001)
	form, err := a.Identity.Public.Edwards()
	require.NoError(t, err)
	whole := keyExchange{engine.KeyExchange{
		RegistrationID: 7, PreKeyID: 22, SignedPreKeyID: 11, Identity: a.Identity.Public, Base: a.OneTime.Public, Message: []byte("m"),
	}, a.Identity.Public}
	whole2 := whole
	whole2.identity, whole2.RegistrationID = form, 0
	for _, c := range []struct {
		w     wire
		whole keyExchange
	}{{wire03{}, whole}, {wire2{}, whole2}} {
		b := c.w.wrap(c.whole)
		require.True(t, c.w.isKeyExchange(b))
		got, err := c.w.parseKeyExchange(b)
		require.NoError(t, err)
		require.Equal(t, c.whole, got)

		k := c.whole
		k.PreKeyID = 0
		_, err = c.w.parseKeyExchange(c.w.wrap(k))
		require.ErrorIs(t, err, engine.ErrNoOneTimePreKey)
		k = c.whole
		k.Message = nil
		_, err = c.w.parseKeyExchange(c.w.wrap(k))
		require.ErrorIs(t, err, engine.ErrMalformed)
		k = c.whole
		k.Message = make([]byte, engine.MaxWire)
		_, err = c.w.parseKeyExchange(c.w.wrap(k))
		require.ErrorIs(t, err, engine.ErrMalformed)
	}
	// Ids are limited in omemo:2. In 0.3 some begin to count at 0, which the
	// format cannot tell from none for a one-time prekey only.
	for _, change := range []func(*keyExchange){
		func(k *keyExchange) { k.SignedPreKeyID = 0 },
		func(k *keyExchange) { k.SignedPreKeyID = 1 << 31 },
		func(k *keyExchange) { k.PreKeyID = 1 << 31 },
	} {
		k, k2 := whole, whole2
		change(&k)
		change(&k2)
		_, err := wire03{}.parseKeyExchange(wire03{}.wrap(k))
		require.NoError(t, err)
		_, err = wire2{}.parseKeyExchange(wire2{}.wrap(k2))
		require.ErrorIs(t, err, engine.ErrMalformed)
	}
	// Both forms of an identity are read, and kept apart.
	other := whole2
	other.identity[31] ^= 0x80
	got, err := wire2{}.parseKeyExchange(wire2{}.wrap(other))
	require.NoError(t, err)
	require.Equal(t, other, got)
}

// A device whose identity was made for Ed25519 may publish the form with sign 1,
// and authenticates with it.
func TestSignOfTheIdentity(t *testing.T) {
	e, p := New(), engine.Profile2
	a, b := enginetest.NewParty(t, e, p, 1), enginetest.NewParty(t, e, p, 2)
	alice := a.Initiate(t, b)
	s, ok := decodeNative(alice.State)
	require.True(t, ok)
	s.local.identity[31] |= 0x80
	alice.State = s.encode()
	wire, _ := alice.Encrypt(t, "x")
	again, _ := alice.Encrypt(t, "again")
	bob, plain := b.Accept(t, wire)
	require.Equal(t, "x", plain)
	remote, err := e.RemoteIdentity(bob.State)
	require.NoError(t, err)
	require.Equal(t, a.Identity.Public, remote)
	back, _ := bob.Encrypt(t, "back")
	require.Equal(t, "back", alice.Decrypt(t, back))

	// The other form is the same identity, but not the same key exchange.
	k, err := wire2{}.parseKeyExchange(again)
	require.NoError(t, err)
	k.identity[31] ^= 0x80
	bob.Refuse(t, wire2{}.wrap(k), engine.ErrBadMAC)
	require.Equal(t, "again", bob.Decrypt(t, again))
}

func fuzzSeeds(f *testing.F, p engine.Profile) {
	f.Helper()
	a, b := enginetest.NewParty(f, New(), p, 1001), enginetest.NewParty(f, New(), p, 2002)
	alice := a.Initiate(f, b)
	wire, _ := alice.Encrypt(f, "x")
	k, err := alice.Engine.ParseKeyExchange(p, wire)
	require.NoError(f, err)
	for _, seed := range [][]byte{wire, k.Message, wire[:len(wire)-1], k.Message[1:], {}, {version03}} {
		f.Add(uint8(p), seed)
	}
}

func FuzzParseKeyExchange(f *testing.F) {
	for _, p := range New().Profiles() {
		fuzzSeeds(f, p)
	}
	f.Fuzz(func(t *testing.T, p uint8, b []byte) {
		s, err := suiteOf(engine.Profile(p))
		if err != nil {
			return
		}
		in := bytes.Clone(b)
		k, err := s.wire.parseKeyExchange(b)
		if !bytes.Equal(in, b) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			return
		}
		if k.PreKeyID == 0 || k.Base.Check() != nil || k.Identity.Check() != nil || len(k.Message) == 0 {
			t.Fatal("a key exchange was read that must be refused")
		}
		again := s.wire.wrap(k)
		// The registration id of 0.3 may be missing, which reads as 0.
		without := bytes.Clone(again)
		if at := bytes.LastIndex(again, []byte{5 << 3, 0}); engine.Profile(p) == engine.Profile03 && k.RegistrationID == 0 && at > 0 {
			without = slices.Delete(without, at, at+2)
		}
		if !bytes.Equal(again, b) && !bytes.Equal(without, b) {
			t.Fatal("a key exchange has another encoding")
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	for _, p := range New().Profiles() {
		fuzzSeeds(f, p)
	}
	f.Fuzz(func(t *testing.T, p uint8, b []byte) {
		s, err := suiteOf(engine.Profile(p))
		if err != nil {
			return
		}
		in := bytes.Clone(b)
		m, err := s.wire.parseMessage(b)
		if !bytes.Equal(in, b) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			return
		}
		if m.checkSize() != nil || m.ratchet.Check() != nil || len(m.mac) != s.macSize {
			t.Fatal("a message was read that must be refused")
		}
		again, start := s.wire.appendHeader(nil, m.header, len(m.ciphertext))
		again = append(again, m.ciphertext...)
		if !bytes.Equal(again[start:], m.covered) {
			t.Fatal("a message has another encoding")
		}
		if again = s.wire.finish(again, start, m.mac); !bytes.Equal(again, b) {
			t.Fatal("a message has another frame")
		}
	})
}
