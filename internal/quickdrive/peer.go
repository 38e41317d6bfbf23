// SPDX-License-Identifier: MPL-2.0

package quickdrive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/confab-im/confab/internal/child"
)

// Peer is one user of quickstart.
type Peer struct {
	Program  string // from Build
	Dir      string // holds the database, its key, the log
	JID      string
	Password string
	Host     string // host:port to connect to
	CAFile   string
	Env      []string // additional, "NAME=value"
	Args     []string // additional

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every line
	lines   []Line        // of the running process
	ended   bool
	stderr  bytes.Buffer

	process *child.Process
	stdin   io.WriteCloser
	reading sync.WaitGroup // of what the process prints
	next    int
}

// ErrEnded: the process ended while its answer was waited for.
var ErrEnded = errors.New("quickstart process ended")

// Database returns the path of the database file.
func (p *Peer) Database() string { return filepath.Join(p.Dir, "quickstart.db") }

// Start runs the process and waits until it reads commands.
func (p *Peer) Start(ctx context.Context) error {
	password := filepath.Join(p.Dir, "password")
	if err := os.WriteFile(password, []byte(p.Password+"\n"), 0o600); err != nil {
		return err
	}
	args := append([]string{
		"-json", "-db", p.Database(), "-account", p.JID, "-password-file", password,
		"-host", p.Host, "-ca", p.CAFile, "-log", filepath.Join(p.Dir, "debug.log"),
	}, p.Args...)
	cmd := exec.Command(p.Program, args...)
	cmd.Env = append(os.Environ(), p.Env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	// Not StdoutPipe, which loses what is unread when the process ends.
	stdout, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout = write
	p.reading.Wait() // the end of the process before is not this one's
	p.mu.Lock()
	p.lines, p.ended, p.changed = nil, false, make(chan struct{})
	p.stderr.Reset()
	p.mu.Unlock()
	cmd.Stderr = writerFunc(func(b []byte) (int, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.stderr.Write(b)
	})
	p.process, err = child.Start(cmd)
	_ = write.Close() // the child has its own
	if err != nil {
		_ = stdout.Close()
		return err
	}
	p.stdin = stdin
	p.reading.Go(func() { p.read(stdout) })
	_, err = p.Await(ctx, func(l Line) bool { return l.Event == "ready" })
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (p *Peer) read(stdout io.ReadCloser) {
	defer stdout.Close()
	in := bufio.NewScanner(stdout)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var l Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			continue // a line that was cut off by a kill
		}
		p.mu.Lock()
		p.lines = append(p.lines, l)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	p.mu.Lock()
	p.ended = true
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
}

// Await returns the first line since Start that is as wanted.
func (p *Peer) Await(ctx context.Context, want func(Line) bool) (Line, error) {
	return p.AwaitAfter(ctx, 0, want)
}

// Mark returns a place in the output, for AwaitAfter.
func (p *Peer) Mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// AwaitAfter is Await for the lines after a Mark.
func (p *Peer) AwaitAfter(ctx context.Context, mark int, want func(Line) bool) (Line, error) {
	for {
		p.mu.Lock()
		lines, changed, ended := p.lines, p.changed, p.ended
		p.mu.Unlock()
		for ; mark < len(lines); mark++ {
			if want(lines[mark]) {
				return lines[mark], nil
			}
		}
		if ended {
			return Line{}, fmt.Errorf("%s: %w: %s", p.JID, ErrEnded, p.Stderr())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Line{}, fmt.Errorf("%s: wait for a line: %w", p.JID, ctx.Err())
		}
	}
}

// Lines returns every line since Start.
func (p *Peer) Lines() []Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[:len(p.lines):len(p.lines)]
}

// Stderr returns what the process said on its standard error.
func (p *Peer) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// Do gives a command and returns the reply, or its error.
func (p *Peer) Do(ctx context.Context, c Command) (Line, error) {
	p.mu.Lock()
	p.next++
	c.ID = strconv.Itoa(p.next)
	mark := len(p.lines)
	text, err := json.Marshal(c)
	if err == nil {
		_, err = p.stdin.Write(append(text, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		return Line{}, fmt.Errorf("%s: %w: %w", p.JID, ErrEnded, err)
	}
	l, err := p.AwaitAfter(ctx, mark, func(l Line) bool { return l.Event == "reply" && l.ID == c.ID })
	if err == nil && !l.OK {
		err = fmt.Errorf("%s: %s: %s [%s]", p.JID, c.Cmd, l.Error, l.Code)
	}
	return l, err
}

// Online waits for the account to be connected, after a Mark.
func (p *Peer) Online(ctx context.Context, mark int) (Line, error) {
	return p.AwaitAfter(ctx, mark, func(l Line) bool { return l.Event == "account-state" && l.State == "online" })
}

// History returns the whole conversation with peer, oldest first.
func (p *Peer) History(ctx context.Context, peer string) ([]Message, error) {
	var all []Message
	for before := int64(0); ; {
		l, err := p.Do(ctx, Command{Cmd: "history", Peer: peer, Limit: 500, Before: before})
		if err != nil {
			return nil, err
		}
		all = append(all, l.Messages...)
		if len(l.Messages) < 500 {
			break
		}
		before = l.Messages[len(l.Messages)-1].Cursor
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, nil
}

// Kill ends the process with SIGKILL.
func (p *Peer) Kill() {
	if p.process != nil {
		p.process.Kill()
	}
}

// Killed says whether the process has been ended by SIGKILL, not by itself.
func (p *Peer) Killed() bool {
	var exit *exec.ExitError
	if p.Running() || !errors.As(p.process.Err(), &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Err tells how the process ended; nil while it runs and after exit status 0.
func (p *Peer) Err() error { return p.process.Err() }

// Running says whether the process has not ended.
func (p *Peer) Running() bool { return p.process != nil && p.process.Running() }

// Ended is closed when the process has ended.
func (p *Peer) Ended() <-chan struct{} { return p.process.Done() }

// Quit ends the process in an orderly way.
func (p *Peer) Quit(ctx context.Context) error {
	if _, err := p.Do(ctx, Command{Cmd: "quit"}); err != nil {
		return err
	}
	select {
	case <-p.process.Done():
		return p.process.Err()
	case <-time.After(30 * time.Second):
		p.process.Kill()
		return fmt.Errorf("%s: did not end within 30 s after quit", p.JID)
	}
}
