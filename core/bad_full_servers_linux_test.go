// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/child"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// fullDisk makes a small file system of its own, and functions that fill it and
// free it again. Only root may.
func fullDisk(t *testing.T) (dir string, fill, free func()) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	filler := filepath.Join(dir, "filler")
	fill = func() {
		f, err := os.OpenFile(filler, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		for size := 64 << 10; size > 0; {
			if _, err := f.Write(make([]byte, size)); err != nil {
				require.True(t, errors.Is(err, syscall.ENOSPC), "%v", err)
				size /= 2
			}
		}
		require.NoError(t, f.Close())
	}
	return dir, fill, func() { require.NoError(t, os.Remove(filler)) }
}

// Messages that arrive while the disk is full are not acknowledged; they are
// there once there is space again.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		// Anybody is root in a user namespace of their own.
		program, err := child.LookPath("unshare", "util-linux")
		require.NoError(t, err)
		self, err := os.Executable()
		require.NoError(t, err)
		out, err := exec.CommandContext(withPatience(t), program, "--map-root-user", "--mount", self, "-test.run=^TestDiskFull$", "-test.v").CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestDiskFull/")
		return
	}
	onServers(t, func(t *testing.T, s *testserver.Server) {
		dir, fill, free := fullDisk(t)
		alice := newUser(t, s, "alice", nil)
		bob := &user{t: t, config: alice.config}
		bob.config.Path = filepath.Join(dir, "bob.db")
		bob.where = accountAt(t, s.Addr, s.NewAccount(t, "bob"))
		bob.open()
		var err error
		bob.account, err = bob.client.AddAccount(withPatience(t), bob.where)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, bob.client.Close()) })
		bob.online()
		befriend(alice, bob)
		alice.send(bob, numbered("full", 0))
		bob.until("the first", func() bool { return len(bob.received(alice)) == 1 })

		events := bob.client.Subscribe(core.Filter{Kinds: []core.EventKind{core.EventStorage}})
		defer events.Close()
		const n = 60
		fill()
		for i := 1; i < n; i++ {
			alice.send(bob, numbered("full", i)+" ")
			alice.send(bob, strings.Repeat("ballast ", 2000))
		}
		e, err := events.Next(withPatience(t))
		require.NoError(t, err)
		require.Equal(t, "storage.full", e.Code)
		_, err = bob.with(alice).Send(withPatience(t), core.Draft{Body: strings.Repeat("mine ", 10_000)})
		require.Equal(t, "storage.full", core.ErrorCode(err), "%v", err)
		before := len(bob.received(alice))
		require.Less(t, before, 2*n-1)

		free()
		for {
			e, err := events.Next(withPatience(t))
			require.NoError(t, err)
			if e.Code == "" {
				break // well again
			}
		}
		bob.until("all messages", func() bool { return len(bob.received(alice)) == 2*n-1 })
		texts, ballast := []string{}, 0
		for _, body := range bob.received(alice) {
			if strings.HasPrefix(body, "ballast") {
				ballast++
			} else {
				texts = append(texts, strings.TrimSpace(body))
			}
		}
		requireSeries(t, texts, "full", n)
		require.Equal(t, n-1, ballast)
		id := bob.send(alice, "thank you")
		bob.until("delivered", func() bool { return bob.state(id) == core.MessageDelivered })
		require.NoError(t, bob.client.Check(withPatience(t)))
	})
}
