// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package child

import (
	"os"
	"os/exec"
)

func start(cmd *exec.Cmd) error { return cmd.Start() }

// signal goes to the process alone. Errors mean that it is gone.
func (p *Process) signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }

// Freeze does nothing on this system.
func (p *Process) Freeze() {}

// Thaw does nothing on this system.
func (p *Process) Thaw() {}
