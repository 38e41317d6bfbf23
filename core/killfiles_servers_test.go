// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/confab-im/confab/internal/quickdrive"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// Processes are killed when a file is on the server and nobody knows yet, when
// it is known and its message has not gone, and when it has been fetched and not
// been checked. It arrives once each time.
func TestKillFiles(t *testing.T) {
	program, err := quickdrive.Build(withPatience(t), t.TempDir(), "-tags=killpoint")
	require.NoError(t, err)
	content, err := io.ReadAll(noise(7, 1<<20))
	require.NoError(t, err)
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		k := &killing{t: t, server: s}
		for i, name := range []string{"alice", "bob"} {
			k.peers[i] = k.newPeer(program, name)
		}
		k.befriend()
		alice, bob := k.peers[0], k.peers[1]
		dies := func(p *quickdrive.Peer, point string, c quickdrive.Command) {
			t.Helper()
			p.Kill()
			<-p.Ended()
			p.Env = []string{"CONFAB_KILLPOINT=" + point + ":1"}
			require.NoError(t, p.Start(ctx))
			if _, err := p.Do(ctx, c); err != nil {
				require.ErrorIs(t, err, quickdrive.ErrEnded)
			}
			<-p.Ended()
			require.True(t, p.Killed(), "ended by itself: %v %s", p.Err(), p.Stderr())
			p.Env = nil
			require.NoError(t, p.Start(ctx))
		}
		await := func(p *quickdrive.Peer, ok func() bool) {
			t.Helper()
			for mark := p.Mark(); !ok(); mark = p.Mark() {
				_, err := p.AwaitAfter(ctx, mark, func(l quickdrive.Line) bool { return l.Event != "reply" })
				require.NoError(t, err)
			}
		}
		for n, point := range []string{"upload.sent", "upload.committed"} {
			source := filepath.Join(t.TempDir(), "noise.bin")
			require.NoError(t, os.WriteFile(source, content, 0o600))
			dies(alice, point, quickdrive.Command{Cmd: "send-file", Peer: bob.JID, Path: source, Body: numbered("caption", n)})
			require.NoError(t, os.Remove(source))
			await(bob, func() bool { return len(k.bodies(bob, alice)) == 2*(n+1) })
		}
		require.Equal(t, []string{"", "caption 0", "", "caption 1"}, k.bodies(bob, alice))

		files := func() []quickdrive.File {
			l, err := bob.Do(ctx, quickdrive.Command{Cmd: "files", Peer: alice.JID, Limit: 10})
			require.NoError(t, err)
			return l.Files
		}
		require.Len(t, files(), 2)
		id := files()[0].ID
		dies(bob, "download.complete", quickdrive.Command{Cmd: "download", Attachment: id})
		await(bob, func() bool { return files()[0].State == "here" })
		require.Equal(t, id, files()[0].ID)
		require.Equal(t, int64(len(content)), files()[0].Size)
		require.Len(t, k.bodies(bob, alice), 4)
		for _, p := range k.peers {
			require.NoError(t, p.Quit(ctx))
		}
	})
}

// bodies are what one peer has from the other.
func (k *killing) bodies(p, from *quickdrive.Peer) (list []string) {
	k.t.Helper()
	all, err := p.History(withPatience(k.t), from.JID)
	require.NoError(k.t, err)
	for _, m := range all {
		if !m.Outgoing {
			list = append(list, m.Body)
		}
	}
	return list
}
