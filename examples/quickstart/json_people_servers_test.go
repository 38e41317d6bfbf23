// SPDX-License-Identifier: MPL-2.0

//go:build servers

package main

import (
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
