// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSelect(t *testing.T) {
	cs, _ := bound(t, "SCRAM-SHA-256-PLUS", tls.VersionTLS13)
	all := []string{
		"EXTERNAL", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "DIGEST-MD5", "SCRAM-SHA-512",
		"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "X-OAUTH2",
	}
	types := []string{bindExporter, bindEndPoint}
	for _, c := range []struct {
		name     string
		change   func(*Config)
		offered  []string
		bindings []string
		want     string
		flag     string
		err      error
	}{
		{name: "binding before hash", offered: all, bindings: types, want: "SCRAM-SHA-256-PLUS", flag: "p=tls-exporter"},
		{name: "binding with a weak hash", offered: []string{"SCRAM-SHA-512", "SCRAM-SHA-1-PLUS"}, bindings: types, want: "SCRAM-SHA-1-PLUS", flag: "p=tls-exporter"},
		{name: "strongest hash", offered: []string{"SCRAM-SHA-1", "SCRAM-SHA-512", "SCRAM-SHA-256"}, want: "SCRAM-SHA-512", flag: "y"},
		{name: "off", change: func(c *Config) { c.Binding = BindingOff }, offered: all, want: "SCRAM-SHA-512", flag: "n"},
		{name: "required", change: func(c *Config) { c.Binding = BindingRequire }, offered: all, bindings: types, want: "SCRAM-SHA-256-PLUS", flag: "p=tls-exporter"},
		{name: "required, not offered", change: func(c *Config) { c.Binding = BindingRequire }, offered: []string{"SCRAM-SHA-512"}, err: ErrBindingRequired},
		{name: "required, only PLAIN", change: func(c *Config) { c.Binding, c.AllowPlain = BindingRequire, true }, offered: []string{"PLAIN"}, err: ErrBindingRequired},
		{name: "minimum", change: func(c *Config) { c.Minimum = "SCRAM-SHA-512" }, offered: all, bindings: types, want: "SCRAM-SHA-512", flag: "n"},
		{name: "minimum not met", change: func(c *Config) { c.Minimum = "SCRAM-SHA-256" }, offered: []string{"SCRAM-SHA-1", "PLAIN"}, err: ErrNoMechanism},
		{name: "minimum unknown", change: func(c *Config) { c.Minimum = "SCRAM-MD5" }, offered: all, err: ErrNoMechanism},
		{name: "PLAIN", change: func(c *Config) { c.AllowPlain = true }, offered: []string{"PLAIN", "LOGIN"}, want: "PLAIN"},
		{name: "PLAIN not allowed", offered: []string{"PLAIN"}, err: ErrPlainRefused},
		{name: "PLAIN beside SCRAM", change: func(c *Config) { c.AllowPlain = true }, offered: []string{"PLAIN", "SCRAM-SHA-1"}, want: "SCRAM-SHA-1", flag: "y"},
		{name: "PLAIN beside unknown SCRAM", change: func(c *Config) { c.AllowPlain = true }, offered: []string{"PLAIN", "SCRAM-SHA3-512"}, err: ErrNoMechanism},
		{name: "PLAIN after SCRAM", change: func(c *Config) { c.AllowPlain, c.History.SCRAM = true, true }, offered: []string{"PLAIN"}, err: ErrDowngrade},
		{name: "PLAIN under a minimum", change: func(c *Config) { c.AllowPlain, c.Minimum = true, "SCRAM-SHA-1" }, offered: []string{"PLAIN"}, err: ErrPlainRefused},
		{name: "nothing", offered: nil, err: ErrNoMechanism},
		{name: "nothing known", offered: []string{"EXTERNAL"}, err: ErrNoMechanism},
		{name: "no password", change: func(c *Config) { c.Password = nil }, offered: all, err: ErrPasswordNeeded},
		{name: "no name", change: func(c *Config) { c.Username = "" }, offered: all, err: ErrCharacters},
		{name: "bad name", change: func(c *Config) { c.Username = "a\x00b" }, offered: all, err: ErrCharacters},
		{name: "bad authorization identity", change: func(c *Config) { c.AuthzID = "\xff" }, offered: all, err: ErrCharacters},

		// XEP-0440
		{name: "types without -PLUS", offered: []string{"SCRAM-SHA-1"}, bindings: types, want: "SCRAM-SHA-1", flag: "y"},
		{name: "types without -PLUS, SASL2", change: func(c *Config) { c.SASL2 = true }, offered: []string{"SCRAM-SHA-1"}, bindings: types, err: ErrDowngrade},
		{name: "-PLUS without types", offered: all, want: "SCRAM-SHA-256-PLUS", flag: "p=tls-exporter"},
		{name: "-PLUS without types, SASL2", change: func(c *Config) { c.SASL2 = true }, offered: all, err: ErrDowngrade},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig()
			if c.change != nil {
				c.change(&cfg)
			}
			m, err := Select(cfg, c.offered, c.bindings, cs)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				require.Nil(t, m)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, m.Name())
			if s, ok := m.(*scram); ok {
				require.Equal(t, c.flag, s.p.gs2.flag)
			}
		})
	}
}

