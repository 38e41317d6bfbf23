// SPDX-License-Identifier: MPL-2.0

package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/confab-im/confab/internal/child"
)

const screenPoll = 50 * time.Millisecond

// terminal is a program in a tmux server of its own, which has one window.
type terminal struct {
	tmux    string
	dir     string // holds the socket; its path must be short
	process *child.Process
}

// openTerminal runs command in a new terminal. environment is added to that of
// this process.
func openTerminal(ctx context.Context, environment []string, command string) (*terminal, error) {
	tmux, err := child.LookPath("tmux", "tmux")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cft") // socket addresses end after about 100 bytes
	if err != nil {
		return nil, fmt.Errorf("make terminal folder: %w", err)
	}
	t := &terminal{tmux: tmux, dir: dir}
	// -D keeps the server in the foreground, where it dies with this process
	// and takes its terminals along.
	cmd := exec.Command(tmux, "-S", t.socket(), "-f", os.DevNull, "-u", "-D")
	cmd.Env = append(append(os.Environ(), "TMUX=", "TERM=screen", "LANG=C.UTF-8", "LC_ALL=C.UTF-8"), environment...)
	if t.process, err = child.Start(cmd); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	for {
		if _, err = t.run(ctx, "new-session", "-d", "-x", "220", "-y", "80", command); err == nil {
			return t, nil
		}
		select {
		case <-ctx.Done():
		case <-t.process.Done():
		case <-time.After(screenPoll):
			continue
		}
		t.close()
		return nil, fmt.Errorf("open terminal: %w", err)
	}
}

func (t *terminal) socket() string { return filepath.Join(t.dir, "s") }

// run runs a tmux command and returns what it prints. -N keeps tmux from
// starting a server of its own when ours does not listen yet.
func (t *terminal) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.tmux, append([]string{"-S", t.socket(), "-N"}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=", "LC_ALL=C.UTF-8")
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w: %s", args[0], err, strings.TrimSpace(string(output)))
	}
	return string(output), nil
}

// enter types a line and the return key.
func (t *terminal) enter(ctx context.Context, line string) error {
	if _, err := t.run(ctx, "send-keys", "-l", "--", line); err != nil {
		return err
	}
	_, err := t.run(ctx, "send-keys", "Enter")
	return err
}

// screen returns what the terminal shows.
func (t *terminal) screen(ctx context.Context) (string, error) {
	return t.run(ctx, "capture-pane", "-p", "-J")
}

// await polls until the screen satisfies match and returns it.
func (t *terminal) await(ctx context.Context, what string, match func(screen string) bool) (string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	ticker := time.NewTicker(screenPoll)
	defer ticker.Stop()
	last := ""
	for {
		screen, err := t.screen(ctx)
		if err == nil {
			if match(screen) {
				return screen, nil
			}
			last = screen
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return last, fmt.Errorf("await %s on the screen: %w:\n%s", what, ctx.Err(), strings.TrimSpace(last))
		case <-t.process.Done():
			return last, fmt.Errorf("await %s on the screen: the terminal ended:\n%s", what, strings.TrimSpace(last))
		}
	}
}

func (t *terminal) close() {
	t.process.Stop(quitGrace)
	_ = os.RemoveAll(t.dir)
}
