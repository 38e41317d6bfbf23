// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/internal/quickdrive"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// killPoints are the places between socket read, commit, acknowledgement and
// send at which pipeline.KillPoint can kill the process.
var killPoints = []string{
	"inbox.before",       // read from the socket, nothing stored
	"inbox.uncommitted",  // stored, not committed
	"inbox.committed",    // committed, not acknowledged
	"ack.sent",           // acknowledged
	"outbox.before",      // Send was called
	"outbox.queued",      // durable, Send has not returned
	"outbox.uncommitted", // encrypted, not committed
	"outbox.committed",   // committed, not written
	"outbox.written",     // written, not acknowledged
	"ack.before",         // the acknowledgement has come, nothing stored
	"catchup.before",     // an archive page is there, nothing stored
	"catchup.uncommitted",
	"catchup.committed",
}

// killRounds is how often a process is killed at each point, on each server:
// twice, or as CONFAB_KILL_ROUNDS says. `make chaos` says eight, which makes
// 208 kills.
func killRounds(t *testing.T) int {
	text := os.Getenv("CONFAB_KILL_ROUNDS")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	require.Positive(t, n)
	return n
}

// Processes are killed at every point, in both directions, while both people
// write to each other. Whatever Send said yes to arrives once, in order.
func TestKill(t *testing.T) {
	program, err := quickdrive.Build(withPatience(t), t.TempDir(), "-tags=killpoint")
	require.NoError(t, err)
	onServers(t, func(t *testing.T, s *testserver.Server) {
		k := &killing{t: t, server: s, random: rand.New(rand.NewPCG(7, uint64(len(s.Kind))))}
		for i, name := range []string{"alice", "bob"} {
			k.peers[i] = k.newPeer(program, name)
		}
		k.befriend()
		killed := make(map[string]int)
		for total := 0; total < killRounds(t)*len(killPoints); {
			point := killPoints[total%len(killPoints)]
			victim := total / len(killPoints) % 2
			if k.round(victim, point) {
				killed[point]++
				total++
			}
		}
		k.finish()
		t.Logf("%s: killed %v", s.Kind, killed)
		for _, point := range killPoints {
			require.Positive(t, killed[point], point)
		}
	})
}

// killing is the state of one run: two peers, and what each has sent.
type killing struct {
	t      *testing.T
	server *testserver.Server
	random *rand.Rand
	peers  [2]*quickdrive.Peer
	sent   [2]int // bodies that a peer has sent for certain: 0 … n-1
}

func (k *killing) newPeer(program, name string) *quickdrive.Peer {
	a := k.server.NewAccount(k.t, name)
	p := &quickdrive.Peer{
		Program: program, Dir: filepath.Join(k.t.TempDir(), name), JID: a.JID(), Password: a.Password,
		Host: k.server.Addr, CAFile: k.server.CAFile,
	}
	require.NoError(k.t, os.Mkdir(p.Dir, 0o700))
	k.t.Cleanup(func() {
		p.Kill()
		if dir := os.Getenv("CONFAB_TEST_LOG"); dir != "" {
			log, err := os.ReadFile(filepath.Join(p.Dir, "debug.log"))
			require.NoError(k.t, err)
			require.NoError(k.t, os.WriteFile(filepath.Join(dir, "kill-"+name+".log"), log, 0o600))
		}
	})
	ctx := withPatience(k.t)
	require.NoError(k.t, p.Start(ctx))
	_, err := p.Do(ctx, quickdrive.Command{Cmd: "sign-in"})
	require.NoError(k.t, err)
	_, err = p.Online(ctx, 0)
	require.NoError(k.t, err)
	return p
}

func (k *killing) befriend() {
	ctx := withPatience(k.t)
	alice, bob := k.peers[0], k.peers[1]
	_, err := alice.Do(ctx, quickdrive.Command{Cmd: "add", Peer: bob.JID})
	require.NoError(k.t, err)
	_, err = bob.Await(ctx, func(l quickdrive.Line) bool { return l.Event == "contact-request" })
	require.NoError(k.t, err)
	_, err = bob.Do(ctx, quickdrive.Command{Cmd: "add", Peer: alice.JID})
	require.NoError(k.t, err)
}

// round starts the victim so that it dies at the point, and lets both write
// until it has. False: it had no occasion to.
func (k *killing) round(victim int, point string) bool {
	ctx := withPatience(k.t)
	p := k.peers[victim]
	p.Kill()
	<-p.Ended()
	if strings.HasPrefix(point, "catchup") {
		// So that there is something to catch up with: the stream cannot be
		// resumed, and a message has come meanwhile.
		user, _, _ := strings.Cut(p.JID, "@")
		require.NoError(k.t, k.server.Kick(user))
	}
	k.write(ctx, 1-victim, 1+k.random.IntN(3))
	p.Env = []string{fmt.Sprintf("CONFAB_KILLPOINT=%s:%d", point, 1+k.random.IntN(3))}
	died := k.start(ctx, victim)
	for range 8 {
		if died || !p.Running() {
			break
		}
		died = !k.write(ctx, victim, 1)
		k.write(ctx, 1-victim, 1)
	}
	if !died && p.Running() {
		// What was written is on its way; the victim meets its point with it,
		// or not at all.
		died = k.settle(ctx, victim)
	}
	if died {
		<-p.Ended()
		require.True(k.t, p.Killed(), "ended by itself: %v %s", p.Err(), p.Stderr())
	}
	p.Kill()
	<-p.Ended()
	p.Env = nil
	if k.start(ctx, victim) {
		k.t.Fatal("process ended by itself: ", p.Err(), p.Stderr())
	}
	k.recount(ctx, victim)
	return died
}