func TestNothingWithoutTLS(t *testing.T) {
	cfg := testConfig()
	cfg.AllowPlain = true
	for _, offered := range [][]string{{"PLAIN"}, {"SCRAM-SHA-512"}, nil} {
		_, err := Select(cfg, offered, nil, tls.ConnectionState{})
		require.ErrorIs(t, err, ErrNoTLS)
	}
}

// TestStrippedPlus: an attacker took -PLUS out of the offer, the server sees
// "y" and refuses.
func TestStrippedPlus(t *testing.T) {
	s := newServer("SCRAM-SHA-1-PLUS")
	m := mustSelect(t, testConfig(), []string{"SCRAM-SHA-1"}, nil, secureState())
	require.ErrorIs(t, signIn(m, s), ErrRejected)
}

func TestSignedOffer(t *testing.T) {
	const name = "SCRAM-SHA-256"
	cs, s := bound(t, name, tls.VersionTLS13)
	sign := func(offered, types []string) string {
		return ",x=unknown,h=" + b64(offerHash(s.hash, offered, types))
	}
	offered, types := []string{name, name + "-PLUS"}, []string{bindExporter, bindEndPoint}
	s.extensions = sign(offered, types)

	require.NoError(t, signIn(mustSelect(t, testConfig(), offered, types, cs), s))
	for _, changed := range [][2][]string{
		{{name + "-PLUS"}, types}, {offered, {bindEndPoint}}, {append([]string{"SCRAM-SHA-1"}, offered...), types},
	} {
		m := mustSelect(t, testConfig(), changed[0], changed[1], cs)
		require.ErrorIs(t, signIn(m, s), ErrDowngrade)
	}

	// Only dummy types: the server has to sign that this is true.
	dummy := []string{"tls-dummy"}
	m := mustSelect(t, testConfig(), offered, dummy, cs)
	require.Equal(t, name, m.Name())
	s.extensions = ""
	require.ErrorIs(t, signIn(m, s), ErrDowngrade)
	s.extensions = sign(offered, dummy)
	require.NoError(t, signIn(mustSelect(t, testConfig(), offered, dummy, cs), s))
}

func TestPlainExchange(t *testing.T) {
	cfg := testConfig()
	cfg.AllowPlain, cfg.AuthzID = true, "other@example.org"
	fresh := func() Mechanism { return mustSelect(t, cfg, []string{"PLAIN"}, nil, secureState()) }

	m := fresh()
	initial, err := m.Start()
	require.NoError(t, err)
	require.Equal(t, "other@example.org\x00user\x00pencil", string(initial))
	require.NoError(t, m.Done(nil))
	require.ErrorIs(t, m.Done(nil), ErrState)

	m = fresh()
	require.ErrorIs(t, m.Done(nil), ErrState)
	_, err = m.Start()
	require.ErrorIs(t, err, ErrState)

	m = fresh()
	_, err = m.Start()
	require.NoError(t, err)
	_, err = m.Next([]byte("more"))
	require.ErrorIs(t, err, ErrMalformed)
	require.Error(t, m.Done(nil))

	cfg.Password = Password("a\x00b")
	_, err = fresh().Start()
	require.ErrorIs(t, err, ErrCharacters)
}

// TestLogHoldsNoSecrets runs sign-ins with a logger at debug level.
func TestLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig()
	cfg.Username, cfg.Password = "canary-name", Password("canary-password")
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, password := range []string{"canary-password", "another"} {
		s := newServer("SCRAM-SHA-256")
		s.password = password
		err := signIn(mustSelect(t, cfg, []string{"SCRAM-SHA-256"}, nil, secureState()), s)
		if password == "another" {
			require.ErrorIs(t, err, ErrNotAuthorized)
			require.NotContains(t, err.Error(), "canary")
		}
	}
	require.Contains(t, log.String(), "SCRAM-SHA-256")
	require.NotContains(t, log.String(), "canary")
}
