// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"testing"

	"github.com/confab-im/confab/internal/proof"
	"github.com/confab-im/confab/internal/testserver"
)

// proves says at the end of a test which XEPs it has shown to work with a
// server, by their four digits, for the report of `make compliance`. RFCs are
// written "RFC6120", what a XEP says of rooms "0313/muc".
func proves(t *testing.T, s *testserver.Server, xeps ...string) {
	t.Helper()
	proof.Record(t, string(s.Kind), xeps...)
}
