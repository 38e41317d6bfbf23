// SPDX-License-Identifier: MPL-2.0

// Package freeport picks loopback TCP ports for daemons which cannot be told
// to pick one themselves.
//
// A port that was free when picked may be taken a moment later. Ports are
// chosen at random below the range that the kernel uses for outgoing
// connections, so that the remaining rivals are other test processes; callers
// check that what answers on the port is their own daemon, and pick again
// otherwise.
//
// Pick may be called from any goroutine.
package freeport
