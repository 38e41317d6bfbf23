// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"context"
	"crypto/pbkdf2"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// TestPublishedExchanges replays RFC 5802 section 5 and RFC 7677 section 3.
func TestPublishedExchanges(t *testing.T) {
	for _, v := range []struct{ name, mechanism, nonce, initial, challenge, response, final string }{
		{
			"RFC 5802", "SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL",
			"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
		},
		{
			"RFC 7677", "SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO",
			"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			run := func(t *testing.T) *scram {
				cfg := testConfig()
				cfg.Binding = BindingOff // the flag "n", as in the RFCs
				m := mustSelect(t, cfg, []string{v.mechanism}, nil, secureState()).(*scram)
				_, err := m.Start()
				require.NoError(t, err)
				m.firstBare = strings.ReplaceAll(m.firstBare, m.nonce, v.nonce)
				m.nonce = v.nonce
				require.Equal(t, v.initial, m.p.gs2.header()+m.firstBare)
				response, err := m.Next([]byte(v.challenge))
				require.NoError(t, err)
				require.Equal(t, v.response, string(response))
				return m
			}
			t.Run("with success", func(t *testing.T) {
				require.NoError(t, run(t).Done([]byte(v.final)))
			})
			t.Run("as a challenge", func(t *testing.T) {
				m := run(t)
				response, err := m.Next([]byte(v.final))
				require.NoError(t, err)
				require.Empty(t, response)
				require.NoError(t, m.Done(nil))
			})
			t.Run("not proved", func(t *testing.T) {
				require.ErrorIs(t, run(t).Done(nil), ErrServerSignature)
			})
			t.Run("wrongly proved", func(t *testing.T) {
				m := run(t)
				require.ErrorIs(t, m.Done([]byte("v=AAAA"+v.final[6:])), ErrServerSignature)
				require.Error(t, m.Done([]byte(v.final)), "a failed run stays failed")
			})
		})
	}
}

// TestDerivation compares with the standard library's PBKDF2.
func TestDerivation(t *testing.T) {
	for _, f := range families {
		for _, iterations := range []int{1, 2, 4096, 10_000} {
			want, err := pbkdf2.Key(f.hash, "pencil", []byte("salt"), iterations, f.hash().Size())
			require.NoError(t, err)
			got, err := pbkdf2Block(context.Background(), f.hash, []byte("pencil"), []byte("salt"), iterations)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s, %d iterations", f.name, iterations)
		}
	}
}

func TestEveryMechanismSignsIn(t *testing.T) {
	for _, f := range families {
		for name, names := range map[string][2]string{
			"plain":   {"user", "pencil"},
			"escaped": {"a=b,c==,,", "p=,e"},
			"unicode": {"Ⅸ", "pa\u00adss\u00a0ª"},
		} {
			t.Run(f.name+" "+name, func(t *testing.T) {
				cfg := Config{Username: names[0], Password: Password(names[1])}
				m := mustSelect(t, cfg, []string{f.name}, nil, secureState())
				require.Equal(t, f.name, m.Name())
				s := newServer(f.name)
				s.password = names[1]
				if name == "unicode" {
					s.password = "pass a"
				}
				require.NoError(t, signIn(m, s))
				if name == "escaped" {
					require.True(t, strings.HasPrefix(s.firstBare, "n=a=3Db=2Cc=3D=3D=2C=2C,r="), s.firstBare)
				}
			})
		}
	}
}

func TestAuthorizationIdentity(t *testing.T) {
	cfg := testConfig()
	cfg.AuthzID = "o=ther,@x"
	m := mustSelect(t, cfg, []string{"SCRAM-SHA-256"}, nil, secureState())
	s := newServer("SCRAM-SHA-256")
	require.NoError(t, signIn(m, s))
	require.Equal(t, "y,a=o=3Dther=2C@x,", s.header)
}

