// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

var prosody = testserver.NewShared(testserver.Prosody)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody)) }

// person sits at a terminal.
type person struct {
	client *core.Client
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
	client, err := core.Open(t.Context(), core.Config{Path: o.database, Key: key, RootCAs: s.CAPool})
	require.NoError(t, err)
	in, keys := io.Pipe()
	p := person{screen: newScreen(), client: client, keys: keys}
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
	ann.screen.await(t, "[quickstart.no-chat]")
	ann.types("/chat not an address@@")
	ann.screen.await(t, "[core.bad-address]")
	ann.types("/history")

	ann.types("/chat ben@" + s.Domain)
	ann.types("Good morning, Ben")
	ben.screen.await(t, "ann@"+s.Domain+": Good morning, Ben  [omemo, blind]")
	ann.screen.await(t, "[omemo, sent]")
	ben.types("/list")
	ben.screen.await(t, "  1 unread")

	ben.types("/chat ann@" + s.Domain)
	ben.types("/me waves")
	ann.screen.await(t, "ben@"+s.Domain+": /me waves  [omemo, blind]")
	ben.types("/chat ann@@") // the chat with ann stays open
	ben.screen.await(t, "[core.bad-address]")
	ben.types("still here")
	ann.screen.await(t, "ben@"+s.Domain+": still here")

	// What is shown of the open chat is read, and lines look like lines.
	chat, err := findChat(t, ann, "ben@"+s.Domain)
	require.NoError(t, err)
	_, err = chat.Send(t.Context(), core.Draft{Body: "two\n00:00:00 ben: lines\t\u202e"})
	require.NoError(t, err)
	ben.screen.await(t, ": two\n    00:00:00 ben: lines \ufffd  [omemo, blind]")
	require.Zero(t, ben.unread(t))

	ben.types("/fingerprints")
	ben.screen.await(t, "you, this device:", ", device ")
	ben.types("/search morning")
	ben.types("/trust 00 verified")
	ben.screen.await(t, "[core.unknown-fingerprint]")
	ben.types("/trust 00 nonsense")
	ben.screen.await(t, "[quickstart.unknown-state]")
	ben.types("/plain")
	ben.types("in the clear")
	ann.screen.await(t, "in the clear  [plain, undecided]")
	ben.types("/nonsense")
	ben.screen.await(t, "[quickstart.unknown-command]")
	ben.types("/help")
	ben.screen.await(t, "/encrypt")
}

func findChat(t *testing.T, p person, peer string) (*core.Conversation, error) {
	t.Helper()
	return p.client.Accounts()[0].Conversation(t.Context(), peer)
}

// unread waits for the count to become 0, and returns it.
func (p person) unread(t *testing.T) (n int) {
	t.Helper()
	events := p.client.Subscribe(core.Filter{})
	defer events.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		n, err := p.client.Unread(ctx)
		require.NoError(t, err)
		if n == 0 {
			return n
		}
		if _, err := events.Next(ctx); err != nil {
			return n
		}
	}
}
