// SPDX-License-Identifier: MPL-2.0

package child

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// forker hands commands to the one thread that forks. It is started on first
// use and lives until the process ends: that is its purpose.
var forker = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread() // never unlocked: its end would kill the children
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true
	result := make(chan error, 1)
	forker() <- func() { result <- cmd.Start() }
	return <-result
}

// signal goes to the whole process group. Errors mean that it is gone.
func (p *Process) signal(sig os.Signal) {
	if s, ok := sig.(syscall.Signal); ok {
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// Freeze stops the process from running (SIGSTOP) without ending it: its
// sockets stay open and answer nothing.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on (SIGCONT).
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }
