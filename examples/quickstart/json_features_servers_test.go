// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/confab-im/confab/internal/proof"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// member is a program with one account, which is online.
type member struct {
	*program
	jid   string
	where options
	next  int
}

func newMember(t *testing.T, s *testserver.Server, name string) *member {
	t.Helper()
	return signedIn(t, s, s.NewAccount(t, name))
}

func signedIn(t *testing.T, s *testserver.Server, a testserver.Account) *member {
	t.Helper()
	m := &member{jid: a.JID(), where: options{private: true, host: s.Addr, database: filepath.Join(t.TempDir(), "chat.db"), caFile: s.CAFile}}
	m.program = startProgram(t, m.where)
	t.Cleanup(m.quit)
	m.ok(command{Cmd: "sign-in", Account: m.jid, Password: a.Password})
	m.await("online", func(l line) bool { return l.Event == "account-state" && l.State == "online" })
	return m
}

// asks gives a command under an id of its own.
func (m *member) asks(c command) line {
	m.t.Helper()
	m.next++
	return m.do(fmt.Sprint(c.Cmd, " ", m.next), c)
}

// ok gives a command that has to work.
func (m *member) ok(c command) line {
	m.t.Helper()
	reply := m.asks(c)
	require.True(m.t, reply.OK, "%+v: %s", c, reply.Error)
	return reply
}

// refused gives a command that must not work.
func (m *member) refused(code string, c command) {
	m.t.Helper()
	require.Equal(m.t, code, m.asks(c).Code, "%+v", c)
}

func (m *member) sends(peer, body string) jsonMessage {
	m.t.Helper()
	return *m.ok(command{Cmd: "send", Peer: peer, Body: body}).Message
}

// becomes waits until a message is told of as it should be.
func (m *member) becomes(what string, ok func(jsonMessage) bool) jsonMessage {
	m.t.Helper()
	return *m.await(what, func(l line) bool { return l.Message != nil && l.Event != "reply" && ok(*l.Message) }).Message
}

func (m *member) gets(body string) jsonMessage {
	m.t.Helper()
	return m.becomes(body, func(j jsonMessage) bool { return !j.Outgoing && j.Body == body })
}

func (m *member) event(kind, peer string) line {
	m.t.Helper()
	return m.await(kind, func(l line) bool { return l.Event == kind && l.Peer == peer })
}

// befriend puts two people on each other's rosters.
func befriend(a, b *member) {
	a.t.Helper()
	a.ok(command{Cmd: "add", Peer: b.jid})
	b.event("contact-request", a.jid)
	require.Equal(a.t, []string{a.jid}, b.ok(command{Cmd: "requests"}).Peers)
	b.ok(command{Cmd: "add", Peer: a.jid})
	for _, pair := range [][2]*member{{a, b}, {b, a}} {
		pair[0].event("presence-changed", pair[1].jid)
	}
}

func TestJSONDevices(t *testing.T) {
	s := prosody.Server(t)
	ann, ben := newMember(t, s, "ann"), newMember(t, s, "ben")
	befriend(ann, ben)
	id := ann.sends(ben.jid, "hello").ID
	ben.gets("hello")
	ann.becomes("delivered", func(j jsonMessage) bool { return j.ID == id && j.State == "delivered" })

	uri := ben.ok(command{Cmd: "uri"}).URI
	verified := ann.ok(command{Cmd: "verify", URI: uri})
	require.Equal(t, ben.jid, verified.Peer)
	require.Len(t, verified.Keys, 1)
	require.Equal(t, "verified", verified.Keys[0].Outcome)
	require.Empty(t, verified.Devices)
	ann.refused("core.bad-verification", command{Cmd: "verify", URI: "xmpp:" + ben.jid})
	known := ann.ok(command{Cmd: "fingerprints", Peer: ben.jid}).Devices
	require.Len(t, known, 1)
	require.Equal(t, "verified", known[0].Trust)

	own := ben.ok(command{Cmd: "own-devices"}).Devices
	require.Len(t, own, 1)
	require.Equal(t, known[0].ID, own[0].ID)
	ben.ok(command{Cmd: "label", Body: "Ben's phone"})
	ben.refused("core.own-device", command{Cmd: "prune", Device: own[0].ID})
	ann.ok(command{Cmd: "repair", Peer: ben.jid, Device: own[0].ID})
	ann.refused("core.unknown-device", command{Cmd: "accept-key", Peer: ben.jid, Device: own[0].ID + 1, Fingerprint: own[0].Fingerprint})
	ann.ok(command{Cmd: "blind-trust", Peer: ben.jid, State: "off"})
	ann.refused("quickstart.unknown-state", command{Cmd: "blind-trust", Peer: ben.jid, State: "maybe"})
	ann.sends(ben.jid, "after the repair")
	require.Equal(t, "blind", ben.gets("after the repair").Trust)
}

func TestJSONOlder(t *testing.T) {
	s := prosody.Server(t)
	account := s.NewAccount(t, "ann")
	ann, ben := signedIn(t, s, account), newMember(t, s, "ben")
	ben.ok(command{Cmd: "encryption", Peer: ann.jid, State: "plain"})
	const n = 130
	for i := range n {
		ben.sends(ann.jid, fmt.Sprint("message ", i))
	}
	ann.gets(fmt.Sprint("message ", n-1))
	tablet := signedIn(t, s, account)
	tablet.await("caught up", func(l line) bool { return l.Event == "catch-up" && l.State == "done" })
	before := tablet.ok(command{Cmd: "history", Peer: ben.jid}).Messages
	require.NotEmpty(t, before)
	require.Less(t, len(before), n)
	require.True(t, before[len(before)-1].AfterGap)
	loaded := 0
	for more := true; more; {
		reply := tablet.ok(command{Cmd: "older", Peer: ben.jid, Limit: 50})
		loaded, more = loaded+reply.Count, reply.More
	}
	require.Equal(t, n, len(before)+loaded)
	all := tablet.ok(command{Cmd: "history", Peer: ben.jid}).Messages
	require.Len(t, all, n)
	require.Equal(t, "message 0", all[n-1].Body)
	require.False(t, all[n-1].AfterGap)
	tablet.event("history-loaded", ben.jid)
	proof.Record(t, string(s.Kind), "0313")
}

