// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/stretchr/testify/require"
)

// screen is what a terminal has shown.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until all the words are on the screen.
func (s *screen) await(t *testing.T, words ...string) {
	t.Helper()
	s.until(t, "all of "+strings.Join(words, ", "), func(text string) bool {
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
}

func (s *screen) until(t *testing.T, what string, ok func(text string) bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		s.mu.Lock()
		text, changed := s.text.String(), s.changed
		s.mu.Unlock()
		if ok(text) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNow(t, "not on the screen", "%s in:\n%s", what, text)
		}
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, test := range map[string]struct {
		args []string
		code string
	}{
		"unknown flag":      {[]string{"-nonsense"}, "quickstart.usage"},
		"more words":        {[]string{"-account", "a@b", "more"}, "quickstart.usage"},
		"no account at all": {nil, "quickstart.usage"},
		"not an address":    {[]string{"-account", "alice"}, "core.bad-address"},
		"full address":      {[]string{"-account", "alice@example.org/phone"}, "core.bad-address"},
		"host without port": {[]string{"-account", "a@b", "-host", "example.org"}, "quickstart.usage"},
		"port too large":    {[]string{"-account", "a@b", "-host", "example.org:99999"}, "quickstart.usage"},
		"port of letters":   {[]string{"-account", "a@b", "-host", "example.org:xmpp"}, "quickstart.usage"},
		"no host":           {[]string{"-account", "a@b", "-host", ":5222"}, "quickstart.usage"},
		"TLS without host":  {[]string{"-account", "a@b", "-direct-tls"}, "quickstart.usage"},
	} {
		var messages strings.Builder
		_, err := parseFlags(test.args, &messages)
		require.Equal(t, test.code, core.ErrorCode(err), "%s: %v", name, err)
		require.NotContains(t, describe(err), "\n", name)
		require.Empty(t, messages.String(), name)
	}
	var messages strings.Builder
	_, err := parseFlags([]string{"-h"}, &messages)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, messages.String(), "-password-file")
	o, err := parseFlags([]string{"-account", "Alice@Example.org", "-host", "[::1]:5222"}, io.Discard)
	require.NoError(t, err)
	cfg, err := o.accountConfig("alice@example.org", nil)
	require.NoError(t, err)
	require.Equal(t, "::1", cfg.Host)
	require.Equal(t, 5222, cfg.Port)
	_, err = parseFlags([]string{"-json"}, io.Discard)
	require.NoError(t, err)
}

