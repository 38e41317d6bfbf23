// SPDX-License-Identifier: MPL-2.0

// Package child starts the daemons the test suite talks to, so that none of
// them outlives the test process.
//
// A [Process] is stopped by Stop or Kill. Should the test process die first,
// even by SIGKILL, the kernel kills the child: on Linux the parent-death signal
// is armed by a thread which lives as long as the test process does. The signal
// is sent when the thread that forked ends, not when the process does, which is
// why every fork goes through that one thread.
//
// On other systems the child is only stopped by Stop and Kill.
//
// What it does not do: restart, log rotation, privileges.
//
// All functions and methods may be called from any goroutine.
package child
