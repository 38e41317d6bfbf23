// SPDX-License-Identifier: MPL-2.0

package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ErrNotInstalled is wrapped by the error of [LookPath].
var ErrNotInstalled = errors.New("program not installed")

// LookPath finds a program and, when it is missing, names the Debian package
// that brings it. Besides PATH it looks in the folders for administrators'
// programs, which ordinary users often lack in PATH.
func LookPath(program, debianPackage string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s: %w: install the Debian package %s", program, ErrNotInstalled, debianPackage)
}

// Process is a started child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed
}

// Start starts cmd in a process group of its own. The caller must not call
// cmd.Wait.
func Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended; nil while it runs and after exit status 0.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the process and its process group at once (SIGKILL) and waits
// until it is gone.
func (p *Process) Kill() {
	p.signal(os.Kill)
	<-p.done
}

// Stop asks the process to end (SIGTERM) and kills it when it has not ended
// after grace. It returns when the process is gone.
func (p *Process) Stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		p.signal(os.Kill) // what the process left behind in its group
	case <-timer.C:
		p.Kill()
	}
}
