// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

func fill(b byte) (k [32]byte) {
	copy(k[:], bytes.Repeat([]byte{b}, 32))
	return k
}

// portable is a session with a bit of everything.
func portable() engine.Session {
	return engine.Session{
		Profile: engine.Profile03, Pending: true,
		LocalIdentity: fill(1), RemoteIdentity: fill(2), LocalRegistration: 1001, RemoteRegistration: 2002,
		PreviousCounter: 3, RootKey: fill(4), BaseKey: fill(5),
		PendingPreKeyID: 22, PendingSignedPreKeyID: 11,
		Sender: engine.SenderChain{Public: fill(6), Private: fill(7), ChainKey: fill(8), Index: 9},
		Receivers: []engine.ReceiverChain{
			{Public: fill(10), ChainKey: fill(11), Index: 12},
			{Public: fill(13), ChainKey: fill(14), Index: 15, Skipped: []engine.SkippedKey{
				{Index: 14, CipherKey: fill(16), MACKey: fill(17), IV: [16]byte{18}},
				{Index: 3, CipherKey: fill(19), MACKey: fill(20), IV: [16]byte{21}},
			}},
		},
	}
}

// The layout is fixed: sessions of released versions have it.
func TestSessionLayout(t *testing.T) {
	s := portable()
	b, err := s.MarshalBinary()
	require.NoError(t, err)
	key := func(n byte) string { return strings.Repeat(fmt.Sprintf("%02x", n), 32) }
	number := func(n uint32) string { return fmt.Sprintf("%08x", n) }
	iv := func(n byte) string { return fmt.Sprintf("%02x", n) + strings.Repeat("00", 15) }
	require.Equal(t, "4c010101"+key(1)+key(2)+number(1001)+number(2002)+number(3)+key(4)+key(5)+number(22)+number(11)+
		key(6)+key(7)+key(8)+number(9)+"02"+
		key(10)+key(11)+number(12)+"0000"+
		key(13)+key(14)+number(15)+"0002"+
		number(14)+key(16)+key(17)+iv(18)+number(3)+key(19)+key(20)+iv(21), hex.EncodeToString(b))
	back, err := engine.ParseSession(b)
	require.NoError(t, err)
	require.True(t, fmt.Sprint(back) == "[redacted]")
	again, err := back.MarshalBinary()
	require.NoError(t, err)
	require.Equal(t, b, again)
}

func TestSessionRefused(t *testing.T) {
	low := engine.LowOrderKeys()[3]
	for name, change := range map[string]func(*engine.Session){
		"profile":               func(s *engine.Session) { s.Profile = engine.Profile2 },
		"no profile":            func(s *engine.Session) { s.Profile = 0 },
		"pending without a key": func(s *engine.Session) { s.PendingPreKeyID = 0 },
		"not pending":           func(s *engine.Session) { s.Pending = false },
		"local identity":        func(s *engine.Session) { s.LocalIdentity = low },
		"remote identity":       func(s *engine.Session) { s.RemoteIdentity = low },
		"base key":              func(s *engine.Session) { s.BaseKey = low },
		"sender key":            func(s *engine.Session) { s.Sender.Public = low },
		"receiver key":          func(s *engine.Session) { s.Receivers[1].Public = low },
		"receiver twice":        func(s *engine.Session) { s.Receivers[1].Public = s.Receivers[0].Public },
		"six receivers": func(s *engine.Session) {
			for n := range byte(4) {
				s.Receivers = append(s.Receivers, engine.ReceiverChain{Public: fill(40 + n)})
			}
		},
		"skipped the future":    func(s *engine.Session) { s.Receivers[1].Index = 14 },
		"skipped one twice":     func(s *engine.Session) { s.Receivers[1].Skipped[1].Index = 14 },
		"more than may be kept": func(s *engine.Session) { s.Receivers[1] = crowded(engine.MaxStored + 1) },
	} {
		s := portable()
		change(&s)
		_, err := s.MarshalBinary()
		require.ErrorIs(t, err, engine.ErrBadState, name)
	}
	s := portable()
	s.Receivers[1] = crowded(engine.MaxStored)
	s.PendingSignedPreKeyID = 0 // some begin to count there
	b, err := s.MarshalBinary()
	require.NoError(t, err)
	_, err = engine.ParseSession(b)
	require.NoError(t, err)
	for n := range 600 {
		_, err = engine.ParseSession(b[:n])
		require.ErrorIs(t, err, engine.ErrBadState)
	}
	for name, b := range map[string][]byte{
		"one more":     append(bytes.Clone(b), 0),
		"one less":     b[:len(b)-1],
		"magic":        append([]byte{'M'}, b[1:]...),
		"format":       append([]byte{'L', 2}, b[2:]...),
		"unknown flag": append([]byte{'L', 1, 1, 3}, b[4:]...),
		"too long":     make([]byte, engine.MaxState+1),
	} {
		_, err = engine.ParseSession(b)
		require.ErrorIs(t, err, engine.ErrBadState, name)
	}
}

func crowded(n int) engine.ReceiverChain {
	c := engine.ReceiverChain{Public: fill(30), Index: 5000}
	for i := range n {
		c.Skipped = append(c.Skipped, engine.SkippedKey{Index: uint32(i)})
	}
	return c
}

func TestSessionRedaction(t *testing.T) {
	s := portable()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	for _, v := range []any{s, &s, s.Sender, s.Receivers, s.Receivers[1].Skipped, s.Receivers[1].Skipped[0]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			_, _ = fmt.Fprintf(&out, verb, v)
		}
		log.Info("canary", "v", v)
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(b)
	}
	for _, n := range []byte{4, 7, 8, 11, 14, 16, 17, 19, 20} {
		require.NotContains(t, out.String(), strings.Repeat(fmt.Sprintf("%02x", n), 4))
		require.NotContains(t, out.String(), fmt.Sprintf("%d %d %d", n, n, n))
		require.NotContains(t, out.String(), fmt.Sprintf("%d,%d,%d", n, n, n))
	}
	require.Contains(t, out.String(), "redacted")
}

func FuzzParseSession(f *testing.F) {
	s := portable()
	b, err := s.MarshalBinary()
	require.NoError(f, err)
	f.Add(b)
	s.Pending, s.PendingPreKeyID, s.PendingSignedPreKeyID, s.Receivers = false, 0, 0, nil
	b, err = s.MarshalBinary()
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		s, err := engine.ParseSession(b)
		if !bytes.Equal(in, b) {
			t.Fatal("the bytes were changed")
		}
		if err != nil {
			return
		}
		back, err := s.MarshalBinary()
		if err != nil || !bytes.Equal(back, b) {
			t.Fatal("a session has two encodings")
		}
	})
}