// TestHostileServers: every run ends in the named error, at the step where it
// can first be known, and never continues after it.
func TestHostileServers(t *testing.T) {
	const name = "SCRAM-SHA-256"
	challenges := map[string]struct {
		challenge func(nonce string) string
		want      error
	}{
		"empty":            {func(string) string { return "" }, ErrMalformed},
		"garbage":          {func(string) string { return "\x00\xff" }, ErrMalformed},
		"no attributes":    {func(n string) string { return "r=" + n + "x" }, ErrMalformed},
		"wrong order":      {func(n string) string { return "s=QUJD,r=" + n + "x,i=4096" }, ErrMalformed},
		"mandatory ext":    {func(n string) string { return "m=x,r=" + n + "x,s=QUJD,i=4096" }, ErrMalformed},
		"own nonce only":   {func(n string) string { return "r=" + n + ",s=QUJD,i=4096" }, ErrMalformed},
		"other nonce":      {func(string) string { return "r=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,s=QUJD,i=4096" }, ErrMalformed},
		"no salt":          {func(n string) string { return "r=" + n + "x,s=,i=4096" }, ErrMalformed},
		"bad salt":         {func(n string) string { return "r=" + n + "x,s=!,i=4096" }, ErrMalformed},
		"newline in salt":  {func(n string) string { return "r=" + n + "x,s=QU\nJD,i=4096" }, ErrMalformed},
		"no count":         {func(n string) string { return "r=" + n + "x,s=QUJD,i=" }, ErrMalformed},
		"signed count":     {func(n string) string { return "r=" + n + "x,s=QUJD,i=-4096" }, ErrMalformed},
		"count with zero":  {func(n string) string { return "r=" + n + "x,s=QUJD,i=04096" }, ErrMalformed},
		"count overflow":   {func(n string) string { return "r=" + n + "x,s=QUJD,i=99999999999999999999" }, ErrMalformed},
		"low count":        {func(n string) string { return "r=" + n + "x,s=QUJD,i=4095" }, ErrIterations},
		"high count":       {func(n string) string { return "r=" + n + "x,s=QUJD,i=5000001" }, ErrIterations},
		"repeated hash":    {func(n string) string { return "r=" + n + "x,s=QUJD,i=4096,h=QUJD,h=QUJD" }, ErrMalformed},
		"repeated count":   {func(n string) string { return "r=" + n + "x,s=QUJD,i=4096,i=4096" }, ErrMalformed},
		"offer changed":    {func(n string) string { return "r=" + n + "x,s=QUJD,i=4096,h=QUJD" }, ErrDowngrade},
		"an error":         {func(string) string { return "e=unknown-user" }, ErrNotAuthorized},
		"an unknown error": {func(string) string { return "e=user%s" }, ErrRejected},
		"too long":         {func(n string) string { return "r=" + n + strings.Repeat("x", maxMessage) }, ErrMalformed},
		"the final one":    {func(string) string { return "v=QUJD" }, ErrMalformed},
	}
	for label, c := range challenges {
		t.Run("first/"+label, func(t *testing.T) {
			m := mustSelect(t, testConfig(), []string{name}, nil, secureState()).(*scram)
			_, err := m.Start()
			require.NoError(t, err)
			response, err := m.Next([]byte(c.challenge(m.nonce)))
			require.ErrorIs(t, err, c.want)
			require.Empty(t, response)
			for range 3 { // no spinning on whatever comes
				_, err = m.Next([]byte("r=" + m.nonce + "x,s=QUJD,i=4096"))
				require.ErrorIs(t, err, ErrState)
			}
			require.Error(t, m.Done(nil))
		})
	}
	finals := map[string]struct {
		final string
		want  error
	}{
		"garbage":           {"\x00", ErrMalformed},
		"error":             {"e=invalid-proof", ErrNotAuthorized},
		"binding error":     {"e=channel-bindings-dont-match", ErrBinding},
		"stripped binding":  {"e=server-does-support-channel-binding", ErrDowngrade},
		"busy":              {"e=no-resources", ErrTemporary},
		"bad base64":        {"v=*", ErrMalformed},
		"empty signature":   {"v=", ErrMalformed},
		"other signature":   {"v=" + base64.StdEncoding.EncodeToString(make([]byte, 32)), ErrServerSignature},
		"short signature":   {"v=AAAA", ErrServerSignature},
		"the first message": {"r=x,s=QUJD,i=4096", ErrMalformed},
	}
	for label, c := range finals {
		t.Run("final/"+label, func(t *testing.T) {
			for _, asChallenge := range []bool{false, true} {
				m := mustSelect(t, testConfig(), []string{name}, nil, secureState())
				s := newServer(name)
				initial, err := m.Start()
				require.NoError(t, err)
				challenge, err := s.challenge(initial)
				require.NoError(t, err)
				_, err = m.Next(challenge)
				require.NoError(t, err)
				if asChallenge {
					_, err = m.Next([]byte(c.final))
				} else {
					err = m.Done([]byte(c.final))
				}
				require.ErrorIs(t, err, c.want)
				require.Error(t, m.Done(nil))
			}
		})
	}
}

