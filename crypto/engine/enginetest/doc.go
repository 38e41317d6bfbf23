// SPDX-License-Identifier: MPL-2.0

// Package enginetest is the conformance suite of package engine. A test of an
// implementation calls [Run], and may call [Fuzz], [Benchmark] and [Compare] too:
//
//	func TestConformance(t *testing.T) { enginetest.Run(t, ratchet.New()) }
//
// Everything runs for every profile the engine names. The functions that make
// devices and sessions are exported for tests that go further.
//
// It is for tests only.
package enginetest