func TestJSONContent(t *testing.T) {
	s := prosody.Server(t)
	ann, ben := newMember(t, s, "ann"), newMember(t, s, "ben")
	befriend(ann, ben)
	sent := ann.sends(ben.jid, "good mourning")
	got := ben.gets("good mourning")

	ann.ok(command{Cmd: "edit", Peer: ben.jid, Message: sent.ID, Body: "good morning"})
	edited := ben.becomes("edited", func(j jsonMessage) bool { return j.ID == got.ID && j.Body == "good morning" })
	require.NotNil(t, edited.Edited)
	texts := ben.ok(command{Cmd: "edits", Message: got.ID}).Edits
	require.Len(t, texts, 2)
	require.Equal(t, "good mourning", texts[0].Body)
	ben.refused("core.not-own", command{Cmd: "edit", Peer: ann.jid, Message: got.ID, Body: "x"})

	ben.ok(command{Cmd: "react", Peer: ann.jid, Message: got.ID, Emojis: []string{"👍"}})
	reacted := ann.becomes("reaction", func(j jsonMessage) bool { return j.ID == sent.ID && len(j.Reactions) == 1 })
	require.Equal(t, jsonReaction{Emoji: "👍", By: []string{ben.jid}}, reacted.Reactions[0])
	ben.refused("core.not-emoji", command{Cmd: "react", Peer: ann.jid, Message: got.ID, Emojis: []string{"yes"}})

	reply := ben.ok(command{Cmd: "send", Peer: ann.jid, Body: "to you too", Message: got.ID}).Message
	require.Equal(t, got.ID, reply.Reply.Message)
	require.Equal(t, sent.ID, ann.gets("to you too").Reply.Message)

	ben.ok(command{Cmd: "typing", Peer: ann.jid, State: "composing"})
	require.Equal(t, "composing", ann.event("typing", ben.jid).State)
	ben.refused("quickstart.unknown-state", command{Cmd: "typing", Peer: ann.jid, State: "sleeping"})

	ben.ok(command{Cmd: "read", Peer: ann.jid})
	ann.becomes("read", func(j jsonMessage) bool { return j.ID == sent.ID && j.State == "read" })
	readers := ann.ok(command{Cmd: "readers", Peer: ben.jid, Message: sent.ID}).Readers
	require.Len(t, readers, 1)
	require.Equal(t, ben.jid, readers[0].Person)
	require.Equal(t, readers, ann.ok(command{Cmd: "readers", Peer: ben.jid}).Readers)
	for _, c := range []command{{State: "none"}, {State: "all", Peer: ben.jid}} {
		c.Cmd = "disclosure"
		ann.ok(c)
	}
	ann.refused("quickstart.unknown-state", command{Cmd: "disclosure", State: "some"})

	ann.ok(command{Cmd: "retract", Peer: ben.jid, Message: sent.ID})
	gone := ben.becomes("retracted", func(j jsonMessage) bool { return j.ID == got.ID && j.Retracted != nil })
	require.Equal(t, ann.jid, gone.Retracted.By)
	require.False(t, gone.Retracted.Unproven)
	require.Empty(t, gone.Body)
	proof.Record(t, string(s.Kind), "0085", "0308", "0333", "0424", "0444", "0461")
}

func TestJSONFiles(t *testing.T) {
	s := prosody.Server(t)
	ann, ben := newMember(t, s, "ann"), newMember(t, s, "ben")
	befriend(ann, ben)
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "notes.bin"), filepath.Join(dir, "copy")
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	require.NoError(t, os.WriteFile(path, want, 0o600))
	ann.refused("media.source", command{Cmd: "send-file", Peer: ben.jid, Path: copied})
	sent := ann.ok(command{Cmd: "send-file", Peer: ben.jid, Path: path, Name: "letters.bin", Body: "read them"}).Message
	require.Equal(t, 1, sent.Files)
	ben.gets("read them")
	got := ben.becomes("file", func(j jsonMessage) bool { return !j.Outgoing && j.Files == 1 })
	files := ben.ok(command{Cmd: "files", Message: got.ID}).Files
	require.Len(t, files, 1)
	require.Equal(t, []any{got.ID, "remote", true}, []any{files[0].Message, files[0].State, files[0].Encrypted})
	ben.refused("core.not-here", command{Cmd: "save", Attachment: files[0].ID, Path: copied})
	ben.ok(command{Cmd: "download", Attachment: files[0].ID})
	ben.await("transfer", func(l line) bool { return l.Event == "transfer" && l.Attachment == files[0].ID && l.State == "here" })
	ben.ok(command{Cmd: "save", Attachment: files[0].ID, Path: copied})
	b, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, b))
	require.Equal(t, int64(len(want)), ben.ok(command{Cmd: "files", Peer: ann.jid}).Files[0].Size)
	ann.becomes("sent", func(j jsonMessage) bool { return j.ID == sent.ID && j.State == "delivered" })
	ann.refused("core.no-attachment", command{Cmd: "cancel", Attachment: 99})
	proof.Record(t, string(s.Kind), "0363", "0454")
}
