// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/stretchr/testify/require"
)

const someKey = "b1bd7615afd947335a8edce8b4bd45e0b8fa2938630c163df7094e1a286ecf6e"

func TestParseVerificationURI(t *testing.T) {
	v, err := core.ParseVerificationURI("xmpp:Alice@EXAMPLE.org?omemo-sid-7=" + strings.ToUpper(someKey))
	require.NoError(t, err)
	require.Equal(t, core.VerificationURI{JID: "alice@example.org", Keys: []core.VerificationKey{{Device: 7, Fingerprint: someKey}}}, v)
	for _, text := range []string{
		"", "hello", "xmpp:alice@example.org", "xmpp:@?omemo-sid-7=" + someKey, "xmpp:a b@c?omemo-sid-7=" + someKey,
		"xmpp:alice@example.org/x?omemo-sid-7=" + someKey, "xmpp:alice@example.org?omemo-sid-7=" + someKey[1:],
	} {
		_, err := core.ParseVerificationURI(text)
		require.ErrorIs(t, err, core.ErrBadVerification, text)
	}
}

func FuzzParseVerificationURI(f *testing.F) {
	f.Add("xmpp:alice@example.org?omemo-sid-7=" + someKey)
	f.Add("xmpp:%F0%9F%A6%8A@example.org?omemo-sid-7=" + someKey + ";omemo-sid-8=" + someKey)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := core.ParseVerificationURI(text)
		if err != nil {
			require.ErrorIs(t, err, core.ErrBadVerification)
			return
		}
		require.NotEmpty(t, v.Keys)
		require.NotContains(t, v.JID, "/")
	})
}

func TestDeviceState(t *testing.T) {
	names := make(map[string]bool)
	for want, d := range map[core.DeviceState]core.Device{
		core.DeviceUnknown:     {Active: true},
		core.DeviceUndecided:   {Active: true, Fingerprint: someKey},
		core.DeviceBlind:       {Active: true, Fingerprint: someKey, Trust: core.Blind},
		core.DeviceVerified:    {Active: true, Fingerprint: someKey, Trust: core.Verified},
		core.DeviceDistrusted:  {Active: true, Fingerprint: someKey, Trust: core.Distrusted},
		core.DeviceCompromised: {Fingerprint: someKey, Trust: core.Compromised},
		core.DeviceInactive:    {Fingerprint: someKey, Trust: core.Verified},
	} {
		require.Equal(t, want, d.State(), want)
		names[want.String()] = true
	}
	require.Len(t, names, 7, "names that differ")
	require.Equal(t, core.DeviceUndecided, core.Device{Active: true, Fingerprint: someKey, Trust: 99}.State(), "of a newer version")
	require.Equal(t, core.DeviceInactive, core.Device{}.State())
}

// Every reason for which a message cannot be decrypted has a problem that says
// more than "something else".
func TestProblems(t *testing.T) {
	for r := omemo.ReasonNotForThisDevice; r <= omemo.ReasonEngine; r++ {
		p := core.Message{Kind: core.Unreadable, Reason: r.Code()}.Problem()
		if r == omemo.ReasonOwnMessage || r == omemo.ReasonDuplicate {
			continue // no message is shown for these
		}
		require.NotEqual(t, core.ProblemOther, p, r.Code())
		require.NotEqual(t, "unknown", p.String())
	}
	for reason, want := range map[string]core.Problem{
		"omemo.no-engine": core.ProblemNoEngine, "omemo.unsupported-profile": core.ProblemVersion,
		"xmpp.sce.sender": core.ProblemTampered, "xmpp.sce.anything": core.ProblemTampered, "xmpp.stanza.malformed": core.ProblemMalformed,
		"storage.invalid": core.ProblemOther, "": core.ProblemOther, "omemo": core.ProblemOther,
	} {
		require.Equal(t, want, core.Message{Kind: core.Unreadable, Reason: reason}.Problem(), reason)
	}
	require.Equal(t, core.NoProblem, core.Message{Kind: core.Text, Reason: "xmpp.error.forbidden"}.Problem())
}
