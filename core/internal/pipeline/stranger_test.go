// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// XEP-0191 section 2.
func TestCovering(t *testing.T) {
	for address, want := range map[string][]string{
		"a@b/c": {"a@b/c", "a@b", "b/c", "b"}, "a@b": {"a@b", "b"}, "b": {"b"}, "b/c": {"b/c", "b", "b/c", "b"},
	} {
		require.Subset(t, want, covering(address), address)
		require.Subset(t, covering(address), want, address)
	}
}