// Files that are not what they should be end the program before anything is
// made, with a code and one line.
func TestFiles(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*testing.T, *options)
		code  string
	}{
		"no CA file": {func(_ *testing.T, o *options) { o.caFile += ".missing" }, "quickstart.file"},
		"CA file without certificate": {func(t *testing.T, o *options) {
			require.NoError(t, os.WriteFile(o.caFile, []byte("-----BEGIN NOTHING-----\n"), 0o600))
		}, "quickstart.ca-file"},
		"log in no folder": {func(_ *testing.T, o *options) { o.caFile, o.log = "", o.database+"/missing/log" }, "quickstart.file"},
		"key not hexadecimal": {func(t *testing.T, o *options) {
			o.caFile, o.keyFile = "", o.caFile
			require.NoError(t, os.WriteFile(o.keyFile, []byte(strings.Repeat("x", 64)), 0o600))
		}, "quickstart.key-file"},
		"key too short": {func(t *testing.T, o *options) {
			o.caFile, o.keyFile = "", o.caFile
			require.NoError(t, os.WriteFile(o.keyFile, []byte("00ff"), 0o600))
		}, "quickstart.key-file"},
		"key is a folder":    {func(_ *testing.T, o *options) { o.caFile, o.keyFile = "", filepath.Dir(o.database) }, "quickstart.file"},
		"database no folder": {func(_ *testing.T, o *options) { o.caFile, o.database = "", o.database+"/missing/db" }, "quickstart.file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := options{json: true, database: filepath.Join(dir, "chat.db"), caFile: filepath.Join(t.TempDir(), "file")}
			test.spoil(t, &o)
			err := run(t.Context(), o, strings.NewReader(""), io.Discard)
			require.Equal(t, test.code, core.ErrorCode(err), "%v", err)
			require.NotContains(t, describe(err), "\n")
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
	t.Run("key is gone", func(t *testing.T) {
		o := options{json: true, database: filepath.Join(t.TempDir(), "chat.db")}
		require.NoError(t, run(t.Context(), o, strings.NewReader(""), io.Discard))
		require.NoError(t, os.Remove(o.database+".hexkey"))
		err := run(t.Context(), o, strings.NewReader(""), io.Discard)
		require.Equal(t, "quickstart.key-file", core.ErrorCode(err), "%v", err)
		require.NoFileExists(t, o.database+".hexkey")
	})
}

func TestDescribe(t *testing.T) {
	err := errors.Join(errNoChat, errors.New("two\nlines\x1b[2J"))
	require.Equal(t, "no chat is open: /chat JID; two; lines\ufffd[2J [quickstart.no-chat]", describe(err))
	require.Equal(t, "a\n    b \ufffdc", visible("a\nb\t\u202ec"))
	require.Equal(t, "Grüße 👋🏽", visible("Grüße 👋🏽"))
}

func TestReadLines(t *testing.T) {
	ends := []string{"\n", "\r\n"}
	var in strings.Builder
	want := []int{0, 1, maxLine - 2, maxLine + 1, 5, 3 * maxLine, 7}
	for i, n := range want {
		in.WriteString(strings.Repeat("x", n) + ends[i%2])
	}
	in.WriteString("the last one has no end")
	var got []int
	last := ""
	for l := range readLines(t.Context(), strings.NewReader(in.String())) {
		if l.err != nil {
			require.ErrorIs(t, l.err, errLineTooLong)
			got = append(got, -1)
			continue
		}
		got, last = append(got, len(l.text)), string(l.text)
	}
	require.Equal(t, []int{0, 1, maxLine - 2, -1, 5, -1, 7, len(last)}, got)
	require.Equal(t, "the last one has no end", last)
	broken := io.MultiReader(strings.NewReader("one\n"), errorReader{})
	var errs []error
	for l := range readLines(t.Context(), broken) {
		errs = append(errs, l.err)
	}
	require.Equal(t, []error{nil, io.ErrUnexpectedEOF}, errs)
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Ctrl-C once, at the question for the password, ends the program.
func TestInterruptedPassword(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	in, _ := io.Pipe()
	s := newScreen()
	ended := make(chan error, 1)
	o := options{account: "alice@example.org", host: "127.0.0.1:1", database: filepath.Join(t.TempDir(), "chat.db")}
	go func() { ended <- run(ctx, o, in, s) }()
	s.await(t, "password")
	interrupt()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.FailNow(t, "still waiting for the password")
	}
}

// Nobody is asked for a password before it is known for which account, or
// when there is nothing to type it on.
func TestNoAccount(t *testing.T) {
	s := newScreen()
	o := options{database: filepath.Join(t.TempDir(), "chat.db")}
	err := run(t.Context(), o, strings.NewReader("secret\n"), s)
	require.Equal(t, "quickstart.usage", core.ErrorCode(err), "%v", err)
	require.Empty(t, s.String())
	o.account = "alice@example.org"
	err = run(t.Context(), o, strings.NewReader(""), s)
	require.Equal(t, "core.no-password", core.ErrorCode(err), "%v", err)
}

// Every line has its reply, whatever it is.
func TestJSONReplies(t *testing.T) {
	long := `{"cmd":"send","id":"long","body":"` + strings.Repeat("x", maxLine) + `"}`
	input := []struct{ text, id, code string }{
		{"nonsense", "", "quickstart.bad-json"},
		{"", "", "quickstart.bad-json"},
		{`["cmd"]`, "", "quickstart.bad-json"},
		{`{"cmd":7,"id":"7"}`, "7", "quickstart.bad-json"},
		{long, "", "quickstart.line-too-long"},
		{`{"cmd":"nonsense","id":"a"}`, "a", "quickstart.unknown-command"},
		{`{"id":"b"}`, "b", "quickstart.unknown-command"},
		{`{"cmd":"send","id":"c","peer":"bob@example.org","body":"x"}`, "c", "quickstart.no-account"},
		{`{"cmd":"state","id":"d","account":"carol@example.org"}`, "d", "quickstart.no-account"},
		{`{"cmd":"state","id":"e","account":"@"}`, "e", "core.bad-address"},
		{`{"cmd":"sign-in","id":"f"}`, "f", "quickstart.no-account"},
		{`{"cmd":"sign-in","id":"g","account":"alice@example.org"}`, "g", "core.no-password"},
		{`{"cmd":"accounts","id":"h"}`, "h", ""},
		{`{"cmd":"conversations","id":"i"}`, "i", ""},
		{`{"cmd":"search","id":"j","body":"x"}`, "j", ""},
		{`{"cmd":"network-changed","id":"k"}`, "k", ""},
		{`{"cmd":"quit","id":"l"}`, "l", ""},
		{`{"cmd":"accounts","id":"never read"}`, "", ""},
	}
	var in strings.Builder
	for _, l := range input {
		in.WriteString(l.text + "\n")
	}
	var out bytes.Buffer
	o := options{json: true, database: filepath.Join(t.TempDir(), "chat.db")}
	require.NoError(t, run(t.Context(), o, strings.NewReader(in.String()), &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.JSONEq(t, `{"event":"ready"}`, lines[0])
	require.Len(t, lines, len(input))
	for i, l := range input[:len(input)-1] {
		var reply line
		require.NoError(t, json.Unmarshal([]byte(lines[i+1]), &reply))
		require.Equal(t, "reply", reply.Event)
		require.Equal(t, l.id, reply.ID, lines[i+1])
		require.Equal(t, l.code, reply.Code, lines[i+1])
		require.Equal(t, l.code == "", reply.OK)
		require.Equal(t, l.code == "", reply.Error == "")
	}
}
