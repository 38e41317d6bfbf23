// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mau.fi/libsignal/logger"

	"github.com/confab-im/confab/crypto/engine"
)

func TestDefectSkipAbuse(t *testing.T) {
	alice, bob := pairOf(t)
	far := forger{counter: 2000}.message(t, alice.State, "far")
	forged := append([]byte(nil), far...)
	forged[len(forged)-1] ^= 1

	after, _, err := module(t, bob.State, forged)
	require.Error(t, err)
	stored := 0
	for _, c := range after.ReceiverChains {
		stored += len(c.MessageKeys)
	}
	require.GreaterOrEqual(t, stored, 2000, "the module keeps the keys a forgery made it skip")
	after, _, err = module(t, bob.State, far)
	require.NoError(t, err)
	require.Greater(t, len(newCall().format.State.Serialize(after)), engine.MaxState)

	// The engine: bounded, and nothing for a forgery.
	bob.Refuse(t, forged, engine.ErrTooManySkipped)
	bob.Refuse(t, far, engine.ErrTooManySkipped)
	near := forger{counter: engine.MaxSkip - 1}.message(t, alice.State, "near")
	forged = append([]byte(nil), near...)
	forged[len(forged)-1] ^= 1
	bob.Refuse(t, forged, engine.ErrBadMAC)
	require.Equal(t, "near", bob.Decrypt(t, near))
	require.LessOrEqual(t, len(bob.State), engine.MaxState)
}

// notes keeps what the module logs.
type notes struct{ b strings.Builder }

func (n *notes) Debug(_, s string)   { n.b.WriteString(s) }
func (n *notes) Info(_, s string)    { n.b.WriteString(s) }
func (n *notes) Warning(_, s string) { n.b.WriteString(s) }
func (n *notes) Error(_, s string)   { n.b.WriteString(s) }
func (n *notes) Configure(string)    {}

func TestDefectLoggerPrintsKeys(t *testing.T) {
	require.IsType(t, discard{}, logger.Logger)
	alice, bob := pairOf(t)
	wire, _ := alice.Encrypt(t, "x")
	s, _, err := decodeState(bob.State)
	require.NoError(t, err)
	m, err := parseMessage(wire)
	require.NoError(t, err)
	keys, _, err := messageKeys(s, m)
	require.NoError(t, err)

	// What any logger is handed.
	var all notes
	var loud logger.Loggable = &all
	silent := logger.Logger
	logger.Setup(&loud)
	_, _, err = module(t, bob.State, wire)
	logger.Setup(&silent)
	require.NoError(t, err)
	require.Contains(t, all.b.String(), fmt.Sprint(keys.CipherKey()))

	// What is printed by the engine: nothing, for good and bad messages.
	printed := captured(t, func() {
		bob.Clone().Decrypt(t, wire)
		_, _, _ = New().Decrypt(bob.State, wire[:40])
		forged := append([]byte(nil), wire...)
		forged[len(forged)-1] ^= 1
		_, _, _ = New().Decrypt(bob.State, forged)
		_, _, _ = module(t, bob.State, forged) // errors inside the module too
	})
	require.Empty(t, printed)
	require.IsType(t, discard{}, logger.Logger)
}

func captured(t *testing.T, fn func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	fn()
	os.Stdout, os.Stderr = stdout, stderr
	require.NoError(t, w.Close())
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}

func TestDefectPaddingNotChecked(t *testing.T) {
	alice, bob := pairOf(t)
	for name, last := range map[string][]byte{
		"zero":            {0},
		"bytes differ":    {9, 9, 9, 4},
		"first differs":   {3, 4, 4, 4},
		"more than block": {17},
	} {
		f := forger{body: func(b []byte) []byte {
			b = append(b, make([]byte, 16)...)
			copy(b[len(b)-len(last):], last)
			return b
		}}
		wire := f.message(t, alice.State, "x")
		_, _, err := module(t, bob.State, wire)
		require.NoError(t, err, "the module takes %s", name)
		bob.Refuse(t, wire, engine.ErrMalformed)
	}
	require.Equal(t, "x", bob.Decrypt(t, forger{}.message(t, alice.State, "x")))
}

// A slice with room behind it is not written to.
func TestPaddingDoesNotLeaveThePlaintext(t *testing.T) {
	alice, _ := pairOf(t)
	backing := []byte("secret and more behind it, untouched")
	_, _, _, err := New().Encrypt(alice.State, backing[:6])
	require.NoError(t, err)
	require.Equal(t, "secret and more behind it, untouched", string(backing))
}
