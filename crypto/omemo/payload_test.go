// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

func TestSchemes(t *testing.T) {
	for p, want := range map[engine.Profile]struct{ material, iv, empty int }{
		engine.Profile03: {32, 12, 16},
		engine.Profile2:  {48, 0, 32},
	} {
		s, err := schemeFor(p)
		require.NoError(t, err)
		for _, n := range []int{0, 1, 15, 16, 17, 1000, 1 << 16} {
			text := bytes.Repeat([]byte{0x10}, n)
			material, iv, payload, err := s.seal(rand.Reader, text)
			require.NoError(t, err)
			require.Len(t, material, want.material)
			require.Len(t, iv, want.iv)
			require.NotNil(t, payload)
			if p == engine.Profile2 {
				require.Len(t, payload, n/16*16+16)
			} else {
				require.Len(t, payload, n)
			}
			kept := bytes.Clone(payload)
			got, err := s.open(material, iv, payload)
			require.NoError(t, err)
			require.True(t, bytes.Equal(text, got))
			require.Equal(t, kept, payload, "the payload is not changed")

			if n > 0 && n < 100 {
				for i := range payload {
					bad := bytes.Clone(payload)
					bad[i] ^= 1
					_, err := s.open(material, iv, bad)
					require.ErrorIs(t, err, errPayload)
				}
				for i := range material {
					bad := bytes.Clone(material)
					bad[i] ^= 1
					_, err := s.open(bad, iv, payload)
					require.ErrorIs(t, err, errPayload)
				}
			}
			for _, bad := range [][]byte{nil, material[:len(material)-1], append(bytes.Clone(material), 0), material[:16]} {
				_, err := s.open(bad, iv, payload)
				require.ErrorIs(t, err, errMaterial)
			}
			require.False(t, s.isEmpty(nil))
		}
		material, iv, err := s.empty(rand.Reader)
		require.NoError(t, err)
		require.Len(t, material, want.empty)
		require.Len(t, iv, want.iv)
		require.True(t, s.isEmpty(material))
		one, _, _, err := s.seal(rand.Reader, nil)
		require.NoError(t, err)
		two, _, _, err := s.seal(rand.Reader, nil)
		require.NoError(t, err)
		require.NotEqual(t, one, two, "each message has its own key")
		_, _, _, err = s.seal(bytes.NewReader(make([]byte, 5)), nil)
		require.Error(t, err)
	}
	_, err := schemeFor(0)
	require.ErrorIs(t, err, engine.ErrUnsupported)
	// In profile 2 an empty message is 32 zero bytes and nothing else.
	require.False(t, cbc2{}.isEmpty(bytes.Repeat([]byte{1}, 32)))
	require.False(t, cbc2{}.isEmpty(make([]byte, 48)))
}

func FuzzOpenPayload(f *testing.F) {
	for _, p := range []engine.Profile{engine.Profile03, engine.Profile2} {
		s, err := schemeFor(p)
		if err != nil {
			f.Fatal(err)
		}
		material, iv, payload, err := s.seal(rand.Reader, []byte("hello"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(p), material, iv, payload)
		f.Add(uint8(p), material[:16], iv, payload[:3])
	}
	f.Fuzz(func(t *testing.T, p uint8, material, iv, payload []byte) {
		s, err := schemeFor(engine.Profile(p))
		if err != nil {
			return
		}
		s.isEmpty(material)
		kept := bytes.Clone(payload)
		plain, err := s.open(material, iv, payload)
		if err == nil && len(plain) > len(payload) {
			t.Fatal("more came out than went in")
		}
		if !bytes.Equal(kept, payload) {
			t.Fatal("the payload was changed")
		}
	})
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for r := ReasonNotForThisDevice; r <= ReasonEngine; r++ {
		require.NotEqual(t, "omemo.decrypt.unknown", r.Code())
		require.NotEqual(t, "unknown reason", r.String())
		require.False(t, seen[r.Code()])
		seen[r.Code()] = true
	}
	for _, r := range []Reason{0, ReasonEngine + 1, 255} {
		require.Equal(t, "omemo.decrypt.unknown", r.Code())
		require.Equal(t, "unknown reason", r.String())
	}
	for _, err := range []error{
		ErrNotSetUp, ErrIdentityChanged, ErrUndecided, ErrNoDevices, ErrNoSession, ErrRefused, ErrBadBundle,
		ErrBadAddress, ErrTooLarge, ErrTooManyDevices, ErrStore, ErrConfig, ErrBadFingerprint,
	} {
		var coded interface{ Code() string }
		require.ErrorAs(t, err, &coded)
		require.False(t, seen[coded.Code()])
		seen[coded.Code()] = true
	}
}
