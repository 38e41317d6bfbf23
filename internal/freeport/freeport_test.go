// SPDX-License-Identifier: MPL-2.0

package freeport_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/freeport"
)

func TestPick(t *testing.T) {
	ports, err := freeport.Pick(8)
	require.NoError(t, err)
	require.Len(t, ports, 8)
	seen := map[int]bool{}
	for _, port := range ports {
		require.False(t, seen[port])
		seen[port] = true
		l, err := net.Listen("tcp", freeport.Address(port))
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
}
