// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
)

// Nothing secret and nobody's address is in any log record or error, at any
// level.
func TestNothingSecretIsLogged(t *testing.T) { everywhere(t, testNothingSecretIsLogged) }

func testNothingSecretIsLogged(t *testing.T) {
	const body = "the canary sings at dawn"
	var out bytes.Buffer
	w := newWorld(t)
	w.log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug - 100}))
	a, b := w.client(alice), w.client(bob)
	w.sync()
	note := func(err error) {
		require.Error(t, err)
		_, _ = fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err.Error())
	}
	env := a.send(body, bob)
	b.read(a, env)
	_, err := b.Decrypt(b.ctx, b.st, alice, env)
	note(err)
	_, err = b.Decrypt(b.ctx, b.st, alice, omemo.Envelope{Profile: w.profile, SID: a.id})
	note(err)
	tampered := a.send(body, bob)
	tampered.Payload[0] ^= 1
	_, err = b.Decrypt(b.ctx, b.st, alice, tampered)
	note(err)
	_, _, err = a.Encrypt(a.ctx, a.st, []byte(body), []string{carol})
	note(err)
	a.setTrust(b, trust.Undecided)
	_, _, err = a.Encrypt(a.ctx, a.st, []byte(body), []string{bob})
	note(err)
	for range 5 {
		_, err = a.UpdateDevices(a.ctx, a.st, alice, nil)
		require.NoError(t, err)
	}
	text := out.String()
	require.Contains(t, text, "omemo.decrypt.duplicate", "something was logged at all")
	_, private, _, _, err := b.st.Identity(b.ctx)
	require.NoError(t, err)
	_, states, err := b.st.Sessions(b.ctx, uint8(w.profile), alice, a.id)
	require.NoError(t, err)
	secrets := [][]byte{[]byte(body), private, states[0][80:112], env.Keys[0].Data, env.Payload}
	if len(env.IV) > 0 {
		secrets = append(secrets, env.IV)
	}
	for _, secret := range secrets {
		for _, form := range []string{
			string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret),
			strings.Trim(fmt.Sprint(secret), "[]"),
		} {
			require.NotContains(t, text, form)
		}
	}
	for _, jid := range []string{alice, bob, carol} {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "time=") {
				require.NotContains(t, line, jid)
			}
		}
	}
}
