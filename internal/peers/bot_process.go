// SPDX-License-Identifier: MPL-2.0

package peers

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/confab-im/confab/internal/child"
)

//go:embed data
var scripts embed.FS

const (
	// commandTimeout bounds commands and waits whose context has no deadline.
	commandTimeout = 60 * time.Second
	// maxEvents bounds the events that nobody has taken.
	maxEvents = 100_000
	maxLine   = 16 << 20 // bytes
)

// python is Debian's own interpreter: the packages are not visible to others.
const python = "/usr/bin/python3"

// botPackages are the Debian packages of the bot, by Python module.
var botPackages = [][2]string{
	{"slixmpp", "python3-slixmpp"}, {"omemo", "python3-omemo"},
	{"oldmemo", "python3-oldmemo"}, {"twomemo", "python3-twomemo"},
}

// botProcess is the running script and the JSON lines to and from it.
type botProcess struct {
	process *child.Process
	stdin   io.WriteCloser
	errors  *limitedBuffer

	mu      sync.Mutex
	number  int
	replies map[int]chan reply
	events  []Event
	changed chan struct{} // closed and replaced when events or ended change
	ended   error
}

type request struct {
	ID        int    `json:"id"`
	Command   string `json:"command"`
	Arguments any    `json:"arguments"`
}

type reply struct {
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// startBotProcess writes the scripts to dir and runs them.
func startBotProcess(dir string) (*botProcess, error) {
	if _, err := os.Stat(python); err != nil {
		return nil, fmt.Errorf("find %s: %w: install the Debian package python3", python, child.ErrNotInstalled)
	}
	for _, name := range []string{"bot.py", "omemo_bot.py", "omemo_wire.py"} {
		content, err := scripts.ReadFile("data/" + name)
		if err != nil {
			return nil, fmt.Errorf("read bot script: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write bot script: %w", err)
		}
	}
	cmd := exec.Command(python, "-u", filepath.Join(dir, "bot.py"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open bot input: %w", err)
	}
	// An os.Pipe instead of StdoutPipe: the process may be waited for while its
	// last lines are still being read.
	stdout, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open bot output: %w", err)
	}
	b := &botProcess{
		stdin: stdin, errors: &limitedBuffer{},
		replies: make(map[int]chan reply), changed: make(chan struct{}),
	}
	cmd.Stdout, cmd.Stderr = writer, b.errors
	b.process, err = child.Start(cmd)
	_ = writer.Close()
	if err != nil {
		_ = stdout.Close()
		return nil, err
	}
	go b.read(stdout)
	return b, nil
}

// read takes in lines until the process ends.
func (b *botProcess) read(stdout io.ReadCloser) {
	defer stdout.Close()
	lines := bufio.NewScanner(stdout)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		var line struct {
			Reply int `json:"reply"`
			reply
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			continue // some library printed something
		}
		b.mu.Lock()
		if line.Reply != 0 {
			if waiting := b.replies[line.Reply]; waiting != nil {
				waiting <- line.reply
				delete(b.replies, line.Reply)
			}
		} else if line.Event != nil && len(b.events) < maxEvents {
			var event Event
			if json.Unmarshal(lines.Bytes(), &event) == nil {
				b.events = append(b.events, event)
				b.wake()
			}
		}
		b.mu.Unlock()
	}
	<-b.process.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = fmt.Errorf("bot ended: %w: %s", errors.Join(b.process.Err(), lines.Err()), explain(b.errors.String()))
	for number, waiting := range b.replies {
		waiting <- reply{Error: b.ended.Error()}
		delete(b.replies, number)
	}
	b.wake()
}

// wake tells everyone who waits that something changed; b.mu is held.
func (b *botProcess) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// call runs a command and stores its result in result, which may be nil.
func (b *botProcess) call(ctx context.Context, command string, arguments, result any) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	waiting := make(chan reply, 1)
	if err := b.write(command, arguments, waiting); err != nil {
		return fmt.Errorf("tell bot to %s: %w", command, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("await bot's %s: %w: %s", command, ctx.Err(), b.errors)
	case r := <-waiting:
		if r.Error != "" {
			return fmt.Errorf("bot's %s: %s", command, r.Error)
		}
		if result == nil {
			return nil
		}
		if err := json.Unmarshal(r.Result, result); err != nil {
			return fmt.Errorf("decode bot's %s: %w", command, err)
		}
		return nil
	}
}

func (b *botProcess) write(command string, arguments any, waiting chan reply) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended != nil {
		return b.ended
	}
	b.number++
	line, err := json.Marshal(request{ID: b.number, Command: command, Arguments: arguments})
	if err != nil {
		return err
	}
	b.replies[b.number] = waiting
	if _, err := b.stdin.Write(append(line, '\n')); err != nil {
		delete(b.replies, b.number)
		return err
	}
	return nil
}

// take returns the first event that matches and removes it.
func (b *botProcess) take(ctx context.Context, match func(Event) bool) (Event, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for {
		b.mu.Lock()
		for i, event := range b.events {
			if match(event) {
				b.events = append(b.events[:i:i], b.events[i+1:]...)
				b.mu.Unlock()
				return event, nil
			}
		}
		ended, changed, seen := b.ended, b.changed, len(b.events)
		b.mu.Unlock()
		if ended != nil {
			return Event{}, fmt.Errorf("await bot's event: %w", ended)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("await bot's event: %w (%d others came): %s", ctx.Err(), seen, b.errors)
		}
	}
}

// pending returns the events that nobody has taken.
func (b *botProcess) pending() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Event(nil), b.events...)
}

// explain names the Debian package of a missing Python module.
func explain(output string) string {
	for _, p := range botPackages {
		if strings.Contains(output, "No module named '"+p[0]+"'") {
			return "install the Debian package " + p[1]
		}
	}
	return output
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, commandTimeout)
}

// limitedBuffer keeps the end of what is written to it.
type limitedBuffer struct {
	mu   sync.Mutex
	data []byte
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const limit = 8 << 10
	l.data = append(l.data, p...)
	l.data = l.data[max(0, len(l.data)-limit):]
	return len(p), nil
}

func (l *limitedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.data)
}
