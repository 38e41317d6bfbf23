// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever asks what this is does not start servers by it.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		args   []string
		status int
		done   bool
	}{
		{nil, 0, false},
		{[]string{"-h"}, 0, true},
		{[]string{"--help"}, 0, true},
		{[]string{"-nonsense"}, 2, true},
		{[]string{"nonsense"}, 2, true},
	} {
		var out strings.Builder
		status, done := explain(test.args, &out)
		require.Equal(t, test.status, status, "%q", test.args)
		require.Equal(t, test.done, done, "%q", test.args)
		require.Equal(t, test.done, strings.Contains(out.String(), "make demo"), "%q", test.args)
	}
}
