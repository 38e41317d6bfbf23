// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

func TestLowOrderKeysGiveZeroSecrets(t *testing.T) {
	priv, err := engine.NewPrivateKey(nil)
	require.NoError(t, err)
	own, err := ecdh.X25519().NewPrivateKey(priv[:])
	require.NoError(t, err)
	keys := engine.LowOrderKeys()
	require.Len(t, keys, 5)
	for _, k := range keys {
		require.ErrorIs(t, k.Check(), engine.ErrBadKey)
		remote, err := ecdh.X25519().NewPublicKey(k[:])
		require.NoError(t, err)
		_, err = own.ECDH(remote)
		require.Error(t, err, "%s must be of low order", k)
		// The same point under its other names is refused too.
		k[31] |= 0x80
		require.ErrorIs(t, k.Check(), engine.ErrBadKey)
	}
}

func TestCheckPublicKey(t *testing.T) {
	prime := strings.Repeat("ff", 30) + "7f"
	for _, tc := range []struct {
		name, hex string
		ok        bool
	}{
		{"base point", "09" + strings.Repeat("00", 31), true},
		{"two below the prime", "eb" + prime, true},
		{"the prime less one", "ec" + prime, false},
		{"the prime", "ed" + prime, false},
		{"the prime plus one", "ee" + prime, false},
		{"largest without the top bit", "ff" + prime, false},
		{"base point with the top bit", "09" + strings.Repeat("00", 30) + "80", false},
		{"top byte 7f but not the prime", strings.Repeat("ff", 30) + "fe7f", true},
	} {
		b, err := hex.DecodeString(tc.hex)
		require.NoError(t, err)
		require.Len(t, b, 32, tc.name)
		if err := engine.PublicKey(b).Check(); tc.ok {
			require.NoError(t, err, tc.name)
		} else {
			require.ErrorIs(t, err, engine.ErrBadKey, tc.name)
		}
	}
}

func TestRedaction(t *testing.T) {
	id, err := engine.NewIdentityKey(nil, 7)
	require.NoError(t, err)
	pre, err := engine.NewPreKey(nil, 9)
	require.NoError(t, err)
	state := engine.State(id.Private[:])
	secrets := []any{
		id, &id, pre, &pre, id.Private, &id.Private, state, &state, []engine.PreKey{pre},
		struct{ K engine.PrivateKey }{id.Private}, map[string]engine.State{"s": state},
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	logJSON := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, s := range secrets {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", s)
		}
		log.Debug("canary", "v", s)
		logJSON.Debug("canary", "v", s)
		b, err := json.Marshal(s)
		require.NoError(t, err)
		out.Write(b)
	}
	text := strings.ToLower(out.String())
	for _, key := range []engine.PrivateKey{id.Private, pre.Private} {
		require.NotContains(t, text, hex.EncodeToString(key[:4]))
		require.NotContains(t, text, strings.Trim(fmt.Sprint([]byte(key[:4])), "[]"))
		b, err := json.Marshal([]byte(key[:]))
		require.NoError(t, err)
		require.NotContains(t, text, strings.ToLower(string(b[1:12])))
	}
	require.Contains(t, text, "redacted")
}

func TestNewKeys(t *testing.T) {
	_, err := engine.NewPreKey(nil, 0)
	require.ErrorIs(t, err, engine.ErrBadKey)
	_, err = engine.NewPrivateKey(strings.NewReader("short"))
	require.Error(t, err)

	a, err := engine.NewPrivateKey(strings.NewReader(strings.Repeat("a", 32)))
	require.NoError(t, err)
	b, err := engine.NewPrivateKey(strings.NewReader(strings.Repeat("a", 32)))
	require.NoError(t, err)
	require.True(t, a == b, "the source given is the only source")
	require.Zero(t, a[0]&7)
	require.Equal(t, byte(64), a[31]&192)
	pub, err := a.Public()
	require.NoError(t, err)
	require.NoError(t, pub.Check())
}

func TestSignedBytesAndParse(t *testing.T) {
	k := engine.PublicKey{9}
	old, err := engine.SignedBytes(engine.Profile03, k)
	require.NoError(t, err)
	require.Len(t, old, 33)
	require.Equal(t, byte(5), old[0])
	got, err := engine.ParsePublicKey(engine.Profile03, old)
	require.NoError(t, err)
	require.Equal(t, k, got)

	bare, err := engine.SignedBytes(engine.Profile2, k)
	require.NoError(t, err)
	require.Len(t, bare, 32)
	got, err = engine.ParsePublicKey(engine.Profile2, bare)
	require.NoError(t, err)
	require.Equal(t, k, got)

	_, err = engine.SignedBytes(9, k)
	require.ErrorIs(t, err, engine.ErrUnsupported)
	_, err = engine.ParsePublicKey(9, bare)
	require.ErrorIs(t, err, engine.ErrUnsupported)
	for _, b := range [][]byte{nil, bare, old[:32], append(old, 0), append([]byte{6}, bare...)} {
		_, err = engine.ParsePublicKey(engine.Profile03, b)
		require.ErrorIs(t, err, engine.ErrMalformed)
	}
	_, err = engine.ParsePublicKey(engine.Profile03, append([]byte{5}, make([]byte, 32)...))
	require.ErrorIs(t, err, engine.ErrBadKey)
}

func TestCodesAreStableAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{
		engine.ErrBadSignature, engine.ErrBadMAC, engine.ErrDuplicate, engine.ErrMalformed,
		engine.ErrNoOneTimePreKey, engine.ErrTooManySkipped, engine.ErrBadKey, engine.ErrBadState,
		engine.ErrTooLong, engine.ErrUnsupported, engine.ErrEngine,
	} {
		var coded interface{ Code() string }
		require.ErrorAs(t, fmt.Errorf("do thing: %w", err), &coded)
		require.True(t, strings.HasPrefix(coded.Code(), "crypto.engine."))
		require.False(t, seen[coded.Code()])
		seen[coded.Code()] = true
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(uint8(1), append([]byte{5, 9}, make([]byte, 31)...))
	f.Add(uint8(2), append([]byte{9}, make([]byte, 31)...))
	f.Add(uint8(1), []byte{})
	f.Fuzz(func(t *testing.T, p uint8, b []byte) {
		k, err := engine.ParsePublicKey(engine.Profile(p), b)
		if err != nil {
			return
		}
		if k.Check() != nil {
			t.Fatal("parsed a key that does not pass its check")
		}
		back, err := engine.SignedBytes(engine.Profile(p), k)
		if err != nil || !bytes.Equal(back, b) {
			t.Fatal("a key has two encodings")
		}
	})
}
