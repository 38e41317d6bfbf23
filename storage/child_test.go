// SPDX-License-Identifier: MPL-2.0

//go:build unix

package storage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test program starts itself again as a process that can be killed, that
// holds the lock, or that may not write large files.
const (
	childMode = "STORAGE_TEST_CHILD"
	childPath = "STORAGE_TEST_PATH"
)

func TestMain(m *testing.M) {
	run, ok := map[string]func(path string) error{
		"hold": childHold, "write": childWrite, "limit": childLimit, "rekey": childRekey,
	}[os.Getenv(childMode)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := run(os.Getenv(childPath)); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is a running child process and what it prints.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startChild(t *testing.T, mode, path string) *child {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childMode+"="+mode, childPath+"="+path)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &child{cmd, in, bufio.NewScanner(out)}
}

func (c *child) line() string {
	if !c.lines.Scan() {
		return ""
	}
	return c.lines.Text()
}

// killWithin kills the process at some moment.
func (c *child) killWithin(d time.Duration) {
	time.AfterFunc(rand.N(d), func() { _ = c.cmd.Process.Kill() })
}

// childHold opens the database and keeps it until its input ends.
func childHold(path string) error {
	db, err := Open(ctx, testOptions(path))
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return db.Close()
}

func TestInUseByOtherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	c := startChild(t, "hold", path)
	require.Equal(t, "open", c.line())
	_, err := Open(ctx, testOptions(path))
	require.ErrorIs(t, err, ErrInUse)

	// The lock ends with the process, however it ends.
	require.NoError(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
	openAt(t, path)
}

// childWrite commits rows without end and prints the number of each commit
// after Update has returned.
func childWrite(path string) error {
	db, err := Open(ctx, testOptions(path))
	if err != nil {
		return err
	}
	db.wal.limit = 200_000 // so that kills meet checkpoints
	fmt.Println("open")
	for {
		var n int64
		err := db.Update(ctx, func(tx *Tx) error {
			v, _, err := tx.Value(0, "n")
			if err != nil {
				return err
			}
			n, _ = strconv.ParseInt(string(v), 10, 64)
			n++
			c, err := tx.ConversationByPeer(1, "you@example.org")
			if err != nil {
				return err
			}
			for i := range 1 + rand.N(10) {
				m := Message{ConversationID: c.ID, Body: fmt.Sprint("canary ", n), Extra: make([]byte, rand.N(1000)), At: epoch}
				if err := tx.InsertMessage(&m); err != nil {
					return err
				}
				if i == 0 {
					if err := tx.MarkSeen(1, fmt.Append(nil, n), m.ID); err != nil {
						return err
					}
				}
			}
			if err := tx.DeleteMessage(m0(tx, c)); err != nil {
				return err
			}
			return tx.PutValue(0, "n", fmt.Append(nil, n))
		})
		if err != nil {
			return err
		}
		fmt.Println("done", n)
	}
}

// m0 is the id of the newest message of c.
func m0(tx *Tx, c Conversation) int64 {
	list, err := tx.MessagesBefore(c.ID, 0, 1)
	if err != nil || len(list) == 0 {
		return 0
	}
	return list[0].ID
}

// kills is how often the writer is killed.
const kills = 60

// A process that is killed at any moment loses no commit that it was told of,
// and leaves nothing half done.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(ctx, testOptions(path))
	require.NoError(t, err)
	fill(t, db, 1)
	require.NoError(t, db.Close())
	var acked int64
	commits := 0
	for i := range kills {
		c := startChild(t, "write", path)
		require.Equal(t, "open", c.line())
		c.killWithin(120 * time.Millisecond)
		for {
			line := c.line()
			if line == "" {
				break
			}
			n, err := strconv.ParseInt(strings.TrimPrefix(line, "done "), 10, 64)
			require.NoError(t, err, line)
			require.Greater(t, n, acked)
			acked = n
			commits++
		}
		_ = c.cmd.Wait()
		require.Equal(t, syscall.SIGKILL, c.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())

		db, err := Open(ctx, testOptions(path))
		require.NoError(t, err)
		view(t, db, func(r *Reader) {
			v, _, err := r.Value(0, "n")
			require.NoError(t, err)
			stored, _ := strconv.ParseInt(string(v), 10, 64)
			// At most the commit that was not printed any more is new.
			require.Contains(t, []int64{acked, acked + 1}, stored)
			acked = stored
			for n := range stored {
				_, ok, err := r.Seen(1, fmt.Append(nil, n+1))
				require.NoError(t, err)
				require.True(t, ok, "commit %d of %d is lost", n+1, stored)
			}
		})
		requireSummaries(t, db)
		if i%10 == 9 {
			require.NoError(t, db.Check(ctx))
		}
		require.NoError(t, db.Close())
	}
	require.Greater(t, commits, kills)
	t.Logf("%d kills, %d commits", kills, commits)
}

