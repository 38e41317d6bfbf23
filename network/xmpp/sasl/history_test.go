// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// attempts signs in as a caller would: again while After says so. It returns
// the names and binding types tried.
func attempts(t *testing.T, cfg *Config, s *server, offered, types []string, cs tls.ConnectionState) (tried []string, err error) {
	t.Helper()
	for range 10 {
		m, err := Select(*cfg, offered, types, cs)
		if err != nil {
			return tried, err
		}
		tried = append(tried, m.Name()+" "+m.(*scram).p.gs2.flag)
		err = signIn(m, s)
		var retry bool
		before := cfg.History
		cfg.History, retry = cfg.History.After(m, err)
		if !retry {
			return tried, err
		}
		require.NotEqual(t, before, cfg.History)
	}
	t.Fatal("does not end")
	return nil, nil
}

const (
	sha1Name = "SCRAM-SHA-1"
	sha1Plus = "SCRAM-SHA-1-PLUS"
)

// TestBrokenBinding is ejabberd 23.01 on TLS 1.3: -PLUS offered, no types
// announced, and no type works.
func TestTrap04_BrokenPlus(t *testing.T) {
	offered := []string{"PLAIN", sha1Plus, sha1Name}
	cs, s := bound(t, sha1Plus, tls.VersionTLS13)
	s.bindings = nil
	cfg := testConfig()

	tried, err := attempts(t, &cfg, s, offered, nil, cs)
	require.NoError(t, err)
	require.Equal(t, []string{sha1Plus + " p=tls-exporter", sha1Plus + " p=tls-server-end-point", sha1Name + " n"}, tried)
	require.Empty(t, cfg.History.Bound)

	// The next connection knows, also after a restart.
	stored, err := json.Marshal(cfg.History)
	require.NoError(t, err)
	cfg.History = History{}
	require.NoError(t, json.Unmarshal(stored, &cfg.History))
	tried, err = attempts(t, &cfg, s, offered, nil, cs)
	require.NoError(t, err)
	require.Equal(t, []string{sha1Name + " n"}, tried)

	// Another offer is another server: binding gets its chance, here with success.
	upgraded, s2 := bound(t, sha1Plus, tls.VersionTLS13)
	tried, err = attempts(t, &cfg, s2, offered, []string{bindExporter, bindEndPoint}, upgraded)
	require.NoError(t, err)
	require.Equal(t, []string{sha1Plus + " p=tls-exporter"}, tried)
	require.Equal(t, bindExporter, cfg.History.Bound)

	// From now on there is no way back to the old server.
	tried, err = attempts(t, &cfg, s, offered, nil, cs)
	require.ErrorIs(t, err, ErrBinding)
	require.Equal(t, []string{sha1Plus + " p=tls-exporter"}, tried)
}

func TestBrokenBindingIsTriedAgain(t *testing.T) {
	offered := []string{sha1Plus, sha1Name}
	cs, s := bound(t, sha1Plus, tls.VersionTLS13)
	works := s.bindings
	s.bindings = nil
	cfg := testConfig()
	for range maxFallbacks {
		_, err := attempts(t, &cfg, s, offered, nil, cs)
		require.NoError(t, err)
	}
	s.bindings = works
	tried, err := attempts(t, &cfg, s, offered, nil, cs)
	require.NoError(t, err)
	require.Equal(t, []string{sha1Plus + " p=tls-exporter"}, tried)
}

// TestWeakerBinding: tls-exporter is broken, tls-server-end-point is not.
func TestWeakerBinding(t *testing.T) {
	offered, types := []string{sha1Plus, sha1Name}, []string{bindExporter, bindEndPoint}
	cs, s := bound(t, sha1Plus, tls.VersionTLS13)
	delete(s.bindings, bindExporter)
	cfg := testConfig()
	tried, err := attempts(t, &cfg, s, offered, types, cs)
	require.NoError(t, err)
	require.Equal(t, []string{sha1Plus + " p=tls-exporter", sha1Plus + " p=tls-server-end-point"}, tried)
	require.Equal(t, bindEndPoint, cfg.History.Bound)

	// An attacker who cannot forge the certificate's hash gets nothing.
	s.bindings = map[string][]byte{}
	tried, err = attempts(t, &cfg, s, offered, types, cs)
	require.ErrorIs(t, err, ErrBinding)
	require.Equal(t, []string{sha1Plus + " p=tls-server-end-point"}, tried)
}

// TestEqualBinding: a type as strong as the one that has worked may replace it.
func TestEqualBinding(t *testing.T) {
	offered, types := []string{sha1Plus, sha1Name}, []string{bindExporter, bindUnique, bindEndPoint}
	cs, s := bound(t, sha1Plus, tls.VersionTLS12)
	delete(s.bindings, bindExporter)
	cfg := testConfig()
	cfg.History.Bound = bindUnique
	tried, err := attempts(t, &cfg, s, offered, types, cs)
	require.NoError(t, err)
	require.Equal(t, []string{sha1Plus + " p=tls-exporter", sha1Plus + " p=tls-unique"}, tried)
}

