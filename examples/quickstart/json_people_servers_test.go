// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/confab-im/confab/internal/proof"
	"github.com/stretchr/testify/require"
)

func TestJSONPeople(t *testing.T) {
	s := prosody.Server(t)
	ann, ben, mallory := newMember(t, s, "ann"), newMember(t, s, "ben"), newMember(t, s, "mallory")
	for _, stranger := range []*member{ben, mallory} {
		stranger.sends(ann.jid, "from "+stranger.jid)
	}
	got := ann.gets("from " + mallory.jid)
	ann.gets("from " + ben.jid)
	require.Empty(t, ann.ok(command{Cmd: "conversations"}).Conversations)
	waiting := ann.ok(command{Cmd: "conversations", State: "requests"}).Conversations
	require.Len(t, waiting, 2)
	require.True(t, waiting[0].Request)
	ann.ok(command{Cmd: "accept-conversation", Peer: ben.jid})
	ann.ok(command{Cmd: "decline-conversation", Peer: mallory.jid})
	ann.await("removed", func(l line) bool { return l.Event == "conversation-removed" })
	list := ann.ok(command{Cmd: "conversations"}).Conversations
	require.Len(t, list, 1)
	require.Equal(t, ben.jid, list[0].Peer)
	require.Empty(t, ann.ok(command{Cmd: "conversations", State: "requests"}).Conversations)

	mallory.ok(command{Cmd: "add", Peer: ann.jid})
	ann.event("contact-request", mallory.jid)
	ann.ok(command{Cmd: "deny", Peer: mallory.jid})
	require.Empty(t, ann.ok(command{Cmd: "requests"}).Peers)

	ann.refused("quickstart.unknown-state", command{Cmd: "block", Peer: mallory.jid, Reason: "dull"})
	ann.refused("core.no-message", command{Cmd: "block", Peer: mallory.jid, Reason: "spam", Messages: []int64{got.ID}})
	ann.ok(command{Cmd: "block", Peer: mallory.jid, Reason: "spam", Body: "again and again"})
	ann.event("block-list-changed", mallory.jid)
	require.Equal(t, []string{mallory.jid}, ann.ok(command{Cmd: "blocked"}).Peers)
	lost := mallory.sends(ann.jid, "more")
	mallory.becomes("refused", func(j jsonMessage) bool { return j.ID == lost.ID && j.State == "failed" })
	ann.ok(command{Cmd: "unblock", Peer: mallory.jid})
	require.Empty(t, ann.ok(command{Cmd: "blocked"}).Peers)
	proof.Record(t, string(s.Kind), "0191")
}

func TestJSONProfiles(t *testing.T) {
	s := prosody.Server(t)
	ann, ben := newMember(t, s, "ann"), newMember(t, s, "ben")
	befriend(ann, ben)
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "me.png"), filepath.Join(dir, "ann.jpg")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, image.NewGray(image.Rect(0, 0, 64, 64))))
	require.NoError(t, f.Close())
	ann.ok(command{Cmd: "set-nick", Nick: "Annie"})
	avatar := ann.ok(command{Cmd: "set-avatar", Path: path}).Profile.Avatar
	require.Len(t, avatar, 40)
	ann.refused("quickstart.file", command{Cmd: "set-avatar", Path: copied})
	ben.event("profile-changed", ann.jid)
	got := ben.ok(command{Cmd: "refresh-profile", Peer: ann.jid}).Profile
	require.Equal(t, jsonProfile{ann.jid, "Annie", avatar}, *got)
	ben.until("picture", command{Cmd: "save-avatar", Avatar: avatar, Path: copied}, func(l line) bool { return l.OK })
	require.FileExists(t, copied)
	ben.refused("core.no-avatar", command{Cmd: "save-avatar", Avatar: "none", Path: copied})
	ann.ok(command{Cmd: "set-avatar"})
	ben.until("no picture", command{Cmd: "profile", Peer: ann.jid}, func(l line) bool { return l.Profile.Avatar == "" })

	report := ann.ok(command{Cmd: "server"}).Server
	require.Contains(t, report.Features, jsonFeature{"0313", "Message Archive Management", true})
	require.Equal(t, int64(10<<20), report.MaxUpload)

	require.Nil(t, ann.ok(command{Cmd: "push"}).Push)
	ann.refused("core.bad-push", command{Cmd: "enable-push", Service: "push.example.org"})
	on := ann.ok(command{Cmd: "enable-push", Service: "push.example.org", Node: "f3a1", Options: map[string]string{"secret": "x"}}).Push
	require.Equal(t, jsonPush{Service: "push.example.org", Enabled: true}, *on)
	ann.await("push changed", func(l line) bool { return l.Event == "push-changed" })
	ann.ok(command{Cmd: "disable-push"})
	require.Nil(t, ann.ok(command{Cmd: "push"}).Push)
	proof.Record(t, string(s.Kind), "0084", "0172", "0357")
}

func TestJSONLinks(t *testing.T) {
	s := prosody.Server(t)
	ann, ben := newMember(t, s, "ann"), newMember(t, s, "ben")
	link := ann.ok(command{Cmd: "contact-link", Name: "Annie"}).Link
	read := ben.ok(command{Cmd: "read-link", URI: link.URI}).Link
	require.Equal(t, []string{"contact", ann.jid}, []string{read.Action, read.Peer})
	ben.refused("core.bad-link", command{Cmd: "read-link", URI: "https://example.org"})
	require.Equal(t, ann.jid, ben.ok(command{Cmd: "follow-link", URI: link.URI}).Peer)
	for _, pair := range [][2]*member{{ann, ben}, {ben, ann}} { // nobody was asked
		pair[0].event("presence-changed", pair[1].jid)
	}
	require.Empty(t, ann.ok(command{Cmd: "requests"}).Peers)
	ben.refused("core.bad-link", command{
		Cmd: "register-with-link", Account: "new@" + s.Domain, Password: "secret", URI: "xmpp:" + ann.jid + "?message",
	})
	proof.Record(t, string(s.Kind), "0379")
}