// start runs a peer and says whether it died on the way.
func (k *killing) start(ctx context.Context, who int) (died bool) {
	err := k.peers[who].Start(ctx)
	if err == nil {
		return false
	}
	require.ErrorIs(k.t, err, quickdrive.ErrEnded)
	return true
}

// write lets a peer send n messages and says whether it lived.
func (k *killing) write(ctx context.Context, who, n int) bool {
	for range n {
		body := numbered("kill", k.sent[who])
		_, err := k.peers[who].Do(ctx, quickdrive.Command{Cmd: "send", Peer: k.peers[1-who].JID, Body: body})
		if err != nil {
			require.ErrorIs(k.t, err, quickdrive.ErrEnded)
			return false
		}
		k.sent[who]++
	}
	return true
}

// settle waits until the victim has all that was sent to it, or has died.
func (k *killing) settle(ctx context.Context, victim int) (died bool) {
	p := k.peers[victim]
	for p.Running() {
		mark := p.Mark()
		if k.complete(ctx, victim) {
			return !p.Running()
		}
		_, err := p.AwaitAfter(ctx, mark, func(l quickdrive.Line) bool { return l.Event != "reply" })
		if err != nil {
			require.ErrorIs(k.t, err, quickdrive.ErrEnded, k.describe(victim))
		}
	}
	return true
}

// describe says for a failure what each peer has of the conversation.
func (k *killing) describe(victim int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	text := fmt.Sprintf("waiting for %s; sent %v;", k.peers[victim].JID, k.sent)
	for who, p := range k.peers {
		all, err := p.History(ctx, k.peers[1-who].JID)
		counts := make(map[string]int)
		for _, m := range all {
			counts[fmt.Sprintf("%v %s %s %s", m.Outgoing, m.Kind, m.State, m.Reason)]++
		}
		state, stateErr := p.Do(ctx, quickdrive.Command{Cmd: "state"})
		text += fmt.Sprintf(" %s: %v %v %s %s %v;", p.JID, counts, err, state.State, state.Code, stateErr)
	}
	return text
}

// complete says whether a peer has everything from the other, and the server
// everything from it.
func (k *killing) complete(ctx context.Context, who int) bool {
	all, err := k.peers[who].History(ctx, k.peers[1-who].JID)
	if err != nil {
		return false
	}
	in, waiting := 0, 0
	for _, m := range all {
		if !m.Outgoing {
			in++
		} else if m.State == "queued" {
			waiting++
		}
	}
	return in >= k.sent[1-who] && waiting == 0
}

// recount finds out whether the message during whose sending a process died
// was durable.
func (k *killing) recount(ctx context.Context, who int) {
	all, err := k.peers[who].History(ctx, k.peers[1-who].JID)
	require.NoError(k.t, err)
	out := 0
	for _, m := range all {
		if m.Outgoing {
			require.Equal(k.t, numbered("kill", out), m.Body)
			out++
		}
	}
	require.Contains(k.t, []int{k.sent[who], k.sent[who] + 1}, out, "messages that %s wrote", k.peers[who].JID)
	k.sent[who] = out
}

// straighten waits until what a peer has got is in order, if it ever is: what
// the server came late with finds its place when the archive is read again.
func (k *killing) straighten(ctx context.Context, who int) {
	p := k.peers[who]
	for {
		mark := p.Mark()
		all, err := p.History(ctx, k.peers[1-who].JID)
		require.NoError(k.t, err)
		var in []string
		for _, m := range all {
			if !m.Outgoing {
				in = append(in, m.Body)
			}
		}
		if inOrder(in, "kill", k.sent[1-who]) {
			return
		}
		if _, err := p.AwaitAfter(ctx, mark, func(l quickdrive.Line) bool { return l.Event != "reply" }); err != nil {
			return
		}
	}
}

// finish waits until all is said and checks it.
func (k *killing) finish() {
	ctx := withPatience(k.t)
	for who, p := range k.peers {
		require.False(k.t, k.settle(ctx, who))
		k.straighten(ctx, who)
		all, err := p.History(ctx, k.peers[1-who].JID)
		require.NoError(k.t, err)
		var in, out []string
		for _, m := range all {
			require.Equal(k.t, "text", m.Kind, m.Reason)
			// What was written before the peer had announced its device for
			// both is in the older profile.
			require.Contains(k.t, []string{"omemo:2", "omemo"}, m.Encryption, m.Body)
			if m.Outgoing {
				out = append(out, m.Body)
			} else {
				in = append(in, m.Body)
			}
		}
		requireSeries(k.t, in, "kill", k.sent[1-who])
		requireSeries(k.t, out, "kill", k.sent[who])
	}
	for _, p := range k.peers {
		require.NoError(k.t, p.Quit(ctx))
	}
}