func TestSuccessBeforeProof(t *testing.T) {
	for steps := range 3 {
		m := mustSelect(t, testConfig(), []string{"SCRAM-SHA-256"}, nil, secureState())
		s := newServer("SCRAM-SHA-256")
		if steps > 0 {
			initial, err := m.Start()
			require.NoError(t, err)
			if steps > 1 {
				challenge, err := s.challenge(initial)
				require.NoError(t, err)
				_, err = m.Next(challenge)
				require.NoError(t, err)
			}
		}
		require.Error(t, m.Done(nil), "after %d steps", steps)
		_, err := m.Start()
		require.Error(t, err)
	}
}

func TestDerivationStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cfg := testConfig()
	cfg.Context = ctx
	m := mustSelect(t, cfg, []string{"SCRAM-SHA-512"}, nil, secureState())
	s := newServer("SCRAM-SHA-512")
	s.iterations = DefaultMaxIterations
	initial, err := m.Start()
	require.NoError(t, err)
	challenge, err := s.challenge(initial)
	require.NoError(t, err)
	cancel()
	_, err = m.Next(challenge)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNonceSourceFails(t *testing.T) {
	broken := errors.New("no entropy")
	cfg := testConfig()
	cfg.Rand = iotest.ErrReader(broken)
	m := mustSelect(t, cfg, []string{"SCRAM-SHA-256"}, nil, secureState())
	_, err := m.Start()
	require.ErrorIs(t, err, broken)
}

func TestNoncesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		m := mustSelect(t, testConfig(), []string{"SCRAM-SHA-256"}, nil, secureState())
		initial, err := m.Start()
		require.NoError(t, err)
		require.False(t, seen[string(initial)])
		seen[string(initial)] = true
	}
}

// memoryCache is a KeyCache in a map.
type memoryCache struct {
	keys         map[string][2][]byte
	loads, saves int
}

func (c *memoryCache) key(mechanism string, salt []byte, iterations int) string {
	return fmt.Sprintf("%s %x %d", mechanism, salt, iterations)
}

func (c *memoryCache) Load(mechanism string, salt []byte, iterations int) ([]byte, []byte, bool) {
	c.loads++
	k, ok := c.keys[c.key(mechanism, salt, iterations)]
	return k[0], k[1], ok
}

func (c *memoryCache) Save(mechanism string, salt []byte, iterations int, clientKey, serverKey []byte) {
	c.saves++
	c.keys[c.key(mechanism, salt, iterations)] = [2][]byte{append([]byte(nil), clientKey...), append([]byte(nil), serverKey...)}
}

func TestKeyCache(t *testing.T) {
	const name = "SCRAM-SHA-256"
	cache := &memoryCache{keys: map[string][2][]byte{}}
	cfg := testConfig()
	cfg.Keys = cache

	wrong := cfg
	wrong.Password = Password("eraser")
	err := signIn(mustSelect(t, wrong, []string{name}, nil, secureState()), newServer(name))
	require.ErrorIs(t, err, ErrNotAuthorized)
	require.Zero(t, cache.saves, "keys that were not proved are not kept")

	require.NoError(t, signIn(mustSelect(t, cfg, []string{name}, nil, secureState()), newServer(name)))
	require.Equal(t, 1, cache.saves)

	cfg.Password = nil
	for range 2 {
		require.NoError(t, signIn(mustSelect(t, cfg, []string{name}, nil, secureState()), newServer(name)))
	}
	require.Equal(t, 1, cache.saves)

	changed := newServer(name)
	changed.salt = []byte("another salt")
	err = signIn(mustSelect(t, cfg, []string{name}, nil, secureState()), changed)
	require.ErrorIs(t, err, ErrPasswordNeeded)

	cache.keys[cache.key(name, changed.salt, 4096)] = [2][]byte{[]byte("short"), []byte("short")}
	err = signIn(mustSelect(t, cfg, []string{name}, nil, secureState()), changed)
	require.ErrorIs(t, err, ErrPasswordNeeded, "keys of a wrong size are not used")
}

func TestForbiddenPassword(t *testing.T) {
	cfg := testConfig()
	cfg.Password = Password("bell\x07")
	err := signIn(mustSelect(t, cfg, []string{"SCRAM-SHA-1"}, nil, secureState()), newServer("SCRAM-SHA-1"))
	require.ErrorIs(t, err, ErrCharacters)
	require.NotContains(t, err.Error(), "bell")
}
