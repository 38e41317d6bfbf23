// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzServerFirst(f *testing.F) {
	for _, s := range []string{
		"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		"r=abc,s=QUJD,i=4096,h=QUJD,x=y", "m=1,r=a,s=QUJD,i=1", "e=other-error", "r=,s=,i=", ",,,", "r=a,s=Q\nUJD,i=1",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		m, err := parseServerFirst(msg)
		if err != nil {
			return
		}
		require.NotEmpty(t, m.salt)
		require.Positive(t, m.iterations)
		require.True(t, isNonce(m.nonce))
		prefix := "r=" + m.nonce + ",s=" + b64(m.salt) + ",i="
		require.True(t, strings.HasPrefix(string(msg), prefix), "one meaning, one spelling")
	})
}

func FuzzServerFinal(f *testing.F) {
	for _, s := range []string{"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "e=invalid-proof", "v=", "v=QUJD,x=y", "x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		m, err := parseServerFinal(msg)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.True(t, (len(m.signature) > 0) != bytes.HasPrefix(msg, []byte("e=")))
	})
}

// FuzzExchange feeds a whole run: no input panics, authenticates the server or
// leads to more than one answer before the final message.
func FuzzExchange(f *testing.F) {
	f.Add([]byte("x,s=QUJD,i=4096"), []byte("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), true)
	f.Add([]byte("x,s=QUJD,i=1"), []byte(""), false)
	f.Add([]byte("\x00"), []byte("e=invalid-proof"), false)
	f.Fuzz(func(t *testing.T, rest, final []byte, asChallenge bool) {
		cfg := testConfig()
		cfg.MaxIterations = DefaultMinIterations
		m, err := Select(cfg, []string{"SCRAM-SHA-1"}, nil, secureState())
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		_, err = m.Next(append([]byte("r="+m.(*scram).nonce), rest...))
		if err != nil {
			_, err = m.Next(rest)
			require.ErrorIs(t, err, ErrState)
		} else if asChallenge {
			_, err = m.Next(final)
			require.Error(t, err)
		}
		require.Error(t, m.Done(final))
		require.Error(t, m.Done(nil))
	})
}
