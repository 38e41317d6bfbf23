// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"errors"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func srv(target string, port, priority, weight uint16) *net.SRV {
	return &net.SRV{Target: target, Port: port, Priority: priority, Weight: weight}
}

// texts writes targets as host:port, with a star for direct TLS.
func texts(targets []target) []string {
	out := []string{}
	for _, t := range targets {
		s := t.String()
		if t.direct {
			s += "*"
		}
		out = append(out, s)
	}
	return out
}

func TestTargets(t *testing.T) {
	both := map[string][]*net.SRV{
		"xmpps-client": {srv("b.example.", 443, 20, 0), srv("a.example.", 5223, 5, 0)},
		"xmpp-client":  {srv("c.example.", 5222, 30, 0), srv("A.example.", 5222, 10, 0)},
	}
	none := []*net.SRV{srv(".", 0, 0, 0)}
	off := []*net.SRV{srv(".", 5222, 0, 0)}
	some := []*net.SRV{srv("x.example.", 5222, 0, 0)}
	for _, c := range []struct {
		name   string
		domain string
		mode   Mode
		srv    map[string][]*net.SRV
		dnsErr error
		host   string
		port   uint16
		proxy  bool
		want   []string
		err    error
	}{
		{name: "merged by priority", srv: both, want: []string{"a.example:5223*", "a.example:5222", "b.example:443*", "c.example:5222"}},
		{name: "direct first", mode: PreferDirect, srv: both, want: []string{"a.example:5223*", "b.example:443*", "a.example:5222", "c.example:5222"}},
		{name: "direct only", mode: DirectOnly, srv: both, want: []string{"a.example:5223*", "b.example:443*"}},
		{name: "STARTTLS only", mode: StartTLSOnly, srv: both, want: []string{"a.example:5222", "c.example:5222"}},

		{name: "no records", want: []string{"example.org:5222"}},
		{name: "no records, direct only", mode: DirectOnly, want: []string{"example.org:5223*"}},
		{name: "DNS fails", dnsErr: errors.New("server failure"), want: []string{"example.org:5222"}},
		{name: "only direct", srv: map[string][]*net.SRV{"xmpps-client": some}, want: []string{"x.example:5222*"}},
		{name: "direct off", srv: map[string][]*net.SRV{"xmpps-client": off, "xmpp-client": some}, want: []string{"x.example:5222"}},
		{name: "all off", srv: map[string][]*net.SRV{"xmpps-client": off, "xmpp-client": off}, err: ErrNoService},
		{name: "off with port 0", srv: map[string][]*net.SRV{"xmpp-client": none}, err: ErrNoService},
		{name: "STARTTLS off, nothing on direct", srv: map[string][]*net.SRV{"xmpp-client": off}, err: ErrNoService},
		{name: "direct off, nothing on STARTTLS", srv: map[string][]*net.SRV{"xmpps-client": off}, err: ErrNoService},
		{name: "unusable names", srv: map[string][]*net.SRV{"xmpp-client": {srv("a b.", 1, 0, 0), srv("x.onion.", 2, 0, 0), nil, srv("under_score.example.", 3, 0, 0)}}, want: []string{"under_score.example:3"}},

		{name: "IPv4 domain", domain: "192.0.2.1", want: []string{"192.0.2.1:5222"}},
		{name: "IPv6 domain", domain: "[2001:db8::1]", want: []string{"[2001:db8::1]:5222"}},
		{name: "IDN", domain: "MÜNCHEN.example", want: []string{"xn--mnchen-3ya.example:5222"}},
		{name: "final dot", domain: "example.org.", want: []string{"example.org:5222"}},
		{name: "onion", domain: "abc.onion", err: ErrOnion},
		{name: "onion by proxy", domain: "abc.onion", proxy: true, want: []string{"abc.onion:5222"}},
		{name: "proxy", proxy: true, srv: both, want: []string{"example.org:5222"}},

		{name: "host", host: "server.example", srv: both, want: []string{"server.example:5222"}},
		{name: "port", port: 5269, srv: both, want: []string{"example.org:5269"}},
		{name: "host and 443", host: "server.example", port: 443, want: []string{"server.example:443*"}},
		{name: "host and 443, STARTTLS", mode: StartTLSOnly, host: "server.example", port: 443, want: []string{"server.example:443"}},
		{name: "host, direct", mode: DirectOnly, host: "2001:db8::2", want: []string{"[2001:db8::2]:5223*"}},
		{name: "onion host", host: "abc.onion", err: ErrOnion},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Domain: "example.org", Mode: c.mode, Host: c.host, Port: c.port}
			if c.domain != "" {
				cfg.Domain = c.domain
			}
			cfg.Resolver = &zone{srv: c.srv, err: c.dnsErr}
			if c.proxy {
				cfg.Proxy = &Proxy{Address: "127.0.0.1:9050"}
				cfg.Resolver = noDNS{t}
			}
			if c.host != "" || c.port != 0 {
				cfg.Resolver = noDNS{t}
			}
			d := newDialer(t, cfg)
			host, port := d.start()
			got, err := d.targets(t.Context(), host, port)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, texts(got))
		})
	}
}

