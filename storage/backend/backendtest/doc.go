// SPDX-License-Identifier: MPL-2.0

// Package backendtest is the conformance suite of storage backends: every
// implementation of [backend.Backend] runs it in its tests.
//
//	func TestConformance(t *testing.T) { backendtest.Run(t, sqlcipher.New()) }
//
// It is not imported outside of tests.
package backendtest