// rekeyKey is the key of the database after n changes.
func rekeyKey(n int) Key {
	switch n % 4 {
	case 0, 1:
		return RawKey(append(make([]byte, 31), byte(n)))
	default:
		return Passphrase([]byte(fmt.Sprint("pass", n)))
	}
}

// childRekey changes the key without end, from the one whose number it reads,
// and prints the number of each key before the change.
func childRekey(path string) error {
	var n int
	if _, err := fmt.Scanln(&n); err != nil {
		return err
	}
	o := testOptions(path)
	o.Key = rekeyKey(n)
	db, err := Open(ctx, o)
	if err != nil {
		return err
	}
	fmt.Println("open")
	for {
		n++
		fmt.Println("to", n)
		if err := db.ChangeKey(ctx, rekeyKey(n)); err != nil {
			return err
		}
	}
}

// A process that is killed while it changes the key leaves a database that the
// old or the new one opens, whole.
func TestKilledRekey(t *testing.T) {
	for _, header := range []bool{false, true} {
		o := testOptions(filepath.Join(t.TempDir(), "a.db"))
		o.Key, o.PlaintextHeader = rekeyKey(0), header
		db, err := Open(ctx, o)
		require.NoError(t, err)
		fill(t, db, 100)
		require.NoError(t, db.Close())
		current, changes := 0, 0
		for range kills / 4 {
			c := startChild(t, "rekey", o.Path)
			_, err := fmt.Fprintln(c.in, current)
			require.NoError(t, err)
			require.Equal(t, "open", c.line())
			c.killWithin(150 * time.Millisecond)
			last := current
			for line := c.line(); line != ""; line = c.line() {
				last, err = strconv.Atoi(strings.TrimPrefix(line, "to "))
				require.NoError(t, err, line)
				changes++
			}
			_ = c.cmd.Wait()
			o.Key, current = rekeyKey(last), last
			db, err := Open(ctx, o)
			if err != nil && last > 0 {
				o.Key, current = rekeyKey(last-1), last-1
				db, err = Open(ctx, o)
			}
			require.NoError(t, err)
			require.Equal(t, 100, count(t, db, "SELECT count(*) FROM message"))
			require.NoError(t, db.Check(ctx))
			require.NoError(t, db.Close())
		}
		require.Greater(t, changes, kills/4)
	}
}

// childLimit writes under a limit on the size of files until it is refused,
// which must leave the database usable.
func childLimit(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 3 << 20, Max: 3 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	db, err := Open(ctx, testOptions(path))
	if err != nil {
		return err
	}
	n := 0
	for {
		err := db.Update(ctx, func(tx *Tx) error {
			for range 50 {
				m := Message{ConversationID: 1, Body: "canary", Extra: make([]byte, 2000), At: epoch}
				if err := tx.InsertMessage(&m); err != nil {
					return err
				}
			}
			return nil
		})
		// SQLite does not say why a commit could not write, unless the disk is full.
		if errors.Is(err, ErrFull) || errors.Is(err, ErrUnavailable) {
			break
		}
		if err != nil {
			return err
		}
		n += 50
	}
	if err := db.View(ctx, func(r *Reader) error { _, err := r.Account(1); return err }); err != nil {
		return err
	}
	fmt.Println("full", n)
	_ = db.Close() // the log cannot be emptied
	return nil
}

func TestFileSizeLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(ctx, testOptions(path))
	require.NoError(t, err)
	fill(t, db, 0)
	require.NoError(t, db.Close())
	c := startChild(t, "limit", path)
	line := c.line()
	n, err := strconv.Atoi(strings.TrimPrefix(line, "full "))
	require.NoError(t, err, line)
	require.NotZero(t, n)
	require.NoError(t, c.cmd.Wait())

	db = openAt(t, path)
	require.Equal(t, n, count(t, db, "SELECT count(*) FROM message"))
	require.NoError(t, db.Check(ctx))
	requireSummaries(t, db)
}
