// SPDX-License-Identifier: MPL-2.0

//go:build servers

package testserver

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// A port that is taken between its choice and its use is noticed, and the
// configuration can be made again with others.
func TestTakenPortIsNoticed(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			s := Start(t, kind)
			s.Stop()
			rival, err := net.Listen("tcp", s.Addr)
			require.NoError(t, err)
			defer rival.Close()
			require.ErrorIs(t, s.launch(t.Context()), errPortTaken)
			require.False(t, s.Running())

			require.NoError(t, s.pickPorts())
			require.NoError(t, s.flavour.prepare(s))
			require.NoError(t, s.launch(t.Context()))
			require.NoError(t, s.Register("alice", "wonderland"))
			require.True(t, login(t, s, "alice", "wonderland"))
		})
	}
}
