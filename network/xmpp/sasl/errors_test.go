// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFailure(t *testing.T) {
	for _, c := range []struct {
		condition, text string
		want            error
		code            string
	}{
		{"not-authorized", "", ErrNotAuthorized, "xmpp.auth.wrong-password"},
		{"not-authorized", "Invalid channel binding", ErrBinding, "xmpp.auth.binding-failed"},
		{"malformed-request", "Invalid channel-binding value.", ErrBinding, "xmpp.auth.binding-failed"},
		{"malformed-request", "", ErrRejected, "xmpp.auth.rejected"},
		{"account-disabled", "", ErrAccountDisabled, "xmpp.auth.account-disabled"},
		{"credentials-expired", "", ErrCredentialsExpired, "xmpp.auth.credentials-expired"},
		{"temporary-auth-failure", "", ErrTemporary, "xmpp.auth.temporary-failure"},
		{"mechanism-too-weak", "", ErrMechanismTooWeak, "xmpp.auth.mechanism-too-weak"},
		{"encryption-required", "", ErrEncryptionRequired, "xmpp.auth.encryption-required"},
		{"", "", ErrRejected, "xmpp.auth.rejected"},
		{"something-else", "secret words", ErrRejected, "xmpp.auth.rejected"},
	} {
		err := fmt.Errorf("sign in: %w", &Failure{Condition: c.condition, Text: c.text})
		require.ErrorIs(t, err, c.want)
		var coded interface{ Code() string }
		require.ErrorAs(t, err, &coded)
		require.Equal(t, c.code, coded.Code())
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "something-else", "words of the server")
	}
}

func TestCodesAreDistinct(t *testing.T) {
	seen := map[string]error{}
	for _, err := range []error{
		ErrNotAuthorized, ErrAccountDisabled, ErrCredentialsExpired, ErrTemporary, ErrMechanismTooWeak,
		ErrEncryptionRequired, ErrRejected, ErrNoTLS, ErrNoMechanism, ErrPlainRefused, ErrBindingRequired,
		ErrBinding, ErrDowngrade, ErrServerSignature, ErrMalformed, ErrIterations, ErrState,
		ErrPasswordNeeded, ErrCharacters,
	} {
		var coded interface{ Code() string }
		require.True(t, errors.As(err, &coded))
		require.Regexp(t, `^xmpp\.auth\.[a-z-]+$`, coded.Code())
		require.NotContains(t, seen, coded.Code())
		seen[coded.Code()] = err
	}
}

func TestPasswordIsRedacted(t *testing.T) {
	p := Password("canary")
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+"\n", p)
		fmt.Fprintf(&out, verb+"\n", struct{ P Password }{p})
		fmt.Fprintf(&out, verb+"\n", Config{Username: "user", Password: p})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("sign in", "password", p, "all", []Password{p})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("sign in", "password", p, "all", []Password{p})
	text, err := json.Marshal(map[string]any{"p": p})
	require.NoError(t, err)
	out.Write(text)
	text, err = xml.Marshal(p)
	require.NoError(t, err)
	out.Write(text)
	for _, leak := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary"), "Y2FuYXJ5", "99 97 110"} {
		require.NotContains(t, out.String(), leak)
	}
	p.Wipe()
	require.Equal(t, make([]byte, 6), []byte(p))
}
