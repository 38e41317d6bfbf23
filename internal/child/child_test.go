// SPDX-License-Identifier: MPL-2.0

package child_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/child"
)

// With helperVariable set this test binary is not a test: it starts a child,
// prints its id and waits to be killed.
const helperVariable = "CONFAB_CHILD_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "" {
		os.Exit(m.Run())
	}
	p, err := child.Start(exec.Command("sleep", "600"))
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString(strconv.Itoa(p.PID()) + "\n")
	<-p.Done()
}

func TestChildDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), helperVariable+"=1")
	output, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.True(t, alive(pid))

	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	require.Eventually(t, func() bool { return !alive(pid) }, 10*time.Second, 10*time.Millisecond)
}

// alive reports whether a process exists and is not a zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, found := strings.Cut(string(stat), ") ")
	return found && !strings.HasPrefix(state, "Z")
}

func TestStop(t *testing.T) {
	p, err := child.Start(exec.Command("sleep", "600"))
	require.NoError(t, err)
	require.True(t, p.Running())
	require.NoError(t, p.Err())
	p.Stop(10 * time.Second)
	require.False(t, p.Running())
	require.Error(t, p.Err(), "ended by a signal")
	p.Stop(time.Second) // twice is fine
}

func TestStopKillsWhatIgnoresIt(t *testing.T) {
	cmd := exec.Command("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done")
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p, err := child.Start(cmd)
	require.NoError(t, err)
	_, err = bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	p.Stop(50 * time.Millisecond)
	require.False(t, p.Running())
}

func TestFreeze(t *testing.T) {
	p, err := child.Start(exec.Command("sleep", "600"))
	require.NoError(t, err)
	defer p.Kill()
	p.Freeze()
	require.Eventually(t, func() bool { return state(p.PID()) == 'T' }, 10*time.Second, time.Millisecond)
	p.Thaw()
	require.Eventually(t, func() bool { return state(p.PID()) != 'T' }, 10*time.Second, time.Millisecond)
}

func state(pid int) byte {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, after, _ := strings.Cut(string(stat), ") ")
	if after == "" {
		return 0
	}
	return after[0]
}

func TestExitStatus(t *testing.T) {
	p, err := child.Start(exec.Command("true"))
	require.NoError(t, err)
	<-p.Done()
	require.NoError(t, p.Err())
	_, err = child.Start(exec.Command("/no/such/program"))
	require.ErrorIs(t, err, syscall.ENOENT)
}
