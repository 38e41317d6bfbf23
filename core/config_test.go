// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/stretchr/testify/require"
)

// What could never work is refused with a code that says what it is, before
// anybody is asked, and nothing is left behind.
func TestBadConfig(t *testing.T) {
	key := make([]byte, 32)
	file := filepath.Join(t.TempDir(), "a file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, test := range map[string]struct {
		config core.Config
		code   string
	}{
		"no path":          {core.Config{Key: key}, "core.no-path"},
		"no key":           {core.Config{Path: "x.db"}, "core.no-key"},
		"empty keys":       {core.Config{Path: "x.db", Key: []byte{}, Passphrase: []byte{}}, "core.no-key"},
		"short key":        {core.Config{Path: "x.db", Key: key[:31]}, "storage.key.length"},
		"long key":         {core.Config{Path: "x.db", Key: make([]byte, 64)}, "storage.key.length"},
		"missing folder":   {core.Config{Path: "missing/x.db", Key: key}, "storage.unavailable"},
		"path is a folder": {core.Config{Path: ".", Key: key}, "storage.unavailable"},
		"below a file":     {core.Config{Path: file + "/x.db", Key: key}, "storage.unavailable"},
		"zero in path":     {core.Config{Path: "x\x00.db", Key: key}, "storage.invalid"},
		"short passphrase": {core.Config{Path: "missing/x.db", Passphrase: []byte("x")}, "storage.unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if test.config.Path != "" && !filepath.IsAbs(test.config.Path) {
				test.config.Path = dir + "/" + test.config.Path
			}
			c, err := core.Open(t.Context(), test.config)
			require.Equal(t, test.code, core.ErrorCode(err), "%v", err)
			require.Nil(t, c)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestBadAccountConfig(t *testing.T) {
	settles(t)
	s := newScript(t)
	c := openBad(t, s)
	for name, test := range map[string]struct {
		spoil func(*core.AccountConfig)
		code  string
	}{
		"no address":        {func(a *core.AccountConfig) { a.JID = "" }, "core.bad-address"},
		"domain only":       {func(a *core.AccountConfig) { a.JID = scriptDomain }, "core.bad-address"},
		"full address":      {func(a *core.AccountConfig) { a.JID = scriptFull }, "core.bad-address"},
		"two at signs":      {func(a *core.AccountConfig) { a.JID = "a@b@c" }, "core.bad-address"},
		"no domain":         {func(a *core.AccountConfig) { a.JID = "alice@" }, "core.bad-address"},
		"endless address":   {func(a *core.AccountConfig) { a.JID = strings.Repeat("a", 1<<20) + "@b" }, "core.bad-address"},
		"endless domain":    {func(a *core.AccountConfig) { a.JID = "a@" + strings.Repeat("b", 300) }, "core.bad-address"},
		"no password":       {func(a *core.AccountConfig) { a.Password = nil }, "core.no-password"},
		"long password":     {func(a *core.AccountConfig) { a.Password = make([]byte, core.MaxPassword+1) }, "core.bad-password"},
		"password not text": {func(a *core.AccountConfig) { a.Password = []byte("\xff\xfe") }, "core.bad-password"},
		"password of lines": {func(a *core.AccountConfig) { a.Password = []byte("one\ntwo") }, "core.bad-password"},
		"port too large":    {func(a *core.AccountConfig) { a.Port = 99999 }, "core.bad-port"},
		"port wraps":        {func(a *core.AccountConfig) { a.Port += 1 << 16 }, "core.bad-port"},
		"port negative":     {func(a *core.AccountConfig) { a.Port = -1 }, "core.bad-port"},
		"host of spaces":    {func(a *core.AccountConfig) { a.Host = "not a host" }, "core.bad-host"},
		"host with port":    {func(a *core.AccountConfig) { a.Host = "127.0.0.1:5222" }, "core.bad-host"},
		"host is a URL":     {func(a *core.AccountConfig) { a.Host = "https://example.org" }, "core.bad-host"},
		"root":              {func(a *core.AccountConfig) { a.Host = "." }, "core.bad-host"},
		"TLS without host":  {func(a *core.AccountConfig) { a.Host, a.DirectTLS = "", true }, "core.no-host"},
		"proxy not a port":  {func(a *core.AccountConfig) { a.Proxy = "127.0.0.1" }, "core.bad-proxy"},
		"proxy by name":     {func(a *core.AccountConfig) { a.Proxy = "proxy.example.org:9050" }, "core.bad-proxy"},
		"proxy port":        {func(a *core.AccountConfig) { a.Proxy = "127.0.0.1:99999" }, "core.bad-proxy"},
		"proxy is a URL":    {func(a *core.AccountConfig) { a.Proxy = "socks5://127.0.0.1:9050" }, "core.bad-proxy"},
		"proxy of no path":  {func(a *core.AccountConfig) { a.Proxy = "unix:" }, "core.bad-proxy"},
		"pin of no kind":    {func(a *core.AccountConfig) { a.Pins = []string{strings.Repeat("00", 32)} }, "core.bad-pin"},
		"pin too short":     {func(a *core.AccountConfig) { a.Pins = []string{"spki-sha256:00"} }, "core.bad-pin"},
		"one pin empty": {func(a *core.AccountConfig) {
			a.Pins = []string{"spki-sha256:" + strings.Repeat("00", 32), ""}
		}, "core.bad-pin"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := s.account()
			test.spoil(&bad)
			_, err := c.AddAccount(t.Context(), bad)
			require.Equal(t, test.code, core.ErrorCode(err), "%v", err)
			_, err = c.Register(t.Context(), bad)
			require.Equal(t, test.code, core.ErrorCode(err), "%v", err)
			require.Empty(t, c.Accounts())
		})
	}
	s.mu.Lock()
	taken := s.taken
	s.mu.Unlock()
	require.Zero(t, taken, "a server was asked")

	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	for code, password := range map[string][]byte{
		"core.no-password": {}, "core.bad-password": bytes.Repeat([]byte("x"), core.MaxPassword+1),
	} {
		require.Equal(t, code, core.ErrorCode(a.SetPassword(t.Context(), password)))
		require.Equal(t, code, core.ErrorCode(a.ChangePassword(t.Context(), password)))
	}
	for name, err := range map[string]error{
		"change":  c.ChangeKey(t.Context(), make([]byte, 31)),
		"backup":  c.Backup(t.Context(), filepath.Join(t.TempDir(), "b"), make([]byte, 33)),
		"nowhere": c.Backup(t.Context(), filepath.Join(t.TempDir(), "missing", "b"), make([]byte, 32)),
		"no key":  c.Backup(t.Context(), filepath.Join(t.TempDir(), "b"), nil),
	} {
		want := map[string]string{"nowhere": "storage.unavailable", "no key": "core.no-key"}[name]
		if want == "" {
			want = "storage.key.length"
		}
		require.Equal(t, want, core.ErrorCode(err), name)
	}
	becomes(t, c, "online with the old password", func() bool { return a.State().State == core.Online })
}
