// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

var prosody = testserver.NewShared(testserver.Prosody)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody)) }

// screen is what a terminal has shown.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(b)
}

// await waits until all the words are on the screen.
func (s *screen) await(t *testing.T, words ...string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		s.mu.Lock()
		text, changed := s.text.String(), s.changed
		s.mu.Unlock()
		missing := ""
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNow(t, "not on the screen", "%q in:\n%s", missing, text)
		}
	}
}

// person sits at a terminal.
type person struct {
	screen *screen
	keys   io.Writer
}

func (p person) types(line string) { fmt.Fprintln(p.keys, line) }

func sitDown(t *testing.T, s *testserver.Server, name string) person {
	t.Helper()
	dir := t.TempDir()
	o := options{
		account: name + "@" + s.Domain, register: true, host: s.Addr,
		passwordFile: filepath.Join(dir, "password"), database: filepath.Join(dir, "chat.db"),
	}
	require.NoError(t, os.WriteFile(o.passwordFile, []byte("secret of "+name+"\n"), 0o600))
	key, err := databaseKey(o)
	require.NoError(t, err)
	client, err := core.Open(t.Context(), core.Config{Path: o.database, Key: key, Engine: libsignal.New(), RootCAs: s.CAPool})
	require.NoError(t, err)
	in, keys := io.Pipe()
	p := person{screen: &screen{changed: make(chan struct{})}, keys: keys}
	ended := make(chan error, 1)
	go func() { ended <- newTerminal(client, o, in, p.screen).run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		p.types("/quit")
		require.NoError(t, <-ended)
		require.NoError(t, client.Close())
	})
	p.screen.await(t, o.account, "* online")
	return p
}

func TestTwoPeopleAtTerminals(t *testing.T) {
	s := prosody.Server(t)
	ann, ben := sitDown(t, s, "ann"), sitDown(t, s, "ben")
	ann.types("hello?") // to nobody
	ann.screen.await(t, "/fingerprints")
	ann.types("/chat not an address@@")
	ann.screen.await(t, "[core.bad-address]")

	ann.types("/chat ben@" + s.Domain)
	ann.types("Good morning, Ben")
	ben.screen.await(t, "ann@"+s.Domain+": Good morning, Ben  [omemo, blind]")
	ann.screen.await(t, "[omemo, sent]")

	ben.types("/chat ann@" + s.Domain)
	ben.types("/me waves")
	ann.screen.await(t, "ben@"+s.Domain+": /me waves  [omemo, blind]")

	ben.types("/fingerprints")
	ben.screen.await(t, "you, this device:", ", device ")
	ben.types("/search morning")
	ben.types("/list")
	ben.screen.await(t, "0 unread")
	ben.types("/trust 00 verified")
	ben.screen.await(t, "[core.unknown-fingerprint]")
	ben.types("/plain")
	ben.types("in the clear")
	ann.screen.await(t, "in the clear  [plain, undecided]")
	ben.types("/nonsense")
	ben.screen.await(t, "/encrypt")
}
