// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// program is the other end of -json.
type program struct {
	t      *testing.T
	screen *screen
	in     io.WriteCloser
	ended  chan error
}

func startProgram(t *testing.T, o options) *program {
	t.Helper()
	in, write := io.Pipe()
	p := &program{t: t, screen: newScreen(), in: write, ended: make(chan error, 1)}
	o.json = true
	go func() { p.ended <- run(context.WithoutCancel(t.Context()), o, in, p.screen) }()
	p.await("ready", func(l line) bool { return l.Event == "ready" })
	return p
}

func (p *program) lines() (list []line) {
	for text := range strings.Lines(p.screen.String()) {
		var l line
		if strings.HasSuffix(text, "\n") {
			require.NoError(p.t, json.Unmarshal([]byte(text), &l), text)
			list = append(list, l)
		}
	}
	return list
}

func (p *program) await(what string, ok func(line) bool) (found line) {
	p.t.Helper()
	p.screen.until(p.t, what, func(string) bool {
		for _, l := range p.lines() {
			if ok(l) {
				found = l
				return true
			}
		}
		return false
	})
	return found
}

// do gives a command and returns the reply. Its cmd is its id too.
func (p *program) do(id string, c command) line {
	p.t.Helper()
	c.ID = id
	text, err := json.Marshal(c)
	require.NoError(p.t, err)
	_, err = p.in.Write(append(text, '\n'))
	require.NoError(p.t, err)
	return p.await("reply to "+id, func(l line) bool { return l.Event == "reply" && l.ID == id })
}

func (p *program) quit() {
	p.t.Helper()
	require.True(p.t, p.do("quit", command{Cmd: "quit"}).OK)
	require.NoError(p.t, <-p.ended)
}

// With several accounts in one database commands go to the one they name, or
// that of -account, and whatever is said names the one it is about.
func TestSeveralAccounts(t *testing.T) {
	s := prosody.Server(t)
	one, two, peer := s.NewAccount(t, "one"), s.NewAccount(t, "two"), s.NewAccount(t, "peer")
	jid := func(a testserver.Account) string { return a.User + "@" + a.Domain }
	o := options{host: s.Addr, database: filepath.Join(t.TempDir(), "chat.db"), caFile: s.CAFile}
	p := startProgram(t, o)
	require.Equal(t, "quickstart.no-account", p.do("none", command{Cmd: "state"}).Code)
	for _, a := range []testserver.Account{one, two} {
		reply := p.do("sign-in "+a.User, command{Cmd: "sign-in", Account: jid(a), Password: a.Password})
		require.True(t, reply.OK, reply.Error)
		require.Equal(t, jid(a), reply.Account)
		p.await("online", func(l line) bool { return l.Event == "account-state" && l.State == "online" && l.Account == jid(a) })
	}
	require.Equal(t, jid(two), p.do("last", command{Cmd: "state"}).Account, "that of the last sign-in")
	for i, a := range []testserver.Account{one, two} {
		id := "send " + a.User
		require.True(t, p.do("plain "+a.User, command{Cmd: "encryption", Account: jid(a), Peer: jid(peer), State: "plain"}).OK)
		reply := p.do(id, command{Cmd: "send", Account: jid(a), Peer: jid(peer), Body: id})
		require.True(t, reply.OK, reply.Error)
		require.Equal(t, jid(a), reply.Account)
		require.Equal(t, jid(a), reply.Message.Account)
		require.Equal(t, jid(a), reply.Message.Sender)
		for _, event := range []string{"message-added", "message-changed"} {
			p.await(event, func(l line) bool {
				return l.Event == event && l.Message.ID == reply.Message.ID && l.Account == jid(a) && l.Peer == jid(peer)
			})
		}
		require.Len(t, p.do("all "+a.User, command{Cmd: "conversations"}).Conversations, i+1)
		require.Len(t, p.do("own "+a.User, command{Cmd: "conversations", Account: jid(a)}).Conversations, 1)
	}
	require.Len(t, p.do("search", command{Cmd: "search", Body: "send"}).Messages, 2)
	require.Len(t, p.do("search one", command{Cmd: "search", Body: "send", Account: jid(one)}).Messages, 1)
	for _, l := range p.lines() {
		if l.Event != "ready" && l.Event != "reply" {
			require.NotEmpty(t, l.Account, "%+v", l)
		}
	}
	p.quit()

	o.account = jid(two)
	p = startProgram(t, o)
	require.Equal(t, jid(two), p.lines()[0].Account)
	require.Equal(t, jid(two), p.do("chosen", command{Cmd: "state"}).Account)
	require.Equal(t, jid(one), p.do("named", command{Cmd: "state", Account: jid(one)}).Account)
	require.Len(t, p.do("accounts", command{Cmd: "accounts"}).Accounts, 2)
	p.quit()

	o.account = ""
	p = startProgram(t, o)
	require.Empty(t, p.lines()[0].Account)
	reply := p.do("which", command{Cmd: "state"})
	require.Equal(t, "quickstart.which-account", reply.Code)
	require.Contains(t, reply.Error, jid(one))
	require.True(t, p.do("choose", command{Cmd: "sign-in", JID: jid(one)}).OK)
	require.Equal(t, jid(one), p.do("chosen", command{Cmd: "state"}).Account)
	p.quit()

}