// TestWeights draws often: of weights 60, 20, 20 and 0 each comes first in its
// share, and every draw holds all of them.
func TestWeights(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	first := map[uint16]int{}
	const rounds = 10_000
	for range rounds {
		group := []target{{port: 1, weight: 60}, {port: 2, weight: 20}, {port: 3, weight: 20}, {port: 4}}
		got := draw(group, source.IntN)
		require.Len(t, got, 4)
		seen := map[uint16]bool{}
		for _, g := range got {
			seen[g.port] = true
		}
		require.Len(t, seen, 4)
		first[got[0].port]++
	}
	require.InDelta(t, 0.6, float64(first[1])/rounds, 0.03)
	require.InDelta(t, 0.2, float64(first[2])/rounds, 0.03)
	require.InDelta(t, 0.2, float64(first[3])/rounds, 0.03)
	require.Positive(t, first[4])
	require.Less(t, first[4], rounds/20)
}

func TestTargetsAreBounded(t *testing.T) {
	var many []*net.SRV
	for i := range 1000 {
		many = append(many, srv("x.example.", uint16(i+1), 0, 65535))
	}
	d := newDialer(t, Config{Domain: "example.org", Resolver: &zone{srv: map[string][]*net.SRV{"xmpp-client": many}}})
	got, err := d.targets(t.Context(), d.domain, 0)
	require.NoError(t, err)
	require.Len(t, got, maxTargets)
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no domain":       {},
		"root":            {Domain: "."},
		"bad domain":      {Domain: "a b"},
		"empty label":     {Domain: "a..b"},
		"long domain":     {Domain: longName(260)},
		"bad host":        {Domain: "example.org", Host: "a/b"},
		"root host":       {Domain: "example.org", Host: "."},
		"mode":            {Domain: "example.org", Mode: 99},
		"pin":             {Domain: "example.org", Pins: []Pin{{}}},
		"proxy":           {Domain: "example.org", Proxy: &Proxy{}},
		"proxy port":      {Domain: "example.org", Proxy: &Proxy{Address: "127.0.0.1:0"}},
		"proxy name":      {Domain: "example.org", Proxy: &Proxy{Address: "proxy.example:1080"}},
		"proxy user":      {Domain: "example.org", Proxy: &Proxy{Address: "127.0.0.1:1080", Username: longName(256)}},
		"proxy user less": {Domain: "example.org", Proxy: &Proxy{Address: "127.0.0.1:1080", Password: "x"}},
		"proxy path":      {Domain: "example.org", Proxy: &Proxy{Address: "unix:"}},
	} {
		_, err := New(cfg)
		require.ErrorIs(t, err, ErrConfig, name)
		requireCode(t, err, "xmpp.dial.config")
	}
}

func longName(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a'
		if i%40 == 39 {
			b[i] = '.'
		}
	}
	return string(b)
}

func TestParseLocation(t *testing.T) {
	for in, want := range map[string]struct {
		host string
		port uint16
	}{
		"other.example":       {"other.example", 0},
		"other.example:5224":  {"other.example", 5224},
		"192.0.2.1":           {"192.0.2.1", 0},
		"192.0.2.1:80":        {"192.0.2.1", 80},
		"2001:db8::1":         {"2001:db8::1", 0},
		"[2001:db8::1]":       {"2001:db8::1", 0},
		"[2001:db8::1]:5222":  {"2001:db8::1", 5222},
		"Bücher.example:5222": {"xn--bcher-kva.example", 5222},
	} {
		host, port, err := parseLocation(in)
		require.NoError(t, err, in)
		require.Equal(t, want.host, host)
		require.Equal(t, want.port, port)
	}
	for _, in := range []string{"", ":", ":5222", "a:0", "a:65536", "a:b", "a b", ".", "[::1]:x", "a/b:1", "fe80::1%eth0", "[::% ]:1"} {
		_, _, err := parseLocation(in)
		require.Error(t, err, in)
	}
}

func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"other.example:5224", "[2001:db8::1]:5222", "192.0.2.1", "ü.example", "a:b:c", "[", "]:1", "::% "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, _, err := parseLocation(s)
		if err != nil {
			return
		}
		require.NotEmpty(t, host)
		require.LessOrEqual(t, len(host), 253)
		for i := range len(host) {
			require.False(t, host[i] <= ' ' || host[i] >= 0x7f || host[i] == '/', "%q", host)
		}
		again, err := asciiHost(host)
		require.NoError(t, err)
		require.Equal(t, host, again)
	})
}
