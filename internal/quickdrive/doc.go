// SPDX-License-Identifier: MPL-2.0

// Package quickdrive runs examples/quickstart as separate processes and talks
// to them in their -json mode: for the demo, for tests that kill processes,
// and for tests against other clients.
//
// A Peer is one such process with a folder of its own that outlives it: Start
// it again after Kill and it finds its database. What a process printed is
// kept, so that a wait for a line cannot miss one that came early.
//
// It knows nothing of the SDK but the JSON lines.
//
// Do, Await and the like may be called from any goroutine; Start, Kill and
// Quit from one.
package quickdrive
