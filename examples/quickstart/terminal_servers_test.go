// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/proof"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

var (
	prosody  = testserver.NewShared(testserver.Prosody)
	ejabberd = testserver.NewShared(testserver.Ejabberd)
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody, ejabberd)) }

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
	client, err := core.Open(t.Context(), core.Config{Path: o.database, Key: key, RootCAs: s.CAPool, Downloads: core.DownloadPolicy{AllowPrivate: true}})
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
	ben.screen.await(t, "ann@"+s.Domain+": Good morning, Ben  [omemo:2, blind]")
	ann.screen.await(t, "[omemo:2, sent]")
	ben.types("/list")
	ben.screen.await(t, "* 1 wrote whom you do not know: /requests")
	ben.types("/requests")
	ben.screen.await(t, "  1 unread  Good morning")
	ben.types("/accept ann@" + s.Domain)

	ben.types("/chat ann@" + s.Domain)
	ben.types("/me waves")
	ann.screen.await(t, " * ben@"+s.Domain+" waves  [omemo:2, blind]")
	ben.types("/chat ann@@") // the chat with ann stays open
	ben.screen.await(t, "[core.bad-address]")
	ben.types("still here")
	ann.screen.await(t, "ben@"+s.Domain+": still here")

	// What is shown of the open chat is read, and lines look like lines.
	chat, err := findChat(t, ann, "ben@"+s.Domain)
	require.NoError(t, err)
	_, err = chat.Send(t.Context(), core.Draft{Body: "two\n00:00:00 ben: lines\t\u202e"})
	require.NoError(t, err)
	ben.screen.await(t, ": two\n    00:00:00 ben: lines \ufffd  [omemo:2, blind]")
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

// XEP-0245: what somebody does is shown as such.
func TestMeAtTerminals(t *testing.T) {
	for _, shared := range []*testserver.Shared{prosody, ejabberd} {
		s := shared.Server(t)
		t.Run(string(s.Kind), func(t *testing.T) {
			joe, kim := sitDown(t, s, "joe"), sitDown(t, s, "kim")
			joe.types("/chat kim@" + s.Domain)
			joe.types("/me waves")
			kim.screen.await(t, " * joe@"+s.Domain+" waves  [omemo:2, blind]")
			proof.Record(t, string(s.Kind), "0245")
		})
	}
}

// number returns that of the message with a body, once it is on the screen.
func (p person) number(t *testing.T, body string) (n string) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^\S+ #(\d+) .*` + regexp.QuoteMeta(body))
	p.screen.until(t, body, func(text string) bool {
		found := line.FindStringSubmatch(text)
		if found != nil {
			n = found[1]
		}
		return found != nil
	})
	return n
}

func TestMessagesAtTerminals(t *testing.T) {
	s := prosody.Server(t)
	cid, dot := sitDown(t, s, "cid"), sitDown(t, s, "dot")
	cid.types("/add dot@" + s.Domain)
	dot.screen.await(t, "cid@"+s.Domain+" asks to see your presence")
	dot.types("/add cid@" + s.Domain)
	cid.types("/chat dot@" + s.Domain)
	dot.types("/chat cid@" + s.Domain)
	cid.types("good mourning")
	there := dot.number(t, "good mourning")
	here := cid.number(t, "good mourning")
	cid.types("/edit " + here + " good morning")
	dot.screen.await(t, ": good morning  [omemo:2, blind, edited]")
	dot.types("/reply #" + there + " to you too")
	cid.screen.await(t, "dot@"+s.Domain+" to #"+here+": to you too")
	dot.types("/react " + there + " 👍 🎉")
	cid.screen.await(t, ", 👍 1, 🎉 1]")
	dot.types("/typing")
	cid.screen.await(t, "* dot@"+s.Domain+" is writing")
	cid.types("/retract " + here)
	dot.screen.await(t, ": (taken back)  [")
	dot.types("/reply first")
	dot.screen.await(t, "[quickstart.usage]")
	dot.types("/members")
	dot.screen.await(t, "[quickstart.no-room]")

	cid.types("/verify")
	uri := "xmpp:cid@" + s.Domain + "?omemo-sid-"
	cid.screen.await(t, uri)
	i := strings.Index(cid.screen.String(), uri)
	shown, _, _ := strings.Cut(cid.screen.String()[i:], "\n")
	dot.types("/verify " + shown)
	dot.screen.await(t, ": verified")
	dot.types("/devices")
	dot.screen.await(t, "this one, device ")
	dot.types("/nick Dorothy")
	dot.types("/older")
	dot.screen.await(t, "* 0 loaded")
	cid.types("/profile dot@" + s.Domain)
	cid.screen.await(t, ": Dorothy, picture none")
	dot.types("/older many")
	dot.screen.await(t, "many: not a number of messages")
	dot.types("/link")
	dot.screen.await(t, "preauth=")
	dot.types("/follow nonsense")
	dot.screen.await(t, "[core.bad-link]")
	dot.types("/server")
	dot.screen.await(t, "  yes  XEP-0313 ")
	dot.types("/avatar /nowhere.png")
	dot.screen.await(t, "[quickstart.file]")
	dot.types("/block cid@" + s.Domain)
	dot.types("/unblock cid@" + s.Domain)
}

func TestFileAtTerminals(t *testing.T) {
	s := prosody.Server(t)
	hal, ivy := sitDown(t, s, "hal"), sitDown(t, s, "ivy")
	dir := t.TempDir()
	sent, saved := filepath.Join(dir, "plan.txt"), filepath.Join(dir, "saved.txt")
	require.NoError(t, os.WriteFile(sent, []byte("the plan"), 0o600))
	hal.types("/chat ivy@" + s.Domain)
	hal.types("/file " + sent)
	ivy.screen.await(t, "  file 1: ", " bytes, remote")
	ivy.types("/get 1")
	ivy.screen.await(t, "[quickstart.usage]")
	ivy.types("/get 99 " + saved)
	ivy.screen.await(t, "[core.no-attachment]")
	ivy.types("/get 1 " + saved)
	ivy.screen.await(t, "* file 1 is in "+saved)
	got, err := os.ReadFile(saved)
	require.NoError(t, err)
	require.Equal(t, "the plan", string(got))
	hal.types("/files")
	hal.screen.await(t, "plan.txt, 8 bytes, here")
}

func TestRoomAtTerminals(t *testing.T) {
	s := prosody.Server(t)
	fay, gus := sitDown(t, s, "fay"), sitDown(t, s, "gus")
	fay.types("/group Friends")
	fay.screen.await(t, "* in ")
	fay.types("/invite gus@" + s.Domain)
	gus.screen.await(t, "* you are invited: /join ")
	_, command, _ := strings.Cut(gus.screen.String(), "* you are invited: ")
	command, _, _ = strings.Cut(command, "\n")
	gus.types("/rooms")
	gus.screen.await(t, "fay@"+s.Domain+" invites you")
	gus.types(command + " Gus")
	gus.screen.await(t, "* in ")
	gus.types("hello all")
	fay.screen.await(t, " Gus: hello all  [omemo:2, blind]")
	fay.types("/members")
	fay.screen.await(t, "gus@"+s.Domain, "  Gus  ", "participant, available")
	gus.types("/leave")
	gus.types("/rooms")
	gus.screen.await(t, "@conference."+s.Domain+" left")
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