// TestAttackerInside: TLS ends at an attacker who passes everything on. An
// account that has bound before does not fall for any offer.
func TestAttackerInside(t *testing.T) {
	attacked, _ := bound(t, sha1Plus, tls.VersionTLS13)
	_, s := bound(t, sha1Plus, tls.VersionTLS13)
	types := []string{bindExporter, bindEndPoint}
	for _, c := range []struct {
		name           string
		offered, types []string
		want           error
	}{
		{"nothing changed", []string{sha1Plus, sha1Name}, types, ErrBinding},
		{"types removed", []string{sha1Plus, sha1Name}, nil, ErrBinding},
		{"weaker type left", []string{sha1Plus, sha1Name}, []string{bindEndPoint}, ErrDowngrade},
		{"dummy type", []string{sha1Plus, sha1Name}, []string{"tls-dummy"}, ErrDowngrade},
		{"plus removed", []string{sha1Name}, types, ErrRejected},
		{"both removed", []string{sha1Name}, nil, ErrRejected},
		{"only PLAIN", []string{"PLAIN"}, nil, ErrDowngrade},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.AllowPlain = true
			cfg.History = History{SCRAM: true, Bound: bindExporter}
			for range 3 {
				_, err := attempts(t, &cfg, s, c.offered, c.types, attacked)
				require.ErrorIs(t, err, c.want)
			}
			require.Equal(t, bindExporter, cfg.History.Bound)
		})
	}
	t.Run("signed offer", func(t *testing.T) {
		// The first sign-in ever, but the server signs its offer.
		offered := []string{sha1Plus, sha1Name}
		s.extensions = ",h=" + b64(offerHash(s.hash, offered, types))
		cfg := testConfig()
		for range 3 {
			_, err := attempts(t, &cfg, s, offered, types, attacked)
			require.ErrorIs(t, err, ErrBinding)
		}
		_, err := attempts(t, &cfg, s, []string{sha1Name}, nil, attacked)
		require.ErrorIs(t, err, ErrRejected, `"y"`)
	})
	t.Run("required", func(t *testing.T) {
		s.extensions = ""
		cfg := testConfig()
		cfg.Binding = BindingRequire
		for range 3 { // and each time anew: an attack does not last for ever
			tried, err := attempts(t, &cfg, s, []string{sha1Plus, sha1Name}, nil, attacked)
			require.ErrorIs(t, err, ErrBinding)
			require.Equal(t, []string{sha1Plus + " p=tls-exporter", sha1Plus + " p=tls-server-end-point"}, tried)
		}
	})
}

// TestServerGotWeaker: the operator switched -PLUS off. That is accepted only
// with a signature.
func TestServerGotWeaker(t *testing.T) {
	s := newServer(sha1Name)
	cfg := testConfig()
	cfg.History = History{SCRAM: true, Bound: bindExporter}
	_, err := attempts(t, &cfg, s, []string{sha1Name}, nil, secureState())
	require.ErrorIs(t, err, ErrDowngrade)
	s.extensions = ",h=" + b64(offerHash(s.hash, []string{sha1Name}, nil))
	_, err = attempts(t, &cfg, s, []string{sha1Name}, nil, secureState())
	require.NoError(t, err)
}

// TestUniqueDoesNotBindNewerTLS: tls-unique ends with TLS 1.2, and a server
// that knew nothing else must stay usable with TLS 1.3.
func TestUniqueDoesNotBindNewerTLS(t *testing.T) {
	cfg := testConfig()
	old, s := bound(t, sha1Plus, tls.VersionTLS12)
	_, err := attempts(t, &cfg, s, []string{sha1Plus, sha1Name}, nil, old)
	require.NoError(t, err)
	require.Equal(t, bindUnique, cfg.History.Bound)

	_, err = attempts(t, &cfg, newServer(sha1Name), []string{sha1Name}, nil, secureState())
	require.NoError(t, err)

	old.Version = tls.VersionTLS12
	_, err = attempts(t, &cfg, newServer(sha1Name), []string{sha1Name}, nil, old)
	require.ErrorIs(t, err, ErrDowngrade)

	modern, s := bound(t, sha1Plus, tls.VersionTLS13)
	_, err = attempts(t, &cfg, s, []string{sha1Plus, sha1Name}, nil, modern)
	require.NoError(t, err)
	require.Equal(t, bindExporter, cfg.History.Bound)
}

func TestWrongPasswordIsNoBindingFailure(t *testing.T) {
	cs, s := bound(t, sha1Plus, tls.VersionTLS13)
	cfg := testConfig()
	cfg.Password = Password("eraser")
	tried, err := attempts(t, &cfg, s, []string{sha1Plus, sha1Name}, nil, cs)
	require.ErrorIs(t, err, ErrNotAuthorized)
	require.NotErrorIs(t, err, ErrBinding)
	require.Len(t, tried, 1)
	require.Equal(t, History{}, cfg.History)
}

func TestAfterIgnoresOthers(t *testing.T) {
	h := History{Bound: bindExporter}
	next, retry := h.After(&plain{}, nil)
	require.Equal(t, h, next)
	require.False(t, retry)
	cs, _ := bound(t, sha1Plus, tls.VersionTLS13)
	m := mustSelect(t, testConfig(), []string{sha1Plus}, nil, cs)
	for _, err := range []error{errors.New("connection lost"), ErrMalformed, &Failure{Condition: "account-disabled"}} {
		next, retry = History{}.After(m, err)
		require.Equal(t, History{}, next)
		require.False(t, retry)
	}
}
