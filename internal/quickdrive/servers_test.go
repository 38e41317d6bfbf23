// SPDX-License-Identifier: MPL-2.0

//go:build servers

package quickdrive_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/confab-im/confab/internal/quickdrive"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

var prosody = testserver.NewShared(testserver.Prosody)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody)) }

// peer is a process with a context that bounds what is asked of it.
type peer struct {
	*quickdrive.Peer
	t   *testing.T
	ctx context.Context
}

func start(t *testing.T, s *testserver.Server, program, name string) *peer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	a := s.NewAccount(t, name)
	p := &peer{t: t, ctx: ctx, Peer: &quickdrive.Peer{
		Program: program, Dir: t.TempDir(), JID: a.JID(), Password: a.Password, Host: s.Addr, CAFile: s.CAFile, Args: []string{"-allow-private"},
	}}
	t.Cleanup(cancel)
	t.Cleanup(p.Kill)
	require.NoError(t, p.Start(ctx))
	p.do(quickdrive.Command{Cmd: "sign-in"})
	p.online(0)
	return p
}

func (p *peer) online(mark int) {
	p.t.Helper()
	_, err := p.Online(p.ctx, mark)
	require.NoError(p.t, err)
}

func (p *peer) do(c quickdrive.Command) quickdrive.Line {
	p.t.Helper()
	l, err := p.Do(p.ctx, c)
	require.NoError(p.t, err)
	return l
}

// message waits for one to be told of as it should be.
func (p *peer) message(ok func(quickdrive.Message) bool) quickdrive.Message {
	p.t.Helper()
	l, err := p.Await(p.ctx, func(l quickdrive.Line) bool { return l.Event != "reply" && l.Message != nil && ok(*l.Message) })
	require.NoError(p.t, err)
	return *l.Message
}

// Two processes verify each other, talk, react, share a file and meet in a
// group, one of them killed in between.
func TestProcesses(t *testing.T) {
	s := prosody.Server(t)
	program, err := quickdrive.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	ann, ben := start(t, s, program, "ann"), start(t, s, program, "ben")
	ann.do(quickdrive.Command{Cmd: "add", Peer: ben.JID})
	_, err = ben.Await(ben.ctx, func(l quickdrive.Line) bool { return l.Event == "contact-request" })
	require.NoError(t, err)
	ben.do(quickdrive.Command{Cmd: "add", Peer: ann.JID})

	sent := ann.do(quickdrive.Command{Cmd: "send", Peer: ben.JID, Body: "hello"}).Message
	got := ben.message(func(m quickdrive.Message) bool { return m.Body == "hello" })
	keys := ann.do(quickdrive.Command{Cmd: "verify", URI: ben.do(quickdrive.Command{Cmd: "uri"}).URI}).Keys
	require.Len(t, keys, 1)
	require.Equal(t, "verified", keys[0].Outcome)

	ben.do(quickdrive.Command{Cmd: "react", Peer: ann.JID, Message: got.ID, Emojis: []string{"👍"}})
	ben.Kill()
	<-ben.Ended()
	ann.do(quickdrive.Command{Cmd: "edit", Peer: ben.JID, Message: sent.ID, Body: "hello again"})
	require.NoError(t, ben.Start(ben.ctx))
	ben.online(0)
	reacted := ann.message(func(m quickdrive.Message) bool { return m.ID == sent.ID && len(m.Reactions) == 1 })
	require.Equal(t, []string{ben.JID}, reacted.Reactions[0].By, "what was kept before the kill goes out after it")
	ben.message(func(m quickdrive.Message) bool { return m.ID == got.ID && m.Body == "hello again" })

	path, copied := filepath.Join(t.TempDir(), "notes.bin"), filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.WriteFile(path, []byte("a few notes"), 0o600))
	ann.do(quickdrive.Command{Cmd: "send-file", Peer: ben.JID, Path: path})
	shared := ben.message(func(m quickdrive.Message) bool { return m.Files == 1 })
	file := ben.do(quickdrive.Command{Cmd: "files", Message: shared.ID}).Files[0]
	require.True(t, file.Encrypted)
	ben.do(quickdrive.Command{Cmd: "download", Attachment: file.ID})
	_, err = ben.Await(ben.ctx, func(l quickdrive.Line) bool {
		return l.Event == "transfer" && l.Attachment == file.ID && l.State == "here"
	})
	require.NoError(t, err)
	ben.do(quickdrive.Command{Cmd: "save", Attachment: file.ID, Path: copied})
	b, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.Equal(t, "a few notes", string(b))

	room := ann.do(quickdrive.Command{Cmd: "create-room", Name: "Friends", Nick: "Ann", Members: []string{ben.JID}}).Room
	require.True(t, room.Joined && room.Encryptable)
	_, err = ben.Await(ben.ctx, func(l quickdrive.Line) bool { return l.Event == "room-invitation" && l.Peer == room.Peer })
	require.NoError(t, err)
	require.True(t, ben.do(quickdrive.Command{Cmd: "join", Peer: room.Peer, Nick: "Ben"}).Room.Joined)
	ben.do(quickdrive.Command{Cmd: "send", Peer: room.Peer, Body: "here I am"})
	ann.message(func(m quickdrive.Message) bool { return m.Peer == room.Peer && m.Body == "here I am" })
	for _, p := range []*peer{ann, ben} {
		require.NoError(t, p.Quit(p.ctx))
	}
}
